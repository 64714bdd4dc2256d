"""The section ``logs``: where both groups' logs come from, and what to look for in them."""

from __future__ import annotations

from collections.abc import Callable

from pilotage.core.model import DriverRef, LogField, LogSetup
from pilotage.planfile.document import Node
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader

_KNOWN = ("canary", "control", "both", "field", "tokens", "ignore", "bug", "history")
MOST_TEXTS = 32


def logs(reader: Reader, node: Node | None) -> LogSetup | None:
    """None without the section, or with mistakes in it."""
    if node is None:
        return None
    found = reader.mapping(node, "logs", _KNOWN)
    sources: dict[str, DriverRef | None] = {
        name: driver(reader, found[name], f"logs.{name}", "logs") if name in found else None
        for name in ("canary", "control", "both")
    }
    if "both" in found:
        for name in ("canary", "control"):
            if name in found:
                reader.wrong(f"logs.{name}", found[name], "either logs.both, or logs.canary and logs.control")
    elif isinstance(node.value, dict):
        for name in ("canary", "control"):
            if name not in found:
                hint = "Or name one stream of both groups: logs.both, with logs.field."
                reader.wrong(f"logs.{name}", node, f"where the {name}'s log comes from", "nothing", hint)
    field = _field(reader, found.get("field"))
    if "both" in found and "field" not in found:
        hint = "For example field: {name: version, canary: v2, control: v1}"
        reader.wrong("logs.field", node, "the field that tells the groups' lines apart", "nothing", hint)
    if "field" in found and "both" not in found:
        reader.wrong("logs.field", found["field"], "logs.both beside it: a source of one group needs no field")
    return LogSetup(
        canary=sources["canary"],
        control=sources["control"],
        both=sources["both"],
        field=field,
        tokens=_texts(reader, found.get("tokens"), "logs.tokens", str.isascii, "2 to 100 plain characters"),
        ignore=_texts(reader, found.get("ignore"), "logs.ignore", lambda _: True, "2 to 100 characters"),
        bug=reader.text(found.get("bug"), "logs.bug", "a text that the bug's own entries hold", limit=200) or "",
        history_s=reader.duration(found.get("history"), "logs.history", 86400.0, least=0.0),
    )


def _field(reader: Reader, node: Node | None) -> LogField | None:
    if node is None:
        return None
    found = reader.mapping(node, "logs.field", ("name", "canary", "control"), ("name", "canary", "control"))
    values = {
        key: reader.text(found.get(key), f"logs.field.{key}", "text of at most 200 characters", limit=200)
        for key in ("name", "canary", "control")
    }
    name, canary, control = values["name"], values["canary"], values["control"]
    if canary is not None and canary == control:
        reader.wrong("logs.field.control", found["control"], "another value than canary's")
    return LogField(name, canary, control) if name and canary and control else None


def _texts(reader: Reader, node: Node | None, path: str, good: Callable[[str], bool], expected: str) -> tuple[str, ...]:
    rows = reader.items(node, path, "texts") if node is not None else []
    if len(rows) > MOST_TEXTS:
        reader.wrong(path, node, f"at most {MOST_TEXTS} texts", f"{len(rows)}")
    found = []
    for place, row in rows:
        text = reader.text(row, place, expected, limit=100)
        if text is not None and (len(text) < 2 or not good(text)):
            reader.wrong(place, row, expected)
        elif text is not None:
            found.append(text)
    return tuple(found)
