"""Messages that went out, for the report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SentMessage:
    """`at` in Unix seconds; `channel` is how a person calls it; `kind` is the event's that it is about."""

    at: float
    audience: str
    channel: str
    kind: str
    title: str
