"""A ticket's words, fit to leave the house: bounded, without secrets and control characters."""

from __future__ import annotations

from pilotage.core.redact import redact
from pilotage.drivers import Ticket
from pilotage.drivers.answers import one_line

_TITLE = 200


def title(ticket: Ticket) -> str:
    """One line, never empty."""
    return one_line(ticket.title, _TITLE) or "(no title)"


def text(ticket: Ticket, most: int) -> str:
    """At most `most` characters and a word that says that there was more."""
    words = redact(ticket.text)
    return words if len(words) <= most else f"{words[:most]} (cut)"
