"""HAProxy's runtime socket: one command on each connection, and what its answers mean.

A command is one line; ``;`` or a line break would begin another one. The names that go into commands come from plans,
so they are held to the characters that HAProxy itself allows in names.
"""

from __future__ import annotations

import asyncio
import csv
import difflib
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, DriverOptions, files
from pilotage.drivers.answers import listed, one_line

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:][A-Za-z0-9_.:-]*$", max_length=200)]
"""Of a backend or a server, as HAProxy allows them in its configuration."""

MOST_BYTES = 8 * 1024 * 1024
_MAINTENANCE, _DRAIN = 0x23, 0x18  # forced or inherited, each
_UP = (1, 2)  # starting (slowstart), running
_CHECKED = 0x02
_TCP = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:\s]+):(?P<port>[0-9]{1,5})", re.ASCII)


class HaproxyOptions(DriverOptions):
    socket: str = Field(
        min_length=1, description="the runtime API's socket: a path, relative to the plan's folder, or host:port"
    )
    backend: Name = Field(description="the backend that has the servers")
    state_file: Path | None = Field(
        default=None, description="where the servers' state is saved after every change: HAProxy's `server-state-file`"
    )
    timeout_s: float = Field(default=5.0, gt=0, description="seconds for each command")


@dataclass(frozen=True)
class Server:
    """A line of a backend. `weight` is the one last set; `running` counts its requests, those that queue included."""

    name: str
    weight: int
    up: bool
    """As the health check sees it; true without one."""
    checked: bool
    maintained: bool
    draining: bool
    backup: bool
    running: int

    @property
    def in_rotation(self) -> bool:
        """By its administrative state, whatever its health and its weight."""
        return not (self.maintained or self.draining)

    @property
    def takes_requests(self) -> bool:
        return self.up and self.in_rotation and self.weight > 0

    @property
    def state(self) -> str:
        """As HAProxy's own pages call it."""
        return "MAINT" if self.maintained else "DRAIN" if self.draining else "UP" if self.up else "DOWN"


@dataclass(frozen=True)
class Backend:
    """`cookie` is what binds users to servers, empty when nothing does; `servers` by their names."""

    name: str
    algorithm: str
    cookie: str
    servers: dict[str, Server]

    def server(self, name: str) -> Server:
        if name not in self.servers:
            raise PermanentError(
                f"HAProxy's backend {self.name} has no server {name}{_meant(name, self.servers)}. "
                f"It has {listed(list(self.servers)) or 'none'}"
            )
        return self.servers[name]


