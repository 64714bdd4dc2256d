"""Pilotage brings a hot-fix safely into production."""

__version__ = "0.1.0"
