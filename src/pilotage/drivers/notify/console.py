"""Announcements to a file, or to standard error."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Message


class ConsoleNotifier:
    class Options(DriverOptions):
        path: Path | None = Field(
            default=None, description="a file that messages are added to; without it they go to standard error"
        )

    def __init__(self, options: Options, context: Context) -> None:
        self._path = None if options.path is None else context.directory / options.path

    async def send(self, message: Message) -> None:
        await asyncio.to_thread(self._write, f"{message.title}\n{message.text}\n\n")

    async def probe(self) -> str:
        if self._path is None:
            return "announcements go to standard error"
        if not await asyncio.to_thread(self._path.parent.is_dir):
            raise PermanentError(f"cannot write announcements: the folder {self._path.parent} does not exist")
        return f"announcements go to {self._path}"

    async def close(self) -> None:
        pass

    def _write(self, text: str) -> None:
        if self._path is None:
            sys.stderr.write(text)
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise PermanentError(f"cannot write announcements to {self._path}: {error.strerror}") from None
