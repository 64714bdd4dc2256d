"""Six styles of error logs, each with the true signature of every entry known."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import accumulate

from benchmarks.logs.cases import Signature
from benchmarks.logs.styles import golang, java, json_lines, node, proxy, python
from benchmarks.logs.values import Values

COUNT = 200
"""Signatures of a style."""
ZIPF = 1.2
STYLES: dict[str, Callable[[random.Random, int], list[Signature]]] = {
    "Python": python.signatures,
    "Java": java.signatures,
    "Node": node.signatures,
    "Go": golang.signatures,
    "JSON lines": json_lines.signatures,
    "proxies": proxy.signatures,
}


def signatures(style: str, seed: int, count: int = COUNT) -> list[Signature]:
    """`count` signatures of a style, the same for the same seed."""
    return STYLES[style](random.Random(f"{style} {seed}"), count)


def entries(
    known: list[Signature], values: Values, count: int, seed: int, absent: frozenset[int] = frozenset()
) -> Iterator[tuple[int, bytes]]:
    """`count` entries with the place of their true signature; how often each comes follows Zipf's law.

    The same seed gives the same ranks, also when some places are `absent`.
    """
    rng = random.Random(f"order {seed} {known[0].name} {len(known)}")
    places = list(range(len(known)))
    rng.shuffle(places)
    weights = list(accumulate((place not in absent) / (rank + 1) ** ZIPF for rank, place in enumerate(places)))
    for _ in range(count):
        place = rng.choices(places, cum_weights=weights)[0]
        yield place, known[place].entry(values)
