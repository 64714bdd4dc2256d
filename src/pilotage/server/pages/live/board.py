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

from pilotage.coordinator import Coordinator
from pilotage.core.events import Recorded
from pilotage.core.followups import FollowUpState, follow_ups
from pilotage.core.state import Status, fold
from pilotage.server.pages.live import facts
from pilotage.server.pages.live.headline import Headline, headline
from pilotage.server.pages.live.numbers import figures
from pilotage.server.pages.shell import part
from pilotage.store import messages, queries
from pilotage.store.queries import RolloutRow

PIECES = ("now", "phases", "findings", "table", "numbers", "errors", "messages", "timeline")
"""Each is a template in templates/live/, and an element with its id on the page."""
AFRESH = 240
"""So many samples after the whole charts were sent, they are sent whole again: what a page keeps is bounded."""


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
    _pieces: dict[str, tuple[int, str]] = field(default_factory=dict)
    _charts: dict[str, Any] = field(default_factory=dict)
    _sampled: dict[int, float] = field(default_factory=dict)
    """By version: the instant of the newest sample then, since the charts were last sent whole."""
    _afresh: int = 0
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
            store, telling = self.coordinator.store, self.coordinator.telling
            self._record += await store.run(queries.events_of, self.row.id, len(self._record))
            view = await telling.view_of(self.row, self._record)
            charts = await telling.series(self.row.id)
            errors = await telling.new_errors(self.row.id)
            sent = await store.run(messages.sent_of, self.row.id)
            asked = fold(self._record).asked_phase
            self.view = view | {"sampled_at": charts["turn_at"], "asked_phase": asked}
            self.follow_ups = follow_ups(self._record)
            self._render(charts, errors, sent)

    def _render(self, charts: dict[str, Any], errors: list[dict[str, Any]], sent: list[Any]) -> None:
        view, plan = self.view, self.row.plan
        self.headline = headline(view, plan, self._record)
        values = {
            "view": view,
            "ticks": self.ticks,
            "headline": self.headline,
            "phases": facts.phases(view, plan),
            "findings": facts.findings(view),
            "table": facts.table(view, plan),
            "figures": figures(charts),
            "errors": errors,
            "sent": list(reversed(sent))[: facts.NEWEST],
            "sent_in_all": len(sent),
            "timeline": facts.timeline(self._record),
            "events": len(self._record),
        }
        fresh = {name: part(f"live/{name}.html", **values) for name in PIECES}
        changed = [name for name in PIECES if self._pieces.get(name, (0, ""))[1] != fresh[name]]
        if not changed and charts == self._charts:
            return
        self.version += 1
        self._pieces |= {name: (self.version, fresh[name]) for name in changed}
        if len(charts["spans"]) != len(self._charts.get("spans", ())) or len(self._sampled) >= AFRESH:
            self._sampled, self._afresh = {}, self.version
        self._charts = charts
        self._sampled[self.version] = charts["turn_at"] or 0.0
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
        """None: the page has them as they are. `whole` says that they replace what it has."""
        if version == self.version:
            return None
        after = self._sampled.get(version)
        whole = after is None or version < self._afresh
        lines = [*(("v", one) for one in self._charts["values"]), *(("e", one) for one in self._charts["evidence"])]
        cut = {f"{kind}:{one['name']}": _later(one, None if whole else after) for kind, one in lines}
        return {
            "whole": whole,
            "spans": self._charts["spans"],
            "lines": {name: one for name, one in cut.items() if one["at"]},
        }

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


def _later(line: dict[str, Any], after: float | None) -> dict[str, Any]:
    """The line's points after an instant, its columns by name."""
    first = 0 if after is None else next((place for place, at in enumerate(line["at"]) if at > after), len(line["at"]))
    columns = {name: column[first:] for name, column in line["columns"].items()}
    return {"label": line["label"], "unit": line["unit"], "at": line["at"][first:], **columns}
