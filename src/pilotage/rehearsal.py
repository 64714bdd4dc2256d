"""Practising the ways back before the rollout: every driver on them is really called, and nothing moves."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pilotage.core.errors import PermanentError, Refused
from pilotage.core.model import Plan
from pilotage.drivers import Call, Rehearses, Traffic
from pilotage.drivers.keeping import keeping
from pilotage.drivers.process import OVERTAKEN, journal
from pilotage.drivers.secrets import asked_anew
from pilotage.engine.crew import Crew

WITHIN_S = 20.0
"""For each splitter; a person waits for the answer."""
DEPLOY_WITHIN_S = 120.0
"""For a deployer, which may have to fetch and to look around."""

T = TypeVar("T")


@dataclass(frozen=True)
class Rehearsal:
    """(target, seconds) in the order of the way back; `failed` says what did not work, empty when all did."""

    targets: tuple[tuple[str, float], ...] = ()
    detail: str = ""
    failed: str = ""


async def rehearse(plan: Plan, state: Path) -> Rehearsal:
    """What is in force is set and read back on each splitter; each deployer tries all of a deploy of the previous
    version but what others would notice; what gets the traffic back is probed.

    Raises Refused when a splitter sends anything to the canary: it is left as it is.
    """
    crew = Crew(plan, state)
    try:
        return await _Practice(plan, crew, state).everything()
    finally:
        await crew.close()


class _Practice:
    def __init__(self, plan: Plan, crew: Crew, state: Path) -> None:
        self._plan = plan
        self._crew = crew
        self._state = state
        self._took: list[tuple[str, float]] = []
        self._said: list[str] = []
        self._failed: list[str] = []

    async def everything(self) -> Rehearsal:
        back = self._plan.rollback
        steps = [step for way in (*back.ways, *back.afterwards) for step in way.steps]
        for name in dict.fromkeys(one.target for one in steps if one.action == "set_weight"):
            await self._try(name, WITHIN_S, lambda name=name: self._splitter(name))  # type: ignore[misc]
        if back.feature is not None:
            feature = back.feature.target
            await self._try(feature, WITHIN_S, lambda: self._feature(feature))
        deployers = [one.target for one in steps if one.action == "deploy"]
        others = [one.name for one in self._plan.targets if one.kind == "deploy"]
        for name in dict.fromkeys((*deployers, *others)):
            await self._try(name, DEPLOY_WITHIN_S, lambda name=name: self._deployer(name))  # type: ignore[misc]
        if gone := await self._crew.gone():
            self._failed.append(gone)
        elif back.probe is not None:
            self._said.append(
                f"{self._plan.previous} was probed ({back.probe.driver}), and nothing says that it is gone"
            )
        return Rehearsal(tuple(self._took), "; ".join(self._said), "; ".join(self._failed))

    async def _try(self, name: str, within_s: float, practise: Callable[[], Awaitable[None]]) -> None:
        """One that fails does not keep the others from being tried: a person wants to know all at once."""
        began = time.monotonic()
        try:
            await practise()
        except Refused:
            raise
        except TimeoutError:
            self._failed.append(f"{name} did not answer within {within_s:g} s")
        except Exception as error:
            self._failed.append(f"{name}: {str(error).removeprefix(f'{name}: ') or type(error).__name__}")
        else:
            self._took.append((name, time.monotonic() - began))

    async def _splitter(self, name: str) -> None:
        traffic = self._crew.traffic(name)
        weight = await asyncio.wait_for(traffic.read_weight(), WITHIN_S)
        if weight != 0:
            raise Refused(f"{name} sends {weight:g} % to the canary now: a rehearsal never moves traffic. Set it to 0.")
        await self._set(traffic, 0.0)

    async def _feature(self, name: str) -> None:
        """A flag that is on for everybody stays so: what it is at is set again."""
        traffic = self._crew.traffic(name)
        await self._set(traffic, await asyncio.wait_for(traffic.read_weight(), WITHIN_S))

    async def _set(self, traffic: Traffic, weight: float) -> None:
        call = await asyncio.wait_for(keeping(traffic, self._call(WITHIN_S)), WITHIN_S)
        in_force = await self._kept(call, traffic.set_weight(weight, call), WITHIN_S)
        if in_force != weight:
            raise PermanentError(f"asked for {weight:g} %, but {in_force:g} % is in force")

    async def _deployer(self, name: str) -> None:
        deployer, previous = self._crew.deployer(name), self._plan.previous
        if isinstance(deployer, Rehearses):
            call = self._call(DEPLOY_WITHIN_S)
            said = await self._kept(call, deployer.rehearse(previous, call), DEPLOY_WITHIN_S)
        else:
            with asked_anew():
                said = await asyncio.wait_for(deployer.probe(), WITHIN_S)
            said += f" (whether {previous} can be deployed, it cannot tell)"
        self._said.append(f"{name}: {said}")

    def _call(self, timeout_s: float) -> Call:
        return Call(f"rehearsal/{secrets.token_hex(16)}", self._plan.version, self._plan.previous, timeout_s)

    async def _kept(self, call: Call, doing: Awaitable[T], within_s: float) -> T:
        """A call that takes too long is really ended: it must not act when a rollout has begun meanwhile."""
        task = asyncio.ensure_future(doing)
        try:
            done, _ = await asyncio.wait([task], timeout=within_s)
            if done:
                return task.result()
            raise TimeoutError
        finally:
            if not task.done():
                task.cancel(OVERTAKEN)
                with suppress(asyncio.CancelledError, Exception):
                    await task
            await asyncio.to_thread(shutil.rmtree, journal(self._state, call.key), ignore_errors=True)
