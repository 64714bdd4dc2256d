"""StatsD's lines, as sent by its clients and by DogStatsD's.

Formats: statsd's docs/metric_types.md; Datadog's "Datagram Format and Shell Usage" up to protocol 1.4. A line is
``name:value|type``, then ``|@rate`` and ``|#tag:value,tag`` in any order; several values may be packed with colons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

TYPES = ("c", "g", "ms", "h", "d", "s")
MOST_BYTES = 8192
"""Of one line: what DogStatsD's clients send at most."""
MOST_NAME = 300
MOST_TAGS = 50
MOST_LABELS = 1000
"""Characters of all tags of a line."""

LEAST_RATE = 1e-6

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Line:
    """`values` are numbers, but for sets (``s``): those are any text. `signed` values of a gauge change it."""

    name: str
    type: str
    values: tuple[float, ...]
    labels: Labels = ()
    weight: float = 1.0
    """How many events stand behind one that was sent: 1 / rate."""
    member: str = ""
    signed: bool = False


def lines(packet: bytes) -> Iterator[Line | None]:
    """Every line of a packet; None for one that is malformed. Events and service checks are passed over."""
    for raw in packet.split(b"\n"):
        raw = raw.strip(b"\r\0 ")
        if not raw or raw.startswith((b"_e{", b"_sc|")):
            continue
        try:
            yield _line(raw)
        except ValueError:
            yield None


def _line(raw: bytes) -> Line:
    if len(raw) > MOST_BYTES:
        raise ValueError("too long")
    head, *sections = raw.decode("utf-8").split("|")
    name, colon, value = head.partition(":")
    if not colon or not sections or not 0 < len(name) <= MOST_NAME or not name.isprintable() or "{" in name:
        raise ValueError("no name")
    kind, rate = sections[0], 1.0
    labels: Labels = ()
    if kind not in TYPES:
        raise ValueError("no such type")
    for section in sections[1:]:
        if section.startswith("@"):
            rate = _number(section[1:])
        elif section.startswith("#"):
            labels = _labels(section[1:])
    if not LEAST_RATE <= rate <= 1:
        raise ValueError("no rate")
    if kind == "s":
        if not value:
            raise ValueError("no value")
        return Line(name, kind, (), labels, member=value)
    values = tuple(_number(one) for one in value.split(":"))
    signed = kind == "g" and value[:1] in ("+", "-")
    if kind != "g" and min(values) < 0:
        raise ValueError("a count or a time below 0")
    return Line(name, kind, values, labels, 1.0 if kind == "g" else 1 / rate, signed=signed)


def _number(text: str) -> float:
    if "_" in text or text != text.strip():
        raise ValueError("no number")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no number")
    return number


def _labels(text: str) -> Labels:
    """A tag without a value is ``true``. Of two with one name the last counts."""
    if len(text) > MOST_LABELS or text.count(",") >= MOST_TAGS or not text.isprintable():
        raise ValueError("too many tags")
    found: dict[str, str] = {}
    for tag in text.split(","):
        name, colon, value = tag.partition(":")
        if name:
            found[name] = value if colon else "true"
    return tuple(sorted(found.items()))
