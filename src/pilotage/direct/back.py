"""One try to go back: noted first, then the ways back are raced, and every line is told as it happens."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pilotage.core.model import Plan, Step, Way
from pilotage.core.redact import redact
from pilotage.core.underway import ways_back
from pilotage.direct.hands import DirectHands
from pilotage.drivers.process import forget, stop_running
from pilotage.drivers.secrets import hide
from pilotage.engine.acting import act
from pilotage.engine.back import go_back
from pilotage.handover import journals, snapshots
from pilotage.handover.journals import Journal

SET_WITHIN_S = 10.0
READ_WITHIN_S = 3.0
PROBE_WITHIN_S = 2.0
MOST_LINES = 200

Tell = Callable[[str], None]


def intended(plan: Plan, rollout: str, by: str, reason: str) -> Journal:
    """What a try begins with; `rollout` is empty when only the plan is known."""
    at = time.time()
    return Journal(
        rollout=rollout,
        service=plan.service,
        environment=plan.environment,
        version=plan.version,
        run=f"{at:.0f}-{secrets.token_hex(4)}",
        by=by,
        at=at,
        reason=redact(reason) or "asked for",
        ways=tuple(way.method for way in plan.rollback.ways),
    )


async def take_back(
    plan: Plan, state: Path, journal: Journal, tell: Tell, within_s: float | None = None, probe: bool = False
) -> Journal:
    """Goes on until a way back has worked; cancelled, or after `within_s`, it ends with what was reached.

    Returns the finished journal: `method` is empty when nobody was brought back. With `probe` no traffic is sent to
    something that is said to be gone. Never raises: whatever stands in the way is told, and the next thing tried.
    """
    return await _Try(plan, state, journal, tell).run(within_s, probe)


class _Try:
    def __init__(self, plan: Plan, state: Path, journal: Journal, tell: Tell) -> None:
        self._plan = plan
        self._state = state
        self._journal = journal
        self._tell = tell
        self._began = time.monotonic()
        self._calls = state
        self._hands = DirectHands(plan, state)
        self._ways = plan.rollback.ways
        self._keys: dict[Step, str] = {}
        self._begun: set[str] = set()

    async def run(self, within_s: float | None, probe: bool) -> Journal:
        self._say(f"{self._plan.service} in {self._plan.environment}: {self._plan.version} -> {self._plan.previous}")
        await self._note()
        await self._stop_what_goes_forward()
        method = await self._race(within_s, probe)
        self._journal = replace(self._journal, method=method, took_s=self._passed())
        if method:
            self._say(f"rolled back by {method}")
        with suppress(asyncio.CancelledError):
            await self._look()
        self._journal = replace(self._journal, finished=True)
        await self._note()
        await self._hands.close()
        with suppress(OSError):
            await asyncio.to_thread(forget, self._calls, self._keys.values())
        return self._journal

    async def _race(self, within_s: float | None, probe: bool) -> str:
        """The method that worked, or empty."""
        phase = await asyncio.to_thread(_reached, self._state, self._journal.rollout)
        if phase is not None:
            self._ways = ways_back(self._plan, phase)
        ways = self._ways
        self._begun.add(ways[0].method)
        try:
            async with asyncio.timeout(within_s):
                gone = await go_back(ways, self._attempt, self._failed, self._barred if probe else None)
        except TimeoutError:
            self._say(f"given up after {within_s:g} s, as asked for")
            return ""
        except asyncio.CancelledError:
            self._say("ended before it was reached; a command that runs is not ended by this")
            return ""
        for task in gone.rest:
            task.cancel()
        return gone.way.method

    async def _note(self) -> None:
        """A disk that is full, or not ours, does not keep anybody from going back."""
        try:
            await asyncio.to_thread(journals.write, self._state, self._journal)
        except OSError as error:
            self._say(f"this cannot be noted in {self._state} ({error.strerror}): the coordinator will not know of it")
            if not self._journal.finished:
                self._calls = Path(tempfile.mkdtemp(prefix="pilotage-"))
                self._hands = DirectHands(self._plan, self._calls)

    async def _stop_what_goes_forward(self) -> None:
        """Commands outlive a killed coordinator: a shift that ends after us would undo what we do."""
        if not self._journal.rollout:
            return
        with suppress(OSError):
            for key in await stop_running(self._state, f"{self._journal.rollout}/"):
                self._say(f"ended the command of call {key}, which the coordinator had left running")

    async def _attempt(self, step: Step) -> str | None:
        """One key for one step of this try: a command that still runs is waited for, not started once more."""
        name = self._journal.rollout or self._journal.service
        key = self._keys.setdefault(step, f"direct/{name}/{self._journal.run}/{len(self._keys)}")
        limit = SET_WITHIN_S if step.action == "set_weight" else None
        try:
            await asyncio.wait_for(act(self._hands, step, key, time.monotonic, SET_WITHIN_S), limit)
        except TimeoutError:
            return f"no answer within {SET_WITHIN_S:g} s"
        except Exception as error:
            options = [ref.options for ref in self._plan.refs]
            return await asyncio.to_thread(hide, str(error), options) or type(error).__name__
        done = f"{step.version} deployed" if step.action == "deploy" else f"{step.weight or 0:g} % in force"
        self._say(f"{step.target}: {done}")
        return None

    async def _failed(self, way: Way, step: Step, error: str) -> None:
        ways = self._ways
        place = ways.index(way) + 1
        follows = ways[place].method if place < len(ways) else ""
        beside = f"; beside it {follows} begins" if follows and follows not in self._begun else ""
        self._begun.add(follows)
        self._say(f"{step.target}: {error.removeprefix(f'{step.target}: ')}. {way.method} is tried again{beside}")
        await self._note()

    async def _barred(self, way: Way) -> str:
        """Only a probe that says no bars a way, and only one that sends traffic to what runs already."""
        if way.method not in ("traffic", "switch"):
            return ""
        try:
            check = self._hands.probe()
            if check is None:
                return ""
            try:
                seen = await asyncio.wait_for(check.look(), PROBE_WITHIN_S)
            finally:
                await check.close()
        except Exception:
            return ""
        return f"nothing is sent to {self._plan.previous}: {redact(seen.text)}" if seen.holds is False else ""

    async def _look(self) -> None:
        """Tells what the splitters say in the end."""
        if not self._hands.splitters:
            return
        answers = await asyncio.gather(*(in_force(self._hands, name) for name in self._hands.splitters))
        said = [f"{name} {answer}" for name, answer in zip(self._hands.splitters, answers, strict=True)]
        self._say(f"in force: {', '.join(said)}")

    def _say(self, text: str) -> None:
        line = f"{self._passed():6.2f} s  {text}"
        self._journal = replace(self._journal, lines=(*self._journal.lines, line)[-MOST_LINES:])
        with suppress(OSError):  # the terminal may be gone
            self._tell(line)

    def _passed(self) -> float:
        return time.monotonic() - self._began


def _reached(state: Path, rollout: str) -> int | None:
    """How far the rollout had come; None when only the plan is known, or nobody has noted it here."""
    return snapshots.reached(state, rollout) if rollout else None


async def in_force(hands: DirectHands, target: str) -> str:
    """``0 %``, or why it is not known."""
    try:
        return f"{await asyncio.wait_for(hands.traffic(target).read_weight(), READ_WITHIN_S):g} %"
    except TimeoutError:
        return f"unknown (no answer within {READ_WITHIN_S:g} s)"
    except Exception as error:
        return f"unknown ({redact(str(error)).removeprefix(f'{target}: ') or type(error).__name__})"
