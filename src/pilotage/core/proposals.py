"""What a look at the repository suggests for a plan: drivers with their options, each with what speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Port = Literal["deploy", "traffic", "pool", "metrics", "logs", "checks"]


@dataclass(frozen=True)
class Trace:
    """What was seen where: `file` relative to the repository, `line` from 1 (0: the file as such), `text` one line."""

    file: str
    line: int = 0
    text: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} ({self.text})" if self.text else place


@dataclass(frozen=True)
class Proposal:
    """A driver for a port. Options that nobody can know from the files are placeholders (``REPLACE_ME: ...``).

    `driver` is empty for something found that this release cannot drive by itself; `note` then says so.
    """

    port: Port
    name: str
    driver: str
    options: Mapping[str, Any]
    traces: tuple[Trace, ...]
    confidence: float = 1.0
    note: str = ""
    members: tuple[str, ...] = ()
    """Of a pool: its servers, in its order."""


@dataclass(frozen=True)
class Repository:
    """What the repository says. Versions come from tags, the newest first, without a leading v."""

    root: str = ""
    is_git: bool = False
    branch: str = ""
    commit: str = ""
    main: str = ""
    """The branch that is deployed: main, master, or what the remote's HEAD names."""
    github: str = ""
    """``owner/name`` of the origin, when it is on GitHub."""
    tags: tuple[str, ...] = ()
    tag_here: str = ""
    """The tag of the present commit."""
    proposals: tuple[Proposal, ...] = ()
    notes: tuple[str, ...] = ()
    """What else a person should know: limits reached, files that could not be read."""

    def best(self, port: Port) -> Proposal | None:
        """The proposal for a port that this release can drive, the surest first."""
        usable = [one for one in self.proposals if one.port == port and one.driver]
        return max(usable, key=lambda one: one.confidence, default=None)
