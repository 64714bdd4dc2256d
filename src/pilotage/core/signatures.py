"""The miner: log entries -> signatures. One miner for canary and control, so that both speak of the same signature.

An entry whose bytes without their digits were seen before costs one look-up. Only the others are parsed, masked and
compared with what is known (docs/logs.md).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from pilotage.core import masking
from pilotage.core.entries import Search, entries
from pilotage.core.identity import status_of, type_of
from pilotage.core.redact import redact
from pilotage.core.shapes import Shape, shape_of

ALIKE = 0.7
"""Messages of the same length with so many equal words belong together."""
TRACES_ALIKE = 0.5
VARIES_AFTER = 6
RECURS = 3
RECURRING_SHARE = 0.5
"""A place in a message varies once it has shown so many different words, and less than this share of them so often:
names of customers, not the few things that can fail. New words there are nothing new."""
MOST_SIGNATURES = 50_000
MOST_KNOWN = 200_000
EXAMPLE_CHARACTERS = 600
NOT_AN_ERROR = 0

_DIGITS = b"0123456789"
_MAYBE_STATUS = re.compile(
    rb"(?i)(?:status|code|https?(?:/\d(?:\.\d)?)?|returned|responded|replied|failed|with|answered|got|received|response"
    rb"|result| ->)[\"')\]]*\s*[:=>-]*\s*[\"'(]?\d"
    rb"|[ (=:\"]\d(?=\d?\d? (?:Not Found|Internal S|Bad |Service |Gateway |Unauthor|Forbidden|Conflict|Too Many|Gone"
    rb"|Method|Unproc|Request|Payload|Precond))"
    rb"|/-?\d+ \d(?=\d* \+?\d)"
)
_FIRST_FRAME = re.compile(rb"(?:\n|\\n)(?:[ \t]|\\t)+at ([^(\n\\]{1,300})")
_GO_CALLS = re.compile(rb"(?:\n|\\n)([\w./*()\[\]{}$~-]+)(?:\(|(?:\n|\\n)(?:\t|\\t))")


@dataclass(frozen=True)
class Signature:
    """`number` counts from 1 in the order of their first sight. `critical`: fatal, uncaught, a crash."""

    number: int
    shape: Shape
    example: str
    """The first entry, secrets masked, at most 600 characters."""

    @property
    def critical(self) -> bool:
        return self.shape.critical

    def title(self) -> str:
        """One line for a person."""
        _, logger, status, kinds, tops = self.shape.identity
        said = " ".join(self.shape.words).removeprefix(masking.ANY).strip()
        said = f"{logger}: {said}" if logger and said else said or logger
        parts = [
            kinds.replace("|", " < "),
            said,
            f"HTTP {status}" if status.isdigit() else status,
            f"at {tops.replace('|', ' < ')}" if tops else "",
        ]
        text = " · ".join(part for part in parts if part) or "(no text)"
        return redact(text)[:200]


class _Cluster:
    """Shapes with one identity and length whose words are mostly equal. `values` are None where anything may stand."""

    __slots__ = ("shapes", "values")

    def __init__(self, words: tuple[str, ...]) -> None:
        self.values: list[set[str] | None] = [{word} if word != masking.ANY else None for word in words]
        self.shapes: list[Shape] = []

    def likeness(self, words: tuple[str, ...]) -> float:
        equal = sum(known is None or word in known for word, known in zip(words, self.values, strict=True))
        firm = sum(
            known is not None and len(known) == 1 and word in known
            for word, known in zip(words, self.values, strict=True)
        )
        return equal / len(words) if firm * 2 >= len(words) - self.values.count(None) else 0.0

    def learn(self, words: tuple[str, ...], often: Callable[[Shape], bool]) -> bool:
        """True when a place has just turned out to vary: many words there, few of which come again and again."""
        turned = False
        for place, (word, known) in enumerate(zip(words, self.values, strict=True)):
            if known is None or word in known:
                continue
            known.add(word)
            if word == masking.ANY or (len(known) >= VARIES_AFTER and self._varies(place, known, often)):
                self.values[place] = None
                turned = True
        return turned

    def _varies(self, place: int, known: set[str], often: Callable[[Shape], bool]) -> bool:
        recurring = {shape.words[place] for shape in self.shapes if often(shape)}
        return len(recurring) < RECURRING_SHARE * len(known)

    def canonical(self, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(masking.ANY if known is None else word for word, known in zip(words, self.values, strict=True))


class Miner:
    """Gives entries their numbers; 0 for what is no error. The same entries in the same order, the same numbers."""

    def __init__(self) -> None:
        self.signatures: dict[int, Signature] = {}
        self.counts: Counter[int] = Counter()
        """number -> entries."""
        self.changed: set[int] = set()
        """Signatures that are new or have changed since whoever keeps them has cleared this."""
        self.same: dict[int, int] = {}
        """Numbers that have turned out to say the same as a lower one."""
        self.invalid = 0
        """Entries, of those that had to be looked at closely, with bytes that are not UTF-8."""
        self.overflowed = 0
        """Entries that could not get a signature of their own any more."""
        self._known: dict[int, tuple[int, bytes, bytes]] = {}
        """hash of an entry's bytes without digits -> (number, bytes that it must hold, bytes that no status may
        follow). Hashes of 64 bits, not the
        bytes: a chance of one in 10^8 that two of 200,000 entries are mixed up, for a tenth of the memory."""
        self._exact: dict[Shape, int] = {}
        self._clusters: dict[tuple[object, ...], list[_Cluster]] = {}
        self._traces: dict[tuple[str, ...], list[tuple[frozenset[str], int]]] = {}

    def signature(self, entry: bytes) -> int:
        """The number of an entry: a line, or a line with its stack trace; without the last newline."""
        found: list[int] = []
        self._take(entry, [(0, len(entry))], found)
        return found[0]

    def mine(self, data: bytes, search: Search, stop: int | None = None) -> tuple[list[int], list[tuple[int, int]]]:
        """The numbers of all entries in `data` up to `stop` (see entries.py), 0 among them, and their (start, end)."""
        places = list(entries(data, search, stop))
        found: list[int] = []
        self._take(data, places, found)
        return found, places

    def _take(self, data: bytes, places: Iterable[tuple[int, int]], found: list[int]) -> None:
        known, add = self._known, found.append
        for start, end in places:
            entry = data[start:end]
            key = entry.translate(None, _DIGITS)
            if 10 in key or 92 in key:  # a newline, or the backslash of an escaped one
                key += _tops(entry)
            place = hash(key)
            if place in known:
                number, proof, lead = known[place]
                if (proof and proof not in entry) or (lead and _status_follows(entry, lead)):
                    number = self._unproven(place, entry)
            else:
                number = self._met_first(place, entry)
            add(number)
        self.counts.update(found)

    def group(self, number: int) -> int:
        """The lowest number that says the same, as known by now."""
        while number in self.same:
            number = self.same[number]
        return number

    def restore(self, signatures: Iterable[Signature], same: Mapping[int, int], counts: Mapping[int, int]) -> None:
        """Takes back what an earlier miner knew."""
        self.same = dict(same)
        self.counts.update(counts)
        for one in sorted(signatures, key=lambda one: one.number):
            self.signatures[one.number] = one
            if one.number not in self.same:
                self._exact[one.shape] = one.number
                if one.shape.traced:
                    said = frozenset(word for word in one.shape.words if word != masking.ANY)
                    self._traces.setdefault(one.shape.identity, []).append((said, one.number))
                elif one.shape.words:
                    cluster = self._cluster(one.shape)
                    cluster.learn(one.shape.words, self._often)
                    cluster.shapes.append(one.shape)

    # -------------------------------------------------------------- what is not known yet

    def _met_first(self, place: int, entry: bytes) -> int:
        text = entry.decode("utf-8", "replace")
        self.invalid += "\ufffd" in text
        number = self._number(text)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[place] = (number, *(_proof(text) if number else (b"", b"")))
        return number

    def _unproven(self, place: int, entry: bytes) -> int:
        """Only digits differ from a known entry, and they matter here: the status, or an exception's name."""
        text = entry.decode("utf-8", "replace")
        inner = hash((place, status_of(text)[0], type_of(text)[0]))
        known = self._known.get(inner)
        if known is not None:
            return known[0]
        number = self._number(text)
        self._known[inner] = (number, b"", b"")
        return number

    def _number(self, text: str) -> int:
        shape = shape_of(text)
        return NOT_AN_ERROR if shape is None else self._learn(shape, text)

    def _learn(self, shape: Shape, text: str) -> int:
        if (found := self._exact.get(shape)) is not None:
            return found
        if shape.traced:
            return self._learn_trace(shape, text)
        if not shape.words:
            return self._new(shape, text)
        best = self._cluster(shape)
        turned = best.learn(shape.words, self._often)
        canonical = Shape(shape.identity, best.canonical(shape.words), shape.critical)
        if turned:
            self._merge(best)
        if (found := self._exact.get(canonical)) is not None:
            return found
        return self._new(canonical, text, best)

    def _learn_trace(self, shape: Shape, text: str) -> int:
        """Exception and function on top say nearly all: messages with half their words in common are the same."""
        said = frozenset(word for word in shape.words if word != masking.ANY)
        traces = self._traces.setdefault(shape.identity, [])
        for known, number in traces:
            if len(said & known) >= TRACES_ALIKE * len(said | known):
                return number
        number = self._new(shape, text)
        traces.append((said, number))
        return number

    def _cluster(self, shape: Shape) -> _Cluster:
        """The most alike one, or a new one."""
        clusters = self._clusters.setdefault((shape.identity, len(shape.words), shape.words[0]), [])
        likeness, best = 0.0, None
        for one in clusters:
            if (alike := one.likeness(shape.words)) > likeness:
                likeness, best = alike, one
        if best is None or likeness < ALIKE:
            best = _Cluster(shape.words)
            clusters.append(best)
        return best

    def _merge(self, cluster: _Cluster) -> None:
        """Shapes of the cluster that differ only where it varies are one from now on; the lowest number stays."""
        kept: list[Shape] = []
        for shape in cluster.shapes:
            canonical = Shape(shape.identity, cluster.canonical(shape.words), shape.critical)
            number = self._exact[shape]
            other = self._exact.get(canonical, number)
            lowest = self._exact[canonical] = min(number, other)
            if number != other:
                self.same[max(number, other)] = lowest
            if canonical not in kept:
                kept.append(canonical)
            self.signatures[lowest] = replace(self.signatures[lowest], shape=canonical)
            self.changed.add(lowest)
        cluster.shapes = kept

    def _often(self, shape: Shape) -> bool:
        return self.counts[self._exact[shape]] >= RECURS

    def _new(self, shape: Shape, text: str, cluster: _Cluster | None = None) -> int:
        if len(self.signatures) >= MOST_SIGNATURES:
            self.overflowed += 1
            return NOT_AN_ERROR
        number = len(self.signatures) + 1
        self.changed.add(number)
        self.signatures[number] = Signature(number, shape, redact(text[: 2 * EXAMPLE_CHARACTERS])[:EXAMPLE_CHARACTERS])
        self._exact[shape] = number
        if cluster is not None:
            cluster.shapes.append(shape)
        return number


