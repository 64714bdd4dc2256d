"""Webhooks out: every event, signed, in order, until it is taken - whatever the receiver does."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pilotage.codec import from_json
from pilotage.core import events as ev
from pilotage.core.errors import CoordinatorUnreachable, PermanentError
from pilotage.settings import Settings
from pilotage.store import audit, cursors, open_store
from pilotage.webhooks import Webhooks, backlog
from pilotage.webhooks.endpoint import KEPT_S, LONGEST_ASKED_S
from pilotage.webhooks.payload import Told
from pilotage.webhooks.signing import headers, key_of
from tests.comms.world import World
from tests.server.receiver import KEY, SECRET, Receiver, receiver
from tests.stage import Local, Stage, wait_for

ROOT = Path(__file__).parents[2]
STARTED, PHASE = ev.RolloutStarted(reason="the fix"), ev.PhaseStarted(0, "10 %", 10.0)
WEIGHT, BACK = ev.WeightSet("proxy", 10.0, 10.0, 0.1, "k"), ev.RolledBack("errors rose", 0.4)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = open_store(tmp_path)
    yield World(store, tmp_path)
    store.close()


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


@pytest.fixture
def other() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


def settings(*endpoints: Receiver | dict[str, Any], **more: Any) -> Settings:
    rows = []
    for number, one in enumerate(endpoints):
        row = one if isinstance(one, dict) else {"url": one.url}
        rows.append({"name": f"one-{number}", "secret": {"env": "HOOK_SECRET"}, **row})
    return Settings.model_validate({"webhooks": rows, **more})


def followers(world: World, chosen: Settings, within_s: float = 5.0) -> Webhooks:
    """As of a coordinator that was just started."""
    return Webhooks(world.store, chosen, world.clock.now, world.clock.sleep, within_s)


async def look(webhooks: Webhooks) -> None:
    await webhooks.look()
    await webhooks.at_rest()


async def until_told(world: World, webhooks: Webhooks, most: int = 50) -> None:
    """Looks as often as time passes; the clock is the test's."""
    for _ in range(most):
        await look(webhooks)
        world.clock.time += 700


# ------------------------------------------------------------------ what is told


async def test_every_event_is_told_in_order_signed_with_sentence_and_facts(world: World, there: Receiver) -> None:
    webhooks = followers(world, settings(there, url="https://pilotage.shop.example/"))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED, PHASE, WEIGHT, BACK)
    await look(webhooks)
    assert there.types == [
        "rollout.rollout_started",
        "rollout.phase_started",
        "rollout.weight_set",
        "rollout.rolled_back",
    ]
    assert all(one.is_signed() for one in there.calls)
    assert len({one.id for one in there.calls}) == 4
    assert all(one.id.startswith("evt_") and "." not in one.id for one in there.calls)
    last = there.calls[-1].told
    assert last["timestamp"].startswith("2027-01-15T12:00:0")
    assert last["timestamp"].endswith("Z")
    assert last["data"]["sentence"] == "rolled back in 0.40 s"
    assert last["data"]["event"]["reason"] == "errors rose"
    assert last["data"]["about"] | {"summary": ""} == {
        "id": "shop-1",
        "kind": "rollout",
        "service": "shop-1",
        "environment": "test",
        "version": "2",
        "previous": "1",
        "severity": "P0",
        "summary": "",
        "status": "rolled back",
        "phase": "10 %",
        "weight": 10.0,
        "reason": "errors rose",
        "needs_person": False,
        "url": "https://pilotage.shop.example/rollouts/shop-1",
    }
    assert there.calls[0].told["data"]["about"]["status"] == "starting", "as it was right after the event"


