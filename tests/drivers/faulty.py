"""Drivers of a service over HTTP, before everything that can go wrong there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pilotage.testing import FaultsContract


class OfAService(FaultsContract):
    """The secret is in the variable TEST_TOKEN. `build` gives a driver for a url and a time limit."""

    build: Callable[..., Any]
    patience_s = 1.5

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        monkeypatch.setenv("TEST_TOKEN", self.secret)

    def at(self, url):
        return self.build(url, timeout_s=self.patience_s)
