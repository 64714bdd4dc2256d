"""Which strategy, and why: what the brief asks for, else what the kind of change needs."""

from __future__ import annotations

from pilotage.core.brief import Brief
from pilotage.core.model import Strategy


def recommend(brief: Brief) -> tuple[Strategy, str]:
    """By the kind of change alone, whatever the brief asks for."""
    if brief.stateful is not None and brief.stateful.value:
        return Strategy.ROLLING, "the service keeps state, so its servers are changed one after the other"
    if brief.migration is not None:
        return Strategy.BLUE_GREEN, "the change touches the database, so it is tested whole before it gets any traffic"
    if brief.major is not None and brief.major.value:
        return Strategy.BLUE_GREEN, "the change is a major one, so it is tested whole before it gets any traffic"
    return Strategy.CANARY, "the usual one for a hot-fix: its first step harms the fewest if it is wrong"


def choose(brief: Brief) -> tuple[Strategy, str, tuple[str, ...]]:
    """The strategy, its reason, and what a person should know about it."""
    advised, why = recommend(brief)
    if brief.strategy is None:
        taken, reason = advised, why
    else:
        taken = brief.strategy.value
        reason = f"asked for, and {why}" if taken is advised else "asked for"
    warnings = []
    if taken is not advised:
        warnings.append(f"strategy {taken.value} was asked for; {advised.value} is advised: {why}.")
    return taken, reason, tuple(warnings)
