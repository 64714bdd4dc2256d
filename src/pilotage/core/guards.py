"""System health: CPU, memory, disk, connections of canary and control (docs/method.md, 9). Pure.

A look (a tick, or the ticks of 10 s) is an *excess* when the canary is above the limit, or above control by both the
factor and the floor. A guard fires when excesses last: by an e-process against "of the looks, given all before, at most
one in four is an excess", and while most looks of the last minute are.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from pilotage.core import policy
from pilotage.core.evidence import Mixture
from pilotage.core.levels import Meter, Seen, high_of
from pilotage.core.model import Action, Finding, Phase, Plan, Sample
from pilotage.core.signals import GuardBaseline, GuardMetric
from pilotage.core.words import amount, e_value

LOOK_S = 10.0
"""Shorter ticks are joined: else a pause of a few seconds would be many looks."""
SETTLE_S = 60.0
"""Not weighed after traffic has moved, in watches of three minutes and more: caches fill, code is compiled."""
SAME_S = 30.0
"""A value that has not changed may be one scrape looked at twice: it is weighed again after this time."""
RECENT_S = 60.0
"""Or a quarter of a short watch; looks, too, are shorter there: a sixth of it."""
USUAL = 0.25
"""The share of looks in excess that is no alarm."""
LASTING = (0.5, 0.95)
NEEDED_LOOKS = 3
UNUSABLE = 0.2


class LastingEvidence(Mixture):
    """Evidence that excesses are more than one look in four: a mixture of Bernoulli likelihood ratios (shares .5 and
    .95 against .25) with a change-point prior. By Ville's inequality it reaches 1/alpha with a chance of at most alpha
    as long as, given all looks before, the next one is an excess with a chance of at most 1/4."""

    def __init__(self, looks: int) -> None:
        super().__init__(len(LASTING), looks)
        self._excess = [math.log(share / USUAL) for share in LASTING]
        self._fine = [math.log((1 - share) / (1 - USUAL)) for share in LASTING]

    def add(self, excess: bool) -> None:
        self.advance(self._excess if excess else self._fine)


# ------------------------------------------------------------------ judging


@dataclass(frozen=True)
class _Look:
    canary: float
    control: float | None
    factor: float
    """By which control's value is scaled up, as the canary serves more."""
    worse: bool
    over: bool
    shared: bool


