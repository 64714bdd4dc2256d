"""What a container wrote before it is followed: its run before the present one, then this one up to there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from pilotage.drivers.kubernetes.refusals import NoLog
from pilotage.drivers.logs.container import Ask, Run
from pilotage.drivers.logs.newest import Newest
from pilotage.drivers.logs.podlines import PAGE, Line, Reached, lines_of

_NS = 1_000_000_000
_PREVIOUS = {"previous": "true"}


async def earlier(ask: Ask, run: Run, start: int, end: Reached, newest: Newest, deadline: float) -> bool:
    """Adds what there is since the second `start`; False when the time was not enough for all of it."""
    if end.run == run.number and run.before and run.number > 0:
        async for lines in _pages(ask, Reached(run.number - 1, start), _PREVIOUS, True, deadline):
            newest.add(b"".join(line.text for line in lines))
    restarted = end.run == run.number - 1 and run.before  # since following began
    if end.since is not None and (end.run == run.number or restarted):
        more, counted = _PREVIOUS if restarted else {}, 0
        async for lines in _pages(ask, Reached(end.run, start), more, restarted or run.ended, deadline):
            past = []
            for line in lines:
                counted += line.at >= end.since * _NS
                if counted > end.count or line.at > (end.last or 0) + _NS:
                    break
                past.append(line.text)
            newest.add(b"".join(past))
            if len(past) < len(lines):
                break
    return time.monotonic() < deadline


async def _pages(
    ask: Ask, reached: Reached, more: dict[str, str], ended: bool, deadline: float
) -> AsyncIterator[list[Line]]:
    while time.monotonic() < deadline:
        try:
            raw = await ask(reached.params | more)
        except NoLog:
            return
        full = len(raw) >= PAGE
        lines = await asyncio.to_thread(lines_of, raw, ended and not full)
        if lines is None:
            return
        fresh = reached.fresh(lines)
        if fresh:
            yield fresh
        if not full:
            return
        reached = reached.after(lines) if fresh else reached.next_second(lines)
