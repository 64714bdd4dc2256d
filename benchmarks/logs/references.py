"""What the miner is compared with: Drain by the paper and its implementation's defaults, and masks with a hash.

Drain: He, Zhu, Zheng, Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017; parameters and
masks are those of the drain3 package (depth 4, similarity .4, 100 children; its example `drain3.ini`). Both have the
miner's shape: `signature(entry) -> number`.
"""

from __future__ import annotations

import re
from typing import Protocol


class Grouper(Protocol):
    """Gives each entry the number of its group."""

    def signature(self, entry: bytes) -> int: ...


MASKS = [
    (re.compile(pattern), f"<{name}>")
    for name, pattern in (
        ("ID", r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)"),
        ("IP", r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)"),
        ("SEQ", r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)"),
        ("SEQ", r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)"),
        ("HEX", r"((?<=[^A-Za-z0-9])|^)(0x[a-fA-F0-9]+)((?=[^A-Za-z0-9])|$)"),
        ("NUM", r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)"),
    )
]
ANY = "<*>"


class Drain:
    """A tree of fixed depth: the count of tokens, then the first `depth` - 2 tokens, then the most similar template."""

    def __init__(
        self, masked: bool, first_line: bool, depth: int = 4, similarity: float = 0.4, children: int = 100
    ) -> None:
        self.masked, self.first_line = masked, first_line
        self.prefix, self.similarity, self.children = depth - 2, similarity, children
        self.root: dict[int, Node] = {}
        self.count = 0

    def signature(self, entry: bytes) -> int:
        text = entry.decode("utf-8", "replace")
        if self.first_line:
            text = text.split("\n", 1)[0]
        if self.masked:
            for pattern, name in MASKS:
                text = pattern.sub(name, text)
        tokens = text.split()
        leaf = self._leaf(tokens)
        best = max(leaf.groups, key=lambda group: _alike(group.template, tokens), default=None)
        if best is None or _alike(best.template, tokens)[0] < self.similarity:
            self.count += 1
            leaf.groups.append(Group(self.count, tokens))
            return self.count
        best.template = [one if one == two else ANY for one, two in zip(best.template, tokens, strict=True)]
        return best.number

    def _leaf(self, tokens: list[str]) -> Node:
        node = self.root.setdefault(len(tokens), Node())
        for token in tokens[: self.prefix]:
            key = ANY if any(letter.isdigit() for letter in token) else token
            if key not in node.below:
                # The last place is the wildcard's: what comes when the node is full goes there.
                room = self.children - (ANY not in node.below)
                key = key if key == ANY or len(node.below) < room else ANY
            node = node.below.setdefault(key, Node())
        return node


class Node:
    """A place in the tree: what is below by token, and the groups of a leaf."""

    def __init__(self) -> None:
        self.below: dict[str, Node] = {}
        self.groups: list[Group] = []


class Group:
    def __init__(self, number: int, template: list[str]) -> None:
        self.number, self.template = number, template


def _alike(template: list[str], tokens: list[str]) -> tuple[float, int]:
    """Share of equal tokens, wildcards not counted; ties go to the template with more wildcards."""
    if not tokens:
        return 1.0, 0
    same = sum(one == two for one, two in zip(template, tokens, strict=True) if one != ANY)
    return same / len(tokens), template.count(ANY)


class MaskAndHash:
    """Regular expressions over the text, then its hash: what many write first."""

    MASKS = (
        (re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), b"U"),
        (re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}"), b"I"),
        (re.compile(rb"\b(?:0x)?(?=[a-f]*\d)[0-9a-fA-F]{6,}\b"), b"H"),
        (re.compile(rb"\d+"), b"N"),
    )

    def __init__(self, first_line: bool) -> None:
        self.first_line = first_line
        self.numbers: dict[bytes, int] = {}

    def signature(self, entry: bytes) -> int:
        if self.first_line:
            entry = entry.split(b"\n", 1)[0]
        for pattern, name in self.MASKS:
            entry = pattern.sub(name, entry)
        return self.numbers.setdefault(entry, len(self.numbers) + 1)
