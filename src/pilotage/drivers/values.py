"""What drivers are told, and what they answer: values only, the same for every port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from pilotage.core.model import Cohort


class DriverOptions(BaseModel):
    """Base of every driver's options: unknown names are refused, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Context:
    """What a driver may know about its surroundings."""

    directory: Path
    """The plan file's folder: relative paths and commands start here."""
    state: Path
    """A private folder that survives restarts of Pilotage (journals of running commands)."""
    service: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Call:
    """One driver call. A repeated call has the same key and must not act a second time."""

    key: str
    version: str
    previous: str
    timeout_s: float = 30.0
    cohort: Cohort | None = None
    """Of `set_weight`: who goes to the canary whatever the weight. Only for a splitter that `Steers`."""
    mirror: float = 0.0
    """Of `set_weight`: the percent of requests the canary gets a copy of. Only for a splitter that `Mirrors`."""


@dataclass(frozen=True)
class Point:
    """One series' value now: its labels (``__name__`` included) and its number."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Past:
    """What `read` would have answered at an instant (Unix seconds): a list of points for each selector."""

    at: float
    answers: list[list[Point]]


@dataclass(frozen=True)
class Message:
    """One announcement. `id` is the same on every attempt, so that a receiver can drop repeats."""

    id: str
    rollout: str
    kind: str
    title: str
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    audience: str = "incident"
    attempt: int = 0
    """How often this very message was tried before: it may have arrived although no answer came back."""
    thread: str = ""
    """What the last `send` of this rollout returned on this channel: its post, to edit or to answer. Empty at first."""


@dataclass(frozen=True)
class Ticket:
    """Work for later. `key` is the same on every attempt: a tracker that has it already opens no second one."""

    key: str
    title: str
    text: str
    who: str = ""
    """A role or a name, as the plan says; a tracker need not know it."""


@dataclass(frozen=True)
class Evidence:
    """What a check saw. `holds` None: it could not tell (then it does not hold). `text` is one line for a person."""

    holds: bool | None
    text: str


@dataclass(frozen=True)
class Piece:
    """Raw bytes of one stream, in their order. Neither cut at lines nor decoded.

    Without `data` it says only that the stream begins (nothing new in it yet: store its place) or has ended.
    """

    stream: str
    """The same across restarts; what it is made of is the driver's business."""
    name: str
    """What a person calls it: the path, or the command."""
    offset: int
    """The place of the first byte of `data` within the stream."""
    data: bytes
    """At most 1 MiB."""
    ended: bool = False
    """Nothing will follow in this stream: forget its place, and do not give it to `continue_at` again."""
