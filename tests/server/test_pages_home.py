"""The first page: what waits for a person, what is closed, what runs, and what was, by filters and page by page."""

from __future__ import annotations

import html
import re

from pilotage.core import events as ev
from tests.server.browsing import browser
from tests.server.records import AT, add_rollout, tell
from tests.server.ticking import Ticking
from tests.server.world import World


async def test_what_waits_for_a_person_is_at_the_top(service: World) -> None:
    rollout = await Ticking(service).begin()
    await rollout.ask_for_approval()
    async with browser(service) as somebody:
        text = await somebody.get("/")
    assert text.index("Waits for a person") < text.index("Running now")
    assert "phase 50 % needs an approval" in text


async def test_freezes_and_locks_in_force_are_shown(service: World) -> None:
    await service.coordinator.gates.freeze("", "production", "the sales begin", "ann", None, None)
    await service.coordinator.gates.lock("shop", "production", "moving the database", "bob")
    async with browser(service) as somebody:
        text = await somebody.get("/")
    for said in ("every service in production", "the sales begin", "shop in production", "moving the database"):
        assert said in text


async def test_filters_and_search_go_through_all_rollouts(service: World) -> None:
    for number in range(4):
        await add_rollout(service.store, service.folder, f"shop-{number}", service=f"shop{number}", at=AT + number)
        await tell(service.store, f"shop-{number}", 3, ev.Promoted("done") if number % 2 else ev.RolledBack("bad", 1.0))
    async with browser(service) as somebody:
        assert _found(await somebody.get("/")) == ["shop-3", "shop-2", "shop-1", "shop-0"]
        assert _found(await somebody.get("/?status=promoted")) == ["shop-3", "shop-1"]
        assert _found(await somebody.get("/?service=shop2")) == ["shop-2"]
        assert _found(await somebody.get("/?q=shop-0")) == ["shop-0"]
        assert "Nothing matches" in await somebody.get("/?environment=mars")
        assert "expected one of" in await somebody.get("/?status=odd", 422)


async def test_older_rollouts_have_pages_of_their_own_and_none_is_left_out(service: World) -> None:
    for number in range(60):
        await add_rollout(service.store, service.folder, f"r-{number:02}", service=f"s{number}", at=AT + number)
        await tell(service.store, f"r-{number:02}", 3, ev.Promoted("done"))
    seen, path = [], "/"
    async with browser(service) as somebody:
        while path:
            text = await somebody.get(path)
            seen += _found(text)
            older = re.search(r'href="([^"]+)" rel="next"', text)
            path = html.unescape(older[1]) if older else ""
        assert "expected one of this list" in await somebody.get("/?cursor=abc", 422)
    assert seen == [f"r-{number:02}" for number in reversed(range(60))]


def _found(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/rollouts/([^"]+)"', text)
