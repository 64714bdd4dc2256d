"""Keys that open the page once: `pilotage open` asks for one, and the browser brings it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pilotage.core.people import Caller
from pilotage.store.people import hashed

VALID_S = 60.0
MOST = 1000


@dataclass
class OneTimeKeys:
    """Kept by their hashes, in memory only: a restart ends them."""

    now: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, Caller]] = field(default_factory=dict)

    def make(self, caller: Caller) -> str:
        """A key that makes a session of that caller's."""
        now = self.now()
        self._kept = {one: kept for one, kept in self._kept.items() if now - kept[0] < VALID_S}
        while len(self._kept) >= MOST:
            del self._kept[next(iter(self._kept))]
        key = secrets.token_urlsafe(32)
        self._kept[hashed(key)] = (now, caller)
        return key

    def take(self, key: str) -> Caller | None:
        """Once, and within a minute."""
        at, caller = self._kept.pop(hashed(key), (None, None))
        return caller if at is not None and self.now() - at < VALID_S else None
