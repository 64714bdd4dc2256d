"""What could happen in a phase, as numbers: a `World` becomes samples as a metrics source would have given them.

All randomness is drawn at once with numpy and one seed; the judge then sees one sample at a time, as in a rollout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilotage.core.model import Counters, Histogram, Instance, Reading, Sample

Array = np.ndarray[Any, np.dtype[Any]]

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
"""Prometheus' usual buckets, seconds."""
MEDIAN_S, SIGMA = 0.05, 0.7
"""Latencies are lognormal: median 50 ms, p95 158 ms."""
TAIL_BUCKET = BOUNDS.index(2.5)
OUTAGE_ERRORS = 0.2
BUG_SHARE = 0.1
"""Of the requests that can meet the bug."""


@dataclass(frozen=True)
class World:
    """Rates are requests per second of both groups together, shares and error rates 0-1, times seconds.

    A regression - `errors_ratio` or `errors` (absolute), `latency_ratio`, `tail` (share of requests at 1-2.5 s), `leak`
    (errors rise to this many times) - begins at `onset_s`. The rest is what a healthy service does too.
    """

    rate: float = 58.0
    share: float = 0.1
    tick_s: float = 10.0
    base_errors: float = 0.003
    errors_ratio: float = 1.0
    errors: float | None = None
    leak: float = 1.0
    latency_ratio: float = 1.0
    tail: float = 0.0
    onset_s: float = 0.0
    bug: tuple[float, float] | None = None
    """The bug's rate in control and canary."""
    instances: int = 1
    """Of control; they have equal shares, the canary has one."""
    instance_noise: float = 0.0
    """Standard deviation of the logarithm of each instance's own factor on its errors."""
    burst: float = 1.0
    """Mean errors of an incident (geometric), all in one instance and tick."""
    traffic_noise: float = 0.0
    """Standard deviation of the logarithm of the traffic, from tick to tick."""
    outage: tuple[float, float] | None = None
    """Both groups fail in 20 % of requests from the first to the second instant of the phase."""
    diurnal: float = 0.0
    """Traffic and errors of both groups drift by this factor over the phase."""
    faulty: float = 0.0
    """Share of ticks without a usable reading."""
    gap: tuple[float, float] | None = None
    """The metrics source is away from the first to the second instant."""
    reset_s: float | None = None
    """Control restarts: its counters begin again."""
    share_later: float | None = None
    """The canary's share from the middle of the phase on."""
    history_min: int = 30

    @property
    def healthy(self) -> bool:
        return (self.errors_ratio, self.errors, self.leak, self.latency_ratio, self.tail) == (1, None, 1, 1, 0)


@dataclass(frozen=True)
class Drawn:
    """One batch of runs. Arrays are (run, tick) or (run, tick, instance or bucket); counts of that tick alone."""

    world: World
    ticks: int
    canary: Array
    canary_errors: Array
    control: Array
    control_errors: Array
    canary_latency: Array
    control_latency: Array
    bugs: tuple[Array, Array, Array, Array] | None
    missing: Array
    past: Array
    past_errors: Array
    past_latency: Array
    harmed: Array
    """Expected requests harmed by the regression in each tick (run, tick)."""


def draw(world: World, runs: int, ticks: int, watch_ticks: int, seed: tuple[int, ...]) -> Drawn:
    """`ticks` of data for each run; drifts and the change of share are placed within the first `watch_ticks`."""
    chance = np.random.default_rng(seed)
    at = np.arange(ticks) * world.tick_s
    started = at >= world.onset_s
    through = np.minimum(np.arange(ticks) / watch_ticks, 1.0)
    share = np.where(through >= 0.5, world.share_later or world.share, world.share)
    drift = world.diurnal**through if world.diurnal else np.ones(ticks)
    busy = np.exp(chance.normal(0, world.traffic_noise, (runs, ticks))) if world.traffic_noise else np.ones((runs, 1))
    expected = world.rate * world.tick_s * drift * busy

    usual = world.base_errors * drift
    if world.outage:
        usual = np.where((at >= world.outage[0]) & (at < world.outage[1]), OUTAGE_ERRORS, usual)
    worse = usual * world.errors_ratio if world.errors is None else np.full(ticks, world.errors)
    if world.leak != 1:
        worse = usual * (1 + (world.leak - 1) * np.clip((at - world.onset_s) / (watch_ticks * world.tick_s), 0, 1))
    failing = np.where(started, worse, usual)

    factors = np.exp(chance.normal(0, world.instance_noise, (runs, world.instances + 1)))
    canary = chance.poisson(expected * share)
    control = chance.poisson((expected * (1 - share) / world.instances)[:, :, None], (runs, ticks, world.instances))
    canary_errors = _errors(chance, canary, failing * factors[:, :1], world.burst)
    control_errors = _errors(chance, control, usual[None, :, None] * factors[:, None, 1:], world.burst)

    plain, slow = shape(), shape(world.latency_ratio, world.tail)
    after = started[None, :, None] if world.latency_ratio != 1 or world.tail else None
    canary_latency = chance.multinomial(canary, plain)
    if after is not None:
        canary_latency = np.where(after, chance.multinomial(canary, slow), canary_latency)
    past = chance.poisson(world.rate * 60 / world.instances, (runs, world.history_min, world.instances))
    touched = 1.0 if world.latency_ratio != 1 else world.tail
    harmed = canary * (np.clip(failing - usual, 0, 1) + started * touched)
    return Drawn(
        world=world,
        ticks=ticks,
        canary=canary,
        canary_errors=canary_errors,
        control=control,
        control_errors=control_errors,
        canary_latency=canary_latency,
        control_latency=chance.multinomial(control.sum(axis=2), plain),
        bugs=_bugs(chance, canary, control.sum(axis=2), world),
        missing=_missing(chance, runs, at, world),
        past=past,
        past_errors=_errors(chance, past, world.base_errors * factors[:, None, 1:], world.burst),
        past_latency=chance.multinomial(past.sum(axis=2), plain),
        harmed=harmed,
    )


