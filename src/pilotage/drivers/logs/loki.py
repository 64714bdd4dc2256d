"""Grafana Loki over HTTP: what a LogQL query finds, asked for again and again (grafana.com/docs/loki, HTTP API)."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Piece
from pilotage.drivers.address import Address
from pilotage.drivers.answers import Answer
from pilotage.drivers.logs.cursors import Cursors, Handing
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Service, TooMuch

_PIECE = 1024 * 1024
_BUDGET = 8 * 1024 * 1024
_NS = 1_000_000_000
_RANGE = "/loki/api/v1/query_range"
# Without it a line's own metadata stand among its stream's labels: every line would be a stream.
_HEADERS = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}


class Line(NamedTuple):
    at: int
    """Nanoseconds."""
    stream: str
    text: bytes


class LokiLogs:
    class Options(DriverOptions):
        url: Address = Field(description="the server's address, without /loki/api/v1")
        query: str = Field(
            pattern=r"(?s)^\s*\{.*\}", description='a LogQL log query, such as {app="payment", track="canary"}'
        )
        tenant: str | None = Field(default=None, description="sent as X-Scope-OrgID, where Loki has tenants")
        token: Secret | None = Field(
            default=None, description="a bearer token, when something before Loki asks for one"
        )
        limit: int = Field(default=5000, ge=10, le=100_000, description="lines an answer; Loki allows 5000 by default")
        late_s: float = Field(default=10.0, ge=0, le=600, description="lines that come so many seconds late are found")
        past_timeout_s: float = Field(default=60.0, gt=0, description="reading the past ends after that many seconds")
        timeout_s: float = Field(default=10.0, gt=0, description="seconds for each question")

    def __init__(self, options: Options, context: Context, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds."""
        self._options = options
        self._clock = clock
        scheme = "Bearer" if options.token else ""
        headers = _HEADERS | ({"X-Scope-OrgID": options.tenant} if options.tenant else {})
        self._loki = Service(
            "Loki", options.url, options.token, options.timeout_s, scheme, headers=headers, option="url"
        )
        mark = hashlib.sha256(json.dumps([options.url, options.tenant, options.query]).encode()).hexdigest()[:16]
        self._mark = f"loki#{mark}"
        self._cursors = Cursors(context.state / "logs" / f"{mark}.cursors", clock)
        self._handings: dict[str, Handing] = {}
        self._from: dict[str, int] = {}
        """By stream: lines up to this instant were handed out before a restart."""
        self._last: dict[str, int] = {}
        self._newest = 0
        self._begun = 0
        self._seen: dict[tuple[str, int], set[bytes]] = {}
        self._ready: list[Piece] = []
        self._troubles: list[str] = []
        self._closed = False

    async def read(self) -> list[Piece]:
        """A call that is cancelled loses nothing: what it found is handed out by the next."""
        if self._closed:
            return []
        self._begin()
        await self._poll()
        pieces, self._ready = self._ready, []
        return pieces

    def continue_at(self, places: Mapping[str, int]) -> None:
        known: dict[str, tuple[int, int, int]] = {}
        for stream, place in places.items():
            found = self._cursors.before(stream, place) if stream.startswith(self._mark) else None
            if found is not None:
                known[stream] = (found[0], place - found[0], int(found[1]))
        if not known:
            return
        for stream, (place, skip, at) in known.items():
            self._handings[stream] = Handing(self._cursors, stream, _name(stream), place, skip)
            self._from[stream] = at
        self._begun = self._newest = min(at for _, _, at in known.values())

    async def past(self, seconds: float, limit: int) -> AsyncIterator[Piece]:
        """Asked for from the newest back, so that what the time or `limit` leaves out is the oldest."""
        self._begin()
        deadline = time.monotonic() + self._options.past_timeout_s
        start, end = self._begun - int(seconds * _NS), self._begun
        found: defaultdict[str, list[Line]] = defaultdict(list)
        size = 0
        while size < limit and start < end:
            if time.monotonic() > deadline:
                limit_s = self._options.past_timeout_s
                self._troubles.append(f"Loki did not give all the past within {limit_s:g} s: the oldest is left out")
                break
            page, full = await self._ask(start, end, "backward")
            for line in page:
                found[line.stream].append(line)
                size += len(line.text)
            if not full:
                break
            oldest = min(line.at for line in page)
            end = oldest if oldest < end else end - 1
        for stream, lines in found.items():
            lines.sort(key=lambda line: line.at)
            place = 0
            for data in _pieces(line.text for line in lines):
                yield Piece(f"{stream}-past", _name(stream), place, data)
                place += len(data)
            yield Piece(f"{stream}-past", _name(stream), place, b"", ended=True)

    def troubles(self) -> list[str]:
        new, self._troubles = self._troubles, []
        return new

    async def probe(self) -> str:
        """One line of the last hour is asked for."""
        now = int(self._clock() * _NS)
        lines, _ = await self._ask(now - 3600 * _NS, now, "backward", limit=1)
        seen = "has lines" if lines else "has no line of the last hour; are the labels right?"
        return f"Loki at {self._options.url} {seen}"

    async def close(self) -> None:
        """The connections are the process's."""
        self._closed = True
        self._cursors.keep(at_once=True)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = self._newest = int(self._clock() * _NS)

    async def _poll(self) -> None:
        late = int(self._options.late_s * _NS)
        start, size = max(self._begun, self._newest - late), 0
        while size < _BUDGET:
            page, full = await self._ask(start, None, "forward")
            fresh = [line for line in page if self._is_new(line)]
            self._hand_out(fresh)
            size += sum(len(line.text) for line in fresh)
            if not full:
                break
            last = max(line.at for line in page)
            if last <= start:
                self._troubles.append(f"more than {self._options.limit} lines of one instant: raise `limit`")
                last += 1
            start = last
        for key in [key for key in self._seen if key[1] < self._newest - late]:
            del self._seen[key]
        self._cursors.keep()

    def _is_new(self, line: Line) -> bool:
        if line.at <= self._from.get(line.stream, -1) or line.at < self._begun:
            return False
        texts = self._seen.setdefault((line.stream, line.at), set())
        print_ = hashlib.blake2b(line.text, digest_size=12).digest()
        if print_ in texts:
            return False
        texts.add(print_)
        return True

    def _hand_out(self, lines: list[Line]) -> None:
        by_stream: defaultdict[str, list[Line]] = defaultdict(list)
        for line in lines:
            by_stream[line.stream].append(line)
            self._newest = max(self._newest, line.at)
        for stream, some in by_stream.items():
            if stream not in self._handings:
                self._handings[stream] = Handing(self._cursors, stream, _name(stream))
                self._ready.append(self._handings[stream].begin(str(some[0].at - 1)))
            some.sort(key=lambda line: line.at)
            self._last[stream] = max(self._last.get(stream, 0), some[-1].at)
            self._ready += self._handings[stream].take([line.text for line in some], str(self._last[stream]))

    async def _ask(
        self, start: int, end: int | None, direction: str, limit: int | None = None
    ) -> tuple[list[Line], bool]:
        """Lines, and whether there may be more: of long ones fewer are asked for at once."""
        params = {"query": self._options.query, "start": str(start), "direction": direction}
        if end is not None:
            params["end"] = str(end)
        most = limit or self._options.limit
        while True:
            try:
                answer = await self._loki.call("GET", _RANGE, params=params | {"limit": str(most)})
                break
            except TooMuch:
                if most == 1:
                    raise
                most = max(1, most // 4)
        if answer.status == 400:
            said = " ".join(answer.text.split())[:300]
            raise PermanentError(f"Loki refuses the query {self._options.query!r}: {said}")
        self._loki.refuse(answer, "logs")
        self._loki.check_clock(answer)
        lines = list(self._lines(answer))
        return lines, len(lines) >= most

    def _lines(self, answer: Answer) -> Iterator[Line]:
        """Raises PermanentError for an answer of another form, and for a query that counts instead of giving lines."""
        try:
            data: Any = answer.body["data"]
            kind, rows = data["resultType"], data["result"]
            if kind == "streams":
                for row in rows:
                    stream = f"{self._mark}{json.dumps(row['stream'], sort_keys=True)}"
                    for at, text, *_ in row["values"]:
                        yield Line(int(at), stream, str(text).rstrip("\n").encode() + b"\n")
                return
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._loki.stranger("its answer is of another form") from None
        raise PermanentError(f"{self._options.query!r} gives a {kind}; expected a log query, which gives lines")


def _name(stream: str) -> str:
    """What a person calls it: its labels as Loki writes them."""
    labels = json.loads(stream[stream.index("{") :])
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _pieces(texts: Iterator[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for text in texts:
        held += text
        while len(held) >= _PIECE:
            yield bytes(held[:_PIECE])
            del held[:_PIECE]
    if held:
        yield bytes(held)