class Runtime:
    def __init__(self, options: HaproxyOptions, context: Context) -> None:
        self._options = options
        self._tcp = _TCP.fullmatch(options.socket)
        self._where = options.socket if self._tcp else str(context.directory / options.socket)
        self._state_file = context.directory / options.state_file if options.state_file else None

    async def ask(self, command: str) -> str:
        """What HAProxy answers to a command that reads, or that answers nothing when it succeeds."""
        timeout_s = self._options.timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._exchange(command)
        except TimeoutError:
            raise TemporaryError(f"HAProxy did not answer within {timeout_s:g} s at {self._where}") from None
        except FileNotFoundError:
            raise TemporaryError(
                f"there is no socket {self._where}: does HAProxy run, and does its configuration say "
                f"`stats socket {self._where} mode 660 level admin`?"
            ) from None
        except PermissionError:
            raise PermanentError(
                f"no permission to open {self._where}: let the coordinator's user into the socket's group "
                "(`stats socket ... mode 660 group ...` in haproxy.cfg)"
            ) from None
        except ConnectionError as error:
            raise TemporaryError(f"HAProxy does not answer at {self._where} ({type(error).__name__})") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise PermanentError(f"HAProxy cannot be reached at {self._where}: {one_line(reason, 200)}") from None
        await self._refuse(command, answer)
        return answer

    async def change(self, command: str) -> None:
        """A command that answers nothing when it has succeeded."""
        if said := (await self.ask(command)).strip():
            raise PermanentError(f"HAProxy refused `{command}`: {one_line(said, 200)}")

    async def look(self) -> Backend:
        """The backend and its servers as they are now."""
        name = self._options.backend
        rows = _table(await self.ask(f"show stat {name} 6 -1"), ",")
        lines = _table(await self.ask(f"show servers state {name}"), " ")
        try:
            states = {row["srv_name"]: row for row in lines}
            (backend,) = [row for row in rows if row["svname"] == "BACKEND"]
            servers = {row["svname"]: _server(row, states[row["svname"]]) for row in rows if row is not backend}
            return Backend(name, backend["algo"], backend["cookie"], servers)
        except (KeyError, ValueError, TypeError):
            raise PermanentError(f"what answers at {self._where} is not HAProxy, or one that is too old") from None

    async def started_at(self) -> float:
        """Unix seconds. HAProxy 2.6 tells whole seconds of uptime only."""
        found = re.search(r"^Uptime_sec: *(\d+)$", await self.ask("show info"), re.MULTILINE)
        if found is None:
            raise PermanentError(f"what answers at {self._where} does not tell its uptime: is it HAProxy?")
        return time.time() - int(found[1])

    async def tables(self) -> set[str]:
        """The names of the stick tables, which are those of the proxies that declare them."""
        return set(re.findall(r"^# table: ([^,\s]+)", await self.ask("show table"), re.MULTILINE))

    async def expect_admin(self) -> None:
        """Raises PermanentError on a socket of a lower level. Changes nothing: no server has such a name."""
        await self.ask(f"set weight {self._options.backend}/? 0")

    async def save_state(self) -> None:
        """Writes every server's state where a restarted HAProxy reads it."""
        if self._state_file is None:
            return
        try:
            async with files.alone(self._state_file):  # asked for outside, an older state could be written last
                state = await self.ask("show servers state")
                if not state.startswith("1\n#"):
                    raise PermanentError("HAProxy's servers have a state in a format unknown here: remove `state_file`")
                await files.to_the_end(files.replace, self._state_file, state.rstrip("\n") + "\n")
        except DriverError as error:
            raise type(error)(
                f"the change is in force, but its state cannot be written, and HAProxy would forget it when it "
                f"restarts: {error}"
            ) from None

    async def expect_state_file(self) -> None:
        """Raises PermanentError when the state could not be saved."""
        if self._state_file and not await asyncio.to_thread(os.access, self._state_file.parent, os.W_OK):
            raise PermanentError(f"cannot write in {self._state_file.parent}: the state file there has to be replaced")

    async def _exchange(self, command: str) -> str:
        if self._tcp:
            host, port = self._tcp["host"].strip("[]"), int(self._tcp["port"])
            reader, writer = await asyncio.open_connection(host, port)
        else:
            reader, writer = await asyncio.open_unix_connection(self._where)
        try:
            writer.write(command.encode("ascii") + b"\n")
            await writer.drain()
            answer = bytearray()
            while piece := await reader.read(64 * 1024):
                answer += piece
                if len(answer) > MOST_BYTES:
                    raise PermanentError(f"{self._where} answers with more than {MOST_BYTES // 2**20} MiB")
            return answer.decode("utf-8", "replace")
        finally:
            writer.close()

    async def _refuse(self, command: str, answer: str) -> None:
        """Raises what an answer that is a refusal means."""
        said = answer.strip()
        if said.startswith("Permission denied"):
            raise PermanentError(
                f"HAProxy denies `{command}`: the socket {self._where} needs `level admin` in haproxy.cfg"
            )
        if said.startswith("Unknown command"):
            raise PermanentError(f"HAProxy does not know `{command}`: version 2.6 or later is needed")
        if said in ("No such backend.", "No such proxy.", "Can't find backend."):
            names = [line for line in (await self.ask("show backend")).split("\n")[1:] if line]
            name = self._options.backend
            raise PermanentError(
                f"HAProxy has no backend {name}{_meant(name, names)}. It has {listed(names) or 'none'}"
            )
        if "static LB algorithm" in said:
            raise PermanentError(
                f"HAProxy refused `{command}`: the backend's balance algorithm takes no weights while it runs. "
                "Use `balance roundrobin`"
            )


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {one_line(close[0], 60)}?" if close else ""


def _table(text: str, separator: str) -> list[dict[str, str]]:
    """Rows under a header that begins with ``#``; what comes before it (a version) is left out."""
    lines = text[text.find("#") :].lstrip("# ").split("\n")
    return list(csv.DictReader((line for line in lines if line), delimiter=separator))


def _server(stat: dict[str, str], state: dict[str, str]) -> Server:
    admin = int(state["srv_admin_state"])
    return Server(
        name=stat["svname"],
        weight=int(state["srv_uweight"]),
        up=int(state["srv_op_state"]) in _UP,
        checked=bool(int(state["srv_check_state"]) & _CHECKED),
        maintained=bool(admin & _MAINTENANCE),
        draining=bool(admin & _DRAIN),
        backup=stat["bck"] == "1",
        running=int(stat["scur"]) + int(stat["qcur"]),
    )
