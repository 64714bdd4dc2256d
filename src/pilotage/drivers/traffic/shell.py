"""Any splitter a command can drive: argument lists with {weight}, {version}, {previous}, {key}; never a shell string."""

from __future__ import annotations

from pydantic import Field, field_validator

from pilotage.core.errors import PermanentError
from pilotage.drivers import Call, Context, DriverOptions, process


class ShellTraffic:
    class Options(DriverOptions):
        set: list[str] = Field(min_length=1, description="sets the weight, e.g. [./traffic.sh, set, '{weight}']")
        read: list[str] = Field(min_length=1, description="prints the weight in force, percent")
        timeout: float = Field(default=30.0, gt=0, le=1800, description="seconds")

        @field_validator("set")
        @classmethod
        def _known(cls, value: list[str]) -> list[str]:
            return process.check_placeholders(value, ("weight", "version", "previous", "key"))

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context

    async def set_weight(self, weight: float, call: Call) -> float:
        values = {"weight": f"{weight:g}", "version": call.version, "previous": call.previous, "key": call.key}
        argv = process.fill(self._options.set, values)
        await process.run_once(argv, self._context, call.key, self._options.timeout)
        return await self.read_weight()

    async def read_weight(self) -> float:
        output = await process.run(self._options.read, self._context, self._options.timeout)
        try:
            weight = float(output.strip().removesuffix("%"))
        except ValueError:
            raise PermanentError(f"{self._options.read[0]} should print a weight, printed {output[:80]!r}") from None
        if not 0 <= weight <= 100:
            raise PermanentError(f"{self._options.read[0]} printed the weight {weight:g}; expected 0 to 100")
        return weight

    async def probe(self) -> str:
        process.executable(self._options.set[0], self._context.directory)
        return f"{await self.read_weight():g} % in force"

    async def close(self) -> None:
        """Nothing is kept open."""
