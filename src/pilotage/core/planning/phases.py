"""Phases by severity or as the brief says them, each with what its traffic can show."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.core import power
from pilotage.core.brief import Brief
from pilotage.core.model import Severity, Strategy
from pilotage.core.quantities import duration, percent_text, rate_text

USUAL_ERRORS = 0.003
"""Error rate assumed in the power line before anything was measured."""
WATCH_S = {Severity.P0: 600.0, Severity.P1: 900.0, Severity.P2: 1800.0}
LAST_WATCH_S = 1800.0
AFTER_S = 3600.0
_WEIGHTS = {Strategy.CANARY: (10.0, 50.0), Strategy.BLUE_GREEN: ()}


@dataclass(frozen=True)
class DraftPhase:
    """Weight in percent, watch in seconds; `note` says what traffic it will get and what that can show."""

    weight: float
    watch_s: float
    note: str


def phases(brief: Brief, strategy: Strategy) -> tuple[DraftPhase, ...]:
    """Of a canary or of blue-green. Without a severity the longest watch; a phase without a watch of its own gets the
    severity's."""
    watch = watch_s(brief)
    if brief.phases is not None and strategy is Strategy.CANARY:
        pairs = [(one.weight, one.watch_s) for one in brief.phases.value]
        if pairs[-1][0] < 100:
            pairs.append((100.0, None))
        given = [(weight, said or (LAST_WATCH_S if weight == 100 else watch)) for weight, said in pairs]
    else:
        given = [*((weight, watch) for weight in _WEIGHTS[strategy]), (100.0, LAST_WATCH_S)]
    return tuple(DraftPhase(weight, seconds, note(brief, weight, seconds)) for weight, seconds in given)


def watch_s(brief: Brief) -> float:
    """How long a phase is watched, by severity."""
    return WATCH_S[brief.severity.value if brief.severity else Severity.P2]


def after_s(brief: Brief) -> float:
    """The lighter monitoring lasts as long as the old version is kept warm, an hour at least."""
    return max(AFTER_S, brief.standby_s.value if brief.standby_s else 0.0)


def note(brief: Brief, weight: float, seconds: float) -> str:
    """What a phase will get and what that can show."""
    if brief.traffic is None:
        return "requests unknown: nobody can say what it will be able to see"
    per_s, peak = brief.traffic.value.per_s, brief.traffic.value.peak
    said = power.sentence(weight, seconds, per_s, USUAL_ERRORS)
    when = " at the peak" if peak else ""
    return f"{percent_text(round(weight))} of {rate_text(per_s)}{when} for {duration(seconds)} = {said}"
