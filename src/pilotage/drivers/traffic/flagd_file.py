"""A feature flag in a flagd definition file: the `fractional` rule gives `weight` percent the `on` variant."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from pathlib import Path
from typing import Any

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Call, Context, DriverOptions

STEPS = 1000  # flagd's fractional weights are integers: a thousand of them make a tenth of a percent


class FlagdFileTraffic:
    class Options(DriverOptions):
        file: str = Field(description="the flag definition file (JSON)")
        flag: str
        on: str = Field(default="on", description="the variant that sends a user to the canary")
        off: str = Field(default="off", description="the variant of everybody else")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._file: Path = context.directory / options.file

    async def set_weight(self, weight: float, call: Call) -> float:
        if abs(await self.read_weight() - weight) > 50 / STEPS:
            await asyncio.to_thread(self._write, weight)
        return await self.read_weight()

    async def read_weight(self) -> float:
        return await asyncio.to_thread(self._weight)

    async def probe(self) -> str:
        return f"{await self.read_weight():g} % get {self._options.flag}={self._options.on}"

    async def close(self) -> None:
        """Nothing is kept open."""

    def _load(self) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
            flag = document["flags"][self._options.flag]
        except OSError as error:
            raise PermanentError(f"the flag file cannot be read: {error}") from None
        except ValueError as error:
            raise PermanentError(f"{self._file} is not JSON: {error}") from None
        except (KeyError, TypeError):
            raise PermanentError(f"{self._file} has no flag {self._options.flag!r} under `flags`") from None
        for variant in (self._options.on, self._options.off):
            if variant not in flag.get("variants", {}):
                raise PermanentError(f"{self._file}: flag {self._options.flag!r} has no variant {variant!r}")
        return document, flag

    def _weight(self) -> float:
        _, flag = self._load()
        if flag.get("state") == "DISABLED":
            return 0.0
        rule = (flag.get("targeting") or {}).get("fractional")
        if rule is None:
            return 100.0 if flag.get("defaultVariant") == self._options.on else 0.0
        try:
            parts = {part[0]: float(part[1]) for part in rule if isinstance(part, list)}
            return 100 * parts.get(self._options.on, 0.0) / sum(parts.values())
        except (TypeError, ValueError, IndexError, ZeroDivisionError):
            raise PermanentError(f"{self._file}: the fractional rule of {self._options.flag!r} is not understood") from None

    def _write(self, weight: float) -> None:
        document, flag = self._load()
        on = round(weight * STEPS / 100)
        parts = [[self._options.on, on], [self._options.off, STEPS - on]]
        before = (flag.get("targeting") or {}).get("fractional") or []
        seed = [part for part in before if isinstance(part, dict)][:1]  # keep what users are bucketed by
        flag["targeting"] = {**(flag.get("targeting") or {}), "fractional": [*seed, *parts]}
        temporary = self._file.with_name(f".{self._file.name}.{uuid.uuid4().hex[:8]}")
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        previous = self._file.stat()
        os.chmod(temporary, previous.st_mode & 0o777)
        if temporary.stat().st_mtime <= previous.st_mtime:  # flagd reloads only on a newer time
            os.utime(temporary, (previous.st_atime, previous.st_mtime + 1))
        os.replace(temporary, self._file)
