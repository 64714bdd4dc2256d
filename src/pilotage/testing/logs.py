"""Logs: every byte once, in order."""

from __future__ import annotations

import asyncio
from typing import Any

from pilotage.drivers import Logs, Piece
from pilotage.testing.every import EveryDriver


class LogsContract(EveryDriver):
    """Your fixtures: `driver`, and `write`, which appends bytes to what it follows, as a callable; nothing was written
    before. `strange` is a line that is no text, as far as what it follows can keep one."""

    strange = b"\xff\x00two\n"

    async def hear(self, driver: Logs, size: int, within_s: float = 30.0) -> list[Piece]:
        """Reads until `size` bytes came; a source may need a moment to hand them on."""
        heard: list[Piece] = []
        end = asyncio.get_running_loop().time() + within_s
        while sum(len(piece.data) for piece in heard) < size and asyncio.get_running_loop().time() < end:
            heard += await driver.read()
            await asyncio.sleep(0.01)
        return heard

    async def test_what_is_written_comes_once_and_in_order(self, driver: Logs, write: Any) -> None:
        driver.continue_at({})
        await driver.read()
        write(b"one\ntwo\n")
        heard = await self.hear(driver, 8)
        write(b"three\n")
        heard += await self.hear(driver, 6)
        assert b"".join(piece.data for piece in heard) == b"one\ntwo\nthree\n"
        assert not any(piece.data for piece in await driver.read())

    async def test_offsets_count_the_bytes_of_a_stream(self, driver: Logs, write: Any) -> None:
        await driver.read()
        write(b"one\n")
        first = [piece for piece in await self.hear(driver, 4) if piece.data]
        write(self.strange)
        second = [piece for piece in await self.hear(driver, len(self.strange)) if piece.data]
        assert first[0].stream == second[0].stream
        assert second[0].offset == first[-1].offset + len(first[-1].data)
        assert second[0].data == self.strange
        assert first[0].name

    async def test_pieces_are_a_mebibyte_at_most(self, driver: Logs, write: Any) -> None:
        await driver.read()
        lines = b"x" * 1023 + b"\n"
        heard: list[Piece] = []
        for _ in range(96):
            write(lines * 32)
            heard += await driver.read()
        heard += await self.hear(driver, 96 * 32 * 1024 - sum(len(piece.data) for piece in heard))
        assert sum(len(piece.data) for piece in heard) == 96 * 32 * 1024
        assert all(len(piece.data) <= 1024 * 1024 for piece in heard)

    async def test_troubles_are_said_once(self, driver: Logs) -> None:
        await driver.read()
        driver.troubles()
        assert driver.troubles() == []

    async def test_nothing_comes_after_close(self, driver: Logs, write: Any) -> None:
        await driver.read()
        await driver.close()
        write(b"late\n")
        assert await driver.read() == []

    async def test_probe_reads_nothing(self, driver: Logs, write: Any) -> None:
        await driver.read()
        write(b"one\n")
        await driver.probe()
        assert b"".join(piece.data for piece in await self.hear(driver, 4)) == b"one\n"
