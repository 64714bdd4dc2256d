"""A short brief in plain words -> facts. Deterministic: rules, no model."""

from pilotage.core.brief.facts import (
    Brief,
    Conflict,
    ContactFact,
    Flag,
    Impact,
    Migration,
    PhaseFact,
    Suspicion,
    Traffic,
    Value,
    WindowFact,
)
from pilotage.core.brief.parser import parse

__all__ = [
    "Brief",
    "Conflict",
    "ContactFact",
    "Flag",
    "Impact",
    "Migration",
    "PhaseFact",
    "Suspicion",
    "Traffic",
    "Value",
    "WindowFact",
    "parse",
]
