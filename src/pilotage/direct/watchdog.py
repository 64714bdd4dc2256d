"""Goes back when the coordinator has been silent for too long in the middle of a rollout.

It never acts while the coordinator answers, and leaves alone what has ended. All it needs is in a state folder: the
coordinator's own when they share a host, else copies of what that coordinator said.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pilotage.core.errors import PilotageError
from pilotage.core.quantities import duration
from pilotage.direct import deciding
from pilotage.direct.asking import ANSWER_WITHIN_S, Blind, Door, Silent
from pilotage.direct.back import intended, take_back
from pilotage.direct.copies import Copies
from pilotage.direct.silence import Silence
from pilotage.handover.journals import Journal
from pilotage.handover.snapshots import Snapshot

SLACK_S = 5.0
"""What a busy machine may be late, beside the time that a question takes."""
AGAIN_S = 5.0
"""So long after it was left alone a rollout is looked at again."""


class AnotherActs(PilotageError):
    pass


def run(state: Path, door: Door, elsewhere: bool, every_s: float, once_idle: bool) -> None:
    """Until it is ended. Raises AnotherActs when a watchdog runs on this state folder."""
    with (state / "watchdog.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AnotherActs(f"a watchdog already runs on {state}: one is enough for a folder") from None
        asyncio.run(Watchdog(Copies(state, door, elsewhere), door, every_s).follow(once_idle))


def say(text: str) -> None:
    with suppress(OSError):
        print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z  {text}", file=sys.stderr, flush=True)  # noqa: T201


class Watchdog:
    def __init__(self, copies: Copies, door: Door, every_s: float) -> None:
        self._copies = copies
        self._door = door
        self._every_s = every_s
        self._name = f"watchdog@{socket.gethostname()}"
        self._silence = Silence(every_s + ANSWER_WITHIN_S + SLACK_S)
        self._tries: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._said: dict[str, str] = {}

    async def follow(self, once_idle: bool) -> None:
        """Until cancelled, or with `once_idle` until no rollout runs."""
        say(f"{self._name} watches, and asks every {self._every_s:g} s")
        try:
            while True:
                idle = await self._ask()
                if idle and once_idle:
                    say("no rollout runs: nothing is left to watch")
                    return
                await asyncio.sleep(self._every_s)
        finally:
            await self._end_tries()

    async def _ask(self) -> bool:
        """One question; whether the answer was that no rollout runs."""
        try:
            rollouts = await asyncio.to_thread(self._door.rollouts, self._name)
        except Blind as error:
            await self._it_lives()
            self._say_once("door", f"the coordinator answers but tells nothing ({error}): new rollouts are not seen")
            return False
        except Silent as error:
            self._silence.failed(time.monotonic())
            self._say_once("door", f"the coordinator is silent: {error}")
            await self._it_is_silent()
            return False
        await self._it_lives()
        self._say_once("door", "the coordinator answers")
        for line in await self._copies.renew(rollouts):
            say(line)
        return not rollouts

    async def _it_lives(self) -> None:
        self._silence.answered(time.monotonic())
        await self._end_tries()

    async def _it_is_silent(self) -> None:
        now = time.monotonic()
        for snapshot in await asyncio.to_thread(self._copies.all):
            limit = snapshot.plan.silence_s
            running = self._tries.get(snapshot.rollout)
            if running is not None and not running.done():
                continue
            if self._silence.longer_than(limit) and now >= self._not_before.get(snapshot.rollout, 0):
                self._tries[snapshot.rollout] = asyncio.create_task(self._consider(snapshot))

    async def _consider(self, snapshot: Snapshot) -> None:
        rollout, plan = snapshot.rollout, snapshot.plan
        try:
            why_not = await self._copies.why_leave(snapshot) or await deciding.nothing_to_take_back(
                plan, self._copies.root
            )
            if why_not:
                self._say_once(rollout, f"{rollout}: left alone: {why_not}")
                return
            if not self._silence.longer_than(plan.silence_s):
                return  # it has answered meanwhile
            silent = duration(round(self._silence.seconds))
            reason = f"the coordinator has been silent for {silent}, the plan bears {duration(plan.silence_s)}"
            say(f"{rollout}: GOING BACK: {reason}")
            journal = intended(plan, rollout, self._name, reason)
            done = await take_back(plan, self._copies.root, journal, lambda line: say(f"{rollout}: {line}"), probe=True)
            say(_told(done))
        except Exception as error:
            self._say_once(rollout, f"{rollout}: cannot be looked at: {type(error).__name__}: {error}")
        finally:
            self._not_before[rollout] = time.monotonic() + AGAIN_S

    async def _end_tries(self) -> None:
        """The coordinator goes on itself: what was begun is noted, and it finds the note."""
        running = [task for task in self._tries.values() if not task.done()]
        self._tries.clear()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=10)

    def _say_once(self, about: str, text: str) -> None:
        if self._said.get(about) != text:
            self._said[about] = text
            say(text)


def _told(done: Journal) -> str:
    if done.method:
        return f"{done.rollout}: ROLLED BACK by {done.method} after {done.took_s:.1f} s"
    return f"{done.rollout}: NOT ROLLED BACK yet"
