"""The logs' part of the judge: what it says, and what it does when there is nothing to read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage.core.judge import Judge
from pilotage.core.logwatch import logs_before
from pilotage.core.model import (
    Action,
    Baseline,
    Counters,
    DriverRef,
    Finding,
    LogCounts,
    LogHistory,
    LogSeen,
    LogSetup,
    LogSignature,
    Plan,
    Reading,
    Sample,
    Verdict,
)
from tests.core import worlds

REF = DriverRef("files", {})
HISTORY = LogHistory(3.6e6, 7200.0, tuple((number, 9) for number in range(1, 51)), (7,))
KNOWN = Baseline(logs=HISTORY)
NEW = LogSignature(99, "NoAnswer · charge failed", "an example")
CRASH = replace(NEW, critical=True)


def plan_of(known_bad: bool) -> Plan:
    one = worlds.plan(known_bad=known_bad, watch_s=120)
    return replace(one, measures=replace(one.measures, latency=None, bug=None))


def plan(bug: str = "", known_bad: bool = False) -> Plan:
    return replace(plan_of(known_bad), logs=LogSetup(canary=REF, control=REF, bug=bug))


def judged(counts: list[LogCounts | None], one: Plan | None = None, baseline: Baseline = KNOWN) -> Verdict:
    """A phase at a tenth of the traffic, all metrics healthy, a tick each."""
    judge = Judge(one or plan(), 0, baseline)
    verdict = Verdict(Action.WATCH, "")
    for tick, logs in enumerate(counts):
        reading = Reading(Counters(tick * 60, 0), Counters(tick * 540, 0), logs=logs)
        verdict = judge.observe(Sample(0, tick, 1000.0 + 10 * tick, reading))
    return verdict


def finding(verdict: Verdict, metric: str) -> Finding:
    return next(one for one in verdict.findings if one.metric == metric)


def quiet(**more: object) -> LogCounts:
    return LogCounts(1000.0, 9000.0, **more)  # type: ignore[arg-type]


def test_nothing_new_is_said_with_what_control_knows() -> None:
    found = finding(judged([quiet(), quiet(seen=(LogSeen(5, canary=1),))]), "logs new")
    assert (found.action, found.sentence) == (
        Action.PROMOTE,
        "no new error: 1 signature in the canary's log, 50 known to control",
    )


def test_a_new_error_holds_and_its_sentence_has_title_count_and_since() -> None:
    seen = (LogSeen(99, canary=2, canary_entries=5),)
    verdict = judged([quiet(), quiet(seen=seen, named=(NEW,)), quiet()])
    assert verdict.action is Action.HOLD
    said = "new error: NoAnswer · charge failed - 2 incidents (5 entries) in the canary since 00:16:50 UTC, "
    assert verdict.reason.startswith(said + "never in control")
    assert finding(verdict, "logs new").shows == "logs-new"


def test_a_crash_rolls_back_at_its_first_sight() -> None:
    verdict = judged([quiet(), quiet(seen=(LogSeen(99, canary=1, canary_entries=1),), named=(CRASH,), critical=(99,))])
    assert verdict.action is Action.ROLLBACK
    assert "new critical error" in verdict.reason


def test_a_known_error_that_rises_holds() -> None:
    verdict = judged([quiet()] + [quiet(seen=(LogSeen(5, canary=3, control=1, canary_entries=3),))] * 12)
    assert finding(verdict, "logs rising").shows == "logs-rising"
    assert "3 in control" not in verdict.reason
    assert verdict.reason.startswith("a known error rises: signature 5 - 36 incidents in the canary, 12 in control")


def test_logs_that_cannot_be_read_hold_and_never_pass() -> None:
    verdict = judged([quiet(), quiet(), quiet(missing="canary: permission denied"), quiet(missing="canary: still")])
    assert (verdict.action, finding(verdict, "logs").shows) == (Action.HOLD, "logs-missing")
    assert judged([None] * 3).action is Action.HOLD
    assert judged([quiet(), quiet(missing="canary: once")]).action is Action.WATCH


def test_a_missing_log_at_the_end_of_the_watch_is_no_pass() -> None:
    one = plan()
    ticks = round(one.phases[0].watch_s / one.phases[0].tick_s) + 1
    assert judged([quiet()] * ticks, one).action is Action.PROMOTE
    assert judged([quiet()] * (ticks - 1) + [quiet(missing="gone")], one).action is Action.HOLD
    assert judged([LogCounts()] * ticks, one).action is Action.HOLD


def test_a_canary_that_falls_silent_while_control_logs_holds() -> None:
    silent = LogCounts(0.0, 90_000.0, control_plain=90_000.0)
    verdict = judged([quiet(), *[silent] * 6])
    assert finding(verdict, "logs").shows == "logs-silent"
    assert "nothing for 6 ticks: 60,000 bytes expected" in verdict.reason
    assert judged([quiet(), *[LogCounts(0.0, 90.0, control_plain=90.0)] * 6]).action is Action.WATCH
    sick = LogCounts(0.0, 90_000.0, control_plain=90.0)
    assert judged([quiet(), *[sick] * 6]).action is Action.WATCH
    assert judged([quiet(), *[silent] * 6, quiet()]).action is Action.WATCH


@pytest.mark.parametrize(
    ("known_bad", "mine", "theirs", "shows"),
    [(True, 0, 5, ""), (True, 1, 5, "logs-bug"), (False, 1, 5, "logs-bug"), (False, 0, 0, "")],
)
def test_the_bugs_own_text_must_be_shown_to_be_rarer(known_bad: bool, mine: int, theirs: int, shows: str) -> None:
    one = plan("Cannot invoke", known_bad)
    ticks = round(one.phases[0].watch_s / one.phases[0].tick_s) + 1
    verdict = judged([quiet(bug=(mine, theirs))] * ticks, one)
    assert finding(verdict, "logs bug").shows == shows


def test_what_control_logs_in_a_phase_is_known_in_the_next_and_merged_numbers_count_as_one() -> None:
    first = quiet(history=HISTORY, seen=(LogSeen(60, control=2), LogSeen(61, canary=1)), named=(NEW,), critical=(60,))
    later = quiet(seen=(LogSeen(62, control=1),), same=((62, 60),))
    samples = [Sample(0, tick, 10.0 * tick, Reading(logs=logs)) for tick, logs in enumerate((first, later))]
    known, named = logs_before(samples)
    incidents = dict(known.incidents)
    assert (incidents[60], 61 in incidents, 62 in incidents) == (3, False, False)
    assert (known.volume, known.seconds) == (HISTORY.volume + 18_000, HISTORY.seconds + 10)
    assert known.critical == (7, 60)
    assert named == (NEW,)


def test_a_plan_without_logs_has_no_findings_of_them() -> None:
    verdict = judged([None, None], plan_of(False))
    assert not [one for one in verdict.findings if one.metric.startswith("logs")]


def test_one_error_that_only_the_canary_shows_is_named_before_it_is_sure() -> None:
    verdict = judged([quiet(), quiet(seen=(LogSeen(99, canary=1, canary_entries=1),), named=(NEW,))])
    assert verdict.action is Action.WATCH
    said = "not sure to be new: NoAnswer · charge failed - once, only in the canary; 50 known to control"
    assert finding(verdict, "logs new").sentence == said


def test_logs_that_stop_on_both_sides_hold() -> None:
    talking = LogCounts(1000.0, 90_000.0, control_plain=90_000.0)
    assert judged([talking] * 3 + [LogCounts()] * 5).action is Action.WATCH
    verdict = judged([talking] * 3 + [LogCounts()] * 6)
    assert (verdict.action, finding(verdict, "logs").shows) == (Action.HOLD, "logs-silent")
    assert "neither group has logged anything for 6 ticks" in verdict.reason
