"""Whoever looks again and again is not stopped by a look that fails, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from pilotage.following import AtWork, look_again


async def test_a_look_that_fails_is_said_without_its_secrets_and_tried_again() -> None:
    looks: list[int] = []

    async def look() -> None:
        looks.append(len(looks))
        if len(looks) == 1:
            raise OSError("disk full; password=hunter22")

    async def sleep(_: float) -> None:
        if len(looks) == 3:
            raise asyncio.CancelledError

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await look_again("the record", look, 1.0, sleep)

    assert looks == [0, 1, 2]
    (said,) = logs
    assert said["event"] == "the record could not be looked at; will try again"
    assert "disk full" in said["error"]
    assert "hunter22" not in said["error"]


async def test_what_is_at_work_is_waited_for_or_ended() -> None:
    done: list[Any] = []
    work, gate = AtWork(), asyncio.Event()

    async def waits() -> None:
        try:
            await gate.wait()
            done.append("done")
        except asyncio.CancelledError:
            done.append("ended")
            raise

    work.begin(waits())
    gate.set()
    await work.rest()
    gate.clear()
    work.begin(waits())
    await asyncio.sleep(0)
    await work.end()

    assert done == ["done", "ended"]
