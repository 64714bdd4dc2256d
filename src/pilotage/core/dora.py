"""How deliveries went, in DORA's figures, from the records of rollouts. Pure; docs/history.md says what each one means.

The names are those of the DORA research programme (dora.dev, "software delivery performance metrics"): change fail
rate, failed deployment recovery time, change lead time, deployment frequency. What each is computed from is ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from pilotage.core.evidence import wilson

DAY_S = 86400.0
WEEK_S = 7 * DAY_S
FIXED_WITHIN_S = DAY_S
"""A change needed a hot-fix when one for it was begun so soon after its promotion."""

Outcome = Literal["promoted", "rolled back", "failed"]


@dataclass(frozen=True)
class Mark:
    """One event of a rollout's record, as far as the figures need it.

    `weight`: of a phase that starts, or of a deployment the share of servers. `by_judge`: a hold came with a verdict.
    `took_s` None of a way back without the coordinator: it did not succeed; `at` is then when it was begun.
    """

    at: float
    kind: str
    weight: float | None = None
    by_judge: bool = False
    took_s: float | None = None


@dataclass(frozen=True)
class Walk:
    """What became of a rollout. `reached`: some traffic went to the new version.

    `sign_at`: the first sign of the failure that it was rolled back for; `back_at`: all traffic was back.
    """

    outcome: Outcome
    ended_at: float
    reached: bool
    sign_at: float | None = None
    back_at: float | None = None


@dataclass(frozen=True)
class Delivery:
    """One rollout that has ended. `known_at`: when a plan for its change was first known. `previous` is the version
    that ran before; `known_bad`: the plan says that one is sick."""

    rollout: str
    service: str
    environment: str
    version: str
    previous: str
    known_bad: bool
    known_at: float
    started_at: float
    walk: Walk


@dataclass(frozen=True)
class Median:
    """`seconds` None: of nothing."""

    seconds: float | None
    n: int


@dataclass(frozen=True)
class Figures:
    """Over some time. `low` and `high`: Wilson's 95 % interval of the rate."""

    promoted: int
    rolled_back: int
    fixed_after: int
    undecided: int
    """Pilotage itself could not go on: nobody knows whether the change was good. Counted here only."""
    before_traffic: int
    """Turned back before any traffic reached the new version: no user has seen it. Counted here only."""
    per_week: float
    failure_rate: float | None
    low: float
    high: float
    restore: Median
    lead: Median

    @property
    def changes(self) -> int:
        return self.promoted + self.rolled_back

    @property
    def failed(self) -> int:
        return self.rolled_back + self.fixed_after


@dataclass(frozen=True)
class Week:
    """Seven days from `begin` (Unix seconds)."""

    begin: float
    figures: Figures


@dataclass(frozen=True)
class History:
    """`service` and `environment` empty: all of them."""

    service: str
    environment: str
    figures: Figures
    weeks: tuple[Week, ...]


def walk(marks: Iterable[Mark]) -> Walk | None:
    """What a record, in its order, tells; None of a rollout that has not ended."""
    found: Walk | None = None
    sign_at: float | None = None
    reached = sends = False
    for mark in marks:
        match mark.kind:
            case "phase_started":
                sends = (mark.weight or 0.0) > 0
            case "weight_set":
                reached = reached or sends
            case "deployed":
                reached = reached or (mark.weight or 0.0) > 0
            case "held" if mark.by_judge:
                sign_at = sign_at if sign_at is not None else mark.at
            case "trouble_reported" | "least_bad_chosen" | "rollback_started":
                sign_at = sign_at if sign_at is not None else mark.at
            case "hold_cleared" | "phase_passed":
                sign_at = None
            case "promoted":
                found, sign_at = Walk("promoted", mark.at, True), None
            case "failed":
                found = Walk("failed", mark.at, reached)
            case "rolled_back":
                found = _back(found, mark.at, reached, sign_at, mark.at)
            case "direct_rollback":
                sign_at = mark.at if sign_at is None else min(sign_at, mark.at)
                if mark.took_s is not None:
                    found = _back(found, mark.at + mark.took_s, reached, sign_at, mark.at + mark.took_s)
    return found


def _back(before: Walk | None, at: float, reached: bool, sign_at: float | None, back_at: float) -> Walk:
    """Sent back twice, by a watchdog and then by the coordinator, it was back the first time."""
    if before is not None and before.outcome == "rolled back":
        return before
    return Walk("rolled back", at, reached or before is not None, sign_at if sign_at is not None else at, back_at)


