"""One container's log, followed across its restarts: what is new of it, as pieces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pilotage.drivers import Piece
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.refusals import NoLog
from pilotage.drivers.kubernetes.workloads import number, part
from pilotage.drivers.logs.cursors import Cursors, Handing
from pilotage.drivers.logs.podlines import PAGE, Line, Reached, lines_of

MOST_PAGES = 4
"""Of one container at one look; the others' logs want to be read as well."""
_SURE_S = 10.0
"""The API server may hear of a restart so much later than its log begins."""

Ask = Callable[[dict[str, str]], Awaitable[bytes]]
"""The log, by the API's parameters."""


@dataclass(frozen=True)
class Run:
    """A container as its pod's status has it."""

    number: int
    """How often it was restarted: the runs count from 0."""
    begun: bool
    """There is a log."""
    ended: bool
    """Nothing more will come in this run."""
    before: bool
    """The log asked for as `previous` is the run's before this one."""


def run_of(pod: Object, container: str) -> Run:
    rows = part(pod, "status").get("containerStatuses")
    named = (one for one in rows if isinstance(one, dict)) if isinstance(rows, list) else ()
    status = next((one for one in named if one.get("name") == container), {})
    state, last = part(status, "state"), part(part(status, "lastState"), "terminated")
    waits = not ("running" in state or "terminated" in state)
    # While it waits to be started again, its log is the last run's: as `previous`, and without.
    return Run(number(status, "restartCount"), not waits or bool(last), waits or "terminated" in state, not waits)


class ContainerLog:
    def __init__(
        self, cursors: Cursors, stream: str, name: str, container: str, ask: Ask, say: Callable[[str, str], None]
    ) -> None:
        self.stream, self.name, self.container = stream, name, container
        self.reached: Reached | None = None
        """None: not looked at yet."""
        self.origin: Reached | None = None
        """Where following began, when the log was there before."""
        self.over = True
        """Nothing is missing of it, should its pod be gone at the next look."""
        self.ready: list[Piece] = []
        self._cursors = cursors
        self._handing = Handing(cursors, stream, name)
        self.ask = ask
        self._say = say
        self._moved_at: float | None = None
        self._done = -1
        """The last run that was read to its end."""

    def begin(self, reached: Reached) -> None:
        """Follow from there on."""
        self.reached = reached
        self._cursors.note(self.stream, self._handing.place, reached.note())
        self.ready.append(Piece(self.stream, self.name, self._handing.place, b""))

    def resume(self, place: int) -> bool:
        """Go on at a place that was stored; False when nobody knows any more what that is in the log."""
        found = self._cursors.before(self.stream, place)
        at, note = found if found is not None else (place, "")
        try:
            self.reached = Reached.of(note)
        except (ValueError, TypeError):
            self.reached, at = None, place
        self._handing = Handing(self._cursors, self.stream, self.name, at, place - at)
        return self.reached is not None

    async def _present(self, run: Run) -> Reached:
        """The log's present end: what is before is the past."""
        if not run.begun:
            return Reached(run.number)
        last = await self._lines({"timestamps": "true", "tailLines": "1", "limitBytes": str(PAGE)}, whole=True)
        if not last or not last[-1].at:
            return Reached(run.number)
        reached = Reached(run.number, last[-1].at // 1_000_000_000)
        while True:
            try:
                raw = await self._page(reached, previous=False)
            except NoLog:
                return reached
            lines = await asyncio.to_thread(lines_of, raw, whole=run.ended and len(raw) < PAGE) or []
            reached = reached.after(lines) if len(raw) < PAGE else reached.next_second(lines)
            if len(raw) < PAGE:
                return reached

    async def read(self, run: Run) -> None:
        """Takes what is new into `ready`. At the very first look that is nothing: all there is was before."""
        if self.reached is None:
            self.origin = await self._present(run)
            self.begin(self.origin)
        assert self.reached is not None
        self.over = False
        if run.number > self.reached.run:
            await self._end_run(run)
        wanted = run.number == self.reached.run and run.begun and self._done < run.number
        if wanted and await self._follow(previous=False, ended=run.ended) and run.ended:
            self._done = run.number
        self.over = not run.begun or self._done == run.number

    def take_ready(self) -> list[Piece]:
        pieces, self.ready = self.ready, []
        return pieces

    def ended(self) -> Piece:
        self._cursors.forget(self.stream)
        return Piece(self.stream, self.name, self._handing.place, b"", ended=True)

    async def _end_run(self, run: Run) -> None:
        """The rest of the run before, as far as it is there."""
        assert self.reached is not None
        if self._done == self.reached.run == run.number - 1:
            self._next_run(run.number)
            return
        if not (run.before and self.reached.run == run.number - 1):
            missed = f"{self.name}: it restarted again before its log was read: its last words may be missing"
            self._lose("restarts", missed)
            self._next_run(run.number - 1 if run.before else run.number)
        if run.before and await self._follow(previous=True, ended=True):
            self._next_run(run.number)

    async def _follow(self, previous: bool, ended: bool) -> bool:
        """Whether all that is there has been taken."""
        for _ in range(MOST_PAGES):
            reached = self.reached
            assert reached is not None
            try:
                raw = await self._page(reached, previous)
            except NoLog as error:
                if previous:
                    self._lose("previous", f"{self.name}: it restarted, and its log before is gone: {error}")
                return True
            full = len(raw) >= PAGE
            lines = await asyncio.to_thread(lines_of, raw, whole=ended and not full)
            if lines is None:
                return True
            if not reached.in_place(lines):
                if not previous and not self._surely_moved():
                    return False
                lost = (
                    f"{self.name}: its log was rotated since the last look: lines may be missing (containerLogMaxSize)"
                )
                self._lose("rotated", lost)
                self.reached = reached.again()
                continue
            self._moved_at = None
            fresh = reached.fresh(lines)
            if full and not fresh:
                self.reached = reached.next_second(lines)
                self._say(
                    "much", f"{self.name}: more than {PAGE >> 20} MiB in one second, which is more than can be read"
                )
                continue
            self._take(fresh, reached.after(lines))
            if not full:
                return True
        return False

    def _take(self, fresh: list[Line], reached: Reached) -> None:
        self.reached = reached
        if fresh:
            self.ready += self._handing.take([line.text for line in fresh], reached.note())

    def _next_run(self, number: int) -> None:
        assert self.reached is not None
        self._take([], self.reached.next_run(number))
        if self._handing.owed == 0:
            self._cursors.note(self.stream, self._handing.place, self.reached.note())
        self._moved_at = None

    def _surely_moved(self) -> bool:
        """Another log answers: of the run after this one, or of this one in a new file. The pod's status will tell."""
        now = time.monotonic()
        if self._moved_at is None:
            self._moved_at = now
        return now - self._moved_at >= _SURE_S

    def _lose(self, key: str, text: str) -> None:
        """What was to be left out, because it had been handed out before a restart, is not there any more."""
        self._say(key, text)
        self._handing = Handing(self._cursors, self.stream, self.name, self._handing.place)

    async def _page(self, reached: Reached, previous: bool) -> bytes:
        return await self.ask(reached.params | ({"previous": "true"} if previous else {}))

    async def _lines(self, params: dict[str, str], whole: bool) -> list[Line]:
        try:
            return lines_of(await self.ask(params), whole) or []
        except NoLog:
            return []
