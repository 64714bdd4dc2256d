"""The logs' part of a phase's judge: new errors, known ones that rise, the bug's own text, a log that falls silent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pilotage.core import policy
from pilotage.core.evidence import RatioEvidence
from pilotage.core.model import Action, Baseline, Finding, LogCounts, LogHistory, LogSignature, Phase, Plan
from pilotage.core.novelty import FULL_HISTORY_S, Novelty, Outlier
from pilotage.core.words import e_value, printable

if TYPE_CHECKING:
    from pilotage.core.model import LogSetup, Sample

SILENT_TICKS = 6
SILENT_EXPECTED = 20_000.0
"""Bytes that the canary's log should have held by control's, while it held none, that are no chance any more."""
MISSING_TICKS = 2
TITLE_CHARACTERS = 110


class LogsEvidence:
    """`take` every reading's log counts, in order; `findings` at any moment."""

    def __init__(self, plan: Plan, phase: Phase, baseline: Baseline, setup: LogSetup) -> None:
        self._plan, self._phase, self._setup = plan, phase, setup
        ticks = max(2, round(phase.watch_s / phase.tick_s))
        self._novelty = Novelty(baseline.logs, ticks, plan.limits.alpha)
        self._names = {one.number: one for one in baseline.named}
        self._better = RatioEvidence(ticks)
        self._bug = [0, 0]
        self._missing_ticks = self._silent_ticks = 0
        self._missing = ""
        self._expected = 0.0
        self._met: set[int] = set()
        self._reads = 0
        self._last = (0.0, 0.0)
        """The newest known requests of a tick, canary's and control's."""
        self._all_silent_ticks, self._all_expected = 0, 0.0
        self._plain = self._requests = 0.0
        self._began: float | None = None
        self._volume = 0.0

    def take(self, at: float, counts: LogCounts | None, canary: float, control: float) -> None:
        """`canary` and `control`: their requests since the last sample; both 0 when nobody knows."""
        if counts is None or counts.missing:
            self._missing_ticks += 1
            self._missing = counts.missing if counts else "this look has no logs"
        else:
            self._missing_ticks = 0
        if counts is None:
            return
        self._reads += 1
        novelty = self._novelty
        if counts.history is not None:
            self._novelty = novelty = Novelty(counts.history, novelty.ticks, self._plan.limits.alpha)
        novelty.critical |= set(counts.critical)
        self._names.update({one.number: one for one in counts.named})
        for number, lower in counts.same:
            novelty.merge(number, lower)
            if number in self._names:
                self._names.setdefault(lower, self._names[number])
        self._expose(at, counts, canary, control)
        novelty.tick(at, *self._last, counts.seen)
        self._met |= {one.number for one in counts.seen if one.canary or one.canary_entries}
        mine, theirs = counts.bug
        self._bug = [self._bug[0] + mine, self._bug[1] + theirs]
        self._count_silence_of_both(counts)
        canary, control = self._last
        if canary > 0 and control > 0:
            self._better.add(control, theirs, canary, mine)
        if counts.canary_volume or not (canary and control):
            self._silent_ticks, self._expected = 0, 0.0
        else:
            self._silent_ticks += 1
            self._expected += counts.control_plain * canary / control

    def _count_silence_of_both(self, counts: LogCounts) -> None:
        """Both logs have stopped: by what control logged for each request before."""
        canary, control = self._last
        if counts.canary_volume or counts.control_volume:
            self._all_silent_ticks, self._all_expected = 0, 0.0
            self._plain, self._requests = self._plain + counts.control_plain, self._requests + control
        elif self._requests > 0:
            self._all_silent_ticks += 1
            self._all_expected += self._plain / self._requests * (canary + control)

    def _expose(self, at: float, counts: LogCounts, canary: float, control: float) -> None:
        """Requests are the exposure. History has none: it counts as many times this phase as it is longer, or larger,
        whichever is less - it may have quiet nights, and a sick control logs more than it used to."""
        if canary + control > 0 or not any(self._last):
            share = self._phase.weight / 100
            self._last = (canary, control) if canary + control > 0 else (share, 1 - share)
        self._began = at if self._began is None else self._began
        self._volume += counts.canary_volume + counts.control_volume
        known, novelty = self._novelty.known, self._novelty
        exposed = novelty.canary + novelty.control + sum(self._last)
        longer = known.seconds / max(at - self._began, self._phase.tick_s)
        larger = known.volume / self._volume if self._volume else longer
        novelty.before = min(longer, larger) * exposed

    def findings(self, done: bool) -> Iterator[Finding]:
        if self._missing_ticks >= MISSING_TICKS or (done and (self._missing_ticks or not self._reads)):
            said = f"the logs cannot be read for {self._missing_ticks} ticks: {self._missing or 'no look yet'}"
            yield self._alarm("logs", "logs-missing", said)
        elif self._all_silent_ticks >= SILENT_TICKS and self._all_expected >= SILENT_EXPECTED:
            said = f"neither group has logged anything for {self._all_silent_ticks} ticks"
            expected = f"{self._all_expected:,.0f} bytes expected by what came before"
            yield self._alarm("logs", "logs-silent", f"{said}: {expected}")
        elif self._silent_ticks >= SILENT_TICKS and self._expected >= SILENT_EXPECTED:
            said = f"the canary has logged nothing for {self._silent_ticks} ticks"
            yield self._alarm("logs", "logs-silent", f"{said}: {self._expected:,.0f} bytes expected by control's log")
        outliers = self._novelty.outliers()
        yield self._new([one for one in outliers if one.kind == "new"])
        yield self._rising([one for one in outliers if one.kind == "rising"])
        if self._setup.bug:
            yield self._the_bug(done)

    # -------------------------------------------------------------- what each says

    def _new(self, found: list[Outlier]) -> Finding:
        novelty = self._novelty
        if not found:
            known = f"{novelty.signatures_met} known to control"
            history = novelty.known.seconds
            short = (
                ""
                if history >= FULL_HISTORY_S
                else f", with {history / 60:.0f} min of history, so new ones are found later"
            )
            if not self._reads or not self._volume:
                return Finding("logs new", Action.WATCH, "new errors not yet known: neither group has logged anything")
            met = f"{len(self._met)} signature{'s' if len(self._met) != 1 else ''} in the canary's log"
            said = f"no new error: {met}, {known}{short}"
            if unsure := novelty.unsure():
                times = novelty.incidents(unsure[0])
                often = "once" if times == 1 else f"{times} times"
                said = f"not sure to be new: {self._title(unsure[0])} - {often}, only in the canary; {known}{short}"
            return Finding("logs new", Action.PROMOTE, said, 0.0, 0.0, n=len(self._met))
        first = min(found, key=lambda one: (one.number not in novelty.critical, -one.incidents))
        critical = first.number in novelty.critical
        chance = "after an hour and more of history" if not first.level else f"by chance below {first.level:.1g}"
        more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
        said = (
            f"new {'critical ' if critical else ''}error: {self._title(first.number)} - {_times(first)} in the canary "
            f"since {_clock(first.since)} UTC, never in control ({chance}, limit {first.limit:g}){more}"
        )
        shows = "logs-new-critical" if critical else "logs-new"
        evidence = -math.log(max(first.level, 1e-12))
        return self._alarm("logs new", shows, said, first, evidence, -math.log(first.limit))

    def _rising(self, found: list[Outlier]) -> Finding:
        if not found:
            alone = self._phase.weight >= 100
            said = "no concurrent control" if alone else "no known error is more frequent than in control"
            return Finding("logs rising", Action.PROMOTE, said)
        first = max(found, key=lambda one: one.level)
        more = f"; and {len(found) - 1} more" if len(found) > 1 else ""
        said = (
            f"a known error rises: {self._title(first.number)} - {_times(first)} in the canary"
            f"{self._in_control(first.control)}: evidence {e_value(first.level)}, limit {e_value(first.limit)}{more}"
        )
        return self._alarm("logs rising", "logs-rising", said, first, first.level, first.limit)

    def _the_bug(self, done: bool) -> Finding:
        mine, theirs = self._bug
        log_e, needs = self._better.log_e, -math.log(self._plan.limits.alpha)
        said = f"the bug's own text: {mine} times in the canary{self._in_control(theirs)}"
        known_bad = self._plan.known_bad
        action = Action.PROMOTE
        if known_bad and log_e >= needs:
            said += f": fewer than before, evidence {e_value(log_e)}"
        elif mine and (done or not known_bad):
            return self._alarm("logs bug", "logs-bug", said + (": not shown to be fewer" if known_bad else ""))
        elif mine:
            action, said = Action.WATCH, said + ": not yet known to be fewer"
        evidence = log_e if known_bad else None
        return Finding("logs bug", action, said, mine, theirs, n=mine + theirs, evidence=evidence, threshold=needs)

    def _alarm(
        self,
        metric: str,
        shows: str,
        said: str,
        first: Outlier | None = None,
        evidence: float | None = None,
        threshold: float | None = None,
    ) -> Finding:
        canary, control = (None, None) if first is None else (float(first.incidents), float(first.control))
        n = 0 if first is None else first.incidents + first.control
        action = policy.action(self._plan, shows)
        return Finding(metric, action, said, canary, control, n=n, evidence=evidence, threshold=threshold, shows=shows)

    def _title(self, number: int) -> str:
        found = self._names.get(number, LogSignature(number, f"signature {number}", ""))
        return printable(found.title)[:TITLE_CHARACTERS]

    def _in_control(self, times: int) -> str:
        novelty = self._novelty
        if novelty.canary <= 0 or novelty.control <= 0:
            return ""
        return f", {times} in control with {novelty.control / novelty.canary:.3g} times its requests"


