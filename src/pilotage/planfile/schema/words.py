"""Texts with ``{words}`` that the plan itself fills in: the colours, a server's name and address."""

from __future__ import annotations

from typing import Any

from pilotage.planfile.rolling import RESERVED
from pilotage.planfile.schema.kinds import FILLED_IN, Schema

COLOURS = r"\{(?:live|idle)\}"
OF_SERVERS = rf"\{{(?!(?:{'|'.join(one for one in RESERVED if one != 'server')})\}})[A-Za-z_][A-Za-z0-9_]*\}}"
"""Not the words that drivers fill in: those are no values of an option."""


def with_words(schema: Any, words: str, numbers: bool = False) -> Any:
    """The same schema, where a text may also have one of the `words` (a pattern); with `numbers` a text that is
    nothing but a word may stand for a number, too."""
    if isinstance(schema, list):
        return [with_words(one, words, numbers) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found: Schema = {
        key: one if key in ("default", "enum", "const", "examples") else with_words(one, words, numbers)
        for key, one in schema.items()
    }
    a_text = found.get("type") == "string"
    if a_text and "pattern" in found:
        found["pattern"] = rf"^{FILLED_IN}[\s\S]*{words}|{found['pattern']}"
    if (a_text and "enum" in found) or (numbers and found.get("type") in ("number", "integer")):
        beside = {key: found.pop(key) for key in ("description", "default") if key in found}
        return {**beside, "anyOf": [found, {"type": "string", "pattern": f"^{words}$"}]}
    return found
