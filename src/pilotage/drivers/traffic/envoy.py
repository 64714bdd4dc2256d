"""Envoy, through one key of its disk runtime: survives a restart of Envoy, and a change is one atomic rename.

The route uses `runtime_fraction` with this key; the layered runtime has a `disk_layer` whose `symlink_root` is a
symbolic link. Envoy reloads the tree when that link is replaced by a rename.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions, files
from pilotage.drivers.address import Address
from pilotage.drivers.looks import looks
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Service
from pilotage.drivers.weights import to_parts, to_percent

_DENOMINATORS = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}
_TREE = ".pilotage-"
_RUNTIME = "/runtime?format=json"


class EnvoyTraffic:
    class Options(DriverOptions):
        runtime_dir: Path = Field(
            description="the disk layer's `symlink_root`: a symbolic link to a folder, which is replaced"
        )
        subdirectory: str = Field(default="", description="the disk layer's `subdirectory`, if it has one")
        key: str = Field(min_length=1, description="the `runtime_key` of the route, such as payment.canary")
        admin: Address = Field(description="the admin interface's address, such as http://127.0.0.1:9901")
        token: Secret | None = Field(
            default=None, description="a bearer token, when something in front of the admin interface asks for one"
        )
        denominator: Literal[100, 10_000, 1_000_000] = Field(
            default=10_000, description="the smallest step is one part of so many"
        )

        @field_validator("key")
        @classmethod
        def _is_a_file_name(cls, key: str) -> str:
            if re.search(r"[/\s]", key):
                raise ValueError("a runtime key without spaces and slashes, such as payment.canary")
            return key

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._link = context.directory / options.runtime_dir
        self._admin = options.admin.rstrip("/")
        self._url = f"{self._admin}{_RUNTIME}"
        self._service = Service("Envoy's admin", self._admin, options.token, 5.0, "Bearer", option="admin")

    async def set_weight(self, weight: float, call: Call) -> float:
        total = self._options.denominator
        numerator = to_parts(weight, total)
        # All links of a folder have their trees there, so they share one lock.
        await files.change(self._link.with_name("pilotage"), self._swap, numerator)
        async for _ in looks(call.timeout_s):
            now = await self._value()
            if now is not None and abs(now - to_percent(numerator, total)) < 1e-9:
                return now
        raise TemporaryError(
            f"Envoy did not take over {weight:g} % within {call.timeout_s:g} s, it has {now} %. "
            f"Is {self._link} the symlink_root of its disk layer? Try: curl '{self._url}'"
        )

    async def read_weight(self) -> float:
        value = await self._value()
        if value is None:
            raise PermanentError(
                f"Envoy's runtime has no key {self._options.key}: its share is whatever the route's default says. "
                f"Write 0 into {self._path(self._link)} before Envoy starts, or try: curl '{self._url}'"
            )
        return value

    async def started_at(self) -> float:
        url = f"{self._admin}/server_info"
        info = await self._ask("/server_info")
        try:
            # Whole seconds. A hot restart is a new process as well: it begins an epoch of its own.
            uptime_s = float(info["uptime_current_epoch"].removesuffix("s"))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PermanentError(f"Envoy does not say how long it runs. Try: curl '{url}'") from None
        return time.time() - uptime_s

    async def probe(self) -> str:
        await asyncio.to_thread(self._check_link)
        return f"Envoy has {self._options.key} at {await self.read_weight():g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _value(self) -> float | None:
        runtime = await self._ask(_RUNTIME)
        try:
            entry = runtime["entries"].get(self._options.key)
            return None if entry is None else _percent(entry["final_value"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PermanentError(f"this is not Envoy's runtime, or not a share. Try: curl '{self._url}'") from None

    async def _ask(self, path: str) -> Any:
        return (await self._service.ask("GET", path, f"page {path}")).body

    def _path(self, root: Path) -> Path:
        """Where the key lives: Envoy reads ``a/b`` and ``a.b`` as the same key, so an existing file is kept."""
        base = root / self._options.subdirectory
        nested = base.joinpath(*self._options.key.split("."))
        return nested if nested.is_file() else base / self._options.key

    def _check_link(self) -> None:
        if not self._link.is_symlink() or not self._link.is_dir():
            raise PermanentError(
                f"{self._link} must be a symbolic link to a folder (Envoy reloads when the link is replaced). "
                f"Make it with: mkdir {self._link}.d && ln -s {self._link.name}.d {self._link}"
            )
        if not os.access(self._link.parent, os.W_OK):
            raise PermanentError(f"cannot write in {self._link.parent}: the link there has to be replaced")

    def _swap(self, numerator: int) -> None:
        self._check_link()
        folder, before = self._link.parent, self._link.resolve()
        names = {value: name for name, value in _DENOMINATORS.items()}
        share = {"numerator": numerator, "denominator": names[self._options.denominator]}
        try:
            tree = Path(tempfile.mkdtemp(prefix=_TREE, dir=folder))
            shutil.copytree(before, tree, dirs_exist_ok=True, symlinks=True)
            tree.chmod(0o755)  # Envoy often runs as another user
            path = self._path(tree)
            path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(path, json.dumps(share))
            fresh = tree.with_name(tree.name + ".link")
            fresh.symlink_to(tree.name)
            fresh.replace(self._link)
        except OSError as error:
            raise PermanentError(f"cannot write the runtime next to {self._link}: {error.strerror}") from None
        finally:
            self._clear_away(before)

    def _clear_away(self, before: Path) -> None:
        """Trees of ours that no link of the folder leads to; Envoy may still be reading the one just replaced."""
        links = [one for one in self._link.parent.iterdir() if one.is_symlink()]
        live = {one.resolve() for one in links if not one.name.startswith(_TREE)}
        for old in self._link.parent.glob(f"{_TREE}*"):
            if old.is_symlink():
                old.unlink(missing_ok=True)
            elif old.resolve() not in live | {before}:
                shutil.rmtree(old, ignore_errors=True)


def _percent(text: str) -> float:
    """A runtime value as percent: a plain number counts hundredths, otherwise a FractionalPercent."""
    numerator = re.search(r'numerator"?\s*:\s*(\d+)', text)
    if numerator is None:
        return float(text)
    denominator = re.search(r'denominator"?\s*:\s*"?(\w+)', text)
    return int(numerator[1]) / _DENOMINATORS[denominator[1] if denominator else "HUNDRED"] * 100
