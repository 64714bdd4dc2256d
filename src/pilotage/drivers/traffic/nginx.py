"""nginx, through an include file with `split_clients`, and a reload: survives a restart of nginx.

Besides the variable that names the upstream, the file defines one with what is in force, which a location answers. It
carries a mark of the writing: for a moment after a reload old workers may still accept connections.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import httpx
from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort, CohortKind
from pilotage.drivers import Call, Context, DriverOptions, files, ownfile
from pilotage.drivers.address import Address
from pilotage.drivers.arguments import only
from pilotage.drivers.cohorts import check_kind, check_values, literally
from pilotage.drivers.http import Client
from pilotage.drivers.looks import looks
from pilotage.drivers.process import check_command, expect_success, run
from pilotage.drivers.weights import TOTAL, to_parts, to_percent

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_UPSTREAM = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"
_ENOUGH = 10
"""Answers in a row, each from a connection of its own, until the old workers count as gone from the door."""


@dataclass(frozen=True)
class _State:
    """What the file says: the canary's weight of 10,000, the cohort, and the mark of the writing."""

    weight: int
    cohort: Cohort | None
    mark: str


class NginxTraffic:
    cohorts: frozenset[CohortKind] = frozenset({"header", "cookie"})

    class Options(DriverOptions):
        file: Path = Field(description="Pilotage's own include, in `http`; it is replaced by a rename")
        variable: str = Field(
            pattern=_VARIABLE, description="the variable that `file` sets, without the dollar, such as pilotage_payment"
        )
        canary: str = Field(pattern=_UPSTREAM, description="the name of the new version's `upstream`")
        stable: str = Field(pattern=_UPSTREAM, description="the name of the present version's `upstream`")
        status: Address = Field(description="the address of the location that answers what is in force")
        check: Annotated[list[str], only()] = Field(
            default=["nginx", "-t"],
            description="an argument list, run before each reload; when it fails, the file before comes back",
        )
        reload: Annotated[list[str], only()] = Field(
            default=["nginx", "-s", "reload"],
            description="an argument list that makes nginx read `file` anew",
        )
        key: str = Field(
            default="$request_id",
            pattern=r"^\$[A-Za-z0-9_]+$",
            description="what requests are shared by: $request_id each for itself, $remote_addr user by user",
        )
        timeout_s: float = Field(default=10.0, gt=0, description="seconds for each command and each question to nginx")

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.canary == self.stable:
                raise ValueError("canary and stable are two upstreams, not the same one")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._directory = context.directory
        self._file = context.directory / options.file
        self._client = Client(options.timeout_s)

    async def set_weight(self, weight: float, call: Call) -> float:
        parts = to_parts(weight)
        _check_cohort(call.cohort)
        async with files.alone(self._file):
            wanted = await self._write(parts, call.cohort)
        async for _ in looks(call.timeout_s):
            for _ in range(_ENOUGH):
                if (now := await self._state()) != wanted:
                    break
            else:
                return to_percent(parts)
        raise TemporaryError(
            f"nginx did not take over {weight:g} % within {call.timeout_s:g} s, it has {to_percent(now.weight):g} %. "
            f"Is {self._file} included, and did the reload reach the nginx that answers? Its error log tells"
        )

    async def read_weight(self) -> float:
        return to_percent((await self._state()).weight)

    async def read_cohort(self) -> Cohort | None:
        return (await self._state()).cohort

    async def probe(self) -> str:
        await asyncio.to_thread(ownfile.check, self._file)
        await asyncio.to_thread(check_command, self._options.reload, self._directory, os.environ)
        await self._run(self._options.check)
        return f"nginx has ${self._options.variable} at {await self.read_weight():g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _write(self, weight: int, cohort: Cohort | None) -> _State:
        """Brings the file to this state and nginx to read it; the file before comes back when nginx refuses it."""
        before = await asyncio.to_thread(ownfile.read, self._file)
        mark = re.search(r"\bmark=(\w+)", before)
        same = _State(weight, cohort, mark[1]) if mark is not None else None
        # A repeated call reloads again, as nobody knows whether the last one did, but waits for the same mark.
        wanted = same if same and self._text(same) == before else _State(weight, cohort, uuid.uuid4().hex[:12])
        await files.to_the_end(ownfile.replace, self._file, self._text(wanted))
        try:
            await self._run(self._options.check)
        except BaseException:
            if before:
                await files.to_the_end(ownfile.replace, self._file, before)
            else:
                await files.to_the_end(self._file.unlink)
            raise
        await self._run(self._options.reload)
        return wanted

    async def _run(self, argv: Sequence[str]) -> None:
        timeout_s = self._options.timeout_s
        done = await run(argv, cwd=self._directory, env=os.environ, timeout_s=timeout_s)
        expect_success(argv, self._directory, done, timeout_s)

    async def _state(self) -> _State:
        url = self._options.status
        try:
            # A connection of its own each time: one kept alive stays with its worker, an old one perhaps.
            answer = await self._client.get(url, headers={"Connection": "close"})
        except httpx.HTTPError as error:
            raise TemporaryError(f"nginx does not answer ({type(error).__name__}). Try: curl '{url}'") from None
        if answer.status_code in (401, 403):
            raise PermanentError(f"nginx refuses access ({answer.status_code}) to {url}: allow it where Pilotage runs")
        if answer.status_code >= 500:
            raise TemporaryError(f"nginx answered {answer.status_code}. Try: curl '{url}'")
        found = re.fullmatch(r"pilotage weight=(\d+) cohort=([\w=-]*) mark=(\w+)\s*", answer.text[:10_000], re.ASCII)
        if answer.status_code != 200 or found is None or int(found[1]) > TOTAL:
            raise PermanentError(
                f"{url} does not answer the weight in force ({answer.status_code}): it needs "
                f'return 200 "${self._options.variable}_in_force"; and the file {self._file} (docs/drivers.md)'
            )
        try:
            return _State(int(found[1]), _unpack(found[2]), found[3])
        except (ValueError, TypeError, binascii.Error):
            raise PermanentError(f"{url} answers a cohort that Pilotage did not write. Try: curl '{url}'") from None

    def _text(self, state: _State) -> str:
        options, name = self._options, self._options.variable
        # nginx refuses a share of 0 %.
        share = [f"    {state.weight / 100:.2f}% {options.canary};"] if state.weight else []
        lines = [f'split_clients "{options.key}" ${name}_split {{', *share, f"    * {options.stable};", "}"]
        lines += [f"map {_source(state.cohort)} ${name} {{", f"    default ${name}_split;"]
        lines += [f'    "{_exactly(value)}" {options.canary};' for value in _values(state.cohort)]
        lines += ["}", f'map "" ${name}_in_force {{']
        lines += [f'    default "pilotage weight={state.weight} cohort={_pack(state.cohort)} mark={state.mark}";', "}"]
        return "\n".join([ownfile.FIRST_LINE, *lines, ""])


