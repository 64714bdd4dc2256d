"""A rollout's logs while they are written: polled, mined, and counted up for each tick.

What `counts` says of a tick goes into the store together with `Saved`. A listener that is restored from there reads on
from there: nothing is counted twice, and nothing known becomes new.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pilotage.core.cutter import Cutter
from pilotage.core.entries import TOKENS
from pilotage.core.model import LogCounts, LogHistory, LogSeen, LogSetup, LogSignature
from pilotage.core.novelty import Incidents
from pilotage.core.signatures import NOT_AN_ERROR, RECURS, Miner
from pilotage.core.stamps import instant
from pilotage.drivers import Logs, Piece
from pilotage.logs.fields import Sorter
from pilotage.logs.past import Past
from pilotage.logs.saved import LogState, Saved, SavedSignature
from pilotage.logs.search import fastest

MOST_HISTORY = 1_000_000_000
"""Bytes of control's log that are read at the start."""
MOST_NOTES = 20
BACK_S = 60.0
PROBE_S = 5.0
MOST_READS = 16
"""A source that always has more is left for the other after so many reads (of about 8 MiB)."""
LOOKED_AT = 8192
"""Bytes of an entry in which the plan's own texts (`bug`, `ignore`) are looked for."""
GROUPS = ("canary", "control")


def _two_counters() -> dict[str, Counter[int]]:
    return {group: Counter() for group in GROUPS}


@dataclass
class _Tick:
    """What has come since the last tick, by group."""

    volume: dict[str, float] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0.0))
    incidents: dict[str, Counter[int]] = field(default_factory=_two_counters)
    entries: dict[str, Counter[int]] = field(default_factory=_two_counters)
    plain: float = 0.0
    """Bytes of control's log that are no errors."""
    bug: dict[str, int] = field(default_factory=lambda: dict.fromkeys(GROUPS, 0))


@dataclass
class _Stream:
    cutter: Cutter = field(default_factory=Cutter)
    read_to: int = 0
    read_at: float = 0.0
    quiet: bool = False
    last_at: float = -math.inf
    """The newest instant its entries named."""


