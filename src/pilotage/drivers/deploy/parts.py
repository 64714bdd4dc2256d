"""Drivers that another driver's options name, and a check that is looked at until it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from pilotage.core.errors import TemporaryError
from pilotage.core.model import DriverRef
from pilotage.drivers import Check, Context, Deployer, Driver, Evidence, Pool, registry

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 2.0


class _Part(BaseModel):
    """``{driver: NAME, **options}``: as written, and as the driver understood it. Secrets stay references in both."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    port: ClassVar[str]
    key: ClassVar[str] = "driver"

    driver: str
    written: dict[str, Any]
    understood: Any

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        name = value.get(cls.key) if isinstance(value, Mapping) else None
        if not isinstance(name, str):
            raise ValueError(f"a driver of the port {cls.port} with its options, {{{cls.key}: NAME, ...}}")
        return _read(cls.port, name, {option: one for option, one in value.items() if option != cls.key})

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        drivers = ", ".join(registry.names(cls.port))
        about = f"A driver of the port {cls.port} and its options, {{{cls.key}: NAME, ...}}; NAME is one of {drivers}."
        return {"type": "object", "required": [cls.key], "description": about}

    @classmethod
    def of(cls, name: str, options: Mapping[str, Any]) -> Self:
        """Raises ValueError for a driver that is none, or does not take these options."""
        return cls.model_validate({**options, cls.key: name})

    def _built(self, context: Context) -> Driver:
        return registry.build(self.port, DriverRef(self.driver, self.written), context)


class PoolPart(_Part):
    port = "pool"

    def build(self, context: Context) -> Pool:
        return cast(Pool, self._built(context))


class DeployPart(_Part):
    port = "deploy"

    def build(self, context: Context) -> Deployer:
        return cast(Deployer, self._built(context))


class CheckPart(_Part):
    """``{check: NAME, **options}``."""

    port = "checks"
    key = "check"

    def build(self, context: Context) -> Check:
        return cast(Check, self._built(context))


def _read(port: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a part. Its errors never show an option's value: it may be meant as a secret."""
    if name not in registry.names(port):
        raise ValueError(f"one of {', '.join(registry.names(port))} (drivers of the port {port})")
    try:
        understood = registry.options(port, name, options)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        told = "; ".join(f"{'.'.join(map(str, one['loc'])) or name}: {one['msg']}" for one in wrong[:3])
        raise ValueError(f"options that {name} accepts ({told})") from None
    return {"driver": name, "written": dict(options), "understood": understood}


async def looked(check: Check, within_s: float) -> Evidence:
    """What the check saw, at the latest after `within_s`. An answer that it cannot give now is one that fails."""
    try:
        async with asyncio.timeout(within_s):
            return await check.look()
    except TimeoutError:
        return Evidence(None, f"no answer within {within_s:g} s")
    except TemporaryError as error:
        return Evidence(None, str(error))


async def until_it_holds(check: Check, within_s: float) -> Evidence:
    """Looks again and again until it holds; what was seen last when it does not within `within_s`.

    Raises PermanentError as the check does: looking again would not help.
    """
    loop = asyncio.get_running_loop()
    end, pause = loop.time() + within_s, _FIRST_PAUSE_S
    while True:
        evidence = await looked(check, max(end - loop.time(), _FIRST_PAUSE_S))
        left = end - loop.time()
        if evidence.holds or left <= 0:
            return evidence
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE_S)
