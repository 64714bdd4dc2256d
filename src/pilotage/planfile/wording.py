"""What a driver's options expected, in words for the person who wrote the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = {
    "string_type": "text (in quotes where it looks like a number, true or false)",
    "list_type": 'a list, such as ["one", "two"]',
    "tuple_type": 'a list, such as ["one", "two"]',
    "dict_type": "a mapping",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "path_type": "a path, as text",
    "string_too_short": "text that is not empty",
    "url_parsing": "an http:// or https:// address",
    "url_scheme": "an http:// or https:// address",
}


def expectation(error: Mapping[str, Any], meaning: str = "") -> str:
    """A noun phrase for one of pydantic's errors (`type`, `msg`, `ctx`); drivers' own ValueErrors are one already.

    `meaning` is what the option's description says: a pattern alone tells nobody what is meant.
    """
    kind, limits = str(error["type"]), error.get("ctx", {})
    match kind:
        case "greater_than":
            return f"a number above {limits['gt']:g}"
        case "greater_than_equal":
            return f"a number from {limits['ge']:g}"
        case "less_than":
            return f"a number below {limits['lt']:g}"
        case "less_than_equal":
            return f"a number of at most {limits['le']:g}"
        case "too_short":
            return f"a list of at least {limits['min_length']}"
        case "too_long":
            return f"a list of at most {limits['max_length']}"
        case "string_too_long":
            return f"at most {limits['max_length']} characters"
        case "string_pattern_mismatch":
            form = f"of the form {limits['pattern']}"
            return f"{meaning} ({form})" if meaning else f"text {form}"
        case "literal_error" | "enum":
            return f"one of {limits['expected']}"
    message = str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    return _PLAIN.get(kind, message)
