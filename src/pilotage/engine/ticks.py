"""Which ticks of a watch are traced: a thousand rollouts make a hundred of them a second, all alike."""

from __future__ import annotations

import os

from pilotage import tracing
from pilotage.tracing import Span

EVERY = "PILOTAGE_TRACE_TICKS"
USUALLY = 100


def every() -> int:
    """One tick in so many is traced, a watch's first one always; 0: none."""
    try:
        return max(0, int(os.environ.get(EVERY, "") or USUALLY))
    except ValueError:
        return USUALLY


def traced_tick(tick: int) -> Span:
    """A trace of its own, which links to what the watch began with. The others have no spans at all."""
    if not tracing.is_on() or not (wanted := every()) or tick % wanted:
        return tracing.NOTHING
    return tracing.span("tick", root=True, links=[link] if (link := tracing.origin.get()) else [])
