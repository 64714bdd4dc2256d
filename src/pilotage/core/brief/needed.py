"""What a plan needs and a brief does not say."""

from __future__ import annotations

from dataclasses import replace

from pilotage.core.brief.facts import Brief, Conflict, Suspicion
from pilotage.core.model import Severity


def missing(brief: Brief, conflicts: tuple[Conflict, ...], suspicious: tuple[Suspicion, ...]) -> Brief:
    """The brief with its `missing`, in the order in which a person is asked."""
    return replace(brief, missing=names(brief), conflicts=conflicts, suspicious=suspicious)


def names(brief: Brief) -> tuple[str, ...]:
    """A window is needed for P2 only; one that is said needs its times, its date and its zone."""
    planned = brief.severity is not None and brief.severity.value is Severity.P2
    window = brief.window.value if brief.window else None
    lacking = {
        "summary": brief.summary is None,
        "service": not brief.services,
        "severity": brief.severity is None,
        "environment": brief.environment is None,
        "version": brief.version is None,
        "previous": brief.previous is None,
        "traffic": brief.traffic is None,
        "window": planned and (window is None or not window.opens),
        "window date": window is not None and not window.date,
        "window zone": window is not None and not window.zone,
        "migration reversible": brief.migration is not None and brief.migration.value.reversible is None,
    }
    return tuple(name for name, lacks in lacking.items() if lacks)
