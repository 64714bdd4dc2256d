"""A pool through a team's own commands: one takes a server out of rotation, one puts it back, one prints all states."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, cast, get_args

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions, PoolState
from pilotage.drivers.arguments import fill, only
from pilotage.drivers.process import check_command, expect_success, forget, run, run_once

_GRACE_S = 5.0


class ShellPool:
    class Options(DriverOptions):
        """`drain` and `ready` are argument lists with {server}, {key} and {timeout} (seconds)."""

        drain: Annotated[list[str], only("server", "key", "timeout")] = Field(
            description="takes the server out and ends when its last request has; fails after {timeout}"
        )
        ready: Annotated[list[str], only("server", "key", "timeout")] = Field(
            description="puts the server back and ends when the balancer thinks it well"
        )
        states: Annotated[list[str], only()] = Field(
            description='prints a line "name state" for each server; the state is ready, drained or down'
        )
        timeout_s: float = Field(default=30.0, gt=0, le=3600, description="`states` is ended after that many seconds")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context

    async def drain(self, server: str, call: Call) -> str:
        await self._turn(self._options.drain, server, call, ("drained", "down"))
        return f"{self._options.drain[0]} drained {server}"

    async def ready(self, server: str, call: Call) -> str:
        await self._turn(self._options.ready, server, call, ("ready",))
        return f"{self._options.ready[0]} put {server} back"

    async def states(self) -> Mapping[str, PoolState]:
        argv, cwd, timeout_s = self._options.states, self._context.directory, self._options.timeout_s
        done = await run(argv, cwd=cwd, env=os.environ, timeout_s=timeout_s)
        expect_success(argv, cwd, done, timeout_s)
        states: dict[str, PoolState] = {}
        for line in done.stdout.splitlines():
            if not line.strip():
                continue
            name, _, state = line.strip().rpartition(" ")
            if not name or state not in get_args(PoolState) or name in states:
                raise PermanentError(
                    f'{argv[0]} must print one line "name state" for each server, the state one of'
                    f" {', '.join(get_args(PoolState))}; it printed {line.strip()[:80]!r}"
                )
            states[name.strip()] = cast(PoolState, state)
        return states

    async def probe(self) -> str:
        for argv in (self._options.drain, self._options.ready):
            check_command(argv, self._context.directory, os.environ)
        states = await self.states()
        if not states:
            raise PermanentError(f"{self._options.states[0]} knows no server")
        ready = sum(state == "ready" for state in states.values())
        return f"{self._options.states[0]} knows {len(states)} servers, {ready} of them ready"

    async def close(self) -> None:
        pass

    async def _turn(self, command: Sequence[str], server: str, call: Call, wanted: tuple[PoolState, ...]) -> None:
        """Once per key, and looked at afterwards: what a command says it did need not be so."""
        if server not in (states := await self.states()):
            known = ", ".join(sorted(states)[:10]) or "none"
            raise PermanentError(f"{self._options.states[0]} knows no server {server}, but {known}")
        argv = fill(command, {"server": server, "key": call.key, "timeout": f"{call.timeout_s:g}"})
        cwd, timeout_s = self._context.directory, call.timeout_s + _GRACE_S
        env = {**os.environ, "PILOTAGE_KEY": call.key}
        done = await run_once(argv, cwd=cwd, env=env, key=call.key, state=self._context.state, timeout_s=timeout_s)
        expect_success(argv, cwd, done, timeout_s)
        if (now := (await self.states()).get(server)) not in wanted:
            # Somebody has turned it since, or the command lies: then the call repeated must run it again.
            await asyncio.to_thread(forget, self._context.state, [call.key])
            raise TemporaryError(f"{argv[0]} ended well, but {server} is {now or 'gone'}, not {wanted[0]}")