class Listener:
    """One rollout's; for one task at a time. `now` gives Unix seconds.

    `sources` are ``canary`` and ``control``, or ``both``, whose lines the setup's field tells apart.
    """

    def __init__(self, setup: LogSetup, sources: Mapping[str, Logs], now: Callable[[], float]) -> None:
        self._setup, self._sources, self._now = setup, dict(sources), now
        self._search = fastest([one.encode() for one in setup.tokens] or TOKENS)
        self._ignore = [one.encode() for one in setup.ignore]
        self._bug = setup.bug.encode()
        self._sorter = Sorter(setup.field) if setup.field else None
        self._miner = Miner()
        self._incidents = Incidents()
        """Of both groups together: an incident is the group's that began it, else what is frequent in control would
        run together there and not in the canary."""
        self._bug_incidents = Incidents()
        self._bug_numbers: set[int] = set()
        self._streams: dict[str, dict[str, _Stream]] = {name: {} for name in sources}
        self._named: set[int] = set()
        self._often: set[int] = set()
        self._same_told: dict[int, int] = {}
        self._tick = _Tick()
        self._notes: dict[str, bool] = {}
        """What was noted, and whether it has been told."""
        self._failing: dict[str, str] = {}
        self._history: LogHistory | None = None

    def restore(self, saved: Saved) -> None:
        """Before the first poll."""
        self._often = {one.signature.number for one in saved.signatures if one.often}
        state = saved.state
        self._miner.restore([one.signature for one in saved.signatures], state.same, dict.fromkeys(self._often, RECURS))
        self._same_told, self._named = dict(state.same), set(state.named)
        for name, source in self._sources.items():
            places = dict(state.places.get(name, {}))
            source.continue_at(places)
            self._streams[name] = {stream: _Stream(read_to=place) for stream, place in places.items()}

    # -------------------------------------------------------------- reading

    async def read_history(self) -> None:
        """What control's log held before: once, at a rollout's start. A source that fails here is noted."""
        source = self._sources["both" if self._sorter else "control"]
        past = Past(self._miner, datetime.fromtimestamp(self._now(), UTC).year)
        cutters: dict[str, Cutter] = {}
        try:
            async for piece in source.past(self._setup.history_s, MOST_HISTORY):
                cutter = cutters.setdefault(piece.stream, Cutter())
                await asyncio.to_thread(self._take_past, past, cutter, piece.data)
                if piece.ended:
                    await asyncio.to_thread(self._take_past, past, cutters.pop(piece.stream), b"")
            for cutter in cutters.values():
                await asyncio.to_thread(self._take_past, past, cutter, b"")
        except Exception as error:
            self._note(f"control's earlier log could not be read: {error or type(error).__name__}")
        self._history = past.history()

    def _take_past(self, past: Past, cutter: Cutter, data: bytes) -> None:
        ready = cutter.feed(data) if data else cutter.flush()
        if ready:
            numbers, places = self._miner.mine(ready, self._search)
            if self._ignore:
                numbers = [
                    NOT_AN_ERROR if self._ignored(ready[start : min(end, start + LOOKED_AT)]) else number
                    for number, (start, end) in zip(numbers, places, strict=True)
                ]
            past.take(ready, numbers, places)

    async def poll(self) -> None:
        """Reads and counts what is new; a source that fails is missing until it answers again."""
        for name in sorted(self._sources, reverse=True):  # control first: what both show in one poll is control's
            source, busy = self._sources[name], set[str]()
            for _ in range(MOST_READS):
                try:
                    pieces = await source.read()
                except Exception as error:
                    self._failing[name] = f"{name}: {error or type(error).__name__}"
                    break
                self._failing.pop(name, None)
                if not pieces:
                    break
                await asyncio.to_thread(self._take, name, pieces, self._now())
                busy |= {piece.stream for piece in pieces if piece.data}
            self._settle(name, busy)
            for trouble in source.troubles():
                self._note(f"{name}: {trouble}")

    def _take(self, name: str, pieces: Iterable[Piece], at: float) -> None:
        streams = self._streams[name]
        for piece in pieces:
            stream = streams.setdefault(piece.stream, _Stream(read_to=piece.offset))
            if piece.data:
                stream.read_to, stream.read_at, stream.quiet = piece.offset + len(piece.data), at, False
                self._count(name, stream, stream.cutter.feed(piece.data), at)
            if piece.ended:
                self._count(name, stream, stream.cutter.flush(), at)
                streams.pop(piece.stream, None)
            self._doubt(piece.name, stream.cutter)

    def _settle(self, name: str, busy: set[str]) -> None:
        """An entry is held back as more of it may come; when nothing has come for a poll, it is whole."""
        for key, stream in self._streams[name].items():
            if key not in busy:
                if stream.quiet and stream.cutter.held:
                    self._count(name, stream, stream.cutter.settle(), stream.read_at)
                stream.quiet = True

    def _doubt(self, name: str, cutter: Cutter) -> None:
        if cutter.long_lines:
            self._note(f"{name}: a line is longer than 1 MiB: only its beginning is looked at")
        if cutter.binary:
            self._note(f"{name}: NUL bytes among the text: is this a log?")

    # -------------------------------------------------------------- counting

    def _count(self, name: str, stream: _Stream, ready: bytes, at: float) -> None:
        if not ready:
            return
        tick = self._tick
        numbers, places = self._miner.mine(ready, self._search)
        plain = 1 - sum(end - start for number, (start, end) in zip(numbers, places, strict=True) if number) / len(
            ready
        )
        canary, control = self._volumes(name, ready)
        tick.volume["canary"] += canary
        tick.volume["control"] += control
        tick.plain += control * max(0.0, plain)
        for number, (start, end) in zip(numbers, places, strict=True):
            entry = ready[start : min(end, start + LOOKED_AT)]
            if number == NOT_AN_ERROR or self._ignored(entry):
                continue
            group = name if self._sorter is None else self._sorter.group(entry)
            if group:
                self._count_entry(group, self._miner.group(number), entry, at)
                self._look_after_clock(name, stream, entry)

    def _volumes(self, name: str, ready: bytes) -> tuple[float, float]:
        if self._sorter is not None:
            return self._sorter.volumes(ready)
        return (len(ready), 0.0) if name == "canary" else (0.0, len(ready))

    def _count_entry(self, group: str, number: int, entry: bytes, at: float) -> None:
        tick = self._tick
        tick.entries[group][number] += 1
        tick.incidents[group][number] += self._incidents.begins(number, at)
        if self._bug and self._bug in entry:
            tick.bug[group] += self._bug_incidents.begins(GROUPS.index(group), at)
            self._bug_numbers.add(number)

    def _look_after_clock(self, name: str, stream: _Stream, entry: bytes) -> None:
        """Incidents go by the moment of reading; what the entries say of the time is only looked after."""
        said = instant(entry, 1970)
        if said is None:
            return
        if said < stream.last_at - BACK_S:
            self._note(f"{name}: times in the log go back by more than a minute; incidents go by the time of reading")
        stream.last_at = max(stream.last_at, said)

    def _ignored(self, entry: bytes) -> bool:
        return any(text in entry for text in self._ignore)

    def _note(self, text: str) -> None:
        if len(self._notes) < MOST_NOTES:
            self._notes.setdefault(text, False)

    # -------------------------------------------------------------- telling

    async def counts(self) -> tuple[LogCounts, Saved]:
        """What has come since the last call, and what to save with it."""
        missing = [*self._failing.values(), *await self._unreadable()]
        tick, self._tick = self._tick, _Tick()
        miner = self._miner
        if miner.invalid:
            self._note("some error entries are not UTF-8: they are shown with replacement characters")
        if miner.overflowed:
            self._note("too many different errors: what is new beyond 50,000 signatures is not seen")
        numbers = sorted({*tick.entries["canary"], *tick.entries["control"]})
        fresh = sorted(set(tick.entries["canary"]) - self._named)
        self._named.update(fresh)
        same = {number: low for number, low in miner.same.items() if self._same_told.get(number) != low}
        self._same_told.update(same)
        notes = [text for text, told in self._notes.items() if not told]
        self._notes.update(dict.fromkeys(notes, True))
        history, self._history = self._history, None
        counts = LogCounts(
            tick.volume["canary"],
            tick.volume["control"],
            tuple(self._seen(tick, number) for number in numbers),
            tuple(self._signature(number) for number in fresh),
            tuple(number for number in numbers if self._critical(number)),
            tuple(sorted(same.items())),
            (tick.bug["canary"], tick.bug["control"]),
            "; ".join(missing),
            tuple(notes),
            tick.plain,
            history,
        )
        return counts, self._saved(numbers)

    async def _unreadable(self) -> list[str]:
        """Sources that cannot be read now, though they do not fail: no file, no permission."""
        said = []
        for name, source in self._sources.items():
            try:
                await asyncio.wait_for(source.probe(), PROBE_S)
            except Exception as error:
                said.append(f"{name}: {error or type(error).__name__}")
        return said

    def _seen(self, tick: _Tick, number: int) -> LogSeen:
        incidents, entries = tick.incidents, tick.entries
        return LogSeen(
            number,
            incidents["canary"][number],
            incidents["control"][number],
            entries["canary"][number],
            entries["control"][number],
        )

    def _signature(self, number: int) -> LogSignature:
        one = self._miner.signatures[number]
        return LogSignature(number, one.title(), one.example, self._critical(number))

    def _critical(self, number: int) -> bool:
        return self._miner.signatures[number].critical or number in self._bug_numbers

    def _saved(self, numbers: Iterable[int]) -> Saved:
        miner = self._miner
        often = {number for number in numbers if miner.counts[number] >= RECURS} - self._often
        self._often |= often
        changed = sorted(often | miner.changed)
        miner.changed.clear()
        places = {
            name: {key: stream.read_to - stream.cutter.held for key, stream in streams.items()}
            for name, streams in self._streams.items()
        }
        rows = tuple(SavedSignature(miner.signatures[number], number in self._often) for number in changed)
        return Saved(rows, LogState(dict(miner.same), tuple(sorted(self._named)), places))
