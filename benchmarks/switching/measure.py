"""One proxy: what six shifts, many switches and a restart do to eight clients that never try again."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from pilotage.testing import call
from tests.proxies import Proxy
from tests.proxies.kinds import Kind
from tests.proxies.load import Seen, load

CLIENTS = 8
SHIFTS = (10, 50, 90, 100, 50, 0)
PER_STEP = 4000
RESTART_AT = 25
QUIET = 20


@dataclass
class Measured:
    kind: Kind
    shares: list[tuple[float, float, int]] = field(default_factory=list)
    """Weight set, percent reached, requests."""
    shifts: tuple[int, int, Counter[str]] = (0, 0, Counter())
    """Requests failed, requests, and the failures by kind."""
    turns: tuple[int, int, Counter[str]] = (0, 0, Counter())
    set_s: list[float] = field(default_factory=list)
    """Of `set_weight` from 0 to 100 or back, until it returned."""
    first_s: list[float] = field(default_factory=list)
    """From the same beginning until the first answer of the other side."""
    late_s: list[float] = field(default_factory=list)
    """Of each request sent after `set_weight` had returned that the old side still answered: how long after."""
    restarted: tuple[float, int] = (0.0, 0)
    """Percent after the restart, of how many requests."""
    cpu_s: float = 0.0
    """Of a switch in the driver's process, without load."""

    def furthest(self) -> float:
        """The largest deviation of a share, as a part of what is allowed: `Kind.deviation`, at least half a point."""
        return max(
            abs(share - weight) / max(0.5, self.kind.deviation(weight, requests))
            for weight, share, requests in self.shares
        )


async def measure(kind: Kind, proxy: Proxy, folder: Path, switches: int) -> Measured:
    measured = Measured(kind)
    driver = proxy.driver(folder)
    keys = count()

    async def switch(weight: float) -> None:
        await driver.set_weight(weight, call(f"{time.time_ns()}-{next(keys)}"))

    await switch(0)  # the first call makes the process's HTTP client
    await _quiet(measured, switch)
    await _shifts(measured, proxy, switch)
    await _turns(measured, proxy, switch, switches)
    await switch(RESTART_AT)
    proxy.restart()  # in this thread: Envoy ends with the thread that has started it
    async with load(proxy.url, CLIENTS) as seen:
        await seen.more(PER_STEP)
    measured.restarted = seen.share("canary", 0)
    await driver.close()
    return measured


async def _quiet(measured: Measured, switch: Any) -> None:
    began = time.process_time()
    for number in range(QUIET):
        await switch(100 if number % 2 else 0)
    measured.cpu_s = (time.process_time() - began) / QUIET


async def _shifts(measured: Measured, proxy: Proxy, switch: Any) -> None:
    await switch(0)
    windows = []
    async with load(proxy.url, CLIENTS, rate=2000) as seen:
        await seen.more(100)
        for weight in SHIFTS:
            await switch(weight)
            since = time.monotonic()
            await seen.more(PER_STEP)
            windows.append((weight, since, time.monotonic()))
    measured.shares = [(weight, *seen.share("canary", since, until)) for weight, since, until in windows]
    measured.shifts = _failed(seen)


async def _turns(measured: Measured, proxy: Proxy, switch: Any, switches: int) -> None:
    await switch(0)
    turns = []
    async with load(proxy.url, CLIENTS, seconds=600) as seen:
        await seen.more(100)
        for number in range(switches):
            weight, who = ((100, "canary"), (0, "stable"))[number % 2]
            since = time.monotonic()
            await switch(weight)
            returned = time.monotonic()
            await seen.more(200)
            turns.append((who, since, returned, time.monotonic()))
    for who, since, returned, until in turns:
        measured.set_s.append(returned - since)
        measured.first_s.append(seen.turned(who, since, until)[0])
        measured.late_s += [one.sent - returned for one in seen.within(returned, until) if one.who != who]
    measured.turns = _failed(seen)


def _failed(seen: Seen) -> tuple[int, int, Counter[str]]:
    return seen.failed, seen.all, seen.failures
