"""A small service of a version, in a process of its own, and how a version is put on it.

    python -m tests.proxies.app install FOLDER NAME VERSION PORT

ends the process that runs under that name, starts the new one, and leaves when it answers. It answers its version,
after ``wait`` seconds where the address ends in ``wait=.5``; ``/metrics`` counts what it has answered.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil


def install(folder: Path, name: str, version: str, port: str) -> None:
    end(folder, name)
    argv = [sys.executable, "-m", "tests.proxies.app", "serve", str(folder), name, version, port]
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    (folder / f"{name}.pid").write_text(str(process.pid))
    (folder / f"{name}.installed").open("a").write(f"{version}\n")
    deadline = time.monotonic() + 20
    while not (folder / f"{name}.up").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{name} does not start: {(folder / f'{name}.log').read_text()[-500:]}")
        time.sleep(0.02)


def end(folder: Path, name: str) -> None:
    """At once: whoever calls this has drained it."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((folder / f"{name}.pid").read_text()))
        if name in process.cmdline():
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    (folder / f"{name}.up").unlink(missing_ok=True)


class _Connection(asyncio.Protocol):
    version = ""
    answered = 0
    broken = False

    def __init__(self) -> None:
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while b"\r\n\r\n" in self._heard:  # requests have no bodies here
            request, self._heard = self._heard.split(b"\r\n\r\n", 1)
            _, address, _ = request.split(b" ", 2)
            wait = float(address.partition(b"wait=")[2] or 0)
            asyncio.get_running_loop().call_later(wait, self._answer, address.decode("latin-1"))

    def _answer(self, address: str) -> None:
        cls = type(self)
        if address.startswith("/healthz"):
            status, body = ("503 Sick", "sick") if cls.broken else ("200 OK", "well")
        elif address.startswith("/metrics"):
            label = f'{{version="{cls.version}"}}'
            status, body = "200 OK", f"requests_total{label} {cls.answered}\nerrors_total{label} 0\n"
        else:
            cls.answered += 1
            status, body = "200 OK", cls.version
        self._transport.write(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())


async def serve(folder: Path, name: str, version: str, port: str) -> None:
    """A version that ends in ``-sick`` never gets well."""
    _Connection.version, _Connection.broken = version, version.endswith("-sick")
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", int(port))
    (folder / f"{name}.up").touch()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    command, where, *words = sys.argv[1:]
    if command == "install":
        install(Path(where), *words)
    else:
        asyncio.run(serve(Path(where), *words))
