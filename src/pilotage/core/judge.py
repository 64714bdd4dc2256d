"""From samples to a verdict. Look as often as you like: the evidence is anytime-valid (see evidence.py).

The same samples in give the same verdicts out; a judge rebuilt from stored samples equals the one that lived through.
"""

from __future__ import annotations

from collections.abc import Iterable

from pilotage.core import criteria
from pilotage.core.counters import Counts, Delta, add, delta
from pilotage.core.evidence import RateEvidence, RatioEvidence
from pilotage.core.model import Action, Baseline, Finding, Plan, Reading, Sample, Verdict

SILENT_TICKS = 3
FAULTS_IN_A_ROW = 2
FAULTY_SHARE = 0.2


class Judge:
    """One phase's judge; `observe` every sample in order, tick 0 first (it is only the starting point)."""

    def __init__(self, plan: Plan, phase: int, baseline: Baseline) -> None:
        self.plan = plan
        self.phase = plan.phases[phase]
        self.baseline = baseline
        limits, ticks = plan.limits, max(2, round(self.phase.watch_s / self.phase.tick_s))
        self.worse = RatioEvidence(ticks)
        self.guard = RateEvidence(limits.errors_trigger, ticks)
        base_rate = baseline.errors / baseline.requests if baseline.requests else 0.0
        self.above_baseline = RateEvidence(max(limits.errors_trigger, base_rate), ticks)
        self.slow = RateEvidence(0.05, ticks)
        self.bug_better = RatioEvidence(ticks)
        self.bug_worse = RatioEvidence(ticks)
        self.bug_failed = RateEvidence(limits.bug_target, ticks)
        self.canary = Counts()
        self.control = Counts()
        self.faults: list[str] = []
        self.faults_in_a_row = 0
        self.canary_silent = 0
        self.both_silent = 0
        self.ticks = 0
        self._counted = 0
        self._last: Reading | None = None
        self._held_since: float | None = None

    def observe(self, sample: Sample) -> Verdict:
        """The verdict after this tick."""
        if sample.tick > 0:
            self.ticks += 1
            self._counted += sample.counted
            self._take(sample.reading)
        if sample.tick == 0 and sample.reading.fault:
            self.faults_in_a_row += 1
        if not sample.reading.fault:
            self._last = sample.reading
        return self._with_deadline(self._verdict(sample), sample.at)

    # -------------------------------------------------------------- taking the numbers in

    def _take(self, reading: Reading) -> None:
        if self._last is None and not reading.fault:
            self.faults_in_a_row = 0
            return
        step = delta(self._last or Reading(fault="no reading yet"), reading)
        if isinstance(step, str):
            self.faults.append(step)
            self.faults_in_a_row += 1
            return
        self.faults_in_a_row = 0
        self._count_silence(step)
        if self.phase.judged:
            self._weigh(step)
        self.canary, self.control = add(self.canary, step.canary), add(self.control, step.control)

    def _count_silence(self, step: Delta) -> None:
        canary, control = step.canary.requests, step.control.requests
        self.canary_silent = 0 if canary else self.canary_silent + (control > 0)
        self.both_silent = 0 if canary or control else self.both_silent + 1

    def _weigh(self, step: Delta) -> None:
        c, k = step.canary, step.control
        self.worse.add(c.requests, c.errors, k.requests, k.errors)
        self.guard.add(c.requests, c.errors)
        self.above_baseline.add(c.requests, c.errors)
        self.bug_better.add(k.bug_total, k.bug_bad, c.bug_total, c.bug_bad)
        self.bug_worse.add(c.bug_total, c.bug_bad, k.bug_total, k.bug_bad)
        self.bug_failed.add(c.bug_total, c.bug_bad)
        criteria.weigh_latency(self, c)

    # -------------------------------------------------------------- saying what they mean

    @property
    def progress(self) -> float:
        return min(1.0, self._counted * self.phase.tick_s / self.phase.watch_s)

    def _verdict(self, sample: Sample) -> Verdict:
        done = self.progress >= 1 and sample.counted
        findings = tuple(self._findings(done))
        for action in (Action.ROLLBACK, Action.HOLD):
            for finding in findings:
                if finding.action is action:
                    return Verdict(action, finding.sentence, findings, self.progress)
        if not done:
            return Verdict(Action.WATCH, "nothing against it so far", findings, self.progress)
        unknown = [finding for finding in findings if finding.action is Action.WATCH]
        if unknown:
            reason = "the time is over and this is not known: " + "; ".join(one.sentence for one in unknown)
            return Verdict(Action.HOLD, reason, findings, self.progress)
        reason = "every criterion is met" if self.phase.judged else "the baseline is recorded"
        return Verdict(Action.PROMOTE, reason, findings, self.progress)

    def _findings(self, done: bool) -> Iterable[Finding]:
        yield self._data(done)
        if not self.phase.judged:
            return
        yield criteria.volume(self, done)
        yield criteria.share(self)
        yield criteria.errors(self)
        yield criteria.errors_limit(self, done)
        if self.plan.measures.latency:
            yield criteria.p95(self)
        if self.plan.measures.bug:
            yield criteria.bug(self)

    def _data(self, done: bool) -> Finding:
        faults, ticks = len(self.faults), self.ticks
        said = f"{faults} of {ticks} ticks had faulty data"
        if self.faults_in_a_row >= FAULTS_IN_A_ROW:
            last = self.faults[-1] if self.faults else "no reading"
            return Finding("data", Action.HOLD, f"no usable data for {self.faults_in_a_row} ticks: {last}", n=ticks)
        if self.both_silent >= SILENT_TICKS:
            return Finding("data", Action.HOLD, f"no request at all for {self.both_silent} ticks", n=ticks)
        if self.phase.judged and self.canary_silent >= SILENT_TICKS:
            sentence = f"the canary has been silent for {self.canary_silent} ticks while control serves"
            return Finding("data", Action.HOLD, sentence, n=ticks)
        if done and faults > FAULTY_SHARE * ticks:
            return Finding("data", Action.HOLD, f"{said}, more than {FAULTY_SHARE:.0%}: {self.faults[-1]}", n=ticks)
        if done and not self.phase.judged and self.control.requests == 0:
            return Finding("data", Action.HOLD, "control had no request: there is no baseline to record", n=ticks)
        return Finding("data", Action.PROMOTE, said, n=ticks)

    def _with_deadline(self, verdict: Verdict, at: float) -> Verdict:
        """A HOLD never ends by itself: after the plan's deadline its policy speaks."""
        if verdict.action is not Action.HOLD:
            self._held_since = None
            return verdict
        if self._held_since is None:
            self._held_since = at
        policy = self.plan.hold
        if at - self._held_since < policy.deadline_s:
            return verdict
        if policy.then == "ask":
            return Verdict(Action.HOLD, verdict.reason, verdict.findings, verdict.progress, overdue=True)
        reason = f"held for {policy.deadline_s:g} s and did not clear: {verdict.reason}"
        return Verdict(Action.ROLLBACK, reason, verdict.findings, verdict.progress)


def judge_all(plan: Plan, phase: int, baseline: Baseline, samples: Iterable[Sample]) -> Verdict:
    """The last verdict of a judge that sees these samples of one phase."""
    judge = Judge(plan, phase, baseline)
    verdict = Verdict(Action.WATCH, "no sample yet")
    for sample in samples:
        verdict = judge.observe(sample)
    return verdict
