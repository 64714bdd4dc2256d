"""Deploying with a team's own command."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field

from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.arguments import fill, only
from pilotage.drivers.process import check_command, expect_success, run, run_once


class ShellDeployer:
    class Options(DriverOptions):
        """`check` without {version} answers the probe too."""

        command: Annotated[list[str], only("version", "previous", "key")] = Field(
            description="an argument list with {version}, {previous}, {key}, run in the plan's folder"
        )
        check: Annotated[list[str], only("version")] | None = Field(
            default=None,
            description="an argument list that only looks; with {version} a rehearsal asks it for that one",
        )
        timeout_s: float = Field(default=600.0, gt=0, description="each is ended after that many seconds")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context

    async def deploy(self, version: str, call: Call) -> str:
        argv = fill(self._options.command, {"version": version, "previous": call.previous, "key": call.key})
        cwd, timeout_s = self._context.directory, self._options.timeout_s
        env = {**os.environ, "PILOTAGE_KEY": call.key}
        done = await run_once(argv, cwd=cwd, env=env, key=call.key, state=self._context.state, timeout_s=timeout_s)
        expect_success(argv, cwd, done, timeout_s)
        return f"{argv[0]} deployed {version}"

    async def rehearse(self, version: str, call: Call) -> str:
        if self._options.check is None:
            return f"nothing can be looked up: {self._options.command[0]} has no `check`"
        argv = await self._look(version)
        return f"{argv[0]} knows {version}" if self._asks_for_a_version() else f"{argv[0]} ended well"

    async def probe(self) -> str:
        cwd = self._context.directory
        check_command(self._options.command, cwd, os.environ)
        if self._options.check is None:
            return f"{self._options.command[0]} can be run in {cwd}"
        if self._asks_for_a_version():
            check_command(self._options.check, cwd, os.environ)
            return f"{self._options.command[0]} and {self._options.check[0]} can be run in {cwd}"
        return f"{(await self._look(''))[0]} ended well"

    async def close(self) -> None:
        pass

    def _asks_for_a_version(self) -> bool:
        return any("{version}" in argument for argument in self._options.check or ())

    async def _look(self, version: str) -> list[str]:
        cwd, timeout_s = self._context.directory, self._options.timeout_s
        argv = fill(self._options.check or (), {"version": version})
        done = await run(argv, cwd=cwd, env=os.environ, timeout_s=timeout_s)
        expect_success(argv, cwd, done, timeout_s)
        return argv
