"""Going back: the first way at once, and when it fails the next one beside it. The same in a workflow and without one.

Only asyncio's own waiting is used, which a workflow replays; whatever touches the world comes in as a function.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pilotage.core.model import Step, Way

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0

Attempt = Callable[[Step], Awaitable[str | None]]
"""Takes a step; answers with the error when it did not succeed."""
Failed = Callable[[Way, Step, str], Awaitable[None]]
"""Told of each step that failed: the way it belongs to, the step, the error."""
Barred = Callable[[Way], Awaitable[str]]
"""Why a way must not be taken now; empty when it may."""


@dataclass(frozen=True)
class GoneBack:
    """`way` has brought everybody back; `rest` are the other ways' calls that are still running, and take no further
    step."""

    way: Way
    rest: tuple[asyncio.Task[None], ...]


async def go_back(ways: Sequence[Way], attempt: Attempt, failed: Failed, barred: Barred | None = None) -> GoneBack:
    """Returns when one of the ways has worked; goes on trying until then, with growing pauses.

    A way that fails is tried again, and the next one begins beside it: whichever works first has won.
    """
    race = _Race(ways, attempt, failed, barred)
    try:
        return await race.run()
    except asyncio.CancelledError:
        await race.cancel()
        raise


class _Race:
    def __init__(self, ways: Sequence[Way], attempt: Attempt, failed: Failed, barred: Barred | None) -> None:
        self._ways = ways
        self._attempt = attempt
        self._failed = failed
        self._barred = barred
        self._won: Way | None = None
        self._done: set[Step] = set()
        self._running: dict[Step, asyncio.Future[str | None]] = {}
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> GoneBack:
        self._begin(0)
        await self._over.wait()
        assert self._won is not None
        return GoneBack(self._won, tuple(task for task in self._tasks if not task.done()))

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, place: int) -> None:
        if place == len(self._tasks) and place < len(self._ways):
            self._tasks.append(asyncio.create_task(self._walk(place)))

    async def _walk(self, place: int) -> None:
        way, pause = self._ways[place], FIRST_PAUSE_S
        while not self._over.is_set():
            if await self._take(way, place):
                if self._won is None:
                    self._won = way
                self._over.set()
                return
            self._begin(place + 1)
            try:
                await asyncio.wait_for(self._over.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _take(self, way: Way, place: int) -> bool:
        """Whether all steps are done. One splitter that fails does not keep the others from going back; a deploy that
        fails stops an ordered way, as what follows builds on it."""
        bar = await self._barred(way) if self._barred is not None else ""
        if bar:
            await self._tell(way, way.steps[0], bar, place)
            return False
        for step in way.steps:
            if step in self._done or self._over.is_set():
                continue
            error = await self._once(step)
            if error is None:
                self._done.add(step)
                continue
            await self._tell(way, step, error, place)
            if step.action == "deploy" and way.ordered:
                return False
        return self._done.issuperset(way.steps)

    async def _once(self, step: Step) -> str | None:
        """Ways may have steps in common: one that another way is taking is waited for, not begun again - that would end
        the call that runs."""
        if step in self._running:
            return await asyncio.shield(self._running[step])
        outcome = self._running[step] = asyncio.get_running_loop().create_future()
        try:
            error = await self._attempt(step)
            outcome.set_result(error)
            return error
        finally:
            outcome.cancel()  # only where there is no result: whoever waits is cancelled, too
            del self._running[step]

    async def _tell(self, way: Way, step: Step, error: str, place: int) -> None:
        self._begin(place + 1)
        await self._failed(way, step, error)
