"""Keeps each rollout's message as the record is. The audit log says what is new; what stands where is in the store.

Slack's limits (docs.slack.dev/apis/web-api/rate-limits): about one post a second in a channel, about 50 edits a minute.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

import structlog

from pilotage.chat.shown import Shown, shown
from pilotage.chat.thread import reply
from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.events import Recorded
from pilotage.core.redact import redact
from pilotage.core.state import fold
from pilotage.drivers.slack import QUIET, CannotEdit, SlackApi
from pilotage.following import look_again
from pilotage.settings.chat import Slack
from pilotage.store import Store, chats, queries
from pilotage.store.chats import Chat
from pilotage.telling import Telling

log = structlog.get_logger()

NAME = "slack"
EVERY_S = 0.5
EDIT_S = 3.0
"""Between two edits of a message."""
CALM_S = 15.0
"""Between two when only numbers have changed."""
MOST_EDITS = 45
"""In a minute, of all messages; half of it for those in which only numbers have changed."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
LONGEST_ASKED_S = 3600.0
RECENT_S = CLOCKS_S = 86400.0
_POST, _REPLY = "pilotage_rollout", "pilotage_events"


@dataclass
class _Lane:
    """What is kept in memory of a rollout: when it was looked at and edited; all else is in the store."""

    looked_at: float = 0.0
    edited_at: float = 0.0
    stirs: str = ""
    rests_until: float = 0.0
    fixed: bool = False
    """Its message may not be edited any more."""


