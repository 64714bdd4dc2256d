"""A rollout's stored samples before the judge once more: the same verdicts, or what another policy would have said.

Pure: samples and stored verdicts in, a comparison out. The baseline of a phase is built as the engine builds it: from
the samples of the earlier phases and of the time before the rollout (ticks below 0, which are not judged).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import zip_longest

from pilotage.core.errors import Refused
from pilotage.core.judge import Judge
from pilotage.core.model import Action, Finding, LatencyMetric, Plan, RatioMetric, Sample, Verdict
from pilotage.core.tally import baseline_of, before
from pilotage.core.words import printable

Verdicts = Mapping[tuple[int, int], Verdict]

_ENDS = (Action.ROLLBACK, Action.PROMOTE)


@dataclass(frozen=True)
class Difference:
    """The first tick of a phase at which the judge does not say what is stored; `after_s` counts from tick 0.

    `ended` and `ends` are the phase's last action, stored and now: is it only the words, or the decision?
    """

    phase: str
    tick: int
    after_s: float
    stored: str
    now: str
    ended: str = ""
    ends: str = ""


@dataclass(frozen=True)
class Replay:
    """`same` of `verdicts` stored verdicts came out again, to the last digit of every finding."""

    verdicts: int
    same: int
    differences: tuple[Difference, ...] = ()

    @property
    def agrees(self) -> bool:
        return self.same == self.verdicts


@dataclass(frozen=True)
class Turn:
    """The tick at which a phase's action changed, and why. `after_s` counts from the phase's tick 0."""

    tick: int
    after_s: float
    action: Action
    reason: str


@dataclass(frozen=True)
class PhaseUnder:
    """One phase under the other policy: every change of the action, then how it was recorded.

    `turns` and `was` are empty when the phase was not reached; `note` says what cannot be known.
    """

    phase: str
    turns: tuple[Turn, ...]
    was: tuple[Turn, ...]
    note: str = ""


@dataclass(frozen=True)
class WhatIf:
    """The rollout under another policy, phase by phase."""

    phases: tuple[PhaseUnder, ...]


# ------------------------------------------------------------------ the same plan


def replay(plan: Plan, samples: Sequence[Sample], stored: Verdicts) -> Replay:
    """Every stored sample through a fresh judge, tick by tick against what was stored."""
    verdicts = same = 0
    differences: list[Difference] = []
    for phase, rows in _by_phase(samples).items():
        judge = Judge(plan, phase, baseline_of(before(samples, phase), plan))
        differs: Difference | None = None
        for sample in rows:
            now, then = judge.observe(sample), stored.get((phase, sample.tick))
            verdicts += 1
            if then is not None and _alike(now, then):
                same += 1
            elif differs is None:
                differs = _difference(plan, rows[0], sample, then, now)
        if differs is not None:
            ended = "nothing" if then is None else then.action.value
            differences.append(replace(differs, ended=ended, ends=now.action.value))
    return Replay(verdicts, same, tuple(differences))


def _difference(plan: Plan, first: Sample, sample: Sample, then: Verdict | None, now: Verdict) -> Difference:
    """Where action and reason are the same, the first finding that is not stands behind them."""
    said, says = "nothing is stored" if then is None else _said(then), _said(now)
    if then is not None and said == says:
        for old, new in zip_longest(then.findings, now.findings):
            if not _alike(old, new):
                said, says = f"{said}; {_shown(old)}", f"{says}; {_shown(new)}"
                break
    return Difference(plan.phases[sample.phase].name, sample.tick, sample.at - first.at, said, says)


def _said(verdict: Verdict) -> str:
    return f"{verdict.action.value}: {verdict.reason}"


def _shown(finding: Finding | None) -> str:
    if finding is None:
        return "a finding less"
    log_e = "" if finding.evidence is None else f" (log evidence {finding.evidence!r})"
    return f"{finding.metric}: {finding.sentence}{log_e}"


def _alike(a: object, b: object) -> bool:
    """Equality in which NaN equals NaN: what was stored may hold one."""
    if is_dataclass(a) and not isinstance(a, type):
        return type(a) is type(b) and all(_alike(getattr(a, one.name), getattr(b, one.name)) for one in fields(a))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    return a == b


# ------------------------------------------------------------------ another policy


def what_if(plan: Plan, other: Plan, samples: Sequence[Sample], stored: Verdicts) -> WhatIf:
    """The samples under `other`'s limits, watches, hold policy and criteria.

    Raises Refused when `other` has other phases or asks for numbers that were not sampled. The recorded tick stays:
    the samples are what they are.
    """
    check_comparable(plan, other)
    ticks = tuple(replace(its, tick_s=mine.tick_s) for its, mine in zip(other.phases, plan.phases, strict=True))
    other = replace(other, phases=ticks)
    by_phase = _by_phase(samples)
    seen = [one for one in samples if one.tick < 0]
    phases: list[PhaseUnder] = []
    stopped = ""
    for phase, rows in by_phase.items():
        name = plan.phases[phase].name
        was = _turns(rows, [stored.get((phase, one.tick)) for one in rows])
        if stopped:
            phases.append(PhaseUnder(name, (), was, stopped))
            continue
        judge = Judge(other, phase, baseline_of(seen, other))
        verdicts: list[Verdict | None] = []
        for sample in rows:
            verdicts.append(judge.observe(sample))
            seen.append(sample)
            if _ends(verdicts[-1]):
                break
        last = verdicts[-1]
        turns = _turns(rows, verdicts)
        then = stored.get((phase, rows[-1].tick))
        phases.append(PhaseUnder(name, turns, was, _note(last, then, len(rows) - len(verdicts))))
        passed_by_a_person = not _ends(last) and not _ends(then)
        if not (_is(last, Action.PROMOTE) or passed_by_a_person):
            stopped = "not reached: " + (
                f"{name} would have been rolled back"
                if _is(last, Action.ROLLBACK)
                else f"{name} would have gone on beyond its samples"
            )
    return WhatIf(tuple(phases))


def check_comparable(plan: Plan, other: Plan) -> None:
    """Raises Refused, saying what differs, when the samples of `plan` cannot be read under `other`."""
    mine, its = ([f"{one.weight:g} %" if one.judged else one.name for one in each.phases] for each in (plan, other))
    if mine != its:
        raise Refused(
            f"the other plan has other phases ({', '.join(its)}) than were sampled ({', '.join(mine)}). "
            "Change its limits, watches, hold policy or criteria, and keep the phases' number, order and weights."
        )
    measures, asked = plan.measures, other.measures
    if (measures.canary, measures.control) != (asked.canary, asked.control):
        raise Refused(
            f"the other plan compares {asked.canary} with {asked.control}, but {measures.canary} and "
            f"{measures.control} were sampled"
        )
    if other.logs is not None and other.logs != plan.logs:
        was = "were not watched" if plan.logs is None else "were watched with other sources, texts or tokens"
        raise Refused(f"the other plan watches logs, but in this rollout they {was}. Leave its logs as they were")
    for name in ("errors", "latency", "bug"):
        wanted, sampled = _selectors(getattr(asked, name)), _selectors(getattr(measures, name))
        if wanted is not None and wanted != sampled:
            was = "was not sampled" if sampled is None else f"was sampled as {', '.join(sampled)}"
            raise Refused(f"the other plan's {name} metric reads {', '.join(wanted)}, but {name} {was}")
    read = {(one.name, one.value, one.kind, one.by) for one in measures.guards}
    for guard in asked.guards:
        if (guard.name, guard.value, guard.kind, guard.by) not in read:
            raise Refused(
                f"the other plan's guard {guard.name} reads {guard.value}, which was not sampled as that guard"
            )
    if asked.tickets and (not measures.tickets or asked.tickets.total != measures.tickets.total):
        raise Refused(f"the other plan's tickets read {asked.tickets.total}, which was not sampled")


def _selectors(metric: RatioMetric | LatencyMetric | None) -> tuple[str, ...] | None:
    """What decides the numbers. Names and addresses may differ: they are not read again."""
    if metric is None:
        return None
    return (metric.histogram, metric.unit) if isinstance(metric, LatencyMetric) else (metric.total, metric.bad)


def _note(last: Verdict | None, then: Verdict | None, left: int) -> str:
    if _ends(last) and left:
        return f"the other {left} samples of this phase are from a world that went another way"
    if not _ends(last) and _ends(then):
        return "the samples end here, before it decides: what would have come later is not known"
    return ""


def _turns(rows: Sequence[Sample], verdicts: Iterable[Verdict | None]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    for sample, verdict in zip(rows, verdicts, strict=False):
        if verdict is not None and (not turns or turns[-1].action is not verdict.action):
            turns.append(Turn(sample.tick, sample.at - rows[0].at, verdict.action, verdict.reason))
    return tuple(turns)


def _is(verdict: Verdict | None, action: Action) -> bool:
    return verdict is not None and verdict.action is action


def _ends(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.action in _ENDS


def _by_phase(samples: Iterable[Sample]) -> dict[int, list[Sample]]:
    phases: dict[int, list[Sample]] = {}
    for sample in sorted(samples, key=lambda one: (one.phase, one.tick)):
        if sample.tick >= 0:
            phases.setdefault(sample.phase, []).append(sample)
    return phases


# ------------------------------------------------------------------ in words


def replay_text(result: Replay) -> str:
    """What the command prints."""
    if result.verdicts == 0:
        return "nothing is stored yet: there is no sample to judge again"
    lines = [f"{result.same} of {result.verdicts} verdicts are the same"]
    for one in result.differences:
        lines += [
            f"{one.phase}: the first difference is at tick {one.tick}, {one.after_s:.0f} s",
            f"  stored: {one.stored}",
            f"  now:    {one.now}",
            f"  its last verdict: {one.ended}, and now {'the same' if one.ends == one.ended else one.ends}",
        ]
    if result.differences:
        lines.append("The samples are the same, so the judge is not: was this recorded by another release?")
    return "\n".join(printable(line) for line in lines)


def what_if_text(result: WhatIf) -> str:
    """One line per phase; its reason and what cannot be known below it."""
    if not result.phases:
        return "nothing is stored yet: there is no sample to judge again"
    lines: list[str] = []
    for one in result.phases:
        was = f"was: {_path(one.was)}"
        if not one.turns:
            lines += [f"{one.phase}: {one.note} ({was})"]
            continue
        same = _path(one.turns) == _path(one.was)
        lines += [f"{one.phase}: {_path(one.turns)} ({'as it was' if same else was})", f"  {one.turns[-1].reason}"]
        lines += [f"  ({one.note})"] if one.note else []
    return "\n".join(printable(line) for line in lines)


def _path(turns: Sequence[Turn]) -> str:
    """The actions in their order; watching is only told where it is the last word."""
    told = [turn for turn in turns if turn.action is not Action.WATCH or turn is turns[-1]]
    return ", then ".join(_place(turn) for turn in told) or "nothing is stored"


def _place(turn: Turn) -> str:
    if turn.action is Action.WATCH:
        return "undecided" if turn.tick == 0 else f"undecided from tick {turn.tick}, {turn.after_s:.0f} s"
    return f"{turn.action.value} at tick {turn.tick}, {turn.after_s:.0f} s"
