"""A feature flag in flagd's JSON file: the share of targeting keys that get the `on` variant."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Call, Context, DriverOptions

_TOTAL = 10_000


class FlagdFileTraffic:
    class Options(DriverOptions):
        """`on` is the fix's variant, `off` the present one's; the flag must have both."""

        file: Path
        flag: str = Field(min_length=1)
        on: str = "on"
        off: str = "off"

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._path = context.directory / options.file

    async def set_weight(self, weight: float, call: Call) -> float:
        if not 0 <= weight <= 100:
            raise PermanentError(f"expected a weight from 0 to 100, got {weight:g}")
        await asyncio.to_thread(self._write, round(weight / 100 * _TOTAL))
        return await self.read_weight()

    async def read_weight(self) -> float:
        return await asyncio.to_thread(lambda: self._share(self._load()[1]))

    async def probe(self) -> str:
        weight = await self.read_weight()
        if not await asyncio.to_thread(os.access, self._path.parent, os.W_OK):
            raise PermanentError(f"cannot write in {self._path.parent}: the flag file there has to be replaced")
        return f"flag {self._options.flag} is at {weight:g} % {self._options.on}"

    async def close(self) -> None:
        pass

    def _load(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The whole file and the flag in it."""
        try:
            whole = json.loads(self._path.read_text(encoding="utf-8"))
            flag = whole["flags"][self._options.flag]
            variants = set(flag["variants"])
        except OSError as error:
            raise PermanentError(f"cannot read {self._path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise PermanentError(
                f"{self._path}: expected flagd's JSON with flags.{self._options.flag}.variants"
            ) from None
        if missing := {self._options.on, self._options.off} - variants:
            raise PermanentError(
                f"{self._path}: flag {self._options.flag} has no variant {', '.join(sorted(missing))}; "
                f"it has {', '.join(sorted(variants))}"
            )
        return whole, flag

    def _share(self, flag: dict[str, Any]) -> float:
        on, off = self._options.on, self._options.off
        if flag.get("state") == "DISABLED":
            raise PermanentError(f"{self._path}: flag {self._options.flag} is DISABLED; set its state to ENABLED")
        targeting = flag.get("targeting") or {}
        if not targeting and flag.get("defaultVariant") in (on, off):
            return 100.0 if flag["defaultVariant"] == on else 0.0
        try:
            ((operator, rows),) = targeting.items()
            weights = dict(rows)
            if operator == "fractional" and set(weights) <= {on, off} and (total := sum(weights.values())) > 0:
                return float(weights.get(on, 0) / total * 100)
        except (ValueError, TypeError, AttributeError):
            pass
        raise PermanentError(
            f"{self._path}: flag {self._options.flag} has targeting of its own, which would be lost. "
            f"Pilotage needs it empty, or one `fractional` between {on} and {off}."
        )

    def _write(self, share: int) -> None:
        whole, flag = self._load()
        self._share(flag)  # refuses targeting that is somebody else's
        rows = [[self._options.on, share], [self._options.off, _TOTAL - share]]
        flag["targeting"] = {"fractional": [row for row in rows if row[1]]}
        try:
            before = self._path.stat()
            handle, fresh = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            with open(handle, "w", encoding="utf-8") as file:
                json.dump(whole, file, indent=2, ensure_ascii=False)
                file.write("\n")
            os.chmod(fresh, before.st_mode & 0o7777)
            # flagd reloads only on a newer time, and two writes can fall into one tick of the file system's clock.
            newer = max(time.time_ns(), before.st_mtime_ns + 1_000_000)
            os.utime(fresh, ns=(newer, newer))
            os.replace(fresh, self._path)
        except OSError as error:
            raise PermanentError(f"cannot write {self._path}: {error.strerror}") from None
