"""How long the coordinator has been silent - as far as it was really asked."""

from __future__ import annotations

FRESH = 3
"""So many questions in a row must have failed, without a pause of our own, before the silence counts."""


class Silence:
    """Told of each question: when it was over (monotonic seconds), and whether an answer came.

    A gap between two questions of more than `most_gap_s` was a pause of our own - a stopped process, a laptop's sleep.
    It says nothing about the coordinator, and the questions begin anew.
    """

    def __init__(self, most_gap_s: float) -> None:
        self._most_gap_s = most_gap_s
        self._last: float | None = None
        self._failures = 0
        self.seconds = 0.0

    def answered(self, now: float) -> None:
        self._last, self._failures, self.seconds = now, 0, 0.0

    def failed(self, now: float) -> None:
        gap = 0.0 if self._last is None else now - self._last
        if gap > self._most_gap_s:
            self._failures = 0
        else:
            self.seconds += gap
        self._failures += 1
        self._last = now

    def longer_than(self, limit_s: float) -> bool:
        return self.seconds > limit_s and self._failures >= FRESH
