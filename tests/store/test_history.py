"""The figures of deliveries, from a real store: what is read from the ends of the record's rows is what events say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pilotage.codec import to_json
from pilotage.core import events as ev
from pilotage.core.dora import DAY_S, Mark
from pilotage.core.events import Recorded
from pilotage.core.model import Action, Finding, Plan, Verdict
from pilotage.deliveries import AT_ONCE, Deliveries, Filters
from pilotage.store import Store, history, known, open_store, queries
from tests.core.worlds import plan

NOW = 100 * DAY_S
HELD = Verdict(Action.HOLD, 'a "quoted" reason, "kind":"promoted"}}', (Finding("errors", Action.HOLD, "x" * 3000),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def run(store: Store, query: Any, *args: Any) -> Any:
    return asyncio.run(store.run(query, *args))


def add(
    store: Store,
    rollout: str,
    happened: Sequence[ev.Event],
    at: float = NOW - 5 * DAY_S,
    its: Plan | None = None,
    every_s: float = 10.0,
) -> None:
    its = replace(its or plan(), service=rollout.split("-")[0])
    run(store, queries.create_rollout, rollout, its, "text", "ann", "", at)
    for number, event in enumerate(happened):
        run(store, queries.append_event, Recorded(rollout, number, at + every_s * number, "pilotage", event))


START = (ev.RolloutStarted(), ev.PhaseStarted(0, "10 %", 10.0), ev.WeightSet("t", 10.0, 10.0, 0.1, "k"))
GOOD = (*START, ev.PhasePassed(0, "10 %", HELD), ev.Promoted("every phase passed"))
BAD = (*START, ev.Held(0, "errors", HELD), ev.RollbackStarted(0, "errors", HELD), ev.RolledBack("errors", 1.0))


def told(store: Store, days: int = 30, service: str = "", sees: Any = lambda *_: True) -> dict[str, Any]:
    return asyncio.run(Deliveries(store).told(Filters(days, service), NOW, sees))


def test_each_kind_of_event_reads_as_the_same_mark(store: Store) -> None:
    happened = [
        ev.RolloutStarted('"kind":"rolled_back"}}'),
        ev.PhaseStarted(0, "baseline", 0.0),
        ev.PhaseStarted(1, 'a "name":"', 12.5),
        ev.Deployed("t", "2", "x" * 500, 1.0, "k", None),
        ev.Deployed("t", "2", "x", 1.0, "k", 25.0),
        ev.Held(1, '"verdict":null,"kind":"held"}}', HELD),
        ev.Held(1, "a person's"),
        ev.HoldCleared(1, "é" * 100),
        ev.TroubleReported(1, "slow"),
        ev.DirectRollback("silent", 7.0, "", "no"),
        ev.DirectRollback("silent", 8.0, "traffic", "", 2.5),
        ev.RolledBack("errors", 1.0),
    ]
    add(store, "shop-1", happened, at=0.0)
    assert run(store, history.marks_of, ["shop-1"])["shop-1"] == [
        Mark(0, "rollout_started", by_judge=True),
        Mark(10, "phase_started", 0.0, by_judge=True),
        Mark(20, "phase_started", 12.5, by_judge=True),
        Mark(30, "deployed", None, by_judge=True),
        Mark(40, "deployed", 25.0, by_judge=True),
        Mark(50, "held", by_judge=True),
        Mark(60, "held", by_judge=False),
        Mark(70, "hold_cleared", by_judge=True),
        Mark(80, "trouble_reported", by_judge=True),
        Mark(7, "direct_rollback", took_s=None),
        Mark(8, "direct_rollback", took_s=2.5),
        Mark(110, "rolled_back", by_judge=True),
    ]


def test_the_figures_are_those_of_the_records(store: Store) -> None:
    for number in range(3):
        add(store, f"shop-{number}", GOOD, its=replace(plan(), version=f"v{number}"))
    add(store, "cart-1", BAD)
    found = told(store)
    assert (found["all"]["changes"], found["all"]["failed"]) == (4, 1)
    assert found["all"]["restore"] == {"seconds": 20.0, "n": 1}
    assert [(one["service"], one["environment"], one["failure_rate"]) for one in found["services"]] == [
        ("cart", "test", 1.0),
        ("shop", "test", 0.0),
    ]
    assert [week["changes"] for week in found["all"]["weeks"]] == [0, 0, 0, 4]


def test_lead_time_begins_with_the_first_plan_for_the_change(store: Store) -> None:
    at = NOW - 5 * DAY_S
    its = replace(plan(), version="v1", digest="sha256:" + "a" * 64)
    again = replace(its, digest="sha256:" + "b" * 64, summary="better")
    for one, ago in ((its, 3600.0), (again, 600.0)):
        run(store, known.register, one, "text", "plan.yaml", "ann", at - ago)
    add(store, "shop-1", GOOD, at, again)
    assert told(store)["all"]["lead"] == {"seconds": 3640.0, "n": 1}


def test_a_hot_fix_of_a_promoted_version_counts_against_it(store: Store) -> None:
    at = NOW - 5 * DAY_S
    add(store, "shop-1", GOOD, at, replace(plan(), version="2", previous="1"))
    add(store, "shop-2", GOOD, at + 3600, replace(plan(known_bad=True), version="3", previous="2"))
    found = told(store)["all"]
    assert (found["promoted"], found["fixed_after"], found["failure_rate"]) == (2, 1, 0.5)


def test_a_rollout_that_runs_or_ended_before_is_not_counted(store: Store) -> None:
    add(store, "shop-1", START)
    add(store, "cart-1", GOOD, NOW - 31 * DAY_S)
    assert told(store)["all"]["changes"] == 0
    assert told(store, days=90)["all"]["changes"] == 1


def test_what_a_caller_may_not_see_is_not_in_the_figures(store: Store) -> None:
    add(store, "shop-1", GOOD)
    add(store, "cart-1", BAD)
    found = told(store, sees=lambda service, _: service == "shop")
    assert (found["all"]["changes"], found["known_services"]) == (1, ["shop"])
    assert told(store, service="cart")["all"]["failed"] == 1


def test_a_record_that_has_grown_is_read_again_and_no_other(store: Store) -> None:
    deliveries = Deliveries(store)
    add(store, "shop-1", GOOD)
    add(store, "cart-1", GOOD)

    def look() -> dict[str, Any]:
        return asyncio.run(deliveries.told(Filters(), NOW, lambda *_: True))

    assert look()["all"]["failed"] == 0
    before = dict(deliveries.known)
    late = ev.DirectRollback("silence", NOW - 4 * DAY_S, "traffic", "", 3.0)
    run(store, queries.append_event, Recorded("shop-1", len(GOOD), NOW - 4 * DAY_S, "watchdog", late))
    assert look()["all"]["failed"] == 1
    assert deliveries.known["cart-1"] is before["cart-1"]
    assert deliveries.known["shop-1"] is not before["shop-1"]


def test_more_rollouts_than_are_read_at_once_are_all_counted(store: Store) -> None:
    for number in range(AT_ONCE + 3):
        add(store, f"shop{number}-1", GOOD)
    assert told(store)["all"]["promoted"] == AT_ONCE + 3


def test_the_ends_of_rows_are_enough_of_every_event_that_counts() -> None:
    """A longer number in a row's end would be cut off: none is."""
    for event in (ev.PhaseStarted(0, "x", 33.333333333333336), ev.Deployed("t", "2", "", 1.0, "k", 14.285714285714286)):
        body = to_json(Recorded("r", 0, 0.0, "x", event))
        found = history.mark(0.0, body[-history.END :])
        assert found.weight == (event.weight if isinstance(event, ev.PhaseStarted) else event.share)
