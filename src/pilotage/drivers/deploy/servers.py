"""A batch of servers of a rolling deployment: each is drained, deployed to, looked at, and put back.

All servers of a batch go at once. One that fails stays out of rotation, or is in it and down when only its way back
took too long; the others are brought to their end. The calls within have keys made from the batch's: repeated, it goes
on where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ConfigDict, Field, field_validator

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Call, Check, Context, Deployer, Driver, DriverOptions, Pool, PoolState, Rehearses
from pilotage.drivers.deploy.parts import CheckPart, DeployPart, PoolPart, looked, until_it_holds
from pilotage.drivers.process import journal

_DOWN_S = 5.0
"""A server that is down has nobody's requests to wait for; it only must not come back while it is deployed to."""
_LOOK_S = 8.0

_Ask = Callable[[Deployer, str], Awaitable[str]]
"""What is asked of a deployer, with the key of its call."""


class _Server(DriverOptions):
    """A server, as the pool and its deployers know it."""

    name: str = Field(pattern=r"^[^\s/]+$", max_length=200, description="what the pool calls it")
    deploy: list[DeployPart] = Field(
        min_length=1, max_length=20, description="drivers of the port deploy with their options, in order"
    )
    health: CheckPart | None = Field(
        default=None, description="a driver of the port checks with its options: it holds when the server is well"
    )


@dataclass
class _Member:
    name: str
    deployers: list[tuple[str, Deployer]]
    """With the names of their drivers."""
    health: Check | None


@dataclass
class _Course:
    """How it went with one server: what was done, in seconds, and why it stopped."""

    name: str
    done: list[str] = field(default_factory=list)
    state: PoolState = "ready"
    """Its last known in the pool."""
    error: Exception | None = None
    stopped: str = ""

    def __str__(self) -> str:
        if self.error is None:
            return f"{self.name}: {', '.join(self.done)}"
        stays = {"drained": "; it stays out of rotation", "down": "; it is in rotation, but down"}.get(self.state, "")
        return f"{self.name}: {self.stopped}{self.error or type(self.error).__name__}{stays}"


