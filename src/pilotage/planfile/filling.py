"""Words that a section gives once and drivers use as ``{word}``: the colours, a server's name and address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pilotage.drivers.arguments import fill
from pilotage.planfile.document import Node


def filled(node: Node, words: Mapping[str, Any], whole: bool = True) -> Node:
    """The same tree with the words filled in. An option that is nothing but one word becomes its value, so that a port
    stays a number; in a list, such as a command's arguments, it is text. Words that are not given stay as they are:
    they are the drivers' own, such as {version}. A driver's name is never filled in."""
    if isinstance(node.value, dict):
        return replace(node, value={key: _entry(key, one, words) for key, one in node.value.items()})
    if isinstance(node.value, list):
        return replace(node, value=[filled(one, words, whole=False) for one in node.value])
    if not isinstance(node.value, str):
        return node
    word = node.value[1:-1] if node.value.startswith("{") and node.value.endswith("}") else ""
    if whole and word in words:
        return replace(node, value=words[word], text=str(words[word]))
    text = fill([node.value], {key: str(value) for key, value in words.items()})[0]
    return node if text == node.value else replace(node, value=text, text=text)


def _entry(key: str, node: Node, words: Mapping[str, Any]) -> Node:
    names_a_driver = key in ("driver", "check") and isinstance(node.value, str)
    return node if names_a_driver else filled(node, words)
