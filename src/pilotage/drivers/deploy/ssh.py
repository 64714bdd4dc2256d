"""Deploying with a team's own command on a server, over SSH.

The command runs detached there, with a journal in ~/.pilotage/calls (`once.sh`): what a lost connection, or the end of
Pilotage, leaves running is waited for by the call that is repeated, and what has succeeded is not run again.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers import Call, Context
from pilotage.drivers.arguments import fill, only
from pilotage.drivers.process import OVERTAKEN, Finished
from pilotage.drivers.ssh import HOST, LoginOptions, Remote

_ONCE = Path(__file__).with_name("once.sh").read_text(encoding="utf-8")
_GRACE_S = 10.0
_ANSWER_S = 10.0
_STOP_WITHIN_S = 1.7


class SshDeployer:
    class Options(LoginOptions):
        """Paths start at the plan's folder, or with ~. `check` without {version} answers the probe too."""

        host: str = Field(pattern=HOST, max_length=253, description="the server's name or address")
        command: Annotated[list[str], only("version", "previous", "key")] = Field(
            description="an argument list with {version}, {previous}, {key}, run in the user's home folder"
        )
        check: Annotated[list[str], only("version")] | None = Field(
            default=None,
            description="an argument list that only looks; with {version} a rehearsal asks it for that one",
        )
        timeout_s: float = Field(default=600.0, gt=0, le=43_200, description="each is ended after that many seconds")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._remote = Remote(options.login(options.host, context.directory))
        # A later deploy of the same thing ends an earlier one that still runs, whoever began it.
        self._scope = _hash(context.service, context.environment, options.host, *options.command)

    async def deploy(self, version: str, call: Call) -> str:
        options = self._options
        argv = fill(options.command, {"version": version, "previous": call.previous, "key": call.key})
        seconds = str(math.ceil(options.timeout_s))
        try:
            names = (self._scope, _hash(call.key), call.key, seconds)
            done = await self._once("run", *names, *argv, within_s=options.timeout_s + _GRACE_S)
        except asyncio.CancelledError as cancelled:
            if cancelled.args == (OVERTAKEN,):
                await self._stop(call.key)
            raise
        self._expect(argv[0], *done)
        return f"{argv[0]} on {options.host} deployed {version}"

    async def rehearse(self, version: str, call: Call) -> str:
        await self._fit()
        check, host = self._options.check, self._options.host
        if check is None:
            return f"nothing can be looked up: {self._options.command[0]} on {host} has no `check`"
        await self._look(check, version)
        return f"{check[0]} on {host} " + (f"knows {version}" if _asks_for_a_version(check) else "ended well")

    async def probe(self) -> str:
        await self._fit()
        check, host, name = self._options.check, self._options.host, self._options.command[0]
        if check is None:
            return f"{name} can be run on {host}"
        if _asks_for_a_version(check):
            return f"{name} and {check[0]} can be run on {host}"
        await self._look(check, "")
        return f"{check[0]} on {host} ended well"

    async def close(self) -> None:
        await self._remote.close()

    async def _fit(self) -> None:
        names = [argv[0] for argv in (self._options.command, self._options.check) if argv]
        answer, said = await self._once("probe", *(one for one in names if "{" not in one))
        if answer != "fit":
            self._expect(names[0], answer, said)

    async def _look(self, check: list[str], version: str) -> None:
        argv = fill(check, {"version": version})
        done = await self._remote.run(argv, self._options.timeout_s)
        if done.timed_out:
            self._expect(argv[0], "late", done.excerpt())
        self._expect(argv[0], f"ended {done.returncode}", done.excerpt())

    async def _once(self, *arguments: str, within_s: float = _ANSWER_S) -> tuple[str, str]:
        """The answer of `once.sh`, and the last lines that the command said."""
        argv = ["/bin/sh", "-c", 'eval "$PILOTAGE_ONCE"', "pilotage", *arguments]
        done = await self._remote.run(argv, within_s, {"PILOTAGE_ONCE": _ONCE})
        answer, _, said = done.stdout.partition("\n")
        if done.timed_out or not done.ok or not answer:
            return ("silent" if done.timed_out else "odd"), done.excerpt()
        return answer, Finished(0, said, "").excerpt()

    async def _stop(self, key: str) -> None:
        """The cancellation goes on, whatever comes of this: it only waits so long."""
        with suppress(DriverError, TimeoutError):
            async with asyncio.timeout(_STOP_WITHIN_S):
                await self._once("stop", self._scope, _hash(key))

    def _expect(self, name: str, answer: str, said: str) -> None:
        """Raises what an answer other than success means."""
        what, _, more = answer.partition(" ")
        where, lines = f"{name} on {self._options.host}", f"Its last lines:\n{redact(said)}"
        if answer == "ended 0":
            return
        if what == "ended":
            raise TemporaryError(f"{where} ended with exit code {more}. {lines}")
        if what == "late":
            raise TemporaryError(f"{where} did not end within {self._options.timeout_s:g} s. {lines}")
        if what == "missing":
            hint = "it must be in the PATH of a shell without login, or named with its path"
            raise PermanentError(f"cannot run {more} on {self._options.host}: there is no such command, {hint}")
        if what == "unfit":
            raise PermanentError(f"{self._options.host} cannot deploy by ssh: {more}")
        if what == "stopped":
            raise PermanentError(f"{where} was ended, because a later deploy began")
        if what == "died":
            raise TemporaryError(f"{where} was started, but killed before its result could be noted")
        if what == "silent":
            raise TemporaryError(f"{self._options.host} did not say in time what became of {name}")
        raise TemporaryError(f"{self._options.host} answers with something that is not ours: {redact(said)}")


def _asks_for_a_version(check: list[str]) -> bool:
    return any("{version}" in argument for argument in check)


def _hash(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode(errors="surrogateescape")).hexdigest()[:32]
