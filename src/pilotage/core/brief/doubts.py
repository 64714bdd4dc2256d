"""Doubts that need to know what day it is."""

from __future__ import annotations

from pilotage.core.brief.facts import Brief, Suspicion


def past_dates(brief: Brief, today: str) -> tuple[Suspicion, ...]:
    """A window whose last day (``YYYY-MM-DD``) lies before `today`."""
    if brief.window is None:
        return ()
    said = brief.window.value
    last = said.closes_date or said.date
    if not last or last >= today:
        return ()
    return (Suspicion("implausible", f"the window on {last} has passed", brief.window.start, brief.window.end),)
