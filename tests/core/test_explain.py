"""One sentence for every ending, and for everything in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage.core import events as ev
from pilotage.core import policy
from pilotage.core.explain import Explanation, explain, explanation_text
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Baseline, Finding, HoldPolicy, Plan, Reading, Sample, Step, Verdict
from pilotage.core.words import e_value, unit_of
from tests.core.worlds import Group, plan, samples

ROLLOUT = "shop-1"


def its(known_bad: bool = False, **limits: float) -> Plan:
    one = plan(known_bad=known_bad, hold=HoldPolicy(deadline_s=90))
    first = replace(one.phases[0], steps=(Step("proxy", "set_weight", 10.0),))
    second = replace(first, name="50 %", weight=50.0)
    return replace(one, phases=(first, second), limits=replace(one.limits, **limits))  # type: ignore[arg-type]


def told(*events: ev.Event | tuple[str, ev.Event], step_s: float = 10.0) -> list[ev.Recorded]:
    """The events, `step_s` apart from 100 on; a name before one is the person who did it."""
    record = []
    for number, one in enumerate(events):
        by, event = one if isinstance(one, tuple) else ("pilotage", one)
        record.append(ev.Recorded(ROLLOUT, number, 100.0 + step_s * number, by, event))
    return record


STARTED = (
    ev.RolloutStarted(),
    ev.PhaseStarted(0, "10 %", 10),
    ev.WeightSet("proxy", 10, 10, 0.02, "k"),
    ev.WatchStarted(0, 600),
)


def judged(canary: Group, control: Group, ticks: int) -> tuple[list[Sample], dict[tuple[int, int], Verdict]]:
    judge = Judge(its(), 0, Baseline())
    taken = [replace(one, at=one.at + 120) for one in samples(canary, control, ticks=ticks)]
    return taken, {(0, one.tick): judge.observe(one) for one in taken}


BAD = judged(Group(5, 0.2), Group(45, 0.003), 2)
FINE = judged(Group(5.8, 0.0), Group(52.2, 0.003), 5)


def explained(record: list[ev.Recorded], stored: tuple[list[Sample], dict[tuple[int, int], Verdict]]) -> Explanation:
    return explain(ROLLOUT, its(), record, *stored)


def test_rolled_back_by_the_judge_names_the_metric_its_evidence_and_when() -> None:
    verdict = BAD[1][0, 2]
    assert verdict.action is Action.ROLLBACK
    record = told(*STARTED, ev.RollbackStarted(0, verdict.reason, verdict), ev.RolledBack(verdict.reason, 0.1))
    one = explained(record, BAD)
    assert one.sentence.startswith("rolled back 20 s after the shift to 10 %: errors ")
    assert "in control: evidence 10^" in one.sentence
    assert one.sentence.endswith("limit 100")
    assert (one.phase, one.tick, one.action, one.turned_by) == ("10 %", 2, Action.ROLLBACK, "errors")
    assert "fix them, then start a new rollout" in one.next


def test_the_numbers_say_when_each_criterion_crossed_and_what_the_phase_could_see() -> None:
    verdict = BAD[1][0, 2]
    record = told(*STARTED, ev.RollbackStarted(0, verdict.reason, verdict), ev.RolledBack(verdict.reason, 0.1))
    one = explained(record, BAD)
    errors = next(each for each in one.crossings if each.metric == "errors")
    assert (errors.phase, errors.tick, errors.after_s) == ("10 %", 1, 10.0)
    assert errors.evidence >= errors.threshold
    assert one.seen.startswith("at the observed 50 requests a second its watch of 10 min sees errors of ")
    assert "95 % power" in one.seen
    assert "0 of 2 ticks had faulty data" in one.data
    text = explanation_text(one)
    assert "Phase 10 %, tick 2, 20 s after its first sample: ROLLBACK" in text
    assert "<- this decided" in text
    assert text.splitlines()[0] == one.sentence


def test_rolled_back_by_a_person_names_the_person_and_what_the_judge_said() -> None:
    record = told(*STARTED, ("ann", ev.RollbackStarted(0, "customers call")), ("ann", ev.RolledBack("", 0.1)))
    one = explained(record, FINE)
    assert one.sentence.startswith("rolled back by ann 20 s after the shift to 10 %: ")
    assert "(the judge said WATCH: nothing against it so far)" in one.sentence
    assert one.turned_by == ""


def test_rolled_back_by_the_holds_deadline_names_what_did_not_clear() -> None:
    hold = Verdict(
        Action.HOLD, "no usable data for 2 ticks: HTTP 503", judge_findings("no usable data for 2 ticks: HTTP 503")
    )
    reason = f"held for 90 s and did not clear: {hold.reason}"
    late = Verdict(Action.ROLLBACK, reason, hold.findings)
    record = told(*STARTED, ev.Held(0, hold.reason, hold), ev.RollbackStarted(0, reason, late), ev.RolledBack("", 0.1))
    one = explain(ROLLOUT, its(), told(*[each.event for each in record]), FINE[0], {(0, 1): late})
    assert "held for 90 s and did not clear: no usable data" in one.sentence
    assert one.turned_by == "data"
    assert "metrics answer" in one.next


def judge_findings(said: str) -> tuple:  # type: ignore[type-arg]
    judge = Judge(its(), 0, Baseline())
    (first, *others) = judge.observe(Sample(0, 0, 0.0, Reading())).findings
    return (replace(first, action=Action.HOLD, sentence=said, shows="data-missing"), *others)


def test_going_back_now_says_that_it_goes_on() -> None:
    record = told(*STARTED, ev.RollbackStarted(0, "errors", BAD[1][0, 2]))
    assert "is being rolled back; decided 20 s after" in explained(record, BAD).sentence
    assert "goes on until the splitter itself says" in explained(record, BAD).next


def test_sent_back_past_the_coordinator_after_it_was_promoted_is_a_sentence_too() -> None:
    record = told(
        *STARTED, ev.Promoted("done"), ("ann", ev.DirectRollback("errors at night", 150.0, "traffic", "proxy at 0 %"))
    )
    assert "rolled back by ann" in explained(record, FINE).sentence
    assert "errors at night" in explained(record, FINE).sentence


def test_the_least_bad_is_held_for_a_person() -> None:
    record = told(*STARTED, ev.LeastBadChosen(0, "hold", "going back would bring the outage back"))
    assert "a person has to decide" in explained(record, FINE).sentence


def test_promoted_says_how_many_phases_the_judge_passed_and_which_a_person_did() -> None:
    record = told(
        *STARTED,
        ev.PhasePassed(0, "10 %", FINE[1][0, 5]),
        ev.PhaseStarted(1, "50 %", 50),
        ("ann", ev.PromotionForced(1, "hurry")),
        ev.Promoted("done"),
    )
    one = explained(record, FINE)
    assert one.sentence.startswith(
        "promoted 1 min 10 s after the start: every criterion was met in 1 of 2 judged phases"
    )
    assert "(passed before their time: 50 % by ann)" in one.sentence
    assert "; at 10 %: errors 0.0" in one.sentence


def test_promoted_by_persons_alone_does_not_claim_a_judgement() -> None:
    record = told(*STARTED, ("ann", ev.PromotionForced(0, "")), ev.Promoted("done"))
    assert (
        "no phase was passed by the judge (passed before their time: 10 % by ann)" in explained(record, FINE).sentence
    )


def test_held_by_the_judge_says_since_when_why_and_what_happens_if_it_does_not_clear() -> None:
    record = told(*STARTED, ev.Held(0, "the share is off", FINE[1][0, 5]))
    one = explained(record, FINE)
    assert one.sentence == (
        "held since 00:02:20 UTC in phase 10 %: the share is off; "
        "if that does not clear, it is rolled back at 00:03:50 UTC"
    )
    assert one.next == (
        f"Decide: `pilotage resume {ROLLOUT}`, `pilotage promote {ROLLOUT}`, `pilotage rollback {ROLLOUT}`"
    )


def test_a_hold_beyond_its_deadline_asks_for_a_person() -> None:
    record = told(*STARTED, ev.Held(0, "the share is off"), ev.PersonNeeded(0, "decide"))
    assert "; a person has to decide" in explained(record, FINE).sentence


def test_a_finding_that_asks_for_a_person_says_so_while_the_watch_goes_on() -> None:
    asks = Verdict(Action.HOLD, "slower, but not beyond 2 x", overdue=True)
    record = told(*STARTED, ev.PersonNeeded(0, "slower. Decide"))
    one = explain(ROLLOUT, its(), record, FINE[0], {(0, 1): asks})
    assert one.sentence == "a person has to decide in phase 10 %: slower, but not beyond 2 x"
    assert one.next == f"Decide: `pilotage promote {ROLLOUT}`, `pilotage rollback {ROLLOUT}`"


@pytest.mark.parametrize("shows", policy.TABLE)
def test_whatever_was_found_there_is_a_next_step(shows: str) -> None:
    found = Finding("x", Action.HOLD, "so it is", shows=shows)
    verdict = Verdict(Action.ROLLBACK, "held for 90 s and did not clear: so it is", (found,))
    record = told(*STARTED, ev.RollbackStarted(0, verdict.reason, verdict), ev.RolledBack(verdict.reason, 0.1))
    one = explain(ROLLOUT, its(), record, FINE[0], {(0, 1): verdict})
    assert one.turned_by == "x"
    assert ", then " in one.next or "When the cause is out of the way, run the plan again." in one.next


def test_the_time_before_the_rollout_is_not_judged() -> None:
    past = Sample(0, -1, 60.0, Reading())
    one = explain(ROLLOUT, its(), told(*STARTED), [past], {(0, -1): Verdict(Action.WATCH, "history")})
    assert one.sentence == "watching phase 10 %: no sample was taken in it yet"
    assert one.tick is None


def test_held_and_paused_by_a_person_name_the_person() -> None:
    held = told(*STARTED, ("ann", ev.Held(0, "lunch")))
    paused = told(*STARTED, ("bob", ev.Paused(0, "")))
    assert explained(held, FINE).sentence.startswith("held by ann since 00:02:20 UTC in phase 10 %: lunch")
    assert explained(paused, FINE).sentence == (
        "paused by bob since 00:02:20 UTC in phase 10 %; the judge goes on guarding"
    )


def test_waiting_for_an_approval_names_the_phase_that_waits() -> None:
    record = told(*STARTED, ev.PhasePassed(0, "10 %", FINE[1][0, 5]), ev.ApprovalRequested(1, "50 %"))
    one = explained(record, FINE)
    assert one.sentence == "waits for an approval: phase 50 % does not begin without one"
    assert f"`pilotage approve {ROLLOUT}`" in one.next


def test_a_running_watch_says_what_it_waits_for_and_what_is_not_yet_known() -> None:
    one = explained(told(*STARTED), FINE)
    assert one.sentence.startswith(
        "nothing against phase 10 % so far: waits for the rest of the watch, 9 min 10 s of 10 min"
    )
    assert "goes on by itself" in one.next


def test_before_the_first_sample_it_is_a_sentence_too() -> None:
    nothing: tuple[list[Sample], dict[tuple[int, int], Verdict]] = ([], {})
    assert explained([], nothing).sentence == "nothing is stored yet: the rollout is being started"
    assert explained(told(*STARTED), nothing).sentence == "watching phase 10 %: no sample was taken in it yet"
    assert "traffic is being moved" in explained(told(*STARTED[:2]), nothing).sentence
    assert explanation_text(explained([], nothing)).count("\n") == 2


def test_pilotages_own_failure_is_said_as_such() -> None:
    one = explained(told(*STARTED, ev.Failed("the disk is full")), FINE)
    assert one.sentence == "Pilotage itself failed in phase 10 %: the disk is full"
    assert "pilotage doctor" in one.next


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    one = explained(told(*STARTED, ("eve", ev.Held(0, "\x1b[2J\nx"))), FINE)
    assert "\x1b" not in explanation_text(one)


@pytest.mark.parametrize(
    ("log_e", "shown"),
    [
        (0.0, "1"),
        (8.464, "4,741"),
        (-11.3, "10^-5"),
        (53.0, "10^23"),
        (float("-inf"), "0"),
        (float("inf"), "infinite"),
        (float("nan"), "unknown"),
    ],
)
def test_evidence_reads_like_a_number_until_only_its_power_matters(log_e: float, shown: str) -> None:
    assert e_value(log_e) == shown


def test_values_read_in_their_metrics_unit() -> None:
    assert [unit_of(name)(0.25) for name in ("errors", "bug", "p95", "share", "")] == [
        "25.00%",
        "25.00%",
        "250 ms",
        "0.2 %",
        "25.00%",
    ]
