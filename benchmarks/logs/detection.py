"""Ten-minute phases of error incidents drawn with numpy, before Pilotage's novelty test and "never seen before".

2,000 signatures as frequent in both groups, their rates by Zipf's law. An incident writes 1-50 lines in a few seconds;
what is counted is incidents by the 2-s rule, over a group's lines as the live watch does. Ten instances share the
traffic and the incidents evenly; one of them is the canary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pilotage.core.model import LogHistory, LogSeen
from pilotage.core.novelty import INCIDENT_GAP_S, LONGEST_INCIDENT_S, Novelty

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
INSTANCES = 10
"""Number 0 is the canary."""
SHARE = 1 / INSTANCES
TICK_S, TICKS = 10, 60
ALPHA = 0.01
BYTES_A_SECOND = 1e6
BUG, RISEN = 1_000_000, 3
"""Numbers: the new bug; the known signature that rises."""


@dataclass(frozen=True, slots=True)
class World:
    """Incidents a second over both groups; what goes wrong in the phase. `history_s`: seconds of control before it."""

    name: str
    signatures: int = 2000
    rate: float = 5.0
    zipf: float = 1.2
    history_s: float = 3600.0
    outages: int = 0
    """Shared ones: a minute in which forty signatures, seldom ones too, come twice a second in both groups together."""
    loops: float = 0.0
    """Share of incidents that come back: every 3-6 s for half a minute, in one group."""
    bug: float = 0.0
    """Incidents a second of a new signature in the canary."""
    critical: bool = False
    """Whether it is FATAL or uncaught."""
    main: bool = False
    """Whether it is one of the figures promised."""
    rise: float = 1.0
    """Factor on one known signature in the canary (one incident in 12 s over both groups)."""


WORLDS = (
    World("healthy, an hour of history", main=True),
    World("healthy, without history", history_s=0, main=True),
    World("healthy, a tenth of the errors", rate=0.5),
    World("healthy, four times the errors", rate=20),
    World("healthy, 20,000 signatures", signatures=20_000),
    World("healthy, two shared outages", outages=2, main=True),
    World("healthy, two shared outages, without history", outages=2, history_s=0),
    World("healthy, one incident in 20 comes back", loops=0.05),
    World("a new bug, .1/s in the canary", bug=0.1, main=True),
    World("a new bug, .1/s, without history", bug=0.1, history_s=0, main=True),
    World("a new bug, .1/s, FATAL", bug=0.1, critical=True),
    World("a new bug, .02/s", bug=0.02),
    World("a known signature x5 in the canary", rise=5),
    World("a known signature x20 in the canary", rise=20),
)


def rates(world: World) -> Floats:
    """Incidents a second by signature, both groups together."""
    weights = np.arange(1, world.signatures + 1, dtype=float) ** -world.zipf
    return world.rate * weights / weights.sum()


@dataclass(frozen=True, slots=True)
class Phase:
    """Counts of what happens: rows of (tick, number, canary's incidents, control's, canary's lines, control's)."""

    rows: Ints
    before: dict[int, int]
    """Incidents of control's history by signature."""


def draw(world: World, rng: np.random.Generator) -> Phase:
    each = rates(world)
    past = rng.poisson(each * world.history_s)
    before = {int(one): int(past[one]) for one in np.flatnonzero(past)}
    span = float(TICK_S * TICKS)
    number, at, instance = _incidents(rng, each, span)
    parts = [(number, at, instance)]
    if world.loops:
        parts.append(_again(rng, number, at, instance, world.loops))
    for _ in range(world.outages):
        start = rng.uniform(0, span - 60)
        hit = rng.choice(world.signatures, 40, replace=False)
        for one in hit:
            times = np.sort(rng.uniform(start, start + 60, rng.poisson(120)))
            parts.append((np.full(len(times), one), times, rng.integers(0, INSTANCES, len(times))))
    if world.bug:
        times = rng.uniform(0, span, rng.poisson(world.bug * span))
        parts.append((np.full(len(times), BUG), times, np.zeros(len(times), np.int64)))
    if world.rise > 1:
        extra = rng.poisson((world.rise - 1) * SHARE / 12 * span)
        usual = rng.poisson(span / 12)
        times = rng.uniform(0, span, extra + usual)
        ours = np.concatenate([np.zeros(extra, np.int64), rng.integers(0, INSTANCES, usual)])
        parts.append((np.full(extra + usual, world.signatures + RISEN), times, ours))
        before[world.signatures + RISEN] = max(1, int(rng.poisson(world.history_s / 12)))
    number, at, instance = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Phase(_counted(rng, number, at, instance), before)


def _incidents(rng: np.random.Generator, each: Floats, span: float) -> tuple[Ints, Floats, Ints]:
    counts = rng.poisson(each * span)
    number = np.repeat(np.arange(len(each)), counts)
    return number, rng.uniform(0, span, len(number)), rng.integers(0, INSTANCES, len(number))


