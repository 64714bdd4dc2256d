"""A checklist item that a team's own command answers: exit code 0 means it holds."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import Field

from pilotage.drivers import Context, DriverOptions, Evidence
from pilotage.drivers.arguments import only
from pilotage.drivers.process import check_command, run


class CommandCheck:
    class Options(DriverOptions):
        command: Annotated[list[str], only()] = Field(
            description="an argument list, run in the plan's folder; it may only look"
        )
        timeout_s: float = Field(
            default=30.0, gt=0, le=600, description="it is ended after that many seconds; then nobody can tell"
        )

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context

    async def probe(self) -> str:
        check_command(self._options.command, self._context.directory, os.environ)
        return f"{self._options.command[0]} can be run in {self._context.directory}"

    async def look(self) -> Evidence:
        argv, cwd = self._options.command, self._context.directory
        check_command(argv, cwd, os.environ)
        done = await run(argv, cwd=cwd, env=os.environ, timeout_s=self._options.timeout_s)
        said = " ".join(done.excerpt().split())[-200:]
        if done.timed_out:
            return Evidence(None, f"{argv[0]} did not end within {self._options.timeout_s:g} s")
        return Evidence(done.ok, f"{argv[0]} ended with {done.returncode}: {said}")

    async def close(self) -> None:
        pass