async def test_what_is_told_is_as_the_schema_in_the_docs_says(world: World, there: Receiver) -> None:
    schema = json.loads((ROOT / "docs" / "webhook.schema.json").read_text())
    assert schema == {"$schema": "https://json-schema.org/draft/2020-12/schema", **Told.model_json_schema()}
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED, PHASE, WEIGHT, ev.Announced("hello", "incident"), BACK)
    await look(webhooks)
    assert len(there.calls) == 5
    for one in there.calls:
        Draft202012Validator(schema).validate(one.told)


async def test_a_new_webhook_begins_with_what_happens_from_then_on(world: World, there: Receiver) -> None:
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED, PHASE)
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.happened("shop-1", BACK)
    await look(webhooks)
    assert there.types == ["rollout.rolled_back"]


async def test_kinds_and_services_are_chosen(world: World, there: Receiver, other: Receiver) -> None:
    first = {"url": there.url, "kinds": ["rolled_back"]}
    second = {"url": other.url, "services": ["shop-2"]}
    webhooks = followers(world, settings(first, second))
    await look(webhooks)
    for name in ("shop-1", "shop-2"):
        await world.rollout(name, world.plan())
        await world.happened(name, STARTED, BACK)
    await look(webhooks)
    assert [one.told["data"]["about"]["id"] for one in there.calls] == ["shop-1", "shop-2"]
    assert there.types == ["rollout.rolled_back"] * 2
    assert [one.told["data"]["about"]["id"] for one in other.calls] == ["shop-2", "shop-2"]


async def test_a_long_event_is_told_without_its_own_fields(world: World, there: Receiver) -> None:
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", ev.RolledBack("x" * 70_000, 0.4))
    await look(webhooks)
    assert there.calls[0].told["data"]["event"] is None
    assert there.calls[0].told["data"]["about"]["status"] == "rolled back"


async def test_an_event_that_cannot_be_read_is_passed_and_the_next_one_told(world: World, there: Receiver) -> None:
    webhooks = followers(world, settings(there))
    await look(webhooks)
    for name in ("shop-1", "shop-2"):
        await world.rollout(name, world.plan())
        await world.happened(name, STARTED)
    broken = "UPDATE events SET body = '{}' WHERE rollout = 'shop-1'"
    await world.store.run(lambda connection: connection.exec_driver_sql(broken))
    await look(webhooks)
    assert [one.told["data"]["about"]["id"] for one in there.calls] == ["shop-2"]
    assert (await backlog(world.store, settings(there), world.clock.now()))[0]["waiting"] == 0


# ------------------------------------------------------------------ receivers that fail


async def test_one_that_fails_every_other_time_gets_each_event_once_taken_in_order(
    world: World, there: Receiver
) -> None:
    there.answer = lambda call: 503 if call % 2 == 0 else 204
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED, PHASE, WEIGHT, BACK)
    await until_told(world, webhooks, 10)
    ids = [one.id for one in there.calls]
    assert ids == [one for each in there.taken for one in (each.id, each.id)], "the same id again, in the same order"
    assert len(there.taken) == 4
    assert there.types[-1] == "rollout.rolled_back"
    assert all(one.is_signed() for one in there.calls)
    first, second = there.calls[0], there.calls[1]
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"]), "signed for this attempt"


@pytest.mark.parametrize("how", ["hang", "die", "flood", 302, 404, 500])
async def test_one_that_does_not_take_it_is_tried_again_and_blocks_no_other(
    world: World, there: Receiver, other: Receiver, how: int | str
) -> None:
    there.answer = lambda call: how if call == 0 else 200
    webhooks = followers(world, settings(there, other), within_s=0.5)
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED, BACK)
    await look(webhooks)
    assert len(other.taken) == 2
    assert len(there.calls) == 1, "no second one goes before the first"
    failing, good = await backlog(world.store, settings(there, other), world.clock.now())
    assert failing["waiting"] == 2
    assert failing["attempts"] == 1
    assert failing["error"]
    assert good["waiting"] == 0
    assert good["error"] == ""
    await until_told(world, webhooks, 2)
    assert there.types == ["rollout.rollout_started", "rollout.rolled_back"]
    assert there.calls[0].id == there.calls[1].id
    assert (await backlog(world.store, settings(there), world.clock.now()))[0]["error"] == ""


