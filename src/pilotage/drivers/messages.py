"""What notifiers share: a message in one line, what tells it from another, and who has it already."""

from __future__ import annotations

from pilotage.drivers import Message


def key(message: Message) -> str:
    """The same on every attempt. One event is told to several audiences, each in its own words."""
    return f"{message.id} {message.audience}"


def headline(message: Message) -> str:
    """The title as one line, whatever came from outside; never empty."""
    return " ".join(message.title.split()) or message.kind


class Taken:
    """Which receivers took a message, for as long as this process runs; the oldest are forgotten.

    For what cannot be asked: a mail server, a webhook. After a restart a message may come again.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._taken: dict[tuple[str, str], None] = {}

    def add(self, message: Message, receiver: str) -> None:
        self._taken[key(message), receiver] = None
        while len(self._taken) > self._most:
            self._taken.pop(next(iter(self._taken)), None)

    def has(self, message: Message, receiver: str) -> bool:
        return (key(message), receiver) in self._taken
