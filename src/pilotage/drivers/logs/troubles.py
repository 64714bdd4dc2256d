"""What a person should know, each said once until it is over."""

from __future__ import annotations

import os

from pilotage.drivers.logs.opened import NotAFile

_MOST = 1000
Key = tuple[str, str]


class Troubles:
    def __init__(self) -> None:
        self._said: dict[Key, None] = {}
        self._new: list[str] = []

    def say(self, key: Key, text: str) -> None:
        if key in self._said or len(self._new) >= _MOST:
            return
        self._said[key] = None
        self._new.append(text)
        if len(self._said) > 10 * _MOST:
            del self._said[next(iter(self._said))]

    def over(self, key: Key) -> None:
        self._said.pop(key, None)

    def new(self) -> list[str]:
        """Those since the last call."""
        new, self._new = self._new, []
        return new


def why(path: str, error: OSError) -> str:
    if isinstance(error, NotAFile):
        return f"{path} is {error}, not a file; it is not followed. Let `paths` name log files only"
    if isinstance(error, PermissionError):
        return (
            f"{path} cannot be read: permission denied for user {os.geteuid()}. "
            "Give that user read access (often: membership of the file's group); it is tried again"
        )
    return f"{path} cannot be read: {error.strerror or error}; it is tried again"
