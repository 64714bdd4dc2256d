"""Reading values out of the tree: every mistake becomes a Problem with path, line, expectation and a hint."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Mapping

from pilotage.core import quantities
from pilotage.core.errors import Problem
from pilotage.planfile.document import Node, one_line

MAX_SECONDS = 30 * 86400.0


def show(node: Node) -> str:
    """A value for an error message: short, one line, without control characters."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "nothing"
    written = json.dumps(node.value, ensure_ascii=False) if isinstance(node.value, str) else node.text
    return written if len(written) <= 60 else written[:57] + "..."


def did_you_mean(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word[:80].lower(), list(known), n=1, cutoff=0.6)
    return f'Did you mean "{close[0]}"?' if close else ""


class Reader:
    """Collects problems; each method answers None (or the default) where the value is missing or wrong.

    Without `secrets` one that cannot be read here is no problem.
    """

    def __init__(self, secrets: bool = True) -> None:
        self.secrets = secrets
        self.problems: list[Problem] = []

    def wrong(self, path: str, node: Node | int | None, expected: str, got: str = "", hint: str = "") -> None:
        line = node.line if isinstance(node, Node) else node
        shown = got or (show(node) if isinstance(node, Node) else "nothing")
        path, expected, shown = one_line(path or "(plan)", 300), one_line(expected, 500), one_line(shown, 300)
        self.problems.append(Problem(path, expected, shown, line, one_line(hint, 300)))

    def mapping(
        self,
        node: Node | None,
        path: str,
        known: Collection[str],
        required: Collection[str] = (),
        free: bool = False,
        shown: Mapping[str, str] | None = None,
    ) -> dict[str, Node]:
        """The mapping's known entries; unknown keys (unless `free`) and missing required ones become problems.

        `shown` has examples of keys that are missed.
        """
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong(path, node, f"a mapping with {', '.join(known)}")
            return {}
        meant: set[str] = set()
        for key, line in node.key_lines.items():
            if key not in known and not free:
                hint = did_you_mean(key, [one for one in known if one not in node.value])
                meant.update(one for one in known if hint == f'Did you mean "{one}"?')
                unknown = json.dumps(key[:60], ensure_ascii=False)
                self.wrong(
                    _join(path, key[:60]), line, f"one of {', '.join(known)}", f"the unknown key {unknown}", hint
                )
        for key in required:
            if key not in node.value and key not in meant:
                self.wrong(_join(path, key), node.line, f"the key {key}", "nothing", (shown or {}).get(key, ""))
        return {key: value for key, value in node.value.items() if free or key in known}

    def items(self, node: Node | None, path: str, what: str) -> list[tuple[str, Node]]:
        if node is None:
            return []
        if not isinstance(node.value, list) or not node.value:
            self.wrong(path, node, f"a list of {what}", "" if node.value else "nothing")
            return []
        return [(f"{path}[{index}]", one) for index, one in enumerate(node.value)]

    def text(
        self, node: Node | None, path: str, expected: str = "text", pattern: str = r"[^\r\n]+", limit: int = 500
    ) -> str | None:
        if node is None:
            return None
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            self.wrong(path, node, expected, f"the number {node.text[:40]}", f'Quote it: "{node.text[:40]}".')
        elif not isinstance(node.value, str) or not node.value.strip():
            self.wrong(path, node, expected)
        elif len(node.value) > limit:
            self.wrong(path, node, f"at most {limit} characters", str(len(node.value)))
        elif not re.fullmatch(pattern, node.value, re.ASCII):
            self.wrong(path, node, expected)
        else:
            return node.value
        return None

    def one_of(self, node: Node | None, path: str, known: Collection[str]) -> str | None:
        if node is None:
            return None
        if isinstance(node.value, str) and node.value in known:
            return node.value
        self.wrong(path, node, f"one of {', '.join(known)}", hint=did_you_mean(node.text, known))
        return None

    def flag(self, node: Node | None, path: str, default: bool) -> bool:
        if node is not None and not isinstance(node.value, bool):
            self.wrong(path, node, "true or false")
            return default
        return default if node is None else bool(node.value)

    def number(self, node: Node | None, path: str, default: float, expected: str, ok: Callable[[float], bool]) -> float:
        if node is None:
            return default
        if isinstance(node.value, (int, float)) and not isinstance(node.value, bool) and ok(node.value):
            return node.value
        self.wrong(path, node, expected)
        return default

    def duration(
        self, node: Node | None, path: str, default: float = 0.0, least: float = 0.5, most: float = MAX_SECONDS
    ) -> float:
        """Seconds; ``0`` is allowed as a bare number where `least` is 0."""
        if node is None:
            return default
        seconds = quantities.seconds(node.value)
        if seconds is None:
            self.wrong(path, node, "a duration such as 30s, 10m or 1h")
        elif seconds < least:
            self.wrong(path, node, f"a duration of at least {least:g}s")
        elif seconds > most:
            self.wrong(path, node, f"a duration of at most {quantities.written(most)}")
        else:
            return seconds
        return default

    def percent(self, node: Node | None, path: str, default: float, least: float = 0.0) -> float:
        """Percent, 0-100 (``10%`` is 10.0). A bare number is refused: 0.5 could mean either."""
        if node is None:
            return default
        percent = quantities.percent(node.value)
        if percent is None:
            hint = (
                f"Write {node.text[:40]}%." if isinstance(node.value, (int, float)) and node.value is not True else ""
            )
            self.wrong(path, node, "a percentage such as 10%", hint=hint)
        elif not least < percent <= 100:
            self.wrong(path, node, f"a percentage above {least:g}% and at most 100%")
        else:
            return percent
        return default

    def ratio(self, node: Node | None, path: str, default: float) -> float:
        """A factor above 1 over the baseline: ``10%`` (more) is 1.10, ``2x`` is 2.0."""
        if node is None:
            return default
        factor = quantities.ratio(node.value)
        if factor is not None and 1 < factor <= 1000:
            return factor
        self.wrong(path, node, "more than the baseline, such as 10% or 2x")
        return default


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
