"""Checks: what holds, and what does not."""

from __future__ import annotations

from typing import Any

from pilotage.drivers import Check
from pilotage.testing.every import EveryDriver


class CheckContract(EveryDriver):
    """Your fixtures: `driver` (a check), and `made`: an async function that makes what it looks for hold (True) or
    fail (False)."""

    async def test_what_holds_is_said_with_what_was_seen(self, driver: Check, made: Any) -> None:
        await made(True)
        evidence = await driver.look()
        assert evidence.holds is True
        assert evidence.text.strip()
        assert "\n" not in evidence.text

    async def test_what_fails_is_said_with_what_was_seen(self, driver: Check, made: Any) -> None:
        await made(False)
        evidence = await driver.look()
        assert evidence.holds is not True
        assert evidence.text.strip()

    async def test_it_is_looked_at_anew_each_time(self, driver: Check, made: Any) -> None:
        await made(False)
        assert (await driver.look()).holds is not True
        await made(True)
        assert (await driver.look()).holds is True