async def test_nothing_is_sent_to_where_a_redirect_points(world: World, there: Receiver, other: Receiver) -> None:
    there.answer, there.headers = (lambda _: 307), {"Location": other.url}
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED)
    await until_told(world, webhooks, 3)
    assert other.calls == []
    assert len(there.calls) == 3
    row = (await backlog(world.store, settings(there), world.clock.now()))[0]
    assert "sends elsewhere (307)" in row["error"]


async def test_it_is_asked_again_later_and_later_and_not_before_it_said(world: World, there: Receiver) -> None:
    there.answer, there.headers = (lambda _: 503), {}
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED)
    begun, tried = world.clock.time, []
    for _ in range(4000):
        before = len(there.calls)
        await look(webhooks)
        if len(there.calls) > before:
            tried.append(world.clock.time - begun)
        world.clock.time += 1
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(tried)]
    assert 1 <= pauses[0] <= 4
    assert all(480 <= one <= 721 for one in pauses[9:])
    assert len(pauses) >= 11
    there.headers = {"Retry-After": "1800"}
    world.clock.time += 700
    await look(webhooks)
    calls = len(there.calls)
    for _ in range(17):
        world.clock.time += 100
        await look(webhooks)
    assert len(there.calls) == calls
    world.clock.time += 200
    await look(webhooks)
    assert len(there.calls) == calls + 1
    there.headers = {"Retry-After": "999999"}
    world.clock.time += 1800
    await look(webhooks)
    world.clock.time += LONGEST_ASKED_S + 1
    await look(webhooks)
    assert len(there.calls) == calls + 3, "it may not ask for more than an hour"


async def test_one_that_says_gone_is_left_alone_until_a_new_start(world: World, there: Receiver) -> None:
    there.answer = lambda _: 410
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED)
    await until_told(world, webhooks, 20)
    assert len(there.calls) == 1
    assert "wants nothing any more" in (await backlog(world.store, settings(there), world.clock.now()))[0]["error"]
    there.answer = lambda _: 200
    await look(followers(world, settings(there)))
    assert len(there.taken) == 1


async def test_after_two_days_what_is_old_is_passed_over_and_the_audit_log_says_so(
    world: World, there: Receiver
) -> None:
    there.answer = lambda _: 500
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED, PHASE)
    await until_told(world, webhooks, 3)
    world.clock.time += KEPT_S - 3600
    await world.happened("shop-1", WEIGHT)
    await look(webhooks)
    assert (await backlog(world.store, settings(there), world.clock.now()))[0]["waiting"] == 3
    world.clock.time += 3600
    await look(webhooks)
    assert (await backlog(world.store, settings(there), world.clock.now()))[0]["waiting"] == 1
    noted = [one.entry for one in await world.store.run(audit.newest) if one.entry.what == "webhook-passed-over"]
    assert len(noted) == 1
    assert noted[0].outcome.startswith("2 events")
    assert "2 days" in noted[0].detail
    there.answer = lambda _: 200
    world.clock.time += 700
    await look(webhooks)
    assert there.types == ["rollout.weight_set"]


async def test_after_days_without_a_coordinator_nothing_is_passed_over_untried(world: World, there: Receiver) -> None:
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED)
    world.clock.time += 5 * 86400
    there.answer = lambda call: 500 if call == 0 else 200
    await until_told(world, followers(world, settings(there)), 3)
    assert there.types == ["rollout.rollout_started"]


