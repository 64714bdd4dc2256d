"""Several readings of one fact -> one, the safer; and the conflict, when they differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pilotage.core.brief.facts import Conflict, Value
from pilotage.core.brief.reading import Reading

T = TypeVar("T")

WEAK = 0.65
"""A reading less sure than this does not stand against a surer one: "critical" beside "P1" is an adjective."""


def settle(
    reading: Reading,
    name: str,
    found: list[Value[T]],
    safest: Callable[[T], Any] | None,
    why: str,
    show: Callable[[T], str] = str,
) -> Value[T] | None:
    """The reading with the greatest `safest`; None (nothing is taken) when they differ and `safest` is None."""
    strong = [one for one in found if one.confidence >= WEAK]
    found = strong or found
    if not found:
        return None
    different = tuple(dict.fromkeys(show(one.value) for one in found))
    if len(different) == 1:
        return max(found, key=lambda one: (one.confidence, -one.start))
    if safest is None:
        reading.conflicts.append(Conflict(name, different, "none", why))
        return None
    taken = max(found, key=lambda one: (safest(one.value), one.confidence, -one.start))
    reading.conflicts.append(Conflict(name, different, show(taken.value), why))
    return taken
