"""Secrets are written as references and read at the moment of use; a value is never stored, printed or logged."""

from pilotage.drivers.secrets.hiding import hide
from pilotage.drivers.secrets.kept import asked_anew
from pilotage.drivers.secrets.reference import Secret

__all__ = ["Secret", "asked_anew", "hide"]
