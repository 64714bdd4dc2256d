"""`traceparent` of W3C's Trace Context: which trace something belongs to, and which span of it is above."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_SHAPE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_LONGEST = 256


@dataclass(frozen=True)
class Traceparent:
    """`trace` has 32 hex digits, `span` 16."""

    trace: str
    span: str
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace}-{self.span}-{int(self.sampled):02x}"


def read(text: str) -> Traceparent | None:
    """None for what is none, as the recommendation wants it: the trace begins anew then."""
    found = _SHAPE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5] is not None):
        return None
    if not int(found[2], 16) or not int(found[3], 16):
        return None
    return Traceparent(found[2], found[3], bool(int(found[4], 16) & 1))


def planned(seed: str, above: Traceparent | None) -> Traceparent:
    """Ids that follow from `seed`: whoever knows it finds the same ones again, before or after the span is told of.

    Without a span above it begins a trace, and counts as sampled.
    """
    digest = hashlib.sha256(seed.encode()).hexdigest()
    if above is not None:
        return Traceparent(above.trace, digest[32:48], above.sampled)
    return Traceparent(digest[:32], digest[32:48], True)
