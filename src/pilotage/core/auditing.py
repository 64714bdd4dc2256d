"""The audit log's chain: each entry's hash covers the entry and the hash before it, so that none can be changed,
left out or put in between without every later hash being wrong."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Entry:
    """`what` was done to `object` (a rollout, a plan, a token), by whom, and what came of it: ``done``, or why not."""

    at: float
    by: str
    kind: str
    what: str
    object: str
    outcome: str = "done"
    detail: str = ""


def chained(before: str, number: int, entry: Entry) -> str:
    """The entry's hash: SHA-256, hex, over the hash before, its number and all its fields as JSON."""
    told = json.dumps([before, number, *astuple(entry)], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()


def body_hash(body: str) -> str:
    """What an event's entry keeps of its body."""
    return hashlib.sha256(body.encode()).hexdigest()
