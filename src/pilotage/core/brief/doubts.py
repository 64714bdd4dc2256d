"""Doubts that need to know what day it is."""

from __future__ import annotations

from datetime import date, timedelta

from pilotage.core.brief.facts import Brief, Suspicion, WindowFact


def past_dates(brief: Brief, today: str) -> tuple[Suspicion, ...]:
    """Window dates before `today` (``YYYY-MM-DD``, in the window's own zone), which only the caller can know."""
    if brief.window is None:
        return ()
    window = brief.window.value
    last = last_day(window)
    if not last or last >= today:
        return ()
    return (
        Suspicion(
            "implausible", f"the window on {last} is past: today is {today}", brief.window.start, brief.window.end
        ),
    )


def last_day(window: WindowFact) -> str:
    """The day on which it closes: as said, else the next one when it closes before it opens. Empty without a date."""
    if window.closes_date or not (window.date and window.closes and window.closes <= window.opens):
        return window.closes_date or window.date
    try:
        return (date.fromisoformat(window.date) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return ""
