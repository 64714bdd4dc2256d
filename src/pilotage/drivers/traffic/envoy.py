"""Envoy by its disk runtime layer: one key, swapped atomically, read back from the admin interface."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
import uuid
from typing import Any

import httpx
from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions


class EnvoyTraffic:
    class Options(DriverOptions):
        runtime_dir: str = Field(description="the disk layer's symlink_root: a symbolic link that Envoy watches")
        subdirectory: str = Field(default="", description="the disk layer's subdirectory")
        key: str = Field(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$", description="the route's runtime_fraction key")
        admin: str = Field(pattern=r"^https?://", description="admin address, to read back what is in force")
        denominator: int = Field(default=100, description="of the route's runtime_fraction: 100, 10000 or 1000000")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._link = context.directory / options.runtime_dir
        self._admin = httpx.AsyncClient(base_url=options.admin, timeout=2.0)

    async def set_weight(self, weight: float, call: Call) -> float:
        numerator = round(weight * self._options.denominator / 100)
        if await self._read() != numerator:
            await asyncio.to_thread(self._swap, numerator)
            await self._until(numerator, call.timeout_s)
        return await self.read_weight()

    async def read_weight(self) -> float:
        return 100 * await self._read() / self._options.denominator

    async def probe(self) -> str:
        weight = await self.read_weight()
        if not self._link.is_symlink():
            raise PermanentError(f"{self._link} is not a symbolic link; Envoy's symlink_root must be one (see its page)")
        return f"{weight:g} % in force by {self._options.key}"

    async def close(self) -> None:
        await self._admin.aclose()

    async def _until(self, numerator: int, timeout_s: float) -> None:
        deadline, pause = time.monotonic() + timeout_s, 0.005
        while await self._read() != numerator:
            if time.monotonic() > deadline:
                raise TemporaryError(f"Envoy has not taken {self._options.key}={numerator} within {timeout_s:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.1)

    async def _read(self) -> int:
        url = f"{self._options.admin}/runtime?format=json"
        try:
            answer = await self._admin.get("/runtime", params={"format": "json"})
            answer.raise_for_status()
            entries: dict[str, Any] = answer.json().get("entries", {})
        except (httpx.HTTPError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise TemporaryError(f"Envoy's admin does not answer: {reason}. Try: curl '{url}'") from None
        value = entries.get(self._options.key, {}).get("final_value", "")
        if not value:
            raise PermanentError(f"Envoy has no runtime key {self._options.key}. Try: curl '{url}'")
        try:
            return int(float(value))
        except ValueError:
            raise PermanentError(f"Envoy's {self._options.key} is {value!r}, not a number. Try: curl '{url}'") from None

    def _swap(self, numerator: int) -> None:
        """A new folder beside the old one, then the link is renamed over: Envoy sees all or nothing."""
        old = self._link.resolve()
        new = old.with_name(f"runtime-{uuid.uuid4().hex[:12]}")
        shutil.copytree(old, new)
        key = new / self._options.subdirectory / self._options.key
        key.parent.mkdir(parents=True, exist_ok=True)
        key.write_text(str(numerator))
        temporary = self._link.with_name(f".{self._link.name}-{uuid.uuid4().hex[:12]}")
        os.symlink(new.name, temporary)
        os.replace(temporary, self._link)
        if old.name.startswith("runtime-"):
            with contextlib.suppress(OSError):
                shutil.rmtree(old)
