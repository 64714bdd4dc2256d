"""Stored samples before the judge again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage.codec import from_json, to_json
from pilotage.core.errors import Refused
from pilotage.core.judge import Judge
from pilotage.core.model import (
    Action,
    Counters,
    Finding,
    HoldPolicy,
    LatencyMetric,
    Plan,
    RatioMetric,
    Reading,
    Sample,
    Verdict,
)
from pilotage.core.replay import Replay, Verdicts, replay, replay_text, what_if, what_if_text
from pilotage.core.tally import baseline_of
from tests.core.worlds import Group, plan, samples


def phased(*weights: float, known_bad: bool = False) -> Plan:
    one = plan(known_bad=known_bad)
    first = one.phases[0]
    names = ["baseline" if weight == 0 else f"{weight:g} %" for weight in weights]
    phases = [
        replace(first, name=name, weight=weight, watch_s=200.0, judged=weight > 0)
        for name, weight in zip(names, weights, strict=True)
    ]
    return replace(one, phases=tuple(phases))


def recorded(its: Plan, *worlds: tuple[Group, Group]) -> tuple[list[Sample], dict[tuple[int, int], Verdict]]:
    """Samples and verdicts as the engine stores them: a phase ends with its PROMOTE, the rollout with its ROLLBACK."""
    taken: list[Sample] = []
    verdicts: dict[tuple[int, int], Verdict] = {}
    for phase, (canary, control) in enumerate(worlds):
        judge = Judge(its, phase, baseline_of(taken))
        for sample in samples(canary, control, ticks=20, seed=phase):
            sample = replace(sample, phase=phase, at=sample.at + 1000 * phase)
            verdict = judge.observe(sample)
            taken.append(from_json(Sample, to_json(sample)))
            verdicts[phase, sample.tick] = from_json(Verdict, to_json(verdict))
            if verdict.action in (Action.ROLLBACK, Action.PROMOTE):
                break
        if verdict.action is not Action.PROMOTE:
            break
    return taken, verdicts


def sick_then_worse() -> tuple[Plan, list[Sample], dict[tuple[int, int], Verdict]]:
    its = phased(0, 10, 50)
    quiet, fine = (Group(0, 0), Group(50, 0.003)), (Group(5, 0.0), Group(45, 0.003))
    return its, *recorded(its, quiet, fine, (Group(25, 0.2), Group(25, 0.003)))


def test_the_same_samples_give_the_same_verdicts_to_the_last_digit() -> None:
    its, taken, verdicts = sick_then_worse()
    result = replay(its, taken, verdicts)
    assert (result.verdicts, result.same, result.differences) == (len(taken), len(taken), ())
    assert replay_text(result) == f"{len(taken)} of {len(taken)} verdicts are the same"


def test_the_first_verdict_of_a_phase_that_differs_is_told_with_both_sentences() -> None:
    its, taken, verdicts = sick_then_worse()
    for tick in (3, 5):
        verdicts[1, tick] = Verdict(Action.HOLD, "something else")
    result = replay(its, taken, verdicts)
    assert result.same == len(taken) - 2
    (one,) = result.differences
    assert (one.phase, one.tick, one.after_s) == ("10 %", 3, 30.0)
    assert (one.stored, one.now) == ("HOLD: something else", "WATCH: nothing against it so far")
    assert (one.ended, one.ends) == ("PROMOTE", "PROMOTE")
    assert "its last verdict: PROMOTE, and now the same" in replay_text(result)
    assert not result.agrees


def test_a_finding_that_differs_behind_the_same_words_is_shown() -> None:
    its, taken, verdicts = sick_then_worse()
    now = verdicts[1, 2]
    changed = replace(now.findings[3], evidence=1.25)
    verdicts[1, 2] = replace(now, findings=(*now.findings[:3], changed, *now.findings[4:]))
    (one,) = replay(its, taken, verdicts).differences
    assert "log evidence 1.25" in one.stored
    assert one.stored != one.now


def test_a_stored_nan_is_the_same_as_a_nan() -> None:
    its = plan()
    nan = float("nan")
    taken = [Sample(0, tick, 10.0 * tick, Reading(Counters(nan, 0), Counters(nan, 0))) for tick in range(3)]
    judge = Judge(its, 0, baseline_of([]))
    verdicts = {(0, one.tick): from_json(Verdict, to_json(judge.observe(one))) for one in taken}
    odd = Verdict(Action.WATCH, "x", (Finding("errors", Action.WATCH, "x", nan),))
    assert replay(its, taken, verdicts).agrees
    assert not replay(its, taken, {**verdicts, (0, 1): odd}).agrees


def test_the_time_before_the_rollout_feeds_the_baseline_and_is_not_counted() -> None:
    its, taken, _ = sick_then_worse()
    busy = [
        replace(one, tick=one.tick - 21, at=one.at - 2000) for one in samples(Group(0, 0), Group(50, 0.02), ticks=20)
    ]
    verdicts = {(0, one.tick): Verdict(Action.WATCH, "history") for one in busy}
    kept: list[Sample] = []
    for phase in range(3):
        judge = Judge(its, phase, baseline_of(busy + kept))
        for sample in [one for one in taken if one.phase == phase]:
            verdicts[phase, sample.tick] = judge.observe(sample)
            kept.append(sample)
    assert replay(its, [*busy, *taken], verdicts) == Replay(len(taken), len(taken))
    under = what_if(its, its, [*busy, *taken], verdicts)
    assert all(one.turns == one.was for one in under.phases)


def test_without_a_sample_it_says_so() -> None:
    assert "nothing is stored yet" in replay_text(replay(plan(), [], {}))
    assert "nothing is stored yet" in what_if_text(what_if(plan(), plan(), [], {}))


def test_a_stricter_limit_would_have_rolled_back_and_stops_there() -> None:
    its = phased(10, 50)
    taken, verdicts = recorded(its, (Group(50, 0.003), Group(450, 0.003)), (Group(250, 0.001), Group(250, 0.001)))
    strict = replace(its, limits=replace(its.limits, errors_trigger=0.001), hold=HoldPolicy(deadline_s=20))
    first, second = what_if(its, strict, taken, verdicts).phases
    assert first.turns[-1].action is Action.ROLLBACK
    assert first.turns[-1].tick < first.was[-1].tick
    assert "from a world that went another way" in first.note
    assert (second.turns, second.note) == ((), "not reached: 10 % would have been rolled back")


def test_a_looser_limit_says_that_the_samples_end_before_it_decides() -> None:
    its, taken, verdicts = sick_then_worse()
    loose = replace(its, limits=replace(its.limits, alpha=1e-300, errors_trigger=0.9))
    last = what_if(its, loose, taken, verdicts).phases[-1]
    assert last.was[-1].action is Action.ROLLBACK
    assert last.turns[-1].action is not Action.ROLLBACK
    assert "the samples end here" in last.note
    text = what_if_text(what_if(its, loose, taken, verdicts))
    assert "10 %: PROMOTE at tick 20, 200 s (as it was)" in text
    assert "(was: ROLLBACK at tick 1, 10 s)" in text


def test_a_shorter_watch_goes_on_to_the_next_phase() -> None:
    its = phased(10, 50)
    taken, verdicts = recorded(its, (Group(5, 0.0), Group(45, 0.003)), (Group(25, 0.001), Group(25, 0.001)))
    short = replace(its, phases=(replace(its.phases[0], watch_s=100.0), its.phases[1]))
    first, second = what_if(its, short, taken, verdicts).phases
    assert (first.turns[-1].action, first.turns[-1].tick) == (Action.PROMOTE, 10)
    assert second.turns[-1].action is Action.PROMOTE


def test_a_longer_watch_leaves_the_later_phases_unknown() -> None:
    its = phased(10, 50)
    taken, verdicts = recorded(its, (Group(5, 0.0), Group(45, 0.003)), (Group(25, 0.001), Group(25, 0.001)))
    long = replace(its, phases=(replace(its.phases[0], watch_s=900.0), its.phases[1]))
    first, second = what_if(its, long, taken, verdicts).phases
    assert "what would have come later is not known" in first.note
    assert second.note == "not reached: 10 % would have gone on beyond its samples"


def test_a_phase_that_a_person_passed_does_not_end_the_replay() -> None:
    its = phased(10, 50)
    taken, verdicts = recorded(its, (Group(5, 0.0), Group(45, 0.003)), (Group(25, 0.001), Group(25, 0.001)))
    early = [one for one in taken if one.phase == 1 or one.tick < 5]
    kept: Verdicts = {(one.phase, one.tick): verdicts[one.phase, one.tick] for one in early}
    first, second = what_if(its, its, early, kept).phases
    assert first.turns[-1].action is Action.WATCH
    assert second.turns[-1].action is Action.PROMOTE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: replace(it, phases=it.phases[:1]), "has other phases (10 %) than were sampled (10 %, 50 %)"),
        (
            lambda it: replace(it, phases=(it.phases[0], replace(it.phases[1], weight=40.0))),
            "has other phases (10 %, 40 %)",
        ),
        (
            lambda it: replace(it, measures=replace(it.measures, bug=RatioMetric("b", "s", "tries", "nulls"))),
            "bug metric reads tries, nulls, but bug was not sampled",
        ),
        (
            lambda it: replace(it, measures=replace(it.measures, latency=LatencyMetric("l", "s", "other"))),
            "latency was sampled as buckets, s",
        ),
        (lambda it: replace(it, measures=replace(it.measures, canary="blue")), "compares blue with control"),
    ],
)
def test_a_plan_that_does_not_fit_the_samples_is_refused_with_a_sentence(change, said: str) -> None:  # type: ignore[no-untyped-def]
    its = phased(10, 50)
    with pytest.raises(Refused) as refusal:
        what_if(its, change(its), [], {})
    assert said in str(refusal.value)