async def test_a_dead_webhook_lets_nothing_grow(world: World, there: Receiver) -> None:
    """A week in which it takes nothing: one row for it, and an entry an hour or so of the audit log at most."""
    there.answer = lambda _: 500
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    for _ in range(7 * 24):
        await world.happened("shop-1", ev.Announced("still here", "incident"))
        await look(webhooks)
        world.clock.time += 3600
    noted = [one for one in await world.store.run(audit.newest, limit=1000) if one.entry.kind == "pilotage"]
    assert 100 <= len(noted) <= 7 * 24
    last, found = await world.store.run(cursors.look, ["webhook:one-0"], 0.0)
    assert last - found["webhook:one-0"].number < 2 * 48 + 2
    assert len(webhooks._endpoints[0]._states) <= 1


async def test_a_long_backlog_is_read_once(world: World, there: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", *(ev.Announced(f"number {number}", "incident") for number in range(150)))
    read: list[object] = []
    monkeypatch.setattr(cursors, "from_json", lambda *given: read.append(given[0]) or from_json(*given))
    await look(webhooks)
    assert len(there.taken) == 150
    assert len(read) <= 3 * 150, "each event, its plan, and the state before it"


# ------------------------------------------------------------------ crashes, replays


async def test_killed_between_the_answer_and_the_cursor_it_is_told_again_with_the_same_id(
    world: World, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED, PHASE)
    there.answer = lambda _: "hang"
    await webhooks.look()
    for _ in range(500):
        if there.calls:
            break
        await asyncio.sleep(0.01)
    await webhooks._at_work.end()  # as a process that is killed
    await webhooks.at_rest()
    there.answer = lambda _: 200
    await look(followers(world, settings(there)))
    assert there.calls[0].id == there.calls[1].id
    assert there.calls[0].body == there.calls[1].body
    assert there.types == ["rollout.rollout_started", "rollout.phase_started"]


async def test_a_replay_tells_it_again_with_the_same_ids_also_to_one_that_rests(world: World, there: Receiver) -> None:
    chosen = settings(there)
    webhooks = followers(world, chosen)
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED, PHASE)
    await look(webhooks)
    first = [one.id for one in there.calls]
    there.answer = lambda call: 500 if call == 2 else 200
    await world.happened("shop-1", BACK)
    await look(webhooks)
    number = there.calls[0].told["data"]["entry"]
    await world.store.run(cursors.put, "webhook:one-0", number, world.clock.now())
    await look(webhooks)
    assert [one.id for one in there.calls[3:5]] == first
    assert there.types == ["rollout.rollout_started", "rollout.phase_started", "rollout.rolled_back"]


