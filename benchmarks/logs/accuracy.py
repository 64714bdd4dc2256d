"""How well a grouper finds the true signatures: grouping accuracy, missed and false new ones, the hard rules.

Grouping accuracy is that of Zhu et al., "Tools and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019: the share of
entries whose group holds exactly the entries of their true group.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean

from benchmarks.logs.cases import Signature
from benchmarks.logs.references import Grouper
from benchmarks.logs.styles import entries, signatures
from benchmarks.logs.values import CATEGORY, Values

CATEGORIES = tuple(dict.fromkeys(CATEGORY.values()))
HELD_BACK = 0.2
"""Share of signatures that come in the second half only."""


def grouping_accuracy(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Between 0 and 1."""
    pairs = Counter(zip(truth, found, strict=True))
    of_truth, of_found = Counter(truth), Counter(found)
    right = sum(count for (one, two), count in pairs.items() if count == of_truth[one] == of_found[two])
    return right / len(truth)


@dataclass(frozen=True, slots=True)
class Novel:
    """Shares: new signatures of which no entry got a new number; old entries and old signatures that got one."""

    missed: float
    false_entries: float
    false_signatures: float


def novelty(truth: Sequence[Hashable], found: Sequence[Hashable], half: int) -> Novel:
    """The first `half` entries are the baseline."""
    old_truth, old_found = set(truth[:half]), set(found[:half])
    later = list(zip(truth[half:], found[half:], strict=True))
    new = {one for one, _ in later if one not in old_truth}
    seen_new = {one for one, two in later if one not in old_truth and two not in old_found}
    old = [(one, two) for one, two in later if one in old_truth]
    wrong = [one for one, two in old if two not in old_found]
    kinds = {one for one, _ in old}
    return Novel(1 - len(seen_new) / len(new), len(wrong) / len(old), len(set(wrong)) / len(kinds))


def merged_pairs(
    known: Sequence[Signature], truth: Sequence[int], found: Sequence[int]
) -> dict[str, list[tuple[int, int]]]:
    """Pairs of true signatures with a number in common although their status, exception or top function differs."""
    shared: dict[int, set[int]] = defaultdict(set)
    for one, two in zip(truth, found, strict=True):
        shared[two].add(one)
    pairs = {pair for places in shared.values() for pair in combinations(sorted(places), 2)}
    wrong: dict[str, list[tuple[int, int]]] = {"status": [], "exception": [], "top function": []}
    for one, two in sorted(pairs):
        a, b = known[one], known[two]
        for name, differs in (
            ("status", a.status != b.status),
            ("exception", a.thrown != b.thrown),
            ("top function", a.top != b.top),
        ):
            if differs:
                wrong[name].append((one, two))
    return wrong


@dataclass
class Score:
    """One grouper on one style. `split` counts pairs by category; `merged` pairs by what differs; with examples."""

    accuracy: float
    novel: Novel
    groups: int
    merged: dict[str, int]
    split: dict[str, int]
    examples: list[tuple[str, bytes, bytes]] = field(default_factory=list)


def score(grouper: Grouper, style: str, count: int, seed: int) -> Score:
    """`count` entries of a style, the second half with signatures that the first has not."""
    known, values = signatures(style, seed), Values(seed)
    absent = frozenset(random.Random(seed).sample(range(len(known)), int(len(known) * HELD_BACK)))
    corpus = [*entries(known, values, count // 2, seed, absent), *entries(known, values, count // 2, seed)]
    truth = [place for place, _ in corpus]
    found = [grouper.signature(entry) for _, entry in corpus]
    novel = novelty(truth, found, count // 2)
    # A miner may learn later that two numbers say the same; what counts for the groups is what it knows in the end.
    group = getattr(grouper, "group", int)
    found = [group(number) for number in found]
    merged = merged_pairs(known, truth, found)
    examples: list[tuple[str, bytes, bytes]] = []
    for name, pairs in merged.items():
        examples += [(f"merged: {name}", _example(corpus, one), _example(corpus, two)) for one, two in pairs]
    split = dict.fromkeys(CATEGORIES, 0)
    for signature in known:
        for category in CATEGORIES:
            first, second = (text.encode() for text in values.fill_twice(signature.texts[0], category))
            if group(grouper.signature(first)) != group(grouper.signature(second)):
                split[category] += 1
                examples.append((f"split: {category}", first, second))
    return Score(
        grouping_accuracy(truth, found), novel, len(set(found)),
        {name: len(pairs) for name, pairs in merged.items()}, split, examples,
    )  # fmt: skip


def _example(corpus: Sequence[tuple[int, bytes]], place: int) -> bytes:
    return next(entry for one, entry in corpus if one == place)


def mean(values: Iterable[float]) -> float:
    return fmean(values)