def shape(ratio: float = 1.0, tail: float = 0.0) -> Array:
    """Shares by bucket of lognormal latencies times `ratio`, with `tail` of them at 1-2.5 s."""
    edges = [math.log(bound / (MEDIAN_S * ratio)) / SIGMA for bound in BOUNDS[:-1]]
    below = [0.5 * math.erfc(-edge / math.sqrt(2)) for edge in edges] + [1.0]
    shares = np.diff([0.0, *below]) * (1 - tail)
    shares[TAIL_BUCKET] += tail
    normed: Array = shares / shares.sum()
    return normed


def _errors(chance: np.random.Generator, requests: Array, rate: Array, burst: float) -> Array:
    """Errors of each cell; with `burst` > 1 they come as incidents of geometric size."""
    if burst <= 1:
        return chance.binomial(requests, np.clip(rate, 0, 1))
    incidents = chance.binomial(requests, np.clip(rate / burst, 0, 1))
    more = chance.negative_binomial(np.maximum(incidents, 1), 1 / burst)
    return np.minimum(np.where(incidents > 0, incidents + more, 0), requests)


def _bugs(
    chance: np.random.Generator, canary: Array, control: Array, world: World
) -> tuple[Array, Array, Array, Array] | None:
    if world.bug is None:
        return None
    theirs, mine = chance.binomial(control, BUG_SHARE), chance.binomial(canary, BUG_SHARE)
    return mine, chance.binomial(mine, world.bug[1]), theirs, chance.binomial(theirs, world.bug[0])


def _missing(chance: np.random.Generator, runs: int, at: Array, world: World) -> Array:
    missing = chance.random((runs, len(at))) < world.faulty
    if world.gap:
        missing |= (at >= world.gap[0]) & (at < world.gap[1])
    return missing


# ------------------------------------------------------------------ as a metrics source would have given them


def past_samples(drawn: Drawn, run: int, phase: int) -> list[Sample]:
    """The minutes before the phase, as control's history."""
    minutes = len(drawn.past[run])
    found = []
    for minute, (n, e, latency) in enumerate(_summed(drawn.past[run], drawn.past_errors[run], drawn.past_latency[run])):
        reading = Reading(None, _counters(n, e, latency, None, None))
        found.append(Sample(phase, minute - minutes - 1, (minute - minutes - 1) * 60.0, reading))
    return found


def samples(drawn: Drawn, run: int, phase: int) -> Iterator[Sample]:
    """Tick 0 (the starting point), then one sample a tick."""
    tick_s = drawn.world.tick_s
    canary = _summed(drawn.canary[run][:, None], drawn.canary_errors[run][:, None], drawn.canary_latency[run])
    control = _summed(drawn.control[run], drawn.control_errors[run], drawn.control_latency[run])
    bugs = [[0, *np.cumsum(one[run]).tolist()] for one in drawn.bugs] if drawn.bugs else None
    missing = [False, *drawn.missing[run].tolist()]
    restarted = None if drawn.world.reset_s is None else int(drawn.world.reset_s // tick_s)
    for tick, (mine, theirs) in enumerate(zip(canary, control, strict=True)):
        if missing[tick]:
            yield Sample(phase, tick, tick * tick_s, Reading(fault="the metrics source does not answer"))
            continue
        if restarted is not None and tick >= restarted:
            theirs = _since(theirs, control[restarted - 1])
        mine_bug, theirs_bug = (None, None), (None, None)
        if bugs:
            mine_bug, theirs_bug = (bugs[0][tick], bugs[1][tick]), (bugs[2][tick], bugs[3][tick])
        yield Sample(phase, tick, tick * tick_s, Reading(_counters(*mine, *mine_bug), _counters(*theirs, *theirs_bug)))


Row = tuple[list[float], list[float], list[float]]
"""Requests and errors by instance, latencies by bucket: since the start."""


def _summed(requests: Array, errors: Array, latency: Array) -> list[Row]:
    def since_start(counts: Array) -> list[list[float]]:
        whole = np.zeros((len(counts) + 1, counts.shape[1]))
        np.cumsum(counts, axis=0, out=whole[1:])
        found: list[list[float]] = whole.tolist()
        return found

    return list(zip(since_start(requests), since_start(errors), since_start(latency), strict=True))


def _since(row: Row, start: Row) -> Row:
    n, e, latency = ([new - old for new, old in zip(a, b, strict=True)] for a, b in zip(row, start, strict=True))
    return n, e, latency


def _counters(
    n: list[float], e: list[float], latency: list[float], bug_total: float | None, bug_bad: float | None
) -> Counters:
    """Instances share the buckets of their group evenly: the judge only looks at their requests and errors."""
    histogram = Histogram(BOUNDS, tuple(latency))
    if len(n) == 1:
        return Counters(n[0], e[0], histogram, bug_total, bug_bad)
    whole = Counters(sum(n), sum(e), histogram, bug_total, bug_bad)
    parts = len(n)
    part = Histogram(BOUNDS, tuple([count / parts for count in latency]))
    shares = (None, None) if bug_total is None or bug_bad is None else (bug_total / parts, bug_bad / parts)
    each = tuple(Instance(f"i{one}", Counters(n[one], e[one], part, *shares)) for one in range(parts))
    return Counters(whole.requests, whole.errors, histogram, bug_total, bug_bad, each)