def test_kill_9_of_the_coordinator_loses_no_event_and_keeps_their_order(
    tmp_path: Path, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole rollout; at each third message the coordinator is killed before it has the answer."""
    file = tmp_path / "settings.yaml"
    file.write_text(
        f"webhooks:\n  - {{name: ops, url: '{there.url}', secret: {{env: HOOK_SECRET}}}}\n", encoding="utf-8"
    )
    monkeypatch.setenv("PILOTAGE_SETTINGS", str(file))
    (tmp_path / "stage").mkdir()
    stage = Stage(tmp_path / "stage")
    coordinator = Local(tmp_path / "state")
    kills: list[str] = []

    def killing(call: Any) -> None:
        if len(there.calls) in (3, 9, 14) and call.id not in kills:
            kills.append(call.id)
            os.kill(coordinator._child.pid, 9)  # type: ignore[union-attr]

    def all_told(rollout: str) -> bool:
        if coordinator._child.poll() is not None:  # type: ignore[union-attr]
            coordinator.kill_worker()
            coordinator.up()
        try:
            ended = coordinator.view(rollout)["ended_at"] is not None
            return ended and coordinator.api.get("/v1/webhooks")[0]["waiting"] == 0
        except (CoordinatorUnreachable, OSError):
            return False  # killed at this very moment

    there.heard = killing
    try:
        coordinator.up()
        wait_for(lambda: coordinator.api.get("/v1/webhooks")[0]["waiting"] == 0, 10)
        rollout = coordinator.api.post("/v1/rollouts", stage.plan())["id"]
        wait_for(lambda: all_told(rollout), 300, every_s=0.1)
        record = coordinator.api.get(f"/v1/rollouts/{rollout}/events")
        health = coordinator.api.get("/v1/health")["webhooks"]
    finally:
        coordinator.down()
        stage.close()
    assert len(kills) == 3
    assert all(sum(one.id == killed for one in there.calls) >= 2 for killed in kills), "told again, with the same id"
    of_it = [one for one in there.calls if one.told["data"]["about"]["id"] == rollout]
    numbers = list(dict.fromkeys(one.told["data"]["number"] for one in of_it))
    assert numbers == [one["number"] for one in record], "all of them, first told in their order"
    assert all(one.is_signed() for one in there.calls)
    assert health[0]["name"] == "ops"
    assert health[0]["waiting"] == 0


# ------------------------------------------------------------------ signatures, settings


def test_the_signature_is_that_of_the_specifications_libraries() -> None:
    """The example that the libraries of Standard Webhooks test themselves with."""
    for secret in ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"):
        sent = headers(key_of(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, b'{"test": 2432232314}')
        assert sent["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        assert sent["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize("secret", ["", "hunter2", "whsec_", "whsec_c2hvcnQ=", "not base64 at all, but long enough!"])
def test_a_secret_that_is_none_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(PermanentError, match="openssl rand") as error:
        key_of(secret)
    assert not secret or secret not in str(error.value).replace("whsec_", "", 1) or secret == "whsec_"


async def test_a_secret_that_is_missing_is_told_and_tried_again(
    world: World, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED)
    await look(webhooks)
    assert "HOOK_SECRET is not set" in (await backlog(world.store, settings(there), world.clock.now()))[0]["error"]
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    await until_told(world, webhooks, 2)
    assert there.taken[0].is_signed(KEY)


@pytest.mark.parametrize("url", ["http://example.com/x", "ftp://example.com", "https://a:b@example.com/", "nonsense"])
def test_an_address_that_is_not_encrypted_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="webhooks"):
        settings({"url": url})


async def test_one_in_a_secret_is_checked_when_it_is_used_and_not_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_URL", "http://hooks.example.com/services/T0/B0/very-private")
    chosen = settings({"url": {"env": "HOOK_URL"}})
    webhooks = followers(world, chosen)
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED)
    await look(webhooks)
    row = (await backlog(world.store, chosen, world.clock.now()))[0]
    assert "not an https:// address" in row["error"]
    assert "very-private" not in str(row)


async def test_what_a_receiver_says_is_bounded_and_without_the_secret(world: World, there: Receiver) -> None:
    there.answer, there.words = (lambda _: 400), f"bad signature with {SECRET} \x1b[31m".encode() + b"x" * 500_000
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", world.plan())
    await world.happened("shop-1", STARTED)
    await look(webhooks)
    error = (await backlog(world.store, settings(there), world.clock.now()))[0]["error"]
    assert "answered 400: bad signature with" in error
    assert SECRET not in error
    assert len(error) < 300
    assert "\x1b" not in error


def test_an_unknown_kind_and_a_name_twice_are_refused(there: Receiver) -> None:
    with pytest.raises(ValueError, match="rolled_back"):
        settings({"url": there.url, "kinds": ["rollback"]})
    one = settings(there).webhooks[0].model_dump(exclude_none=True)
    with pytest.raises(ValueError, match="one-0 twice"):
        Settings.model_validate({"webhooks": [one, one]})


async def test_a_clock_that_was_set_back_does_not_make_it_wait(world: World, there: Receiver) -> None:
    there.answer = lambda call: 500 if call == 0 else 200
    webhooks = followers(world, settings(there))
    await look(webhooks)
    await world.rollout("shop-1", replace(world.plan()))
    await world.happened("shop-1", STARTED)
    await look(webhooks)
    world.clock.time -= 86400
    await look(webhooks)
    assert len(there.taken) == 1
