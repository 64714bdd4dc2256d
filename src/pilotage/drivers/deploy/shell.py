"""Deploys by a command: an argument list with {version}, {previous}, {key}; never a shell string."""

from __future__ import annotations

from pydantic import Field, field_validator

from pilotage.drivers import Call, Context, DriverOptions, process


class ShellDeployer:
    class Options(DriverOptions):
        command: list[str] = Field(min_length=1, description="deploys, e.g. [./deploy.sh, '{version}']")
        timeout: float = Field(default=600.0, gt=0, le=1800, description="seconds")

        @field_validator("command")
        @classmethod
        def _known(cls, value: list[str]) -> list[str]:
            return process.check_placeholders(value, ("version", "previous", "key"))

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context

    async def deploy(self, version: str, call: Call) -> str:
        argv = process.fill(self._options.command, {"version": version, "previous": call.previous, "key": call.key})
        output = await process.run_once(argv, self._context, call.key, self._options.timeout)
        return (output.strip().splitlines() or ["done"])[-1][:200]

    async def probe(self) -> str:
        return f"will run {process.executable(self._options.command[0], self._context.directory)}"

    async def close(self) -> None:
        """Nothing is kept open."""
