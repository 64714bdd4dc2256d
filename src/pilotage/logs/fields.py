"""Which group a line belongs to, by a field of its JSON or key=value text."""

from __future__ import annotations

import json
import re

from pilotage.core.model import LogField
from pilotage.core.structured import get

SAMPLED = 64
"""Lines of a piece from which the groups' shares of its volume are estimated."""


class Sorter:
    def __init__(self, field: LogField) -> None:
        self._field = field
        self._pair = re.compile(rf"(?:^|[\s,{{]){re.escape(field.name)}=(\"(?:[^\"\\]|\\.)*\"|[^\s,}}\"]*)")

    def group(self, entry: bytes) -> str:
        """``canary``, ``control``, or nothing when the field says neither."""
        text = entry.split(b"\n", 1)[0].decode("utf-8", "replace").strip()
        value: object = None
        if text.startswith("{"):
            try:
                record = json.loads(text)
            except (ValueError, RecursionError):
                return ""
            value = get(record, self._field.name) if isinstance(record, dict) else None
        elif found := self._pair.search(text):
            value = found[1].strip('"')
        said = "" if value is None else str(value)
        return "canary" if said == self._field.canary else "control" if said == self._field.control else ""

    def volumes(self, data: bytes) -> tuple[float, float]:
        """Bytes of the canary's and of control's lines, from some of them, evenly spread."""
        step = max(1, len(data) // SAMPLED)
        seen = {"canary": 0, "control": 0, "": 0}
        place = 0
        while place < len(data):
            start = data.rfind(b"\n", 0, place) + 1
            end = data.find(b"\n", place)
            end = len(data) if end < 0 else end
            seen[self.group(data[start:end])] += 1
            place = max(end + 1, place + step)
        whole = sum(seen.values())
        return (len(data) * seen["canary"] / whole, len(data) * seen["control"] / whole) if whole else (0.0, 0.0)
