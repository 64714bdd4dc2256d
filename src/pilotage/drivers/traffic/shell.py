"""Traffic through a team's own commands: one that sets the weight, one that prints it."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.arguments import fill, only
from pilotage.drivers.process import expect_success, run, run_once


class ShellTraffic:
    class Options(DriverOptions):
        set: Annotated[list[str], only("weight", "version", "previous", "key")] = Field(
            description="an argument list with {weight} (0 to 100), {version}, {previous}, {key}"
        )
        read: Annotated[list[str], only()] = Field(
            description="an argument list that prints the canary's percent, 0 to 100, on its last line"
        )
        timeout_s: float = Field(default=30.0, gt=0, description="each is ended after that many seconds")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context

    async def set_weight(self, weight: float, call: Call) -> float:
        values = {"weight": f"{weight:g}", "version": call.version, "previous": call.previous, "key": call.key}
        argv = fill(self._options.set, values)
        cwd, timeout_s = self._context.directory, self._options.timeout_s
        env = {**os.environ, "PILOTAGE_KEY": call.key}
        done = await run_once(argv, cwd=cwd, env=env, key=call.key, state=self._context.state, timeout_s=timeout_s)
        expect_success(argv, cwd, done, timeout_s)
        return await self.read_weight()

    async def read_weight(self) -> float:
        argv, cwd, timeout_s = self._options.read, self._context.directory, self._options.timeout_s
        done = await run(argv, cwd=cwd, env=os.environ, timeout_s=timeout_s)
        expect_success(argv, cwd, done, timeout_s)
        last = (done.stdout.strip().splitlines() or [""])[-1].strip().removesuffix("%")
        try:
            weight = float(last)
        except ValueError:
            weight = -1.0
        if not 0 <= weight <= 100:
            raise PermanentError(
                f"{argv[0]} must print the weight, 0 to 100, on its last line; it printed {last[:80]!r}"
            )
        return weight

    async def probe(self) -> str:
        return f"{self._options.read[0]} says {await self.read_weight():g} %"

    async def close(self) -> None:
        pass
