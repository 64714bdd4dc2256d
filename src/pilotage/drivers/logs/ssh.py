"""Log files on other servers, over SSH: followed through rotation and restarts, several servers as one source."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Piece
from pilotage.drivers.logs.cursors import Cursors
from pilotage.drivers.logs.farfiles import FarFiles
from pilotage.drivers.logs.farhost import FarHost
from pilotage.drivers.logs.farserver import FarServer
from pilotage.drivers.logs.troubles import Troubles
from pilotage.drivers.ssh import HOST, LoginOptions, Remote

BUDGET = 8 * 1024 * 1024


class SshLogs:
    class Options(LoginOptions):
        """Paths of keys and known hosts start at the plan's folder, or with ~."""

        hosts: list[Annotated[str, StringConstraints(pattern=HOST, max_length=253)]] = Field(
            min_length=1, max_length=100, description="the servers' names or addresses; all take the same login"
        )
        paths: list[Annotated[str, StringConstraints(min_length=1, max_length=1000)]] = Field(
            min_length=1, max_length=50, description="patterns (`*`, `?`, `[a-z]`) there, from / or the user's home"
        )
        past_timeout_s: float = Field(default=60.0, gt=0, description="reading the past ends after that many seconds")
        timeout_s: float = Field(default=15.0, gt=0, description="seconds for each question to a server")

        @field_validator("hosts")
        @classmethod
        def _each_once(cls, hosts: list[str]) -> list[str]:
            if len(set(hosts)) < len(hosts):
                raise ValueError("each host once: else its logs would count twice")
            return hosts

        @field_validator("paths")
        @classmethod
        def _as_sh_takes_them(cls, paths: list[str]) -> list[str]:
            for path in paths:
                if "\0" in path or "\n" in path or "**" in path or path.startswith("~"):
                    raise ValueError(f"no `**` and no ~ (a path that does not begin with / begins at home): {path!r}")
            return paths

    def __init__(self, options: Options, context: Context, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds."""
        self._options = options
        self._clock = clock
        what = [options.hosts, options.port, options.user, options.jump, options.paths]
        mark = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
        self._mark = f"ssh#{mark}"
        self._cursors = Cursors(context.state / "logs" / f"{mark}.cursors")
        self._troubles = Troubles()
        self._servers = [self._server(host, context) for host in options.hosts]
        self._ready: list[Piece] = []
        self._failed = False
        self._closed = False

    def _server(self, name: str, context: Context) -> FarServer:
        def say(key: str, text: str) -> None:
            self._troubles.say((name, key), text)

        host = FarHost(name, Remote(self._options.login(name, context.directory)), self._options.timeout_s)
        files = FarFiles(name, self._mark, self._cursors, self._clock, say)
        return FarServer(host, files, self._options.paths, self._cursors, self._mark)

    async def read(self) -> list[Piece]:
        """A server that fails is told of, and what the others gave comes at the next call; nothing is lost."""
        if self._closed:
            return []
        if not (self._failed and self._ready):
            errors = await self._each()
            if errors:
                self._failed = True
                raise _together(errors)
        self._failed = False
        pieces, self._ready = self._ready, []
        return pieces

    def continue_at(self, places: Mapping[str, int]) -> None:
        ours = {stream: place for stream, place in places.items() if stream.startswith(self._mark)}
        for server in self._servers:
            server.restored = bool(ours)
            server.files.continue_at(ours)

    async def past(self, seconds: float, limit: int) -> AsyncIterator[Piece]:
        """File by file, the oldest first; of more than `limit` bytes those of the files written to last."""
        deadline = time.monotonic() + self._options.past_timeout_s
        errors = await self._each()
        there = [found for server in self._servers for found in server.past(seconds)]
        chosen = []
        for server, entry, end in sorted(there, key=lambda found: found[1].modified, reverse=True):
            if limit > 0:
                chosen.append((server, entry, max(0, end - limit), end))
                limit -= end
        for server, entry, begin, end in reversed(chosen):
            try:
                async for piece in server.earlier(entry, begin, end):
                    yield piece
                    if time.monotonic() > deadline:
                        limit_s = self._options.past_timeout_s
                        self._troubles.say(("past", ""), f"the servers did not give all the past within {limit_s:g} s")
                        break
            except DriverError as error:
                errors.append(error)
            if time.monotonic() > deadline:
                break
        if errors:
            raise _together(errors)

    def troubles(self) -> list[str]:
        return self._troubles.new()

    async def probe(self) -> str:
        """Raises TemporaryError when a server has no such file, PermanentError when one may not be read."""
        found = await asyncio.gather(*(server.probe() for server in self._servers), return_exceptions=True)
        errors = [one for one in found if isinstance(one, DriverError)]
        if errors:
            raise _together(errors)
        files = [one for one in found if not isinstance(one, BaseException)]
        if len(files) < len(found):
            raise next(one for one in found if isinstance(one, BaseException))
        number, size = sum(one[0] for one in files), sum(one[1] for one in files)
        return f"{number} log file(s) on {len(found)} server(s), {size / 1024:.0f} KiB"

    async def close(self) -> None:
        self._closed = True
        self._cursors.keep(at_once=True)
        await asyncio.gather(*(server.close() for server in self._servers))

    async def _each(self) -> list[DriverError]:
        """Reads all side by side; what fails keeps none of the others from being read."""
        share = BUDGET // len(self._servers)
        errors = await asyncio.gather(*(server.read(share) for server in self._servers))
        for server in self._servers:
            self._ready += server.files.ready
            server.files.ready = []
        self._cursors.keep(at_once=any(not piece.data for piece in self._ready))
        return [error for error in errors if error is not None]


def _together(errors: list[DriverError]) -> DriverError:
    """One for all: final only when all are."""
    kind = PermanentError if all(isinstance(one, PermanentError) for one in errors) else TemporaryError
    return kind("; ".join(str(one) for one in errors))
