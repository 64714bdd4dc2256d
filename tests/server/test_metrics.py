"""/metrics: a page that Prometheus' own parser reads, and numbers that move as they should."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from pilotage.coordinator import Coordinator
from pilotage.core.auditing import Entry
from pilotage.core.events import (
    Event,
    Held,
    PersonNeeded,
    PhaseStarted,
    Recorded,
    Resumed,
    RolledBack,
    RolloutStarted,
    WatchStarted,
)
from pilotage.core.state import Status, fold
from pilotage.engine import Engine
from pilotage.server import metrics
from pilotage.server.health import Health
from pilotage.server.standing import Standings
from pilotage.store import Store, audit, cursors, followers, queries
from pilotage.store.followers import Following
from tests.engine.test_long_rollouts import day_plan
from tests.server.test_health import note
from tests.stage import Local, Stage, local, wait_for

HOLD = "[{weight: 10%, watch: 60s}, {weight: 100%, watch: 2s}]"
Page = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with local(tmp_path_factory.mktemp("state")) as one:
        yield one


def text_of(coordinator: Local, token: str | None = None) -> str:
    about = note(coordinator)
    request = urllib.request.Request(
        f"{about['url']}/metrics", headers={"Authorization": f"Bearer {about['token'] if token is None else token}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return str(answer.read().decode())


def page(coordinator: Local) -> Page:
    families = text_string_to_metric_families(text_of(coordinator))
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(found: Page, name: str, **labels: str) -> float:
    """The sum of the series that have these labels; 0 when there is none."""
    wanted = set(labels.items())
    return sum(number for (one, has), number in found.items() if one == name and wanted <= has)


def until(coordinator: Local, test: Callable[[Page], bool]) -> Page:
    seen: list[Page] = []

    def look() -> bool:
        seen.append(page(coordinator))
        return test(seen[-1])

    wait_for(look, 20, lambda: str({key: one for key, one in seen[-1].items() if "pilotage" in key[0]})[:3000])
    return seen[-1]


def test_a_quiet_coordinator_says_that_all_is_well(coordinator: Local) -> None:
    found = until(coordinator, lambda one: value(one, "pilotage_ready") == 4)
    assert {dict(has)["part"] for name, has in found if name == "pilotage_ready"} == {
        *("store", "migrations", "engine", "worker")
    }
    statuses = {dict(has)["status"] for name, has in found if name == "pilotage_rollouts"}
    assert statuses == {one.value for one in Status if not one.ended}
    assert value(found, "pilotage_rollouts") == 0
    assert value(found, "pilotage_oldest_wait_seconds") == 0
    assert value(found, "pilotage_build_info") == 1
    until(coordinator, lambda one: value(one, "pilotage_event_loop_lag_seconds_count") > 0)


def test_without_a_token_there_is_no_page(coordinator: Local) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        text_of(coordinator, "nothing")
    assert refused.value.code == 401


def test_a_rollout_moves_the_numbers(coordinator: Local, stage: Stage) -> None:
    before = page(coordinator)
    more = f'notify: [{{driver: webhook, url: "http://127.0.0.1:{stage.port}/hook"}}]'
    rollout = coordinator.api.post("/v1/rollouts", stage.plan(phases=HOLD, more=more))["id"]
    coordinator.until(rollout, lambda view: view["phase"] == 1 and view["status"] == "watching")
    running = until(
        coordinator, lambda one: value(one, "pilotage_ticks_total") > value(before, "pilotage_ticks_total") + 2
    )
    assert value(running, "pilotage_rollouts", status="watching") == 1
    assert value(running, "pilotage_oldest_wait_seconds") == 0
    assert value(running, "pilotage_tick_lateness_seconds_count") > value(
        before, "pilotage_tick_lateness_seconds_count"
    )
    assert value(running, "pilotage_verdicts_total", action="promote") == 1
    shell = {"driver": "shell", "verb": "set_weight", "outcome": "done"}
    assert value(running, "pilotage_driver_call_duration_seconds_count", **shell) == 1
    assert value(running, "pilotage_driver_call_duration_seconds_count", driver="scrape", verb="read") > 2

    coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "ann"})
    done = until(coordinator, lambda one: value(one, "pilotage_messages_total", outcome="sent") >= 2)
    assert value(done, "pilotage_rollouts") == 0
    assert value(done, "pilotage_rollouts_ended_total", outcome="rolled_back") == 1
    assert value(done, "pilotage_driver_call_duration_seconds_count", **shell) == 2
    assert value(done, "pilotage_messages_total", driver="webhook", outcome="failed") > 0
    assert value(done, "pilotage_audit_head") > value(before, "pilotage_audit_head")
    asked = {"method": "POST", "route": "/v1/rollouts/{rollout}/rollback", "status": "200"}
    assert value(done, "pilotage_http_request_duration_seconds_count", **asked) == 1


def test_whoever_waits_for_a_person_is_seen_and_a_driver_that_fails_is_counted(
    coordinator: Local, stage: Stage
) -> None:
    plan = stage.plan("tills", "[{weight: 10%, watch: 60s, approval: true}, {weight: 100%, watch: 2s}]")
    rollout = coordinator.api.post("/v1/rollouts", plan)["id"]
    coordinator.until(rollout, lambda view: view["status"] == "awaiting approval")
    until(coordinator, lambda one: value(one, "pilotage_oldest_wait_seconds") > 0.5)
    (stage.folder / "broken").touch()
    coordinator.api.post(f"/v1/rollouts/{rollout}/approve", {"by": "ann"})
    failed = {"driver": "shell", "verb": "set_weight", "outcome": "failed"}
    until(coordinator, lambda one: value(one, "pilotage_driver_call_duration_seconds_count", **failed) > 0)
    (stage.folder / "broken").unlink()
    coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "ann"})
    coordinator.ended(rollout)
    assert value(page(coordinator), "pilotage_oldest_wait_seconds") == 0


def test_no_label_has_a_rollout_a_service_or_whatever_somebody_asked_for(coordinator: Local) -> None:
    for path in ("/nothing/secret-1", "/v1/rollouts/secret-2", "/v1/plans/secret-3"):
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(note(coordinator)["url"] + path, timeout=10)
    rollouts = [one["id"] for one in coordinator.api.get("/v1/rollouts")]
    found = text_of(coordinator)
    assert not [word for word in ("secret-", "shop", "tills", rollouts[0]) if word in found]
    until(coordinator, lambda one: value(one, "pilotage_http_request_duration_seconds_count", route="unknown") > 0)


class Half:
    """An engine that answers, and for which nobody works."""

    async def answers(self) -> bool:
        return True

    async def has_worker(self) -> bool:
        return False


def health_of(store: Store, folder: Path) -> Health:
    coordinator = Coordinator(store, cast(Engine, Half()), folder)
    return Health(coordinator, store, folder, "127.0.0.1:7233", lambda: 0)


async def test_the_page_of_a_store_that_is_gone_still_says_so(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/p.db")
    store.migrate()
    store.close()
    health = health_of(store, tmp_path)
    assert await health.parts() == {"store": False, "migrations": False, "engine": True, "worker": False}
    told = (await metrics.page(health)).decode()
    assert 'pilotage_ready{part="store"} 0.0' in told
    assert "pilotage_rollouts{" not in told


async def test_a_schema_of_an_older_release_is_not_ready(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/p.db")
    store.migrate()
    health = health_of(store, tmp_path)
    try:
        assert (await health.parts())["migrations"]
        await store.run(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '0005'")))
        assert (await health.parts())["migrations"], "who asks more than once a second gets the same answer"
        assert not (await health_of(store, tmp_path).parts())["migrations"]
    finally:
        store.close()


async def test_how_rollouts_stand_is_what_their_whole_record_says(tmp_path: Path) -> None:
    """Only what is new is read, and it comes to the same."""
    store = Store(f"sqlite:///{tmp_path}/p.db")
    store.migrate()
    standings = Standings(store)
    events: list[Event] = [
        RolloutStarted(""),
        PhaseStarted(0, "10 %", 10.0),
        WatchStarted(0, 60.0),
        Held(0, "unclear"),
        PersonNeeded(0, "unclear for long"),
        PersonNeeded(0, "still unclear"),
        Resumed(0, ""),
    ]
    expected = [None, None, None, None, 104.0, 104.0, None]
    try:
        await store.run(queries.create_rollout, "one", day_plan(tmp_path), "", "ann", "", 100.0)
        for number, (event, since) in enumerate(zip(events, expected, strict=True)):
            await store.run(queries.append_event, Recorded("one", number, 100.0 + number, "ann", event))
            standing = await standings.look()
            state = fold(await store.run(queries.events_of, "one"))
            assert (standing.statuses[state.status], sum(standing.statuses.values())) == (1, 1)
            assert standing.waits_since == since
        await store.run(
            queries.append_event, Recorded("one", len(events), 110.0, "ann", RolledBack("", 1.0, "traffic"))
        )
        assert sum((await standings.look()).statuses.values()) == 0
    finally:
        store.close()


async def test_who_follows_the_audit_log_is_known_by_how_far_behind_it_is(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/p.db")
    store.migrate()
    try:
        await store.run(cursors.look, ["webhook:desk", "webhook:gone"], 100.0)
        for number in range(3):
            await store.run(audit.append, Entry(100.0, "ann", "person", "freeze", f"shop {number}", "done", ""))
        await store.run(cursors.fail, "webhook:desk", "no answer", 101.0)
        head, found = await store.run(followers.look, ["webhook:desk", "webhook:never-began"])
        assert found == {"webhook:desk": Following(3, True)}
        await store.run(cursors.put, "webhook:desk", head + 1, 102.0)
        assert await store.run(followers.look, ["webhook:desk"]) == (head, {"webhook:desk": Following(0, False)})
    finally:
        store.close()
