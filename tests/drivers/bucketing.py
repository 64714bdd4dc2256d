"""A clock in the test's hands for the drivers that ask for buckets of time."""

from __future__ import annotations

from types import SimpleNamespace

START = 1_700_000_000.0


class Clock:
    def __init__(self, monkeypatch) -> None:
        self.now = START
        monkeypatch.setattr("pilotage.drivers.metrics.bucketed.time", SimpleNamespace(time=lambda: self.now))
