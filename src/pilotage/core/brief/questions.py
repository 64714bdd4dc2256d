"""What a person is asked for each thing that is missing."""

from __future__ import annotations

from collections.abc import Mapping

QUESTIONS: Mapping[str, str] = {
    "summary": "What does this change? One line",
    "service": "Which service is brought out?",
    "severity": "How severe is it: P0 (now), P1 (within the hour) or P2 (in a window)?",
    "environment": "Into which environment, such as production?",
    "version": "Which version is brought out?",
    "previous": "Which version runs now, to go back to?",
    "traffic": "What traffic does the service usually get, such as 5M/day or 58/s?",
    "window": "When may it start, such as 2026-11-25 22:00-02:00 Europe/Berlin?",
    "window date": "On which date, such as 2026-11-25?",
    "window time": "From when until when, such as 22:00-02:00?",
    "window zone": "In which time zone, such as Europe/Berlin or UTC?",
    "migration reversible": "Can the migration be undone (yes or no)?",
}
