"""Long lists come a page at a time: every row once, in order, whatever is added meanwhile."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from pilotage.core import events as ev
from pilotage.core.people import Grant, Role
from tests.server.records import AT, add_rollout, tell
from tests.server.world import World


async def every_page(client: httpx.AsyncClient, path: str) -> list[list[dict[str, Any]]]:
    pages = []
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("link", ""))
        path = link[1] if link else ""
    return pages


def ids(pages: list[list[dict[str, Any]]]) -> list[list[str]]:
    return [[one["id"] for one in rows] for rows in pages]


async def add(service: World, count: int) -> None:
    """r0 is the oldest; every second one belongs to billing."""
    for number in range(count):
        name = ("shop", "billing")[number % 2]
        await add_rollout(service.store, service.folder, f"r{number}", f"{name}-{number}", AT + number // 2)


async def test_rollouts_come_the_newest_first_a_page_at_a_time(service: World, api: httpx.AsyncClient) -> None:
    await add(service, 5)
    assert ids(await every_page(api, "/v1/rollouts?limit=2")) == [["r4", "r3"], ["r2", "r1"], ["r0"]]
    assert ids(await every_page(api, "/v1/rollouts?limit=5")) == [["r4", "r3", "r2", "r1", "r0"]]


async def test_what_is_added_meanwhile_moves_nothing(service: World, api: httpx.AsyncClient) -> None:
    await add(service, 4)
    first = await api.get("/v1/rollouts?limit=2")
    await add_rollout(service.store, service.folder, "new", "new", AT + 1000)
    rest = await every_page(api, first.links["next"]["url"])
    assert ids([first.json(), *rest]) == [["r3", "r2"], ["r1", "r0"]]


async def test_rollouts_are_found_by_what_is_known_of_them(service: World, api: httpx.AsyncClient) -> None:
    await add(service, 6)
    await tell(service.store, "r1", 3, ev.RolledBack("errors rise", 1.0))
    await tell(service.store, "r2", 3, ev.Promoted("done"))
    await tell(service.store, "r3", 3, ev.Held(0, 'they said "kind":"promoted"}}'))

    async def found(query: str) -> list[str]:
        return [one for page in ids(await every_page(api, f"/v1/rollouts?limit=2&{query}")) for one in page]

    assert await found("service=shop-4") == ["r4"]
    assert await found("environment=production") == []
    assert await found("active=false") == ["r2", "r1"]
    assert await found("active=true") == ["r5", "r4", "r3", "r0"]
    assert await found("status=rolled%20back") == ["r1"]
    assert await found("status=promoted") == ["r2"]
    assert await found("status=held") == ["r3"]
    assert await found("status=failed") == []
    assert await found("q=BILLING") == ["r5", "r3", "r1"]
    assert await found("q=2.0") == ["r5", "r4", "r3", "r2", "r1", "r0"]
    assert await found("q=%25") == []


async def test_a_version_that_went_back_after_it_was_promoted_is_rolled_back(
    service: World, api: httpx.AsyncClient
) -> None:
    await add(service, 2)
    await tell(service.store, "r0", 3, ev.Promoted("done"))
    await tell(service.store, "r0", 4, ev.DirectRollback("by hand", AT, "traffic", ""))
    assert ids(await every_page(api, "/v1/rollouts?status=rolled%20back")) == [["r0"]]
    assert ids(await every_page(api, "/v1/rollouts?status=promoted")) == [[]]


async def test_a_caller_pages_through_what_they_may_see(service: World) -> None:
    await add(service, 6)
    secret = await service.token("bob", Grant(Role.VIEWER, "shop-0"), Grant(Role.VIEWER, "billing-5"))
    async with service.client(secret) as bob:
        assert ids(await every_page(bob, "/v1/rollouts?limit=1")) == [["r5"], ["r0"]]


async def test_latest_is_the_newest_that_the_caller_may_see(service: World, api: httpx.AsyncClient) -> None:
    await add(service, 3)
    secret = await service.token("bob", Grant(Role.VIEWER, "billing-1"))
    async with service.client(secret) as bob:
        assert (await bob.get("/v1/rollouts/latest")).json()["id"] == "r1"
    secret = await service.token("eve", Grant(Role.VIEWER, "none"))
    async with service.client(secret) as eve:
        assert (await eve.get("/v1/rollouts/latest")).status_code == 404
    assert (await api.get("/v1/rollouts/latest")).json()["id"] == "r2"


async def test_an_answer_names_the_rollout_that_was_meant(service: World, api: httpx.AsyncClient) -> None:
    """Once the newest is back, `latest` is another one."""
    from pilotage.core.state import Status
    from pilotage.engine import Outcome

    await add(service, 2)

    async def back(rollout: str, order: Any) -> Outcome:
        await tell(service.store, rollout, 3, ev.RolledBack("asked for", 1.0))
        return Outcome(Status.ROLLED_BACK, True, "back")

    service.engine.command = back  # type: ignore[method-assign]
    assert (await api.post("/v1/rollouts/latest/rollback", json={"by": "ann"})).json()["id"] == "r1"


async def test_events_come_in_order(service: World, api: httpx.AsyncClient) -> None:
    await add(service, 1)
    pages = await every_page(api, "/v1/rollouts/r0/events?limit=2")
    assert [[one["number"] for one in rows] for rows in pages] == [[0, 1], [2]]
    assert [one["number"] for one in (await every_page(api, "/v1/rollouts/r0/events?first=1"))[0]] == [1, 2]


async def test_the_audit_log_comes_the_newest_first(service: World, api: httpx.AsyncClient) -> None:
    await add(service, 2)
    pages = await every_page(api, "/v1/audit?limit=4")
    assert [[one["number"] for one in rows] for rows in pages] == [[6, 5, 4, 3], [2, 1]]
    assert [one["object"] for one in (await every_page(api, "/v1/audit?object=r0"))[0]] == ["r0#2", "r0#1", "r0#0"]


async def test_freezes_locks_plans_and_approvals_have_pages_too(service: World, api: httpx.AsyncClient) -> None:
    for number in range(3):
        await api.post("/v1/freezes", json={"reason": "a reason", "by": "ann", "service": f"s{number}"})
        body = {"reason": "a reason", "by": "ann", "service": f"s{number}", "environment": "e"}
        await api.post("/v1/locks", json=body)
    for path in ("/v1/freezes", "/v1/locks"):
        pages = await every_page(api, f"{path}?limit=2")
        assert [[one["service"] for one in rows] for rows in pages] == [["s0", "s1"], ["s2"]], path
    for path in ("/v1/plans", "/v1/approvals", "/v1/followups"):
        assert await every_page(api, f"{path}?limit=2") == [[]]


async def test_a_page_goes_on_where_it_was_when_the_row_has_gone(service: World, api: httpx.AsyncClient) -> None:
    names = [f"s{number}" for number in range(4)]
    for name in names:
        await api.post("/v1/freezes", json={"reason": "a reason", "by": "ann", "service": name})
    first = await api.get("/v1/freezes?limit=2")
    await api.post(f"/v1/freezes/{first.json()[1]['id']}/lift", json={"by": "ann"})
    rest = await every_page(api, first.links["next"]["url"])
    assert [one["service"] for rows in rest for one in rows] == ["s2", "s3"]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "W10", "bm8", "WyJhIiwxXQ"])
async def test_a_cursor_of_ones_own_making_is_refused(service: World, api: httpx.AsyncClient, cursor: str) -> None:
    await add(service, 2)
    for path in ("/v1/rollouts", "/v1/rollouts/r0/events", "/v1/audit", "/v1/freezes"):
        answer = await api.get(path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["type"]) == (422, "WrongRequest"), path


async def test_a_cursor_of_another_list_or_other_filters_is_refused(service: World, api: httpx.AsyncClient) -> None:
    await add(service, 3)
    cursor = (await api.get("/v1/rollouts?limit=1")).links["next"]["url"].partition("cursor=")[2]
    assert (await api.get(f"/v1/rollouts?cursor={cursor}")).status_code == 200
    assert (await api.get(f"/v1/rollouts?active=true&cursor={cursor}")).status_code == 422
    assert (await api.get(f"/v1/audit?cursor={cursor}")).status_code == 422


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e3"])
async def test_a_limit_has_limits(api: httpx.AsyncClient, limit: str) -> None:
    assert (await api.get(f"/v1/rollouts?limit={limit}")).status_code == 422
