"""Writes messages to a file, or to the coordinator's standard error (its log)."""

from __future__ import annotations

import asyncio
import sys

from pydantic import Field

from pilotage.drivers import Context, DriverOptions, Message


class ConsoleNotifier:
    class Options(DriverOptions):
        path: str | None = Field(default=None, description="a file to append to")

    def __init__(self, options: Options, context: Context) -> None:
        self._path = context.directory / options.path if options.path else None

    async def send(self, message: Message) -> None:
        await asyncio.to_thread(self._write, f"[{message.rollout}] {message.title}\n{message.text}\n")

    async def probe(self) -> str:
        return f"will write to {self._path or 'standard error'}"

    async def close(self) -> None:
        """Nothing is kept open."""

    def _write(self, text: str) -> None:
        if self._path is None:
            sys.stderr.write(text)
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)
