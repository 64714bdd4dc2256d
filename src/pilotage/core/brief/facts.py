"""What a brief says: facts, each with its place in the text and how sure the rule is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pilotage.core.model import Severity, Strategy

T = TypeVar("T")

Source = Literal["brief", "option", "answer", "repository", "model"]
"""Who said it: the brief, an option of the command, the person at the terminal, the repository, a model."""


@dataclass(frozen=True)
class Value(Generic[T]):
    """A fact, its span in the text as given (end exclusive; 0, 0 when it is not from the text), and how sure the rule
    is (0-1)."""

    value: T
    start: int = 0
    end: int = 0
    confidence: float = 1.0
    source: Source = "brief"


@dataclass(frozen=True)
class Impact:
    """`share` is a fraction (0-1) of `what`; None when the text names no number."""

    share: float | None
    what: str


@dataclass(frozen=True)
class Traffic:
    """`per_s` requests per second of the whole service. `peak`: said of the busiest time; the mean is less."""

    per_s: float
    peak: bool = False


@dataclass(frozen=True)
class PhaseFact:
    """Weight in percent; watch in seconds, or None when only the weight was said."""

    weight: float
    watch_s: float | None = None


@dataclass(frozen=True)
class Flag:
    """A feature flag: `wanted` False for "no feature flag". `name` is empty when it was not said."""

    wanted: bool
    name: str = ""


@dataclass(frozen=True)
class Migration:
    """A change of the database. `reversible` None: not said."""

    reversible: bool | None = None


@dataclass(frozen=True)
class WindowFact:
    """Dates ``YYYY-MM-DD`` and times ``HH:MM`` as said; empty what was not said. `zone` is an IANA name or ``UTC``."""

    date: str = ""
    opens: str = ""
    closes: str = ""
    zone: str = ""
    closes_date: str = ""
    """Empty: the same day, or the next one when it closes before it opens."""


@dataclass(frozen=True)
class ContactFact:
    """`role` is one of on-call, tester, escalation, owner, incident-channel; `reach` a handle, address or number."""

    role: str
    name: str = ""
    reach: str = ""


@dataclass(frozen=True)
class Conflict:
    """What the brief says differently in two places: every reading, the one taken (the safer) and why it is safer."""

    name: str
    found: tuple[str, ...]
    taken: str
    why: str

    def __str__(self) -> str:
        return f"{self.name}: the brief says {' and '.join(self.found)}; taken: {self.taken} ({self.why}). Check it."


Kind = Literal[
    "quoted", "instruction", "command", "secret", "invisible", "look-alike", "implausible", "length", "language"
]


@dataclass(frozen=True)
class Suspicion:
    """Something in the text that was treated as data and should be looked at. `text` has secrets masked, one line."""

    kind: Kind
    text: str
    start: int = 0
    end: int = 0

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True)
class Brief:
    """`text` is the brief with secrets masked, shortened to what was read; spans count in it.

    `missing` names what a plan needs and nobody said. `language` is en, de, es, or empty when no rule applied.
    """

    text: str
    language: str = ""
    summary: Value[str] | None = None
    services: tuple[Value[str], ...] = ()
    """The one that is deployed first, then others that are deployed with it."""
    severity: Value[Severity] | None = None
    impact: Value[Impact] | None = None
    environment: Value[str] | None = None
    regions: tuple[Value[str], ...] = ()
    traffic: Value[Traffic] | None = None
    strategy: Value[Strategy] | None = None
    phases: Value[tuple[PhaseFact, ...]] | None = None
    flag: Value[Flag] | None = None
    migration: Value[Migration] | None = None
    stateful: Value[bool] | None = None
    servers: tuple[Value[str], ...] = ()
    """By name, in their order."""
    fleet: Value[int] | None = None
    """How many servers there are."""
    major: Value[bool] | None = None
    """A major change (rewrite, new architecture, upgrade of a framework), as said."""
    known_bad: Value[bool] | None = None
    """False: the running version is said to be healthy (a feature, not a fix)."""
    window: Value[WindowFact] | None = None
    standby_s: Value[float] | None = None
    """How long the old version is to be kept warm."""
    version: Value[str] | None = None
    previous: Value[str] | None = None
    tickets: tuple[Value[str], ...] = ()
    contacts: tuple[Value[ContactFact], ...] = ()
    missing: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    suspicious: tuple[Suspicion, ...] = ()
