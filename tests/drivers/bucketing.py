"""A clock in the test's hands for the drivers that ask for buckets of time."""

from __future__ import annotations

from types import SimpleNamespace

START = 1_700_000_000.0


class Clock:
    """Also for those of `modules` of the drivers that look at the clock themselves."""

    def __init__(self, monkeypatch, *modules: str) -> None:
        self.now = START
        for module in ("bucketed", *modules):
            monkeypatch.setattr(f"pilotage.drivers.metrics.{module}.time", SimpleNamespace(time=lambda: self.now))
