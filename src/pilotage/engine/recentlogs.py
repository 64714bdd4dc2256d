"""What the version that serves now has logged in the last hour, against what was known when the rollout ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

from pilotage.core.cutter import Cutter
from pilotage.core.entries import TOKENS
from pilotage.core.novelty import LEAST_INCIDENTS
from pilotage.core.recovery import Group, Look
from pilotage.core.signatures import RECURS, Miner
from pilotage.engine.crew import Crew
from pilotage.logs.past import Past
from pilotage.logs.saved import Saved
from pilotage.logs.search import fastest

LAST_S = 3600.0
MOST_BYTES = 64_000_000


async def recent_errors(crew: Crew, group: Group, known: Saved | None, now: float) -> Look:
    """Whether nothing new and critical, and nothing new and frequent, is in the last hour's log of `group`."""
    setup = crew.plan.logs
    source = crew.logs.get(group) or crew.logs.get("both")
    if setup is None or source is None:
        return Look(None, "the plan names no logs")
    if known is None:
        return Look(None, "nothing was learnt of the logs during the rollout, so nothing can be called new")
    miner = Miner()
    often = {one.signature.number: RECURS for one in known.signatures if one.often}
    miner.restore([one.signature for one in known.signatures], known.state.same, often)
    last = max((one.signature.number for one in known.signatures), default=-1)
    search = fastest([one.encode() for one in setup.tokens] or TOKENS)
    past = Past(miner, datetime.fromtimestamp(now, UTC).year)
    cutters: dict[str, Cutter] = {}

    def take(cutter: Cutter, data: bytes) -> None:
        ready = cutter.feed(data) if data else cutter.flush()
        if ready:
            past.take(ready, *miner.mine(ready, search))

    async for piece in source.past(LAST_S, MOST_BYTES):
        await asyncio.to_thread(take, cutters.setdefault(piece.stream, Cutter()), piece.data)
    for cutter in cutters.values():
        await asyncio.to_thread(take, cutter, b"")
    history = past.history()
    counts = Counter(dict(history.incidents))
    new = {number: count for number, count in counts.items() if number > last}
    bad = [n for n, count in new.items() if miner.signatures[n].critical or count >= LEAST_INCIDENTS]
    if not history.volume:
        return Look(None, "nothing was logged in the last hour")
    if bad:
        worst = max(bad, key=lambda n: (miner.signatures[n].critical, new[n]))
        return Look(
            False, f"{len(bad)} new errors in the last hour, {new[worst]} times {miner.signatures[worst].title()}"
        )
    return Look(True, f"no new error in the last hour's log ({history.volume / 1e6:.1f} MB, {len(counts)} known kinds)")
