"""Somebody reports what somebody else has said."""

from __future__ import annotations

from pilotage.core.state import Status
from pilotage.engine import Outcome
from tests.server.records import add_rollout
from tests.server.world import World


async def test_with_a_token_the_record_has_who_asks_and_for_whom(service: World) -> None:
    await add_rollout(service.store, service.folder, "one", "shop")
    service.engine.outcomes = [Outcome(Status.WATCHING, True, "noted")]
    async with service.client(await service.token("anna")) as anna:
        body = {"by": "root", "reason": "it is slow", "on_behalf": "Bob"}
        assert (await anna.post("/v1/rollouts/one/report-trouble", json=body)).status_code == 200
    ((_, order),) = service.engine.orders
    assert (order.by, order.reason) == ("anna", "it is slow (for Bob)")


async def test_without_a_login_it_is_who_they_say(service: World) -> None:
    await add_rollout(service.store, service.folder, "one", "shop")
    service.engine.outcomes = [Outcome(Status.WATCHING, True, "noted")]
    async with service.client() as client:
        body = {"by": "root", "reason": "it is slow", "on_behalf": "Bob"}
        await client.post("/v1/rollouts/one/report-trouble", json=body)
    ((_, order),) = service.engine.orders
    assert (order.by, order.reason) == ("Bob", "it is slow")
