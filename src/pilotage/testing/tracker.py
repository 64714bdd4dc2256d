"""Trackers: one ticket for a key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pilotage.drivers import Ticket, Tracker
from pilotage.testing.every import EveryDriver


class TrackerContract(EveryDriver):
    """Your fixtures: `driver`, and `opened`, which lists the texts of the tickets really opened, in order, as a
    callable."""

    ticket = Ticket("r-1/permanent-fix", "Fix it for good", "payment 2.4.1 was rolled back", "owner")

    async def test_a_ticket_is_opened_and_its_place_said(self, driver: Tracker, opened: Any) -> None:
        where = await driver.open(self.ticket)
        assert where.strip()
        assert "\n" not in where
        (text,) = opened()
        assert "payment 2.4.1 was rolled back" in text

    async def test_the_same_key_opens_one_ticket(self, driver: Tracker, opened: Any) -> None:
        where = await driver.open(self.ticket)
        assert await driver.open(self.ticket) == where
        assert len(opened()) == 1

    async def test_another_key_opens_another(self, driver: Tracker, opened: Any) -> None:
        await driver.open(self.ticket)
        await driver.open(replace(self.ticket, key="r-1/permanent-fix-2"))
        assert len(opened()) == 2

    async def test_probe_opens_nothing(self, driver: Tracker, opened: Any) -> None:
        await driver.probe()
        assert opened() == []
