"""A line between somebody and the API server that can be cut, or go dead: bytes go through it as they come."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

State = Literal["whole", "cut", "dead"]


class Line:
    """`be("cut")`: connections end and new ones are refused. `be("dead")`: they stay, new ones are taken, and nothing
    goes through them, also later: what a network has forgotten does not come to life again."""

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._to = (parts.hostname, parts.port)
        self._state: State = "whole"
        self._open: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._wait(self._listen())

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def be(self, state: State) -> None:
        self._wait(self._become(state))

    def close(self) -> None:
        self._wait(self._become("cut"))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _become(self, state: State) -> None:
        self._state = state
        if state == "dead":
            self._dead |= self._open
        if state == "cut":
            if self._listening is not None:
                self._listening.close()
                self._listening = None
            for writer in list(self._open):
                writer.transport.abort()
        elif self._listening is None:
            await self._listen()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to)
        both = {writer, back}
        self._open |= both
        if self._state == "dead":
            self._dead |= both
        try:
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        finally:
            self._open -= both
            for one in both:
                one.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if writer not in self._dead:
                    writer.write(data)
                    await writer.drain()
        writer.close()


@contextmanager
def line(kubeconfig: Path) -> Iterator[tuple[Line, Path]]:
    """The line, and a kubeconfig whose server is at the end of it."""
    said = json.loads(kubeconfig.read_text())
    cluster = said["clusters"][0]["cluster"]
    one = Line(cluster["server"])
    cluster["server"] = one.url
    file = kubeconfig.with_name(f"{kubeconfig.name}-by-line")
    file.touch(mode=0o600)
    file.write_text(json.dumps(said))
    try:
        yield one, file
    finally:
        one.close()
