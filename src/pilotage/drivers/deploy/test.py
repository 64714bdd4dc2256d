"""A smoke test as a step of its own: a check that must hold within its time."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_validator

from pilotage.core.errors import PermanentError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.deploy.parts import CheckPart, until_it_holds


class SmokeTest:
    class Options(DriverOptions):
        model_config = ConfigDict(hide_input_in_errors=True)

        check: str = Field(description="a driver of the port checks, such as http or command")
        options: dict[str, Any] = Field(default_factory=dict, description="its options")
        within_s: float = Field(
            default=60.0, gt=0, le=3600, description="seconds that it is looked at again and again; then the step fails"
        )

        @model_validator(mode="after")
        def _is_a_check(self) -> SmokeTest.Options:
            CheckPart.of(self.check, self.options)
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._check = CheckPart.of(options.check, options.options).build(context)

    async def deploy(self, version: str, call: Call) -> str:
        """Changes nothing, so that it may be repeated. Raises PermanentError with what was seen last."""
        evidence = await until_it_holds(self._check, self._options.within_s)
        if not evidence.holds:
            raise PermanentError(f"the smoke test fails after {self._options.within_s:g} s: {evidence.text}")
        return evidence.text

    async def probe(self) -> str:
        """Whether it could be looked at: before a deploy the check need not hold."""
        return await self._check.probe()

    async def close(self) -> None:
        await self._check.close()
