"""A write that is sent again with its key acts once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from pilotage.core.state import Status
from pilotage.engine import Outcome
from pilotage.server.problems import MEDIA
from pilotage.store import answers
from tests.server.records import add_rollout
from tests.server.world import World

FREEZE = {"reason": "the end of the year", "by": "ann"}
KEY = {"Idempotency-Key": "k-1"}
PAUSED = Outcome(Status.PAUSED, True, "paused")


async def freezes(client: httpx.AsyncClient) -> int:
    return len((await client.get("/v1/freezes")).json())


async def test_the_same_request_gets_the_same_answer_and_is_done_once(api: httpx.AsyncClient) -> None:
    first = await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    again = await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert await freezes(api) == 1


async def test_without_a_key_each_one_counts(api: httpx.AsyncClient) -> None:
    for _ in range(2):
        await api.post("/v1/freezes", json=FREEZE)
    assert await freezes(api) == 2


@pytest.mark.parametrize("other", [("/v1/freezes", {**FREEZE, "service": "shop"}), ("/v1/locks", FREEZE)])
async def test_the_key_of_another_request_is_refused(api: httpx.AsyncClient, other: tuple[str, Any]) -> None:
    await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    answer = await api.post(other[0], json=other[1], headers=KEY)
    assert (answer.status_code, answer.json()["type"]) == (422, "OtherRequest")
    assert answer.headers["content-type"] == MEDIA


async def test_a_key_is_one_callers(service: World, api: httpx.AsyncClient) -> None:
    await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    async with service.client(await service.token("bob")) as bob:
        answer = await bob.post("/v1/freezes", json=FREEZE, headers=KEY)
    assert answer.json()["owner"] == "bob"
    assert await freezes(api) == 2


async def test_a_refusal_is_an_answer_too(service: World, api: httpx.AsyncClient) -> None:
    await add_rollout(service.store, service.folder, "one", "shop")
    service.engine.outcomes = [PAUSED]
    wrong = await api.post("/v1/rollouts/none/pause", json={"by": "ann"}, headers=KEY)
    again = await api.post("/v1/rollouts/none/pause", json={"by": "ann"}, headers=KEY)
    assert (wrong.status_code, again.status_code) == (404, 404)
    assert again.headers["content-type"] == MEDIA
    assert again.headers["idempotency-replayed"] == "true"
    wrong = await api.post("/v1/freezes", json={"reason": 3}, headers={"Idempotency-Key": "k-2"})
    again = await api.post("/v1/freezes", json={"reason": 3}, headers={"Idempotency-Key": "k-2"})
    assert (wrong.status_code, again.status_code) == (422, 422)
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_failure_of_ours_is_tried_again(service: World, api: httpx.AsyncClient) -> None:
    await add_rollout(service.store, service.folder, "one", "shop")
    service.engine.outcomes = [RuntimeError("the engine fell over"), PAUSED]
    failed = await api.post("/v1/rollouts/one/pause", json={"by": "ann"}, headers=KEY)
    again = await api.post("/v1/rollouts/one/pause", json={"by": "ann"}, headers=KEY)
    assert (failed.status_code, again.status_code) == (500, 200)
    assert "idempotency-replayed" not in again.headers


async def test_while_it_is_being_answered_the_second_one_waits_its_turn(service: World, api: httpx.AsyncClient) -> None:
    await add_rollout(service.store, service.folder, "one", "shop")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(rollout: str, order: Any) -> Outcome:
        begun.set()
        await go_on.wait()
        return PAUSED

    service.engine.command = slow  # type: ignore[method-assign]
    first = asyncio.create_task(api.post("/v1/rollouts/one/pause", json={"by": "ann"}, headers=KEY))
    await begun.wait()
    service.clock.time += 10 * answers.TAKEN_OVER_S  # however long it takes
    second = await api.post("/v1/rollouts/one/pause", json={"by": "ann"}, headers=KEY)
    assert (second.status_code, second.json()["type"], second.headers["retry-after"]) == (409, "BeingAnswered", "1")
    go_on.set()
    assert (await first).status_code == 200
    third = await api.post("/v1/rollouts/one/pause", json={"by": "ann"}, headers=KEY)
    assert (third.status_code, third.headers["idempotency-replayed"]) == (200, "true")


async def test_one_that_a_crash_left_unanswered_is_taken_over_after_a_while(
    service: World, api: httpx.AsyncClient
) -> None:
    await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    await service.store.run(lambda connection: connection.exec_driver_sql("UPDATE answers SET status = NULL"))
    soon = await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    service.clock.time += answers.TAKEN_OVER_S
    later = await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    assert (soon.status_code, later.status_code) == (409, 201)
    assert "idempotency-replayed" not in later.headers


async def test_after_a_day_it_is_forgotten(service: World, api: httpx.AsyncClient) -> None:
    await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    service.clock.time += answers.KEPT_S + 1
    await api.post("/v1/freezes", json=FREEZE, headers=KEY)
    assert await freezes(api) == 2
    kept = await service.store.run(lambda one: one.exec_driver_sql("SELECT count(*) FROM answers").scalar())
    assert kept == 1


@pytest.mark.parametrize("key", ["", "a key", "k" * 129, "schlüssel"])
async def test_a_key_that_is_none_is_refused(api: httpx.AsyncClient, key: str) -> None:
    answer = await api.post("/v1/freezes", json=FREEZE, headers={b"Idempotency-Key": key.encode()})  # type: ignore[dict-item]
    assert answer.status_code == 400
    assert await freezes(api) == 0


async def test_a_rollback_needs_no_key_and_waits_for_none(service: World, api: httpx.AsyncClient) -> None:
    await add_rollout(service.store, service.folder, "one", "shop")
    service.engine.outcomes = [Outcome(Status.ROLLED_BACK, True, "back")] * 2

    def no_answers(connection: Any) -> None:
        connection.exec_driver_sql("DROP TABLE answers")

    await service.store.run(no_answers)
    for _ in range(2):
        answer = await api.post("/v1/rollouts/one/rollback", json={"by": "ann"}, headers=KEY)
        assert (answer.status_code, answer.json()["message"]) == (200, "back")
    assert len(service.engine.orders) == 2


async def test_nothing_of_a_request_is_kept_but_its_hash(service: World, api: httpx.AsyncClient) -> None:
    await api.post("/v1/freezes", json={**FREEZE, "secret": "hunter2"}, headers=KEY)
    rows = await service.store.run(lambda one: one.exec_driver_sql("SELECT * FROM answers").all())
    assert len(rows) == 1
    assert "hunter2" not in json.dumps([list(row) for row in rows])