def _proof(text: str) -> tuple[bytes, bytes]:
    """What another entry with the same bytes but for its digits must hold to be the same; and, where a status may stand
    that is not there now, the bytes before it."""
    first = text.split("\n", 1)[0]
    status, start, end = status_of(first)
    if status:
        return text[max(0, start - 3) : end + 1].encode("utf-8", "replace"), b""
    raw = first.encode("utf-8", "replace")
    maybe = _MAYBE_STATUS.search(raw)
    kind, start, end = type_of(text)
    proof = text[max(0, start - 1) : end + 1].encode("utf-8", "replace") if kind else b""
    return proof, raw[maybe.start() : maybe.end() - 1] if maybe else b""


def _status_follows(entry: bytes, lead: bytes) -> bool:
    """Whether three digits, and no more, stand where a status may stand."""
    place = entry.find(lead) + len(lead)
    digits = entry[place : place + 4]
    return place < len(lead) or (digits[:3].isdigit() and not digits[3:].isdigit() and b"1" <= digits[:1] <= b"5")


def _tops(entry: bytes) -> bytes:
    """The parts of a trace's identity that may differ in a digit alone, cut out cheaply: functions on top."""
    found = b""
    if frame := _FIRST_FRAME.search(entry):
        found += frame[1]
    cause = entry.rfind(b"Caused by: ")
    if cause >= 0:
        top = entry.find(b"at ", cause)
        found += (
            entry[cause : entry.find(b":", cause + 11, cause + 200)] + entry[top : entry.find(b"(", top, top + 300)]
        )
    if b"Traceback" in entry:
        for end in (len(entry), entry.find(b"\n\nDuring handling"), entry.find(b"\n\nThe above exception")):
            if end > 0:
                found += entry[entry.rfind(b"\n", 0, end) + 1 : end].split(b":", 1)[0][:200]
    inside = entry.rfind(b", in ")
    if inside >= 0:
        found += (
            entry[inside : entry.find(b"n", inside + 5, inside + 200)]
            if entry[:1] == b"{"
            else entry[inside : entry.find(b"\n", inside, inside + 200)]
        )
    if b".go:" in entry:
        goroutine = max(0, entry.find(b"goroutine "))
        found += b"".join(_GO_CALLS.findall(entry[goroutine : goroutine + 1500])[:4])
    return found
