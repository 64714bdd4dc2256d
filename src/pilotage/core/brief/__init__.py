"""A short brief in plain words -> facts. Deterministic: rules, no model."""

from pilotage.core.brief.facts import Brief, Value
from pilotage.core.brief.parser import parse

__all__ = ["Brief", "Value", "parse"]