def histories(deliveries: Iterable[Delivery], begin: float, end: float) -> tuple[History, ...]:
    """All together first, then each service in each environment; of those that ended from `begin` until `end`.

    Trends are over the last whole weeks: seven days each, the last one ending at `end`.
    """
    every = sorted(deliveries, key=lambda one: (one.walk.ended_at, one.rollout))
    fixes = fixes_of(every)
    groups: dict[tuple[str, str], list[Delivery]] = {}
    for one in every:
        if begin <= one.walk.ended_at < end:
            groups.setdefault((one.service, one.environment), []).append(one)
    whole = [one for some in groups.values() for one in some]
    told = [(("", ""), whole), *sorted(groups.items())]
    return tuple(_history(*where, some, fixes, begin, end) for where, some in told)


def _history(
    service: str,
    environment: str,
    deliveries: Sequence[Delivery],
    fixes: dict[str, Sequence[Delivery]],
    begin: float,
    end: float,
) -> History:
    count = max(1, int((end - begin) // WEEK_S))
    by_week: dict[int, list[Delivery]] = {}
    for one in deliveries:
        by_week.setdefault(math.ceil((end - one.walk.ended_at) / WEEK_S), []).append(one)
    weeks = [Week(end - back * WEEK_S, figures(by_week.get(back, ()), fixes, WEEK_S)) for back in range(count, 0, -1)]
    return History(service, environment, figures(deliveries, fixes, end - begin), tuple(weeks))


def fixes_of(deliveries: Iterable[Delivery]) -> dict[str, Sequence[Delivery]]:
    """The hot-fixes that promoted changes needed, by the rollout that needed them.

    A hot-fix is a rollout of the same service and environment whose plan names the change's version as the one that
    runs (`previous`) and calls it sick (`known_bad`), begun within 24 hours after its promotion.
    """
    ran: dict[tuple[str, str, str], Delivery] = {}
    fixes: dict[str, list[Delivery]] = {}
    moments = [(one.walk.ended_at, 0, one) for one in deliveries if one.walk.outcome == "promoted"]
    moments += [(one.started_at, 1, one) for one in deliveries if one.known_bad]
    for at, begins, one in sorted(moments, key=lambda moment: (*moment[:2], moment[2].rollout)):
        if not begins:
            ran[one.service, one.environment, one.version] = one
            continue
        needed = ran.get((one.service, one.environment, one.previous))
        if needed is not None and at - needed.walk.ended_at <= FIXED_WITHIN_S:
            fixes.setdefault(needed.rollout, []).append(one)
    return dict(fixes)


def figures(deliveries: Iterable[Delivery], fixes: dict[str, Sequence[Delivery]], lasted_s: float) -> Figures:
    """Of these deliveries; `lasted_s` is the time that they are of."""
    promoted = rolled_back = fixed = undecided = before_traffic = 0
    restored: list[float] = []
    lead: list[float] = []
    for one in deliveries:
        ended = one.walk
        if ended.outcome == "failed":
            undecided += 1
        elif ended.outcome == "promoted":
            promoted += 1
            lead.append(max(0.0, ended.ended_at - one.known_at))
            if one.rollout in fixes:
                fixed += 1
                restored += _fixed_after(one, fixes[one.rollout])
        elif not ended.reached:
            before_traffic += 1
        else:
            rolled_back += 1
            if ended.sign_at is not None and ended.back_at is not None:
                restored.append(max(0.0, ended.back_at - ended.sign_at))
    changes, failed = promoted + rolled_back, rolled_back + fixed
    low, high = wilson(failed, changes)
    return Figures(
        promoted,
        rolled_back,
        fixed,
        undecided,
        before_traffic,
        promoted / (lasted_s / WEEK_S),
        failed / changes if changes else None,
        low,
        high,
        _median(restored),
        _median(lead),
    )


def _fixed_after(change: Delivery, fixes: Sequence[Delivery]) -> list[float]:
    """From when a plan for the first fix was known, to the first promotion of one; nothing while none is promoted."""
    known_at = max(change.walk.ended_at, min(one.known_at for one in fixes))
    good = [one.walk.ended_at for one in fixes if one.walk.outcome == "promoted"]
    return [max(0.0, min(good) - known_at)] if good else []


def _median(seconds: Sequence[float]) -> Median:
    return Median(median(seconds) if seconds else None, len(seconds))


def only(deliveries: Iterable[Delivery], service: str = "", environment: str = "") -> list[Delivery]:
    """Those of one service or environment; empty means all."""
    return [one for one in deliveries if service in ("", one.service) and environment in ("", one.environment)]
