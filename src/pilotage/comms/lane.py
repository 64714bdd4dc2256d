"""One rollout's way to one channel: its events strictly in their order, one message at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from pilotage.comms.sending import complaint, deliver
from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.events import Recorded
from pilotage.core.model import Plan
from pilotage.core.quiet import Turn, decide, passed_over
from pilotage.drivers import Context, Message
from pilotage.store import Store, messages, queries
from pilotage.store.messages import Delivery, Sent
from pilotage.telemetry import MESSAGES
from pilotage.wording import render
from pilotage.wording.facts import instant
from pilotage.wording.language import LONGEST_TEXT
from pilotage.wording.message import Rendered

log = structlog.get_logger()

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 60.0
MOST_TOLD = 5
"""Of what was passed over: so many titles, and the number of the others."""


@dataclass(frozen=True)
class Post:
    """What all channels share."""

    store: Store
    state: Path
    now: Callable[[], float]
    within_s: float


class Lane:
    def __init__(self, post: Post, plan: Plan, rollout: str, channel: int, place: Delivery) -> None:
        self._post = post
        self._plan = plan
        self._rollout = rollout
        self._number = channel
        self._channel = plan.notify[channel]
        self._zone = ZoneInfo(self._channel.quiet.zone if self._channel.quiet else "UTC")
        self._next = place.next_number
        self._working = False
        self._rests_until = 0.0
        self._seen = -1
        """The last event that was there when it became quiet; a new one may be urgent."""

    def due(self, head: int) -> bool:
        """Whether there is something to do now; `head` is the number of the record's last event."""
        if self._working or self.told(head):
            return False
        left = self._rests_until - self._post.now()
        return not 0 < left <= LONGEST_PAUSE_S or 0 <= self._seen < head  # a clock that was set back ends a pause, too

    def told(self, head: int) -> bool:
        return not self._working and self._next > head

    async def work(self) -> None:
        """Goes on until all is told, a try fails, or it is quiet."""
        self._working = True
        try:
            await self._go_on()
        except Exception as error:  # the store failed: where it stood is read from the store again
            self._rest(FIRST_PAUSE_S)
            log.error("messages cannot be followed; will try again", **self._place(), error=type(error).__name__)
        finally:
            self._working = False

    async def _go_on(self) -> None:
        record = await self._record()
        sent = {one.number for one in await self._post.store.run(messages.sent_on, self._rollout, self._number)}
        self._seen, begun = -1, self._next
        while self._next < len(record):
            turn = decide(self._channel, record, self._next, sent, self._post.now(), self._zone)
            if turn is Turn.WAIT:
                self._seen = len(record) - 1
                self._rest(LONGEST_PAUSE_S)
                break
            if turn is Turn.SEND:
                if not await self._send(record, sent):
                    return
                sent.add(self._next)
                begun = self._next + 1
            self._next += 1
        if self._next > begun:
            await self._post.store.run(messages.passed, self._rollout, self._number, self._next)

    async def _record(self) -> list[Recorded]:
        """As far as it is complete: an earlier event may still be on its way into it."""
        record = await self._post.store.run(queries.events_of, self._rollout)
        return [one for place, one in enumerate(record) if one.number == place]

    async def _send(self, record: Sequence[Recorded], sent: set[int]) -> bool:
        """Whether it is out; then it is noted together with the cursor, so that a kill cannot part them."""
        store, one = self._post.store, record[self._next]
        said = await asyncio.to_thread(self._words, record, sent)
        before = await store.run(messages.begin, self._rollout, self._number, one.number)
        message = self._message(one, said, before)
        context = Context(Path(self._plan.directory), self._post.state, self._plan.service, self._plan.environment)
        try:
            thread = await deliver(self._channel.ref, context, message, self._post.within_s)
        except Exception as error:
            refused = isinstance(error, PermanentError | KeyError)
            MESSAGES.labels(self._channel.ref.driver, "failed").inc()
            asked = error.after_s or 0.0 if isinstance(error, TemporaryError) else 0.0
            usual = max(asked, FIRST_PAUSE_S * 2.0 ** min(before.attempts, 9))
            self._rest(LONGEST_PAUSE_S if refused else min(LONGEST_PAUSE_S, usual))
            why = complaint(error, self._channel.ref, self._post.within_s)
            await store.run(messages.failed, self._rollout, self._number, why)
            log.warning(
                "message not delivered; will try again", **self._place(), attempts=before.attempts + 1, error=why
            )
            return False
        MESSAGES.labels(self._channel.ref.driver, "sent").inc()
        noted = Sent(
            one.number, self._channel.audience, self._channel.ref.driver, message.kind, said.title, self._post.now()
        )
        await store.run(messages.sent, self._rollout, self._number, noted, thread)
        return True

    def _words(self, record: Sequence[Recorded], sent: set[int]) -> Rendered:
        """The event's own, and a line for what was passed over before it."""
        one = record[self._next]
        said = render(self._plan, one, self._channel.audience)
        if said.fault:
            log.warning("Pilotage's own words are sent: a template cannot be used", **self._place(), error=said.fault)
        missed = passed_over(self._channel, record, one.number, sent)
        if not missed:
            return said
        titles = [render(self._plan, other, self._channel.audience).title for other in missed[:MOST_TOLD]]
        told = "; ".join(f"{title} ({instant(other.at)})" for title, other in zip(titles, missed, strict=False))
        more = f"; and {len(missed) - MOST_TOLD} more" if len(missed) > MOST_TOLD else ""
        when = "While it was quiet" if self._channel.quiet else "Not told in time"
        line = f"{when}: {told}{more}."
        return Rendered(said.title, f"{said.text[: LONGEST_TEXT - len(line)]}\n\n{line}".strip())

    def _message(self, one: Recorded, said: Rendered, before: Delivery) -> Message:
        plan = self._plan
        return Message(
            id=f"{self._rollout}/{one.number}/{self._number}",
            rollout=self._rollout,
            kind=one.event.kind,
            title=said.title,
            text=said.text,
            facts={
                "service": plan.service,
                "environment": plan.environment,
                "version": plan.version,
                "previous": plan.previous,
                "severity": plan.severity.value,
                "at": one.at,
            },
            audience=self._channel.audience,
            attempt=before.attempts,
            thread=before.thread,
        )

    def _rest(self, seconds: float) -> None:
        self._rests_until = self._post.now() + seconds

    def _place(self) -> dict[str, object]:
        return {"rollout": self._rollout, "channel": self._number, "driver": self._channel.ref.driver}