class _Guard:
    """One guard through one phase."""

    def __init__(self, metric: GuardMetric, phase: Phase, alone: bool, before: GuardBaseline | None) -> None:
        self.metric, self.alone, self.before = metric, alone, before
        self._tick_s = phase.tick_s
        self._stride = math.ceil(min(LOOK_S, phase.watch_s / 6) / phase.tick_s)
        self._recent_s = min(RECENT_S, phase.watch_s / 4)
        self._settle_s = SETTLE_S if phase.watch_s >= 3 * SETTLE_S else 0.0
        looks = max(2, int((phase.watch_s - self._settle_s) / (self._stride * phase.tick_s)))
        self._needed = min(NEEDED_LOOKS, looks // 2)
        self.worse, self.over = LastingEvidence(looks), LastingEvidence(looks)
        kept = max(NEEDED_LOOKS, math.ceil(self._recent_s / (self._stride * phase.tick_s)))
        self._recent: deque[_Look] = deque(maxlen=kept)
        self._pending: list[tuple[Seen, Seen | str]] = []
        self.ticks = self.used = self.compared = self._looks = 0
        self._began: float | None = None
        self._controls: list[float] = []
        self._last_look = (-math.inf, math.nan)
        self._why = {"the canary": "was not read", "control": "was not read"}
        self._good = {"the canary": -math.inf, "control": -math.inf}
        self._now = 0.0

    def take(self, at: float, canary: Seen | str, control: Seen | str) -> None:
        if self._began is None:  # tick 0 is the starting point
            self._began = at
            return
        self._now = at
        self.ticks += 1
        for name, seen in (("the canary", canary), ("control", control)):
            if isinstance(seen, Seen):
                self._good[name] = at
            else:
                self._why[name] = seen
        if isinstance(control, Seen):
            self.compared += 1
            insort(self._controls, control.value)
        if isinstance(canary, str):
            return
        self.used += 1
        if at - self._began <= self._settle_s:
            return
        self._pending.append((canary, control))
        if len(self._pending) >= self._stride:
            self._look(at)

    def _look(self, at: float) -> None:
        mine = [canary for canary, _ in self._pending]
        theirs = [control for _, control in self._pending if isinstance(control, Seen)]
        self._pending = []
        value = fmean(one.value for one in mine)
        same = self.metric.kind != "counter" and value == self._last_look[1] and at - self._last_look[0] < SAME_S
        if not same:
            self._last_look = at, value
        reference, load = self._reference(theirs)
        factor = _scale(_mean(mine), load)
        expected = None if reference is None else reference * factor
        trigger, limit = self.metric.worse_than_control, self.metric.limit
        worse = (
            trigger is not None
            and expected is not None
            and value > trigger * expected
            and value > expected + self.metric.floor
            and value > self._usual_high(factor)
        )
        over = limit is not None and value > limit
        shared = limit is not None and reference is not None and reference > limit
        self._looks += 1
        if limit is not None and not same:
            self.over.add(over)
        if trigger is not None and expected is not None and not same:
            self.worse.add(worse)
        self._recent.append(_Look(value, reference, factor, worse, over, shared))

    def _usual_high(self, factor: float) -> float:
        """What control exceeds in one look of ten: a service whose instances wander is no excess."""
        if self.alone:
            return -math.inf if self.before is None else self.before.high * factor
        return high_of(self._controls) * factor if self._controls else -math.inf

    def _reference(self, theirs: Sequence[Seen]) -> tuple[float | None, float | None]:
        """Control's value and load; without concurrent control what it showed before."""
        if not self.alone:
            return (fmean(one.value for one in theirs), _mean(theirs)) if theirs else (None, None)
        return (None, None) if self.before is None else (self.before.value, self.before.load)

    # -------------------------------------------------------------- saying what it means

    def finding(self, plan: Plan, done: bool) -> Finding:
        metric = self.metric
        alarm = math.log(1 / plan.limits.alpha)
        mine = fmean(look.canary for look in self._recent) if self._recent else None
        known = [look.control for look in self._recent if look.control is not None]
        theirs = fmean(known) if known else None
        evidence = max(self.worse.log_e, self.over.log_e)

        def found(action: Action, sentence: str, shows: str = "") -> Finding:
            name = f"guard {metric.name}"
            return Finding(
                name,
                action,
                f"{name} {sentence}",
                mine,
                theirs,
                None,
                None,
                self.used,
                evidence,
                alarm,
                shows,
                metric.unit,
            )

        said = self._said(mine, theirs)
        needs = f"needs {1 / plan.limits.alpha:g}"
        for shows, why, log_e in self._alarms(alarm):
            return found(policy.action(plan, shows), f"{said}: {why}, evidence {e_value(log_e)}, {needs}", shows)
        missing = self._missing(done)
        if missing:
            so_far = "" if mine is None else f" (last {said})"
            return found(Action.WATCH, f"not known: {missing}{so_far}")
        return found(Action.PROMOTE, f"{said}: no lasting excess, evidence {e_value(evidence)}, {needs}")

    def _alarms(self, alarm: float) -> Iterable[tuple[str, str, float]]:
        """What fires, the gravest first: (row of the table, why, log evidence)."""
        looks = len(self._recent)
        worse, over, shared = (sum(getattr(one, name) for one in self._recent) for name in ("worse", "over", "shared"))
        is_worse = self.worse.log_e >= alarm and 2 * worse > looks
        is_over = self.over.log_e >= alarm and 2 * over > looks
        share = f"in {over} of the last {looks} looks"
        if is_over and (is_worse or 2 * shared <= looks):
            also = "" if not is_worse else ", and more than in control"
            yield "guard-over-limit", f"over its limit {share}{also}", self.over.log_e
        elif is_worse:
            why = f"more than {self.metric.worse_than_control:g} x in {worse} of the last {looks} looks"
            yield "guard-worse", why, self.worse.log_e
        elif is_over:
            whose = "control was over it before" if self.alone else "control is over it too"
            yield "guard-shared", f"over its limit {share}, but {whose}: going back may not help", self.over.log_e

    def _missing(self, done: bool) -> str:
        """Why it cannot be judged; empty when it can. What is missing is never a pass."""
        patience = max(self._recent_s, 2 * self._tick_s) + self._tick_s / 2
        usable = f"({self.used} of {self.ticks} ticks usable)"
        if self._good["the canary"] < self._now - patience or self.used == 0:
            return f"the canary {self._why['the canary']} {usable}"
        if done and self.used < (1 - UNUSABLE) * self.ticks - 1:
            return f"too little data: the canary {self._why['the canary']} {usable}"
        if self.metric.worse_than_control is not None:
            if self.alone and self.before is None:
                return "no concurrent control, and control's value was not recorded before"
            if not self.alone and self._good["control"] < self._now - patience:
                return f"control {self._why['control']}"
            if done and not self.alone and self.compared < (1 - UNUSABLE) * self.ticks - 1:
                return f"too little data: control {self._why['control']} ({self.compared} of {self.ticks} ticks usable)"
        if self._looks < self._needed:
            return f"{self._looks} looks so far, needs {self._needed}"
        return ""

    def _said(self, mine: float | None, theirs: float | None) -> str:
        """Values with control's, trigger, limit and n."""
        metric = self.metric

        def show(value: float) -> str:
            return amount(value, metric.unit)

        per = {"instance": " by instance", "total": "", "request": " by request"}[metric.per]
        where = "control before" if self.alone else "control"
        factor = fmean(look.factor for look in self._recent) if self._recent else 1.0
        scaled = f" times {factor:.3g}, as the canary serves more" if factor > 1.01 else ""
        against = f"against {show(theirs)} in {where}{scaled}" if theirs is not None else f"({where} unknown)"
        bounds = [] if metric.worse_than_control is None else [f"trigger {metric.worse_than_control:g} x"]
        bounds += [] if metric.limit is None else [f"limit {show(metric.limit)}"]
        value = "unknown" if mine is None else show(mine)
        return f"{value}{per} {against} ({', '.join(bounds)}, n {self.used} ticks)"


def _mean(seen: Sequence[Seen]) -> float | None:
    loads = [one.load for one in seen if one.load is not None]
    return fmean(loads) if loads else None


def _scale(mine: float | None, theirs: float | None) -> float:
    """Who serves more may use more: control's value is scaled up by the requests, never down."""
    return max(1.0, mine / theirs) if mine is not None and theirs else 1.0


class Guards:
    """All guards of a plan through one phase."""

    def __init__(self, plan: Plan, phase: Phase, alone: bool, before: Sequence[GuardBaseline]) -> None:
        self._plan = plan
        self._meter = Meter(plan.measures.guards)
        known = {one.name: one for one in before}
        self._guards = {one.name: _Guard(one, phase, alone, known.get(one.name)) for one in plan.measures.guards}

    def take(self, sample: Sample) -> None:
        for metric, canary, control in self._meter.take(sample):
            self._guards[metric.name].take(sample.at, canary, control)

    def findings(self, done: bool) -> Iterable[Finding]:
        for guard in self._guards.values():
            yield guard.finding(self._plan, done)
