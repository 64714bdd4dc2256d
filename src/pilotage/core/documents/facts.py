"""A plan's data (as the loader reads it, placeholders included), asked for without stumbling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pilotage.core.planning import is_placeholder
from pilotage.core.quantities import duration, seconds


class Facts:
    """`data` is the plan file's tree; `file` how a person calls the plan file."""

    def __init__(self, data: Mapping[str, Any], file: str) -> None:
        self.data = data
        self.file = file

    def said(self, path: str, instead: str = "") -> str:
        """The text at a dotted path, or `instead`; a placeholder reads as something still to be filled in."""
        value = self.at(path)
        if value is None or isinstance(value, (dict, list)):
            return instead
        return f"(to fill in: {path})" if is_placeholder(value) else str(value)

    def at(self, path: str) -> Any:
        value: Any = self.data
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def rows(self, path: str) -> list[Mapping[str, Any]]:
        value = self.at(path)
        return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []

    def lasting(self, path: str, usual: str = "") -> str:
        """A duration for a sentence."""
        text = self.said(path, usual)
        length = seconds(text)
        return text if length is None else duration(length)

    @property
    def new(self) -> str:
        """The version to bring out, for a sentence."""
        return "the new version" if is_placeholder(self.at("version")) else self.said("version", "the new version")

    @property
    def old(self) -> str:
        return (
            "the running version" if is_placeholder(self.at("previous")) else self.said("previous", "the old version")
        )

    def unfilled(self) -> Iterator[tuple[str, str]]:
        """(path, what belongs there) of every placeholder."""
        yield from _open(self.data, "")


def _open(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _open(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _open(one, f"{path}[{index}]")
    elif is_placeholder(value):
        yield path, str(value).partition(":")[2].strip() or "a value of yours"
