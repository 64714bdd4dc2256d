"""What Slack takes for blocks: docs.slack.dev/reference/block-kit/blocks, .../block-elements, .../composition-objects.

Stricter in one thing: the app writes plain text only, so that no text from outside can be read as markup.
"""

from __future__ import annotations

import re
from typing import Any

import jsonschema

MOST_BLOCKS = 50
MOST_CHARACTERS = 13_200
"""Of all blocks together, else chat.postMessage answers msg_blocks_too_long."""


def _text(most: int) -> dict[str, Any]:
    return _object(
        ["type", "text"],
        type={"const": "plain_text"},
        text={"type": "string", "minLength": 1, "maxLength": most},
        emoji={"type": "boolean"},
    )


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties}


_ID = {"type": "string", "minLength": 1, "maxLength": 255}
BUTTON = _object(
    ["type", "text", "action_id"],
    type={"const": "button"},
    text=_text(75),
    action_id=_ID,
    value={"type": "string", "minLength": 1, "maxLength": 2000},
    url={"type": "string", "pattern": "^https?://", "maxLength": 3000},
    style={"enum": ["primary", "danger"]},
)
"""Without `confirm`: a dialog would cost the time that a rollback is to save."""
_INPUT = _object(
    ["type", "action_id"],
    type={"const": "plain_text_input"},
    action_id=_ID,
    multiline={"type": "boolean"},
    max_length={"type": "integer", "minimum": 1, "maximum": 3000},
)
_BLOCKS = {
    "header": _object(["type", "text"], type={}, text=_text(150), block_id=_ID),
    "section": _object(["type", "text"], type={}, text=_text(3000), block_id=_ID),
    "context": _object(
        ["type", "elements"],
        type={},
        block_id=_ID,
        elements={"type": "array", "minItems": 1, "maxItems": 10, "items": _text(3000)},
    ),
    "actions": _object(
        ["type", "elements"],
        type={},
        block_id=_ID,
        elements={"type": "array", "minItems": 1, "maxItems": 25, "items": BUTTON},
    ),
}
_OF_FORMS = _BLOCKS | {
    "input": _object(["type", "label", "element"], type={}, label=_text(2000), element=_INPUT, block_id=_ID)
}
VIEW = _object(
    ["type", "title", "blocks"],
    type={"const": "modal"},
    callback_id=_ID,
    private_metadata={"type": "string", "maxLength": 3000},
    title=_text(24),
    submit=_text(24),
    close=_text(24),
    blocks={"type": "array", "minItems": 1, "maxItems": 100},
)


def check_blocks(blocks: list[dict[str, Any]], form: bool = False) -> None:
    """Raises for whatever Slack would answer with invalid_blocks, or would show otherwise than it was meant."""
    assert 0 < len(blocks) <= MOST_BLOCKS
    kinds = _OF_FORMS if form else _BLOCKS
    for block in blocks:
        jsonschema.validate(block, kinds[block["type"]])
    ids = [one["action_id"] for block in blocks if block["type"] == "actions" for one in block["elements"]]
    assert len(ids) == len(set(ids)), "an action_id is to be unique in its block"
    texts = list(_texts(blocks))
    assert sum(map(len, texts)) <= MOST_CHARACTERS
    for text in texts:
        check_escaped(text)


def check_escaped(text: str) -> None:
    """docs.slack.dev/messaging/formatting-message-text#escaping."""
    assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", text), f"Slack would read markup in {text!r}"


def read(blocks: list[dict[str, Any]]) -> list[str]:
    """As a person sees them; of buttons their words."""
    return [one.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for one in _texts(blocks)]


def _texts(found: Any) -> Any:
    if isinstance(found, dict):
        if found.get("type") == "plain_text":
            yield found["text"]
        else:
            for value in found.values():
                yield from _texts(value)
    elif isinstance(found, list):
        for one in found:
            yield from _texts(one)