@dataclass
class Follower:
    store: Store
    telling: Telling
    settings: Slack
    url: str
    """How people reach Pilotage, for the link; empty: no link."""
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _lanes: dict[str, _Lane] = field(default_factory=dict)
    _due: set[str] | None = None
    """What has something to tell or to show; None before the first look."""
    _rests_until: float = 0.0
    _failures: int = 0
    _edits: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._slack = SlackApi(self.settings.api, self.settings.token, self.settings.timeout_s)

    async def follow(self) -> None:
        """Until cancelled."""
        await look_again("the chat", self.look, EVERY_S, self.sleep)

    async def look(self) -> None:
        """One round: every message that has something to tell or to show."""
        if self._due is None:
            self._due = await self.store.run(chats.open_ones, NAME, self.now() - RECENT_S)
        self._due |= await self.store.run(chats.take, NAME, self.settings.services, self.now())
        if self.now() < self._rests_until <= self.now() + LONGEST_ASKED_S:
            return
        running = await self.store.run(chats.running, NAME)
        for rollout in sorted(self._due | running, key=lambda one: (one not in (self._due or ()), one)):
            lane = self._lanes.setdefault(rollout, _Lane())
            if self.now() < lane.rests_until or (rollout not in self._due and self.now() < lane.looked_at + EDIT_S):
                continue
            if not await self._look_at(rollout, lane):
                break
        for rollout in self._lanes.keys() - self._due - running:
            del self._lanes[rollout]

    async def _look_at(self, rollout: str, lane: _Lane) -> bool:
        """False when Slack cannot be reached at all, or asks to be left alone."""
        assert self._due is not None
        lane.looked_at = self.now()
        try:
            if await self._bring_up_to_date(rollout, lane):
                self._due.discard(rollout)
            self._failures = 0
        except TemporaryError as error:
            self._failures += 1
            usual = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures - 1, 9))
            self._rests_until = self.now() + min(LONGEST_ASKED_S, max(error.after_s or 0.0, usual))
            await self._failed(rollout, error)
            return False
        except Exception as error:
            lane.rests_until = self.now() + LONGEST_PAUSE_S
            await self._failed(rollout, error)
        return True

    async def _failed(self, rollout: str, error: Exception) -> None:
        said = redact(" ".join(str(error).split())) if isinstance(error, TemporaryError | PermanentError) else ""
        if not isinstance(error, TemporaryError):
            said = f"refused, somebody has to put it right: {said}" if said else type(error).__name__
        self._due = (self._due or set()) | {rollout}
        log.warning("the chat is not up to date; will try again", rollout=rollout, error=said)
        await self.store.run(chats.failed, NAME, rollout, said)

    async def _bring_up_to_date(self, rollout: str, lane: _Lane) -> bool:
        """Whether all is told and shown."""
        row = await self.store.run(chats.get, NAME, rollout)
        record = await self.store.run(queries.events_of, rollout)
        if row.message and row.channel != self.settings.channel:
            await self.store.run(chats.gone, NAME, rollout)
            row = await self.store.run(chats.get, NAME, rollout)
        now = shown(await self.telling.view(rollout), record, self._page(rollout))
        if not row.message:
            await self._post(row, now, record)
            lane.edited_at, lane.stirs, lane.fixed = self.now(), now.stirs, False
            row = await self.store.run(chats.get, NAME, rollout)
        elif not await self._edit(row, lane, now):
            return False
        whole = await self._tell(row, record)
        if lane.fixed or (await self.store.run(chats.get, NAME, rollout)).shown == now.hash:
            return whole
        # Of one that runs only numbers may be old: it is looked at again soon, without an event.
        return whole and lane.stirs == now.stirs and not fold(record).status.ended

    async def _post(self, row: Chat, now: Shown, record: list[Recorded]) -> None:
        # By Slack's clock, which may be another.
        since = {"oldest": f"{record[0].at - CLOCKS_S:.6f}"} if record else {}
        found = None
        if await self.store.run(chats.begin, NAME, row.rollout):
            where = {"channel": self.settings.channel} | since
            found = await self._slack.find("conversations.history", _POST, row.rollout, **where)
        told = {"event_type": _POST, "event_payload": {"id": row.rollout}}
        ts = str(found["ts"]) if found else await self._slack.post(self._to(now.body) | {"metadata": told})
        # One that was found shows what it showed then: it is edited at the next look.
        await self.store.run(chats.posted, NAME, row.rollout, self.settings.channel, ts, "" if found else now.hash)

    async def _edit(self, row: Chat, lane: _Lane, now: Shown) -> bool:
        """False when the message is not there any more. An edit that has to wait is made at a later look."""
        if lane.fixed or row.shown == now.hash or not self._may_edit(lane, now):
            return True
        try:
            body = {"channel": self.settings.channel, "ts": row.message, **now.body}
            await self._slack.ask("POST", "chat.update", body)
        except CannotEdit as error:
            if error.gone:
                await self.store.run(chats.gone, NAME, row.rollout)
                return False
            lane.fixed = True
            log.warning("the message may not be edited; its thread goes on", rollout=row.rollout, error=str(error))
            return True
        lane.edited_at, lane.stirs = self.now(), now.stirs
        await self.store.run(chats.shows, NAME, row.rollout, now.hash)
        return True

    def _may_edit(self, lane: _Lane, now: Shown) -> bool:
        at = self.now()
        stirs = lane.stirs != now.stirs
        while self._edits and not at - 60 <= self._edits[0] <= at:
            self._edits.popleft()
        if at < lane.edited_at + (EDIT_S if stirs else CALM_S) and lane.edited_at <= at:
            return False
        if len(self._edits) >= (MOST_EDITS if stirs else MOST_EDITS // 2):
            return False
        self._edits.append(at)
        return True

    async def _tell(self, row: Chat, record: list[Recorded]) -> bool:
        """Whether the thread has everything. One answer at a look: each look is a new chance to show how it stands."""
        waiting = [one for place, one in enumerate(record[row.next_number :], row.next_number) if one.number == place]
        if not waiting:
            return True
        plan = (await self.store.run(queries.get_rollout, row.rollout)).plan
        said = await asyncio.to_thread(reply, plan, waiting)
        last = said.last
        if said.body is not None:
            key, found = f"{row.rollout}/{row.next_number}", None
            if await self.store.run(chats.begin, NAME, row.rollout):
                where = {"channel": self.settings.channel, "ts": row.message}
                found = await self._slack.find("conversations.replies", _REPLY, key, **where)
            if found is not None:  # it told what there was then
                last = int(found["metadata"]["event_payload"]["last"])
            else:
                told = {"event_type": _REPLY, "event_payload": {"id": key, "last": last}}
                await self._slack.post(self._to(said.body) | {"metadata": told, "thread_ts": row.message})
        await self.store.run(chats.told, NAME, row.rollout, last + 1)
        return last == record[-1].number

    def _to(self, body: dict[str, object]) -> dict[str, object]:
        return {"channel": self.settings.channel, **body, **QUIET}

    def _page(self, rollout: str) -> str:
        return f"{self.url.rstrip('/')}/rollouts/{quote(rollout)}" if self.url else ""