class ServersDeployer:
    class Options(DriverOptions):
        model_config = ConfigDict(hide_input_in_errors=True)

        pool: PoolPart | None = Field(
            default=None, description="a driver of the port pool with its options; without one nothing is drained"
        )
        servers: list[_Server] = Field(
            min_length=1,
            max_length=500,
            description="they go at once; each is drained, deployed to, looked at, and put back",
        )
        drain_s: float = Field(default=60.0, gt=0, le=3600, description="seconds for a server's last request")
        healthy_s: float = Field(
            default=60.0,
            gt=0,
            le=3600,
            description="seconds for its health after the deploy, and for the pool to think it well",
        )

        @field_validator("servers")
        @classmethod
        def _are_named_once(cls, servers: list[_Server]) -> list[_Server]:
            names = [one.name for one in servers]
            if twice := sorted({one for one in names if names.count(one) > 1}):
                raise ValueError(f"each server once, not {', '.join(twice)} again")
            return servers

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._state = context.state
        self._pool = options.pool.build(context) if options.pool else None
        self._members = [
            _Member(
                one.name,
                [(each.driver, each.build(context)) for each in one.deploy],
                one.health.build(context) if one.health else None,
            )
            for one in options.servers
        ]

    async def deploy(self, version: str, call: Call) -> str:
        """Raises one error for all servers that failed: PermanentError where one of theirs was, else TemporaryError.

        One that is not well after its time is permanent: it has had its time.
        """
        courses = await _all(*(self._bring(one, version, call) for one in self._members))
        failed = [one for one in courses if one.error is not None]
        if not failed:
            return "; ".join(map(str, courses))
        well = ", ".join(one.name for one in courses if one.error is None)
        said = "; ".join(map(str, failed)) + (f" (in rotation with {version}: {well})" if well else "")
        raise _kind(failed)(said)

    async def rehearse(self, version: str, call: Call) -> str:
        async def practise(deployer: Deployer, key: str) -> str:
            if not isinstance(deployer, Rehearses):
                return await deployer.probe()
            return await deployer.rehearse(version, replace(call, key=key))

        return await self._asked(call.key, practise)

    async def probe(self) -> str:
        """Every driver once. A server that is not well, or not in rotation, is refused: it would not come back so."""

        return await self._asked("", lambda deployer, _: deployer.probe())

    async def close(self) -> None:
        drivers: list[Driver] = [self._pool] if self._pool else []
        for one in self._members:
            drivers += [deployer for _, deployer in one.deployers]
            drivers += [one.health] if one.health else []
        await asyncio.gather(*(driver.close() for driver in drivers))

    # -------------------------------------------------------------- one server

    async def _bring(self, member: _Member, version: str, call: Call) -> _Course:
        course, loop = _Course(member.name), asyncio.get_running_loop()

        def within(step: str, timeout_s: float = call.timeout_s) -> Call:
            return replace(call, key=f"{call.key}/{member.name}/{step}", timeout_s=timeout_s)

        async def step(done: str, failed: str, doing: Awaitable[object]) -> None:
            began = loop.time()
            course.stopped = failed
            await doing
            course.done.append(f"{done} {loop.time() - began:.1f} s")

        pool, name, notes = self._pool, member.name, journal(self._state, call.key) / "servers"
        try:
            if await asyncio.to_thread(_has, notes, name):
                course.done.append("done before")
                return course
            if pool is not None:
                await step("drained", "not drained: ", self._drain(pool, name, version, within("drain")))
                course.state = "drained"
            for number, (driver, deployer) in enumerate(member.deployers, start=1):
                done = "deployed" if len(member.deployers) == 1 else driver
                await step(done, f"not deployed ({driver}): ", deployer.deploy(version, within(f"deploy-{number}")))
            if member.health is not None:
                await step("well after", "", self._healthy(member.health))
            if pool is not None:
                await step("back after", "not put back: ", pool.ready(name, within("ready", self._options.healthy_s)))
            await asyncio.to_thread(_note, notes, name)
        except Exception as error:
            course.error = error
            if pool is not None:
                with suppress(Exception):  # else what we know must do
                    course.state = (await pool.states())[name]
        return course

    async def _drain(self, pool: Pool, name: str, version: str, call: Call) -> None:
        """On the way back nothing of a server that is out of rotation, or dead, is waited for."""
        state = (await pool.states()).get(name)
        back = version == call.previous != call.version
        if back and state == "drained":
            return
        limit = min(_DOWN_S, self._options.drain_s) if state == "down" else self._options.drain_s
        try:
            await pool.drain(name, replace(call, timeout_s=limit))
        except DriverError:
            now = (await pool.states()).get(name)
            if now != "down" and not (now == "drained" and (back or state == "down")):
                raise

    async def _healthy(self, health: Check) -> None:
        evidence = await until_it_holds(health, self._options.healthy_s)
        if not evidence.holds:
            raise PermanentError(f"not healthy after {self._options.healthy_s:g} s ({evidence.text})")

    # -------------------------------------------------------------- before

    async def _asked(self, key: str, ask: _Ask) -> str:
        states: Mapping[str, PoolState] = {}
        if self._pool is not None:
            await self._pool.probe()
            states = await self._pool.states()
        courses = await _all(*(self._examine(one, states, key, ask) for one in self._members))
        if failed := [one for one in courses if one.error is not None]:
            raise _kind(failed)("; ".join(map(str, failed)))
        return "; ".join(map(str, courses))

    async def _examine(self, member: _Member, states: Mapping[str, PoolState], key: str, ask: _Ask) -> _Course:
        course = _Course(member.name)
        try:
            if self._pool is not None:
                state = states.get(member.name)
                if state is None:
                    raise PermanentError(f"the pool has no such server, but {', '.join(sorted(states)[:10]) or 'none'}")
                if state != "ready":
                    raise TemporaryError(f"it is {state} in its pool: put it back, or take it out of the plan")
                course.done.append(state)
            if member.health is not None:
                evidence = await looked(member.health, _LOOK_S)
                if not evidence.holds:
                    raise TemporaryError(f"it is not healthy before the rollout ({evidence.text})")
                course.done.append("healthy")
            for number, (name, deployer) in enumerate(member.deployers, start=1):
                course.stopped = f"{name}: "
                course.done.append(await ask(deployer, f"{key}/{member.name}/deploy-{number}"))
        except Exception as error:
            course.error = error
        return course


def _has(notes: Path, name: str) -> bool:
    return notes.exists() and name in notes.read_text(encoding="utf-8").splitlines()


def _note(notes: Path, name: str) -> None:
    """A server that is back must not be taken out again by the call repeated."""
    notes.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with notes.open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")


async def _all(*courses: Awaitable[_Course]) -> list[_Course]:
    """Cancelled, all are, with the same word: a deployer must hear that it is overtaken. Each is waited for then, as
    gather itself ends with the first, while the others' commands are still being ended."""
    tasks = [asyncio.ensure_future(one) for one in courses]
    try:
        return list(await asyncio.gather(*tasks))
    except asyncio.CancelledError:
        await asyncio.wait(tasks)
        raise


def _kind(failed: list[_Course]) -> type[DriverError]:
    return PermanentError if any(isinstance(one.error, PermanentError) for one in failed) else TemporaryError
