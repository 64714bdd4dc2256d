"""The API of history answers as it is described, in one shape with the command and the page."""

from __future__ import annotations

import httpx
import jsonschema

from pilotage.cli.history import history_text
from pilotage.core import events as ev
from tests.server.records import add_rollout, tell
from tests.server.world import World


async def test_an_answer_has_the_described_shape_and_reads_as_sentences(service: World, api: httpx.AsyncClient) -> None:
    store, folder = service.coordinator.store, service.coordinator.state
    for name, last in (("shop-1", ev.Promoted("good")), ("shop-2", ev.RolledBack("errors", 1.0))):
        await add_rollout(store, folder, name, service="shop")
        await tell(store, name, 3, last)
    await add_rollout(store, folder, "cart-1", service="cart")
    await tell(store, "cart-1", 3, ev.Promoted("good"))
    told = (await api.get("/v1/history?days=90")).json()
    described = service.app.openapi()
    jsonschema.validate(told, {"$ref": "#/components/schemas/History", "components": described["components"]})
    assert (told["all"]["changes"], told["all"]["failed"]) == (3, 1)
    assert "change failure rate      33.3% (1 of 3; 95 % interval 6.1% to 79.2%)" in history_text(told)
    assert "cart in test:" in history_text(told)


async def test_a_window_that_is_none_is_refused_as_described(api: httpx.AsyncClient) -> None:
    for query in ("days=0", "days=367", "days=many"):
        assert (await api.get(f"/v1/history?{query}")).status_code == 422
