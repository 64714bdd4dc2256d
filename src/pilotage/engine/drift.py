"""Whether the splitters still have what the rollout has set. Asked at every tick; nothing here changes anything."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pilotage.core.model import Action, Drifted, Plan, Step, Verdict
from pilotage.drivers import Restarts
from pilotage.engine.acting import Hands, is_in_force
from pilotage.engine.crew import driver_of
from pilotage.telemetry import driver_call

READ_WITHIN_S = 5.0
UNREAD_TICKS = 2
SAME_START_S = 2.0


@dataclass(frozen=True)
class Drift:
    """`taken_back`: why somebody has taken all traffic from the canary. `lost`: splitters that were restarted and have
    forgotten their weight. `changed`: those somebody has changed. `unread`: those that do not answer; since when."""

    taken_back: str = ""
    lost: tuple[Drifted, ...] = ()
    changed: tuple[Drifted, ...] = ()
    unread: tuple[Drifted, ...] = ()
    unread_since: float | None = None


@dataclass(frozen=True)
class _Seen:
    weight: float | None
    started: float | None
    error: str = ""


class Splitters:
    """One rollout's, for as long as it runs in this process: what is remembered tells a restart from a change.

    A worker that begins anew remembers nothing: then a weight that was lost looks like one that was taken back.
    """

    def __init__(self) -> None:
        self._started: dict[str, float] = {}
        self._unread: dict[str, int] = {}
        self._since: dict[str, float] = {}

    async def look(self, hands: Hands, steps: Mapping[str, Step], at: float) -> Drift:
        """`steps`: by splitter, the one that says its weight. `at`: now, in Unix seconds."""
        answers = await asyncio.gather(*(_read(hands, target) for target in steps))
        drift = Drift()
        for (target, step), seen in zip(steps.items(), answers, strict=True):
            drift = self._judged(drift, target, step.weight or 0.0, seen, at)
        return drift

    def _judged(self, drift: Drift, target: str, wanted: float, seen: _Seen, at: float) -> Drift:
        if seen.weight is None:
            self._unread[target] = self._unread.get(target, 0) + 1
            since = self._since.setdefault(target, at)
            if self._unread[target] < UNREAD_TICKS:
                return drift
            said = f"{target} cannot be read for {self._unread[target]} ticks: {seen.error}"
            earliest = since if drift.unread_since is None else min(since, drift.unread_since)
            return replace(drift, unread=(*drift.unread, Drifted(target, said)), unread_since=earliest)
        self._unread.pop(target, None)
        self._since.pop(target, None)
        if is_in_force(seen.weight, wanted):
            if seen.started is not None:
                self._started[target] = seen.started
            return drift
        said = f"{target} sends {seen.weight:g} % to the canary though {wanted:g} % was set"
        before = self._started.get(target)
        if before is not None and seen.started is not None and abs(seen.started - before) > SAME_START_S:
            said = f"{said}: it was restarted and has forgotten it"
            return replace(drift, lost=(*drift.lost, Drifted(target, said)))
        if seen.weight == 0:
            return replace(drift, taken_back=f"{said}: taken back from outside")
        said = f"{said}: somebody has changed it"
        return replace(drift, changed=(*drift.changed, Drifted(target, said)))


async def _read(hands: Hands, target: str) -> _Seen:
    splitter, driver = hands.traffic(target), driver_of(hands.plan, target)
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            with driver_call(driver, "read_weight", target=target):
                weight = await splitter.read_weight()
            started = await splitter.started_at() if isinstance(splitter, Restarts) else None
    except TimeoutError:
        return _Seen(None, None, f"no answer within {READ_WITHIN_S:g} s")
    except Exception as error:
        return _Seen(None, None, str(error) or type(error).__name__)
    return _Seen(weight, started)


def with_drift(verdict: Verdict, drift: Drift, plan: Plan, at: float) -> Verdict:
    """The judge's verdict, unless the splitters have something to say that comes before it. `at`: Unix seconds."""
    if verdict.action is Action.ROLLBACK:
        return verdict
    if drift.taken_back:
        return Verdict(Action.ROLLBACK, drift.taken_back, verdict.findings, verdict.progress)
    again = drift.lost + (drift.changed if plan.drift == "restore" else ())
    if again:
        return replace(verdict, action=Action.WATCH, reason=_reasons(again), drifted=again)
    if drift.changed:
        said = f"{_reasons(drift.changed)}. Going on (resume) sets it again"
        return replace(verdict, action=Action.HOLD, reason=said, overdue=True, drifted=drift.changed)
    if drift.unread_since is not None:
        overdue = verdict.overdue or at - drift.unread_since >= plan.hold.deadline_s
        return replace(verdict, action=Action.HOLD, reason=_reasons(drift.unread), overdue=overdue)
    return verdict


def _reasons(found: Sequence[Drifted]) -> str:
    return "; ".join(one.reason for one in found)
