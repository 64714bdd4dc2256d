"""Packages for coding agents and CI: files that a team puts into its repository, made from one source."""

from __future__ import annotations

from pilotage.integrations.placing import Placed, place
from pilotage.integrations.targets import TARGETS, Package

__all__ = ["TARGETS", "Package", "Placed", "place"]