def _times(one: Outlier) -> str:
    incidents = f"{one.incidents} incident{'s' if one.incidents != 1 else ''}"
    return incidents if one.entries <= one.incidents else f"{incidents} ({one.entries} entries)"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def logs_before(samples: Iterable[Sample]) -> tuple[LogHistory, tuple[LogSignature, ...]]:
    """What control's log is known to hold after these samples, and the signatures that the canary has shown."""
    history, named = LogHistory(), {}
    incidents: Counter[int] = Counter()
    critical: set[int] = set()
    same: dict[int, int] = {}
    volume, began, last = 0.0, None, 0.0
    for sample in samples:
        counts = sample.reading.logs
        if counts is None:
            continue
        began, last = (sample.at if began is None else began), sample.at
        if counts.history is not None:
            history = counts.history
            incidents.update(dict(history.incidents))
            critical |= set(history.critical)
        volume += counts.control_volume
        critical |= set(counts.critical)
        same.update(counts.same)
        named.update({one.number: one for one in counts.named})
        for seen in counts.seen:
            if seen.control or seen.control_entries:
                incidents[seen.number] += max(1, seen.control)
    for number, lower in sorted(same.items(), reverse=True):
        if number in incidents:
            incidents[lower] += incidents.pop(number)
        if number in named:
            named.setdefault(lower, named[number])
    seconds = history.seconds + (last - began if began is not None else 0.0)
    in_control = tuple(sorted(critical & incidents.keys()))
    known = LogHistory(history.volume + volume, seconds, tuple(sorted(incidents.items())), in_control)
    return known, tuple(named.values())
