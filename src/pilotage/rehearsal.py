"""Practising the way back before the rollout: every splitter is really called, and nothing moves."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pilotage.core.errors import Refused
from pilotage.core.model import Plan
from pilotage.drivers import Call
from pilotage.drivers.process import OVERTAKEN, journal
from pilotage.engine.crew import Crew

WITHIN_S = 20.0
"""For each driver call; a person waits for the answer."""


@dataclass(frozen=True)
class Rehearsal:
    """(target, seconds) in the order of the way back; `failed` says what did not work, empty when all did."""

    targets: tuple[tuple[str, float], ...] = ()
    detail: str = ""
    failed: str = ""


async def rehearse(plan: Plan, state: Path) -> Rehearsal:
    """What is in force (0 %) is set and read back on each splitter, and the deployers are probed.

    Raises Refused when a splitter sends anything to the canary: it is left as it is.
    """
    crew = Crew(plan, state)
    took: list[tuple[str, float]] = []
    said: list[str] = []
    name = ""
    try:
        for step in plan.rollback.ways[0].steps:
            name = step.target
            took.append((name, await _set_what_is_in_force(crew, name, state)))
        for target in plan.targets:
            if target.kind == "deploy":
                name = target.name
                said.append(f"{name}: {await asyncio.wait_for(crew.deployer(name).probe(), WITHIN_S)}")
    except Refused:
        raise
    except TimeoutError:
        return Rehearsal(tuple(took), failed=f"{name} did not answer within {WITHIN_S:g} s")
    except Exception as error:
        return Rehearsal(tuple(took), failed=f"{name}: {error or type(error).__name__}")
    finally:
        await crew.close()
    return Rehearsal(tuple(took), "; ".join(said))


async def _set_what_is_in_force(crew: Crew, target: str, state: Path) -> float:
    """The seconds that it took."""
    traffic = crew.traffic(target)
    weight = await asyncio.wait_for(traffic.read_weight(), WITHIN_S)
    if weight != 0:
        raise Refused(f"{target} sends {weight:g} % to the canary now: a rehearsal never moves traffic. Set it to 0.")
    call = Call(f"rehearsal/{secrets.token_hex(16)}", crew.plan.version, crew.plan.previous, WITHIN_S)
    began = time.monotonic()
    try:
        in_force = await _or_end_it(asyncio.create_task(traffic.set_weight(0.0, call)))
    finally:
        await asyncio.to_thread(shutil.rmtree, journal(state, call.key), ignore_errors=True)
    if in_force != 0:
        raise ValueError(f"asked for 0 %, but {in_force:g} % is in force")
    return time.monotonic() - began


async def _or_end_it(setting: asyncio.Task[float]) -> float:
    """A call that takes too long is really ended: it must not set anything when a rollout has begun meanwhile."""
    try:
        done, _ = await asyncio.wait([setting], timeout=WITHIN_S)
        if done:
            return setting.result()
        raise TimeoutError
    finally:
        if not setting.done():
            setting.cancel(OVERTAKEN)
            with suppress(asyncio.CancelledError, Exception):
                await setting
