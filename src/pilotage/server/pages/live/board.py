"""What one rollout's page shows to everybody: kept, looked at again when something has changed, and rendered once.

Pieces of HTML have a version each, so that an open page is sent what is new since the version that it shows, and a page
that was away for long just more of it. What depends on the reader (buttons) is not here.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection

from pilotage.coordinator import Coordinator
from pilotage.core.events import Recorded
from pilotage.core.followups import FollowUpState, follow_ups
from pilotage.core.sent import SentMessage
from pilotage.core.state import RolloutState, Status, apply
from pilotage.server.pages.live import facts
from pilotage.server.pages.live.growing import Growing
from pilotage.server.pages.live.headline import Headline, headline
from pilotage.server.pages.live.numbers import Figure, figures
from pilotage.server.pages.shell import part
from pilotage.store import messages, queries
from pilotage.store.queries import RolloutRow

PIECES = ("now", "phases", "findings", "table", "numbers", "errors", "messages", "timeline")
"""Each is a template in templates/live/, and an element with its id on the page."""
KEPT_VERSIONS = 500
"""A page that shows an older one is sent the whole charts."""


@dataclass
class Board:
    coordinator: Coordinator
    row: RolloutRow
    epoch: str
    version: int = 0
    view: dict[str, Any] = field(default_factory=dict)
    headline: Headline | None = None
    follow_ups: tuple[FollowUpState, ...] = ()
    _record: list[Recorded] = field(default_factory=list)
    _state: RolloutState = field(default_factory=RolloutState)
    _seen: tuple[tuple[int, int] | None, int] = (None, 0)
    """The newest sample's place, and how many messages were sent, when it was last looked at."""
    _figures: list[Figure] = field(default_factory=list)
    _errors: list[dict[str, Any]] = field(default_factory=list)
    _pieces: dict[str, tuple[int, str]] = field(default_factory=dict)
    _drawn: Growing = field(default_factory=Growing)
    _newest: dict[int, float] = field(default_factory=dict)
    """By version: the newest point that its charts have."""
    _told: dict[int, str] = field(default_factory=dict)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False
    """Nothing will come any more: all its follow-ups are settled, or the server stops."""

    @property
    def record(self) -> list[Recorded]:
        return self._record

    @property
    def place(self) -> str:
        """The version that a page shows, as it names it when it asks for what is new."""
        return f"{self.epoch}-{self.version}"

    @property
    def yours(self) -> str:
        """Changes when what a reader may do here could have."""
        items = "".join(f"{one.id}{one.status}" for one in self.follow_ups)
        return f"{self.view['status']}/{self.view['phase']}/{self.view['needs_person']}/{items}"

    @property
    def ticks(self) -> bool:
        """New numbers are to be expected."""
        return self.view["status"] in (Status.WATCHING, Status.HELD, Status.PAUSED)

    async def look(self) -> None:
        """Reads what is new, and renders what has changed."""
        async with self._looking:
            store, telling, name = self.coordinator.store, self.coordinator.telling, self.row.id
            events, place, sent = await store.run(_news, name, len(self._record))
            if self.version and not events and (place, len(sent)) == self._seen:
                return
            self._record += events
            for one in events:
                self._state = apply(self._state, one)
            view = await telling.view_of(self.row, self._record, self._state)
            ticked = not self.version or place != self._seen[0]
            if ticked:
                await self._drawn.renew(telling, name)
                self._errors, self._figures = await telling.new_errors(name), figures(self._drawn.charts)
            sampled_at = self._drawn.charts["turn_at"]
            self.view = view | {"sampled_at": sampled_at, "asked_phase": self._state.asked_phase}
            self.follow_ups = follow_ups(self._record)
            self._seen = place, len(sent)
            self._render(ticked, sent)

    def _render(self, ticked: bool, sent: list[SentMessage]) -> None:
        view, plan = self.view, self.row.plan
        self.headline = headline(view, plan, self._record)
        values = {
            "view": view,
            "ticks": self.ticks,
            "headline": self.headline,
            "phases": facts.phases(view, plan),
            "findings": facts.findings(view),
            "table": facts.table(view, plan),
            "figures": self._figures,
            "errors": self._errors,
            "sent": list(reversed(sent))[: facts.NEWEST],
            "sent_in_all": len(sent),
            "timeline": facts.timeline(self._record),
            "events": len(self._record),
        }
        fresh = {name: part(f"live/{name}.html", **values) for name in PIECES}
        changed = [name for name in PIECES if self._pieces.get(name, (0, ""))[1] != fresh[name]]
        if not changed and not ticked:
            return
        self.version += 1
        self._pieces |= {name: (self.version, fresh[name]) for name in changed}
        self._newest[self.version] = self._drawn.newest
        for old in [one for one in self._newest if one <= self.version - KEPT_VERSIONS]:
            del self._newest[old]
        self._told.clear()
        self._wake()

    def pieces(self) -> dict[str, Markup]:
        """For the whole page; rendered by our own templates."""
        return {name: Markup(html) for name, (_, html) in self._pieces.items()}  # noqa: S704

    def since(self, place: str) -> str:
        """What is new since the version called `place` (another epoch's, or none: everything), as JSON."""
        version = self._version(place)
        if version not in self._told:
            self._told[version] = json.dumps(self._news_since(version), separators=(",", ":"), allow_nan=False)
        return f'{{"now":{self.coordinator.clock.now():.3f},{self._told[version][1:]}'

    def _version(self, place: str) -> int:
        epoch, _, number = place.rpartition("-")
        if epoch != self.epoch or not number.isdecimal() or len(number) > 12:
            return 0
        return min(int(number), self.version)

    def _news_since(self, version: int) -> dict[str, Any]:
        assert self.headline is not None
        new = {name: html for name, (since, html) in self._pieces.items() if since > version}
        return {
            "place": self.place,
            "html": new,
            "charts": self._charts_since(version),
            "title": f"{self.headline.word}: {self.view['service']} {self.view['version']}",
            "said": self.headline.said,
            "yours": self.yours,
            "sampled_at": self.view["sampled_at"] if self.ticks else None,
        }

    def _charts_since(self, version: int) -> dict[str, Any] | None:
        """None: the page has them as they are."""
        if version == self.version:
            return None
        return self._drawn.since(self._newest.get(version))

    # ------------------------------------------------------------------ waiting for it

    async def changed(self, place: str, within_s: float) -> bool:
        """Waits until there is a version newer than `place`, or the time is over; whether there is."""
        if place != self.place or self.over:
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), within_s)
        return place != self.place

    def end(self) -> None:
        self.over = True
        self._wake()

    def _wake(self) -> None:
        """Whoever waits now is woken; who comes later waits for the next one."""
        self._news.set()
        self._news = asyncio.Event()


def _news(
    connection: Connection, rollout: str, first: int
) -> tuple[list[Recorded], tuple[int, int] | None, list[SentMessage]]:
    """Its events from that number on, where its newest sample stands, and the messages that went out."""
    return (
        queries.events_of(connection, rollout, first),
        queries.last_place(connection, rollout),
        messages.sent_of(connection, rollout),
    )