def _check_cohort(cohort: Cohort | None) -> None:
    if cohort is None:
        return
    check_kind(cohort, NginxTraffic.cohorts, "nginx")
    allowed = r"[A-Za-z0-9-]+" if cohort.kind == "header" else r"[A-Za-z0-9_]+"
    if not re.fullmatch(allowed, cohort.name):
        what = "letters, digits and " + ("hyphens" if cohort.kind == "header" else "underscores")
        raise PermanentError(f"nginx sees {cohort.kind}s by names of {what} only, not {cohort.name!r}")
    check_values(cohort)


def _values(cohort: Cohort | None) -> tuple[str, ...]:
    return cohort.values if cohort else ()


def _source(cohort: Cohort | None) -> str:
    if cohort is None:
        return '""'
    return f"$http_{cohort.name.lower().replace('-', '_')}" if cohort.kind == "header" else f"$cookie_{cohort.name}"


def _exactly(value: str) -> str:
    """A regular expression, as nginx compares plain strings without regard to case; quoted for its configuration."""
    return rf"~^{literally(value)}\z".replace("\\", "\\\\").replace('"', '\\"')


def _pack(cohort: Cohort | None) -> str:
    """Letters that mean nothing to nginx: it would fill in a $, which nothing can quote."""
    if cohort is None:
        return ""
    return base64.urlsafe_b64encode(json.dumps([cohort.kind, cohort.name, cohort.values]).encode()).decode()


def _unpack(text: str) -> Cohort | None:
    if not text:
        return None
    kind, name, values = json.loads(base64.urlsafe_b64decode(text))
    return Cohort(kind, name, tuple(values))
