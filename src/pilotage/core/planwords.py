"""Changes between plans in words, and as data for a program; what may be a secret is in neither."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pilotage.core.plancaution import Loosened
from pilotage.core.plandiff import ABSENT, Change, Place
from pilotage.core.redact import HIDDEN, redact
from pilotage.core.secretnames import SECRET_NAME

MOST = 160
"""Characters of one value in a line."""
_NOT_SECRET = ("environment",)
"""A section of ours whose name only looks so."""
_PLAIN = re.compile(r"[A-Za-z0-9_./$%@*+-][A-Za-z0-9_./$%@*+ (){}\[\]=,;'<>|!-]*")
_READ_OTHERWISE = re.compile(r"[-+.0-9][0-9.eExXoOa-fA-F+_-]*|~|null|true|false", re.I)


def lines(changes: Sequence[Change], loosened: Sequence[Loosened], digests: tuple[str, str]) -> list[str]:
    """The first line says how much, then a line for each change, by section; then where the second is less careful."""
    if not changes:
        return [f"no changes; digest {_short(digests[0])}"]
    many = "1 change" if len(changes) == 1 else f"{len(changes)} changes"
    found = [f"{many}; digest {_short(digests[0])} -> {_short(digests[1])}"]
    sections = list(dict.fromkeys(change.place[:1] for change in changes))
    found += [sentence(one) for section in sections for one in changes if one.place[:1] == section]
    if loosened:
        found += ["", "Less careful in B:", *(f"{_clean(one.path)}: {_clean(one.reason)}" for one in loosened)]
    return found


def as_data(changes: Sequence[Change], loosened: Sequence[Loosened], digests: tuple[str, str]) -> dict[str, Any]:
    """The same for a program: a value that only one plan has is left out, one that is not shown is ``(hidden)``."""
    return {
        "same": not changes,
        "digests": list(digests),
        "changes": [_change(one) for one in changes],
        "less_careful": [{"path": _clean(one.path), "reason": _clean(one.reason)} for one in loosened],
    }


def sentence(change: Change) -> str:
    """One line: what changed, from what to what."""
    path = _clean(change.path)
    if change.order:
        return f"{path}: another order, {', '.join(map(_clean, change.after))}"
    before, after = (_words(change.place, value) for value in (change.before, change.after))
    if change.before is ABSENT:
        return f"{path}: added, {after}"
    if change.after is ABSENT:
        return f"{path}: removed" if isinstance(change.before, (Mapping, list)) else f"{path}: removed, was {before}"
    if before == after:
        return f"{path}: changed (what differs is not shown)"
    return f"{path}: {before} -> {after}"


def shown(place: Place, value: Any) -> Any:
    """`value` without what may be secret: by the names on its place and in it, and by what texts look like."""
    if any(isinstance(step, str) and step not in _NOT_SECRET and SECRET_NAME.search(step) for step in place):
        return HIDDEN
    if isinstance(value, Mapping):
        return {_clean(str(key)): shown((*place, str(key)), one) for key, one in value.items()}
    if isinstance(value, list):
        return [HIDDEN if _gives(value, index) else shown(place, one) for index, one in enumerate(value)]
    return redact(value) if isinstance(value, str) else value


def _gives(arguments: Sequence[Any], index: int) -> bool:
    """Whether this argument of a command is the value of an option such as ``--token``."""
    before = arguments[index - 1] if index else ""
    return isinstance(before, str) and before.startswith("-") and bool(SECRET_NAME.search(before))


def _change(change: Change) -> dict[str, Any]:
    found: dict[str, Any] = {"path": _clean(change.path)}
    if change.order:
        return {**found, "order": [_clean(one) for one in change.after]}
    for name, value in (("before", change.before), ("after", change.after)):
        if value is not ABSENT:
            found[name] = shown(change.place, value)
    return found


def _words(place: Place, value: Any) -> str:
    words = _written(shown(place, value))
    return words if len(words) <= MOST else words[: MOST - 3] + "..."


def _written(value: Any) -> str:
    """As it may stand in a plan, in one line."""
    if value is ABSENT:
        return "nothing"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _READ_OTHERWISE.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=not str(value).isprintable())


def _clean(text: str) -> str:
    text = redact(text)
    return text if text.isprintable() else json.dumps(text)[1:-1]


def _short(digest: str) -> str:
    return digest[: len("sha256:") + 12]
