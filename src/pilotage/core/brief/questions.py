"""What a person is asked for each thing a brief does not say. One sentence, with an example."""

from __future__ import annotations

from collections.abc import Mapping

QUESTIONS: Mapping[str, str] = {
    "summary": "What does this change, in one line? (payment null pointer hot-fix)",
    "service": "Which service is deployed? Several with commas. (payment)",
    "severity": "How severe is it: P0 (start at once), P1 (within an hour) or P2 (in a window)?",
    "environment": "Which environment is it for? (production)",
    "version": "Which version is brought out? (2.4.1)",
    "previous": "Which version runs now, to go back to? (2.4.0)",
    "traffic": "How many requests does the service get? (5M/day, or 58/s)",
    "window": "In which window may it happen, with date, times and zone? (2026-11-25 22:00-23:00 Europe/Berlin)",
    "window date": "On which day is the window? (2026-11-25)",
    "window zone": "In which time zone is the window? (Europe/Berlin, or UTC)",
    "migration reversible": "Can the change of the database be undone? (yes or no)",
    "strategy": "How is it brought out: canary, blue-green or rolling?",
    "flag": "Is there a feature flag, and what is its name? (no, or new-payment)",
}
"""For every name that can be in `Brief.missing`, and for strategy and flag, which have defaults."""
