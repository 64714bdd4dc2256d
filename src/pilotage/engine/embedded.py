"""Single-machine mode: the real Temporal server as a child, on loopback, its data in the state folder.

It outlives a killed coordinator; the next one adopts it by the process id it noted down.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import structlog

from pilotage.core.errors import PilotageError

log = structlog.get_logger()

READY_WITHIN_S = 20.0
COLLECT_EARLY = {"GOGC": "30"}
"""The server collects its garbage when its heap has grown by 30 % rather than Go's 100 %: less memory for a little CPU.
A value of the environment wins."""


class EmbeddedServer:
    def __init__(self, state: Path) -> None:
        self._note = state / "engine.json"
        self._database = state / "engine.db"
        self._log = state / "engine.log"
        self._process: psutil.Process | None = None
        self.port = 0
        self._serving = False  # once a worker is connected, the address must stay

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def ensure(self) -> None:
        """Running and answering, when this returns: adopted, or started on the port it had before."""
        if self._process is None:
            self._adopt()
        if self._process is None or not _alive(self._process):
            self._spawn()
        await self._wait_until_it_answers()
        self._serving = True

    async def supervise(self) -> None:
        """Starts the server again whenever it dies, until cancelled."""
        while True:
            await asyncio.sleep(0.25)
            if self._process is None or not _alive(self._process):
                log.warning("the embedded server died and is started again", port=self.port)
                try:
                    await self.ensure()
                except PilotageError as error:
                    log.error("the embedded server does not come back", error=str(error))

    async def stop(self) -> None:
        if self._process is None:
            return
        try:
            self._process.terminate()
            await asyncio.to_thread(self._process.wait, 5)
        except psutil.TimeoutExpired:
            self._process.kill()
        except psutil.NoSuchProcess:
            pass
        self._note.unlink(missing_ok=True)

    def _adopt(self) -> None:
        try:
            note = json.loads(self._note.read_text())
            self.port = int(note["port"])
            process = psutil.Process(int(note["pid"]))
            if process.create_time() == note["created"] and str(self._database) in process.cmdline():
                self._process = process
        except (OSError, ValueError, KeyError, psutil.Error):
            return

    def _spawn(self) -> None:
        binary = find_binary()
        if self._serving and not _is_free(self.port):
            raise PilotageError(f"port {self.port} is taken by another program; the worker waits for the engine there")
        if not self.port or not _is_free(self.port):
            self.port = free_port()
        arguments = ["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port)]
        arguments += ["--db-filename", str(self._database), "--log-level", "error"]
        arguments += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=2"]
        with self._log.open("ab") as output:
            child = subprocess.Popen(
                [binary, *arguments],
                env={**COLLECT_EARLY, **os.environ},
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._process = psutil.Process(child.pid)
        note = {"pid": child.pid, "created": self._process.create_time(), "port": self.port}
        temporary = self._note.with_suffix(".tmp")
        temporary.write_text(json.dumps(note))
        temporary.replace(self._note)

    async def _wait_until_it_answers(self) -> None:
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
        while asyncio.get_running_loop().time() < deadline:
            if self._process is None or not _alive(self._process):
                tail = self._log.read_text(errors="replace").splitlines()[-3:]
                raise PilotageError(f"the embedded server ended at once; {self._log} says: {' / '.join(tail)}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.05)
        raise PilotageError(f"the embedded server did not answer within {READY_WITHIN_S:g} s; see {self._log}")


def find_binary() -> str:
    """`temporal` from PATH when there is one, else the one installed beside this Python."""
    beside = Path(sys.executable).parent / "temporal"
    found = shutil.which("temporal") or (str(beside) if os.access(beside, os.X_OK) else None)
    if found is None:
        raise PilotageError("the `temporal` program is missing: reinstall pilotage, or set TEMPORAL_ADDRESS")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
