"""Webhooks by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pilotage.acting.noting import Noting
from pilotage.core.errors import DriverError, NotFound, Refused
from pilotage.core.people import Right
from pilotage.settings.hooks import Webhook
from pilotage.store import audit, cursors
from pilotage.webhooks.endpoint import cursor_name
from pilotage.webhooks.sending import ping


@dataclass(frozen=True)
class Webhooks(Noting):
    async def test_webhook(self, name: str) -> dict[str, Any]:
        """Sends it one message. Raises Refused with what came of it when it was not taken."""
        async with self.noted("webhook-test", name):
            webhook = self._webhook(name)
            try:
                return await ping(webhook)
            except DriverError as error:
                raise Refused(f"not taken: {error}") from None

    async def replay_webhook(self, name: str, number: int) -> dict[str, Any]:
        """Tells it all again from that entry of the audit log on."""
        async with self.noted("webhook-replay", name, f"from entry {number}"):
            webhook = self._webhook(name)
            last, _ = await self.coordinator.store.run(audit.head)
            if not 1 <= number <= last:
                raise Refused(f"from an entry of the audit log, 1 to {last}, not {number}")
            now = self.coordinator.clock.now()
            await self.coordinator.store.run(cursors.put, cursor_name(name), number, now)
            told = await self.coordinator.store.run(cursors.waiting, number, webhook.kinds, webhook.services)
            return {"name": name, "next": number, "waiting": told}

    def _webhook(self, name: str) -> Webhook:
        self.caller.check(Right.ADMINISTER)
        named = [one.name for one in self.coordinator.settings.webhooks]
        if name not in named:
            raise NotFound(f"there is no webhook {name!r} in the settings; there are: {', '.join(named) or 'none'}")
        return self.coordinator.settings.webhooks[named.index(name)]
