"""The plans of the rollouts that run, as a watchdog knows them.

On the coordinator's own host they are its snapshots. From another host they are copies of what it said, kept on disk:
a watchdog that was restarted while the coordinator is silent still knows them.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pilotage.codec import from_json
from pilotage.core.errors import PilotageError
from pilotage.core.quantities import duration
from pilotage.core.redact import redact
from pilotage.direct.asking import Blind, Door, Silent
from pilotage.direct.deciding import has_ended
from pilotage.direct.hands import DirectHands
from pilotage.handover import journals, snapshots
from pilotage.handover.snapshots import Snapshot

REMEMBERED_S = 600.0
"""What the coordinator elsewhere said longer ago than this plus the silence may have ended unseen: it is left alone."""
PROBE_WITHIN_S = 10.0


class Copies:
    def __init__(self, state: Path, door: Door, elsewhere: bool) -> None:
        self.root = snapshots.elsewhere(state) if elsewhere else state
        self._door = door
        self._elsewhere = elsewhere
        self._probed: set[str] = set()
        self._refused: set[Path] = set()
        self._damaged: set[Path] = set()

    def all(self) -> list[Snapshot]:
        """Those that can be read."""
        found = []
        for path in snapshots.every(self.root):
            try:
                found.append(snapshots.read(path))
            except PilotageError:
                continue
        return found

    async def renew(self, rollouts: Mapping[str, float]) -> list[str]:
        """After a good answer; returns what a person should know."""
        lines = []
        if self._elsewhere:
            lines += await asyncio.to_thread(self._copy, rollouts)
            lines += await asyncio.to_thread(self._deliver)
        for rollout in rollouts.keys() - self._probed:
            lines += await self._look_at(rollout)
        self._probed &= rollouts.keys()
        return lines

    async def why_leave(self, snapshot: Snapshot) -> str:
        """A clause when this rollout is none of our business (any more), else empty."""
        path = snapshots.place(self.root, snapshot.rollout)
        if not path.exists():
            return "it has ended"
        if await asyncio.to_thread(journals.is_back, self.root, snapshot.rollout):
            return "it was rolled back directly already"
        if not self._elsewhere:
            return await asyncio.to_thread(has_ended, self.root, snapshot.rollout)
        ago = time.time() - path.stat().st_mtime
        if ago > REMEMBERED_S + snapshot.plan.silence_s:
            return f"the coordinator spoke of it {duration(ago // 1)} ago, it may have ended since"
        return ""

    def _copy(self, rollouts: Mapping[str, float]) -> list[str]:
        lines = []
        for path in snapshots.every(self.root):
            if path.stem not in rollouts:
                path.unlink(missing_ok=True)
        for rollout in rollouts:
            try:
                path = snapshots.place(self.root, rollout)
                if path.exists():
                    os.utime(path)
                else:
                    snapshot = from_json(Snapshot, self._door.snapshot(rollout))
                    snapshots.keep(self.root, replace(snapshot, rollout=rollout))
            except (Silent, Blind, PilotageError, OSError, ValueError) as error:
                lines.append(f"{rollout[:80]}: its plan cannot be kept here: {type(error).__name__}")
        return lines

    def _deliver(self) -> list[str]:
        """What was done here, to the coordinator that is there again; one that it refuses stays here."""
        lines = []
        for path, journal in journals.to_merge(self.root):
            if path in self._refused:
                continue
            try:
                self._door.tell(path.read_text(encoding="utf-8"))
                journals.merged(path)
                lines.append(f"{journal.rollout}: the coordinator knows now what was done")
            except Blind as error:
                self._refused.add(path)
                lines.append(f"{journal.rollout}: the coordinator does not take the journal: {error}")
            except (Silent, OSError):
                continue
        return lines

    async def _look_at(self, rollout: str) -> list[str]:
        """Whether the drivers could do it from here: said when the rollout begins, not when it counts."""
        try:
            snapshot = await asyncio.to_thread(snapshots.read, snapshots.place(self.root, rollout))
        except PilotageError as error:
            return [f"WARNING {rollout[:80]}: {error}"]
        self._probed.add(rollout)
        hands = DirectHands(snapshot.plan, self.root)
        try:
            answers = await asyncio.gather(*(_probe(hands, name) for name in hands.needed))
        finally:
            await hands.close()
        silence = f"after {duration(snapshot.plan.silence_s)} of silence it is rolled back"
        return [f"{rollout}: {silence}", *(f"{rollout}: {answer}" for answer in answers)]


async def _probe(hands: DirectHands, target: str) -> str:
    try:
        return f"{target}: {redact(await asyncio.wait_for(hands.driver(target).probe(), PROBE_WITHIN_S))}"
    except TimeoutError:
        return f"WARNING {target}: no answer within {PROBE_WITHIN_S:g} s: it could not be taken back from here"
    except Exception as error:
        return f"WARNING {target}: could not be taken back from here: {redact(str(error)) or type(error).__name__}"
