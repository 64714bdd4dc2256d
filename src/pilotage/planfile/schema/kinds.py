"""The schema's building blocks: one function for each kind of value that a plan has.

Patterns are written for Python's `re` and ECMAScript alike. A placeholder is no value anywhere: an editor marks it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pilotage.core import quantities

Schema = dict[str, Any]

FILLED_IN = "(?!REPLACE_ME)"
"""A lookahead: text that begins so is a placeholder."""
LINE = rf"^{FILLED_IN}(?=[^\r\n]*\S)[^\r\n]+$"
SELECTOR = rf"^{FILLED_IN}(?=[^\r\n]*\$group)[^\r\n]+$"
_NOTHING: Any = object()


def whole(pattern: str) -> str:
    """The pattern for all of a text; a bare `$` would allow a line's end behind it, which the loader then refuses."""
    return f"^{FILLED_IN}(?:{pattern})$"


def described(schema: Schema, description: str, default: Any = _NOTHING) -> Schema:
    return {"description": description, **schema, **({} if default is _NOTHING else {"default": default})}


def text(
    description: str, pattern: str = LINE, most: int | None = 500, default: Any = _NOTHING, expected: str = ""
) -> Schema:
    """`expected` is what editors say instead of the pattern, where they can."""
    found: Schema = {"type": "string", "pattern": pattern}
    if most is not None:
        found["maxLength"] = most
    if expected:
        found["patternErrorMessage"] = f"Expected {expected}."
    return described(found, description, default)


def duration(description: str, default: Any = _NOTHING, zero: bool = False) -> Schema:
    """`zero`: a bare 0 is a duration, too."""
    found: Schema = {
        "type": "string",
        "pattern": whole(quantities.DURATION),
        "patternErrorMessage": "Expected a duration such as 30s, 10m or 1h.",
    }
    return described({"anyOf": [found, {"const": 0}]} if zero else found, description, default)


def percent(description: str, default: Any = _NOTHING) -> Schema:
    return text(description, whole(quantities.PERCENT), None, default, "a percentage such as 10%")


def ratio(description: str, default: Any = _NOTHING, off: bool = False) -> Schema:
    """`off`: may be switched off."""
    found = text("", whole(f"{quantities.PERCENT}|{quantities.TIMES}"), None, expected="10% or 2x")
    del found["description"]
    return described({"anyOf": [{"const": "off"}, found]} if off else found, description, default)


def amount(description: str, most: float) -> Schema:
    sizes = text("", whole(quantities.SIZE), None, expected="a percentage such as 90%, or a size such as 512MiB")
    del sizes["description"]
    return described({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": most}, sizes]}, description)


def count(description: str, default: int) -> Schema:
    return described({"type": "integer", "minimum": 1}, description, default)


def flag(description: str, default: bool) -> Schema:
    return described({"type": "boolean"}, description, default)


def one_of(description: str, values: Collection[str], default: Any = _NOTHING) -> Schema:
    return described({"type": "string", "enum": list(values)}, description, default)


def rows(description: str, item: Schema, least: int = 1, most: int | None = None, default: Any = _NOTHING) -> Schema:
    found: Schema = {"type": "array", "items": item}
    if least:
        found["minItems"] = least
    if most is not None:
        found["maxItems"] = most
    return described(found, description, default)


def mapping(description: str, properties: Mapping[str, Schema], required: Collection[str] = ()) -> Schema:
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    if required:
        found["required"] = list(required)
    return described(found, description)
