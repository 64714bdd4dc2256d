"""From samples to a verdict. Look as often as you like: the evidence is anytime-valid (see evidence.py).

The same samples in give the same verdicts out; a judge rebuilt from stored samples equals the one that lived through.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from pilotage.core import criteria, policy
from pilotage.core.bursts import ErrorsEvidence
from pilotage.core.counters import Counts, Delta, Fault, Meter, add
from pilotage.core.dispersion import Dispersion
from pilotage.core.evidence import NotWorseEvidence, RateEvidence, RatioEvidence
from pilotage.core.guards import Guards
from pilotage.core.histograms import quantile, slower_than
from pilotage.core.latency import LatencyEvidence
from pilotage.core.leastbad import outage_comes_back
from pilotage.core.logwatch import LogsEvidence
from pilotage.core.model import Action, Baseline, Finding, Plan, Reading, Sample, Verdict
from pilotage.core.tally import believable
from pilotage.core.tickets import Tickets
from pilotage.core.words import e_value

FAULTS_IN_A_ROW = 2
FAULTY_SHARE = 0.2
SILENT_TICKS = 2
SILENT_ALL_TICKS = 3
SILENT_EXPECTED = 10.0
"""Requests that should have come while there were none: with 10 expected, chance explains none once in 22,000."""
RECENT_TICKS = 6
EARLY_AFTER_S = 60.0


class Judge:
    """One phase's judge; `observe` every sample in order, tick 0 first (it is only the starting point)."""

    def __init__(self, plan: Plan, phase: int, baseline: Baseline) -> None:
        self.plan = plan
        self.phase = plan.phases[phase]
        self.baseline = baseline = believable(baseline)
        self.alone = self.phase.judged and self.phase.weight >= 100
        """The canary has all traffic: there is no concurrent control."""
        limits, tick_s = plan.limits, self.phase.tick_s
        ticks = max(2, round(self.phase.watch_s / tick_s))
        self.alarm = math.log(1 / limits.alpha)
        self.dispersion = Dispersion(baseline.minutes, tick_s)
        self.worse = ErrorsEvidence(ticks, self.dispersion.bursts)
        self.not_worse = NotWorseEvidence()
        self.guard = RateEvidence(limits.errors_trigger, ticks)
        base_rate = baseline.errors / baseline.requests if baseline.requests > 0 else 0.0
        self.above_baseline = RateEvidence(max(limits.errors_trigger, base_rate), ticks)
        self.slower = LatencyEvidence(ticks, tick_s, baseline.minutes)
        self.slow = RateEvidence(0.05, ticks)
        reference = quantile(baseline.latency, 0.95)
        self._too_slow = None if reference is None else limits.p95_trigger * reference
        self.bug_better = RatioEvidence(ticks)
        self.bug_worse = RatioEvidence(ticks)
        self.bug_failed = RateEvidence(limits.bug_target, ticks)
        self.logs = LogsEvidence(plan, self.phase, baseline, plan.logs) if plan.logs else None
        self.guards = Guards(plan, self.phase, self.alone, baseline.guards)
        self.tickets = Tickets(plan, self.phase, baseline.tickets)
        self.canary = Counts()
        self.control = Counts()
        self.recent_canary = self.recent_errors = self.recent_requests = 0.0
        """The last ticks': requests and errors of the canary, requests of both groups."""
        self.faults: list[str] = []
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=RECENT_TICKS)
        self._meter = Meter("ignored" if self.alone else "needed", baseline.canary_seen)
        self._faults_in_a_row = 0
        self._silent_ticks = self._silent_all_ticks = 0
        self._silent_expected = 0.0
        self._ticks = self._counted = 0
        self._held_since: float | None = None
        self._last_requests = (0.0, 0.0)

    def observe(self, sample: Sample) -> Verdict:
        """The verdict after this tick. Samples of the time before the rollout are passed over."""
        if sample.tick < 0:
            return Verdict(Action.WATCH, "history")
        if sample.tick > 0:
            self._ticks += 1
            self._counted += sample.counted
        self._take(sample.reading)
        if self.logs is not None:
            self.logs.take(sample.at, sample.reading.logs, *self._last_requests)
        self.guards.take(sample)
        self.tickets.take(sample)
        verdict = self._with_deadline(self._verdict(sample), sample.at)
        return replace(verdict, outage=self.outage()) if verdict.action is Action.ROLLBACK else verdict

    def outage(self) -> str:
        """Why going back would bring the outage back; empty when it would not, as far as is known."""
        base = self.baseline
        recorded = Counts(base.requests, base.errors, None, base.bug_total, base.bug_bad)
        return outage_comes_back(self.plan, self.canary, recorded if self.alone else self.control, not self.alone)

    # -------------------------------------------------------------- taking the numbers in

    def _take(self, reading: Reading) -> None:
        step = self._meter.take(reading)
        self._last_requests = (step.canary.requests, step.control.requests) if isinstance(step, Delta) else (0.0, 0.0)
        if isinstance(step, Fault):
            self.faults.append(str(step))
            self._faults_in_a_row += 1
            return
        self._faults_in_a_row = 0
        if step is None:
            return
        self._count_silence(step)
        if self.phase.judged:
            self._weigh(step.canary, step.control)
        self.dispersion.add(step.control)
        self.canary, self.control = add(self.canary, step.canary), add(self.control, step.control)

    def _count_silence(self, step: Delta) -> None:
        canary, control = step.canary.requests, step.control.requests
        self._recent.append((canary, step.canary.errors, canary + control))
        self.recent_canary, self.recent_errors, self.recent_requests = map(sum, zip(*self._recent, strict=True))
        self._silent_all_ticks = 0 if canary or control else self._silent_all_ticks + 1
        if canary or self.alone or not self.phase.judged or not self.phase.share_known:
            self._silent_ticks, self._silent_expected = 0, 0.0
        elif control:
            self._silent_ticks += 1
            self._silent_expected += control * self.phase.weight / (100 - self.phase.weight)

    def _weigh(self, c: Counts, k: Counts) -> None:
        phi = self.dispersion.errors
        self.guard.add(c.requests, c.errors, phi)
        if self.alone:
            self.above_baseline.add(c.requests, c.errors, phi)
            if c.latency is not None and self._too_slow is not None and (n := sum(c.latency.counts)) > 0:
                self.slow.add(n, min(slower_than(c.latency, self._too_slow), n), self.dispersion.latency)
        else:
            self.worse.add(c, k, phi)
            if self.plan.limits.pass_early:
                self.not_worse.add(c.requests, c.errors, k.requests, k.errors, phi)
            if self.plan.measures.latency:
                self.slower.add(c.latency, k.latency, self.dispersion.latency)
        if self.plan.measures.bug:
            self.bug_failed.add(c.bug_total, c.bug_bad, phi)
            if not self.alone:
                self.bug_better.add(k.bug_total, k.bug_bad, c.bug_total, c.bug_bad, phi)
                if not self.plan.known_bad:
                    self.bug_worse.add(c.bug_total, c.bug_bad, k.bug_total, k.bug_bad, phi)

    # -------------------------------------------------------------- saying what they mean

    @property
    def progress(self) -> float:
        return min(1.0, self._counted * self.phase.tick_s / self.phase.watch_s)

    def _verdict(self, sample: Sample) -> Verdict:
        progress = self.progress
        done = progress >= 1 and sample.counted and self._faults_in_a_row == 0
        findings = tuple(self._findings(done))
        alarm = policy.decisive(self.plan, findings)
        if alarm is not None:
            answer, finding = alarm
            return Verdict(finding.action, finding.sentence, findings, progress, overdue=answer == "ask")
        unknown = [finding for finding in findings if finding.action is Action.WATCH]
        if done and unknown:
            reason = "the time is over and this is not known: " + "; ".join(one.sentence for one in unknown)
            asked = policy.answer(self.plan, "unknown") == "ask"
            return Verdict(policy.action(self.plan, "unknown"), reason, findings, progress, overdue=asked)
        if done:
            reason = "every criterion is met" if self.phase.judged else "the baseline is recorded"
            return Verdict(Action.PROMOTE, reason, findings, progress)
        if sample.counted and not unknown and (early := self._early()):
            return Verdict(Action.PROMOTE, early, findings, progress)
        return Verdict(Action.WATCH, "nothing against it so far", findings, progress)

    def _early(self) -> str:
        """Why the phase may end before its time (docs/method.md, 6), or nothing. Never without concurrent control."""
        if not self.plan.limits.pass_early or not self.phase.judged or self.alone or self._faults_in_a_row:
            return ""
        needs = EARLY_AFTER_S / self.phase.tick_s
        log_e = self.not_worse.log_e
        if self._counted < needs or log_e < criteria.EARLY_NEEDS:
            return ""
        return f"passed early: shown not to have twice control's errors, evidence {e_value(log_e)}, limit 20"

    def _findings(self, done: bool) -> Iterable[Finding]:
        yield self._data(done)
        if not self.phase.judged:
            return
        yield criteria.volume(self, done)
        yield criteria.share(self)
        yield criteria.errors(self)
        yield criteria.errors_limit(self, done)
        if self.plan.measures.latency:
            yield criteria.p95(self, done)
        if self.plan.measures.bug:
            yield criteria.bug(self, done)
        if self.logs is not None:
            yield from self.logs.findings(done)
        yield from self.guards.findings(done)
        if self.plan.measures.tickets:
            yield self.tickets.finding()

    def _data(self, done: bool) -> Finding:
        faults, ticks = len(self.faults), self._ticks
        if self._faults_in_a_row >= FAULTS_IN_A_ROW:
            return self._no_data(f"no usable data for {self._faults_in_a_row} ticks: {self.faults[-1]}")
        if self._silent_all_ticks >= SILENT_ALL_TICKS and self._expected_of_all() >= SILENT_EXPECTED:
            return self._silent(f"no request at all for {self._silent_all_ticks} ticks")
        if self._silent_ticks >= SILENT_TICKS and self._silent_expected >= SILENT_EXPECTED:
            said = f"the canary has been silent for {self._silent_ticks} ticks while control serves"
            return self._silent(f"{said}: {self._silent_expected:.0f} requests expected, none came")
        said = f"{faults} of {ticks} ticks had faulty data"
        if done and faults > FAULTY_SHARE * ticks:
            return self._no_data(f"{said}, more than {FAULTY_SHARE:.0%}: {self.faults[-1]}")
        if done and not self.phase.judged and self.control.requests == 0:
            return self._no_data("control had no request: there is no baseline to record")
        return Finding("data", Action.PROMOTE, said, n=ticks)

    def _expected_of_all(self) -> float:
        """Requests of both groups that should have come in the silent ticks; endless when none ever came."""
        seen = self.canary.requests + self.control.requests
        busy = self._ticks - self._silent_all_ticks
        return seen / busy * self._silent_all_ticks if seen > 0 and busy > 0 else math.inf

    def _no_data(self, sentence: str) -> Finding:
        return self._unusable(sentence, "data-missing")

    def _silent(self, sentence: str) -> Finding:
        return self._unusable(sentence, "traffic-silent")

    def _unusable(self, sentence: str, shows: str) -> Finding:
        return Finding("data", policy.action(self.plan, shows), sentence, n=self._ticks, shows=shows)

    def _with_deadline(self, verdict: Verdict, at: float) -> Verdict:
        """A HOLD never ends by itself: after the plan's deadline its policy speaks."""
        if verdict.action is not Action.HOLD:
            self._held_since = None
            return verdict
        if self._held_since is None:
            self._held_since = at
        hold = self.plan.hold
        if verdict.overdue or at - self._held_since < hold.deadline_s:
            return verdict
        reason = f"held for {hold.deadline_s:g} s and did not clear: {verdict.reason}"
        if hold.then == "ask":
            return Verdict(Action.HOLD, reason, verdict.findings, verdict.progress, overdue=True)
        return Verdict(Action.ROLLBACK, reason, verdict.findings, verdict.progress)


def judge_all(plan: Plan, phase: int, baseline: Baseline, samples: Iterable[Sample]) -> Verdict:
    """The last verdict of a judge that sees these samples of one phase."""
    judge = Judge(plan, phase, baseline)
    verdict = Verdict(Action.WATCH, "no sample yet")
    for sample in samples:
        verdict = judge.observe(sample)
    return verdict
