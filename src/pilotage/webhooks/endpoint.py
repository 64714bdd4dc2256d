"""One webhook's way through the audit log: events strictly in their order, one message at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import structlog
from pydantic import ValidationError

from pilotage.core.auditing import Entry
from pilotage.core.errors import DriverError, TemporaryError
from pilotage.core.quantities import duration
from pilotage.core.state import RolloutState, apply
from pilotage.settings.hooks import Webhook
from pilotage.store import Store, audit, cursors
from pilotage.store.audit import Numbered
from pilotage.store.cursors import Cursor
from pilotage.telemetry import MESSAGES, driver_call
from pilotage.webhooks.payload import body
from pilotage.webhooks.sending import Gone, post

log = structlog.get_logger()

FIRST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_ASKED_S = 2.0, 600.0, 3600.0
KEPT_S = 2 * 86400.0
"""An event that is older is passed over, once its webhook has failed for so long."""
AT_ONCE = 100
MOST_STATES = 100


@dataclass(frozen=True)
class Surroundings:
    """What all webhooks share. `pages` is how people reach Pilotage."""

    store: Store
    now: Callable[[], float]
    within_s: float
    pages: str


def cursor_name(webhook: str) -> str:
    return f"webhook:{webhook}"


class Endpoint:
    """All that has to last is its cursor. It moves after the answer: whoever is killed between the two tells the event
    again, with the same id."""

    def __init__(self, webhook: Webhook, around: Surroundings) -> None:
        self.webhook = webhook
        self.cursor = cursor_name(webhook.name)
        self._around = around
        self._working = False
        self._rests_at = -1
        """The entry before which it rests; somebody who moves its cursor ends the rest."""
        self._rests_until: float | None = None
        """None: until somebody moves its cursor, or it is started anew."""
        self._states: dict[str, RolloutState] = {}

    def due(self, last: int, cursor: Cursor) -> bool:
        """Whether there is something to do now; `last` is the number of the log's last entry."""
        if self._working or cursor.number > last:
            return False
        if cursor.number != self._rests_at:
            return True
        if self._rests_until is None:
            return False
        left = self._rests_until - self._around.now()
        return not 0 < left <= LONGEST_ASKED_S  # a clock that was set back ends a pause, too

    async def work(self, start: Cursor) -> None:
        """Goes on until all is told, or a try fails."""
        self._working = True
        try:
            number: int | None = start.number
            while number is not None:
                number = await self._some(number)
        except Exception as error:  # the store failed: where it stood is read from the store again
            log.error("a webhook cannot be followed; will try again", **self._place(), error=type(error).__name__)
        finally:
            self._working = False

    async def _some(self, number: int) -> int | None:
        """The next entry's number after some have been told or passed; None when it has to stop."""
        store = self._around.store
        found = await store.run(audit.following, number, AT_ONCE)
        standing = number
        for one in found:
            message = await self._message(one)
            if message is None:
                continue
            if not await self._send(one, message):
                return None
            if not await store.run(cursors.move, self.cursor, standing, one.number + 1, self._around.now()):
                return None
            standing = one.number + 1
        if not found:
            return None
        behind = found[-1].number + 1
        if behind > standing and not await store.run(cursors.skip, self.cursor, standing, behind):
            return None
        return behind

    async def _message(self, one: Numbered) -> bytes | None:
        """None when it is not for this webhook."""
        if one.entry.kind != audit.EVENT or (self.webhook.kinds and one.entry.what not in self.webhook.kinds):
            return None
        rollout, _, number = one.entry.object.rpartition("#")
        store = self._around.store
        if self.webhook.services:
            services = await store.run(cursors.services_of, [rollout])
            if services.get(rollout) not in self.webhook.services:
                return None
        try:
            recorded = await store.run(cursors.recorded, rollout, int(number))
            about = await store.run(cursors.plan_of, rollout)
            if recorded is None or about is None:
                raise LookupError("it is not in the record any more")
            is_rollout, plan = about
            state = await self._state(rollout, int(number)) if is_rollout else None
            return body(one.number, recorded, plan, state, self._around.pages)
        except (ValidationError, LookupError) as error:  # of another release, or half removed: the others are told
            log.error("an event cannot be told", **self._place(), what=one.entry.object, error=type(error).__name__)
            return None

    async def _state(self, rollout: str, number: int) -> RolloutState:
        """The rollout's right after that event."""
        state = self._states.pop(rollout, RolloutState())
        if state.next_number > number:
            state = RolloutState()
        record = await self._around.store.run(cursors.record, rollout, state.next_number, number)
        state = reduce(apply, record, state)
        self._states[rollout] = state
        while len(self._states) > MOST_STATES:
            del self._states[next(iter(self._states))]
        return state

    async def _send(self, one: Numbered, message: bytes) -> bool:
        around = self._around
        try:
            with driver_call("webhooks", "send", root=True, webhook=self.webhook.name, event=one.entry.what):
                await post(self.webhook, f"evt_{one.hash[:32]}", message, around.now(), around.within_s)
            MESSAGES.labels("webhooks", "sent").inc()
        except DriverError as error:
            MESSAGES.labels("webhooks", "failed").inc()
            await self._failed(one, error)
            return False
        return True

    async def _failed(self, one: Numbered, error: DriverError) -> None:
        store, now = self._around.store, self._around.now()
        text = " ".join(str(error).split())
        cursor = await store.run(cursors.fail, self.cursor, text, now)
        asked = min(LONGEST_ASKED_S, error.after_s or 0.0) if isinstance(error, TemporaryError) else 0.0
        usual = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(cursor.attempts - 1, 9)) * random.uniform(0.8, 1.2)
        self._rests_at, self._rests_until = cursor.number, None if isinstance(error, Gone) else now + max(asked, usual)
        log.warning("a webhook was not told; will try again", **self._place(), attempts=cursor.attempts, error=text)
        if now - cursor.at >= KEPT_S:
            self._rests_at = await self._pass_over(cursor, now)

    async def _pass_over(self, cursor: Cursor, now: float) -> int:
        """What is too old by now is not told any more, and the audit log says so. The cursor's new place."""
        store, webhook = self._around.store, self.webhook
        behind = await store.run(cursors.older, cursor.number, now - KEPT_S)
        if behind <= cursor.number:
            return cursor.number
        lost = await store.run(cursors.waiting, cursor.number, webhook.kinds, webhook.services, behind)
        if not await store.run(cursors.skip, self.cursor, cursor.number, behind):
            return -1
        entries = f"{lost} events, entries {cursor.number} to {behind - 1}"
        why = f"{webhook.name} has not answered for {duration(now - cursor.at)}: {cursor.last_error}"
        noted = Entry(now, "pilotage", "pilotage", "webhook-passed-over", webhook.name, entries, why)
        await store.run(audit.append, noted)
        log.error("a webhook was not told some events, and will not be", **self._place(), what=entries)
        return behind

    def _place(self) -> dict[str, object]:
        return {"webhook": self.webhook.name}