def _again(
    rng: np.random.Generator, number: Ints, at: Floats, instance: Ints, share: float
) -> tuple[Ints, Floats, Ints]:
    back = np.flatnonzero(rng.random(len(number)) < share)
    times = rng.integers(5, 10, len(back))
    which = np.repeat(back, times)
    order = np.concatenate([np.arange(1, count + 1) for count in times]) if len(times) else np.zeros(0)
    return number[which], at[which] + order * rng.uniform(3, 6, len(which)), instance[which]


def _counted(rng: np.random.Generator, number: Ints, at: Floats, instance: Ints) -> Ints:
    """Lines of each incident, and what is one incident by the 2-s rule within signature and group; by ticks."""
    lines = np.exp(rng.uniform(0, np.log(50.999), len(number))).astype(int)
    place = np.repeat(np.arange(len(number)), lines)
    first = np.concatenate([[0], np.cumsum(lines)[:-1]])
    since = rng.exponential(0.1, len(place))
    since[first] = 0
    run = np.cumsum(since)
    times = at[place] + run - run[first][place]
    keep = times < TICK_S * TICKS
    number, source, times = number[place][keep], np.minimum(instance[place][keep], 1), times[keep]
    order = np.lexsort((times, number))
    number, source, times = number[order], source[order], times[order]
    begins = _begins(number, times)
    group = source == 0
    tick = (times // TICK_S).astype(int)
    keys, where = np.unique(np.stack([tick, number]), axis=1, return_inverse=True)
    where = where.ravel()
    counts = [np.bincount(where, mask, keys.shape[1]) for mask in (begins & group, begins & ~group, group, ~group)]
    return np.concatenate([keys, np.array(counts, dtype=int)]).T.astype(np.int64)


def _begins(number: Ints, times: Floats) -> npt.NDArray[np.bool_]:
    """Which lines begin an incident: after 2 s without one, or 10 s after the last that did."""
    begins = np.ones(len(times), bool)
    begins[1:] = (np.diff(number) != 0) | (np.diff(times) > INCIDENT_GAP_S)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(times)) - 1
    for start, end in zip(starts, ends, strict=True):
        last = times[start]
        if times[end] - last >= LONGEST_INCIDENT_S:
            for line in range(start + 1, end + 1):
                if times[line] - last >= LONGEST_INCIDENT_S:
                    begins[line], last = True, times[line]
    return begins


@dataclass(slots=True)
class Seconds:
    """When each rule first had a finding, or None; how many it had; whether it was the bug (or the risen signature)."""

    new: float | None = None
    rising: float | None = None
    target: float | None = None
    naive: int = 0
    count: int = 0


def judge(world: World, phase: Phase) -> Seconds:
    usual = tuple(range(2_000_001, 2_000_006)) if world.history_s else ()
    exposure = BYTES_A_SECOND * world.history_s
    novelty = Novelty(LogHistory(exposure, world.history_s, tuple(phase.before.items()), usual), TICKS, ALPHA)
    if world.critical:
        novelty.critical.add(BUG)
    ours, seen = Seconds(), set(phase.before)
    alarmed: set[int] = set()
    target = BUG if world.bug else world.signatures + RISEN
    edges = np.searchsorted(phase.rows[:, 0], np.arange(TICKS + 1))
    for tick in range(TICKS):
        at = float((tick + 1) * TICK_S)
        rows = phase.rows[edges[tick] : edges[tick + 1]].tolist()
        # Never seen before: in the canary, not in control's history, not in control so far.
        seen.update(row[1] for row in rows if row[5])
        alarmed.update(row[1] for row in rows if row[4] and row[1] not in seen and row[1] != BUG)
        novelty.tick(
            at,
            BYTES_A_SECOND * TICK_S * SHARE,
            BYTES_A_SECOND * TICK_S * (1 - SHARE),
            [LogSeen(*row[1:]) for row in rows],
        )
        findings = novelty.outliers()
        for one in findings:
            if one.number == target:
                ours.target = ours.target or at
            elif one.kind == "new":
                ours.new = ours.new or at
            else:
                ours.rising = ours.rising or at
        ours.count = max(ours.count, sum(one.number != target for one in findings))
    ours.naive = len(alarmed)
    return ours


def measure(world: World, phases: int, seed: int) -> dict[str, Any]:
    """Shares of phases with a false alarm, and the median time to find what is wrong, from when it began."""
    rng = np.random.default_rng([seed, 1123])
    found = [judge(world, draw(world, rng)) for _ in range(phases)]
    times = [one.target for one in found if one.target is not None]
    return {
        "name": world.name,
        "new": sum(one.new is not None for one in found) / phases,
        "rising": sum(one.rising is not None for one in found) / phases,
        "any": sum(one.new is not None or one.rising is not None for one in found) / phases,
        "naive": float(np.mean([one.naive for one in found])),
        "found": len(times) / phases,
        "median_s": float(np.median(times)) if times else None,
    }
