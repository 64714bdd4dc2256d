"""An upstream server in a process of its own that says who it is, over kept-alive HTTP/1.1.

    python -m tests.proxies.upstream stable

prints its address and serves until its standard input ends, so that it never outlives who started it. An address that
ends in ``wait=.5`` is answered after half a second, any other at once.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def upstream(name: str) -> Iterator[str]:
    """Its address."""
    argv = [sys.executable, "-m", "tests.proxies.upstream", name]
    root = Path(__file__).parents[2]
    with subprocess.Popen(argv, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate()


class _Connection(asyncio.Protocol):
    def __init__(self, name: str) -> None:
        self._body = name.encode()
        self._head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(name)}\r\n\r\n".encode()
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while b"\r\n\r\n" in self._heard:  # requests have no bodies here
            request, self._heard = self._heard.split(b"\r\n\r\n", 1)
            method, address, _ = request.split(b" ", 2)
            answer = self._head if method == b"HEAD" else self._head + self._body
            wait = float(address.partition(b"wait=")[2] or 0)
            if wait:
                asyncio.get_running_loop().call_later(wait, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def _serve(name: str) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(sys.stdin, over.set)
    server = await loop.create_server(lambda: _Connection(name), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await over.wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
