"""Facts that can be given beside a brief, by name, and what each one is. A command line reads this before all else."""

from __future__ import annotations

LONGEST_BRIEF = 1_000_000
FACTS = {
    "service": "The service's name.",
    "severity": "P0, P1 or P2.",
    "environment": "Such as production.",
    "version": "The version to bring out.",
    "previous": "The version running now.",
    "traffic": "What the service usually gets, such as 5M/day or 58/s.",
    "strategy": "canary, blue-green or rolling.",
    "window": 'When it may start, such as "2026-11-25 22:00-02:00 Europe/Berlin".',
    "flag": "The feature flag's name.",
    "summary": "One line: what this changes.",
}
"""Facts that can be given beside a brief: they count more than what it says."""
