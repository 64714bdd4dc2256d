"""What every detector gets, and how it names what it found."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.core.proposals import Port, Proposal, Trace
from pilotage.repository.files import Files, shown
from pilotage.repository.git import Git

PLACEHOLDER = "REPLACE_ME"
_WORD = re.compile(r"[a-z][a-z0-9]+", re.IGNORECASE)
_ASIDE = re.compile(r"(?:^|/)(?:examples?|samples?|tests?|testdata|fixtures|specs?|e2e|docs?|demo)/", re.IGNORECASE)
_EVERYWHERE = frozenset(
    {
        "the",
        "and",
        "for",
        "new",
        "fix",
        "hot",
        "hotfix",
        "canary",
        "stable",
        "flag",
        "service",
        "app",
        "version",
        "main",
    }
)


@dataclass(frozen=True)
class Scene:
    """`here` is the plan's folder within the repository, empty at its top; `words` are the brief's."""

    files: Files
    git: Git
    here: str = ""
    words: frozenset[str] = frozenset()

    def path(self, name: str) -> str:
        """A file as the plan's folder sees it."""
        return posixpath.relpath(name, self.here or ".")

    def fits(self, name: str) -> float:
        """0 to 1: how much of a name the brief speaks of."""
        parts = words(name)
        return len(parts & self.words) / len(parts) if parts else 0.0

    def propose(
        self,
        port: Port,
        name: str,
        driver: str,
        options: Mapping[str, Any],
        traces: list[Trace],
        confidence: float,
        note: str = "",
    ) -> Proposal:
        """Examples, tests, and what lies in another part of the repository than the plan's folder count less."""
        if self.here and not any(_near(one.file, self.here) for one in traces):
            confidence *= 0.8
        if all(_ASIDE.search(one.file) for one in traces) and not _ASIDE.search(f"{self.here}/"):
            confidence *= 0.5
        if driver and not _printable(options):
            driver, options, note = "", {}, "what it names has unusual characters"
        return Proposal(port, shown(name), driver, options, tuple(traces), round(min(confidence, 1.0), 3), note)


def words(text: str) -> frozenset[str]:
    """The words of a text or of a name (``newCheckout-fix`` has three), without those that say nothing."""
    apart = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text).replace("_", " ")
    return frozenset(one.lower() for one in _WORD.findall(apart)) - _EVERYWHERE


def _printable(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_printable(one) for one in value.values())
    return value.isprintable() if isinstance(value, str) else all(_printable(one) for one in value)


def _near(file: str, here: str) -> bool:
    folder = posixpath.dirname(file)
    return file.startswith(f"{here}/") or folder == "" or here.startswith(f"{folder}/")
