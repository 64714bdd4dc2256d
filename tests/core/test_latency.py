"""Slower canaries are found from histograms, equal ones are left alone."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.latency import LatencyEvidence, alternatives
from pilotage.core.model import Histogram, Minute
from tests.core.worlds import INF

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, INF)


def drawn(chance: random.Random, n: int, scale: float = 1.0, tail: float = 0.0) -> Histogram:
    counts = [0.0] * len(BOUNDS)
    for _ in range(n):
        value = 2.0 if chance.random() < tail else scale * 0.04 * math.exp(chance.gauss(0, 0.6))
        counts[next(place for place, bound in enumerate(BOUNDS) if value <= bound)] += 1
    return Histogram(BOUNDS, tuple(counts))


def past(chance: random.Random) -> list[Minute]:
    return [Minute({}, drawn(chance, 1000)) for _ in range(5)]


def ticks_to_find(scale: float = 1.0, tail: float = 0.0, ticks: int = 60) -> int | None:
    chance = random.Random(3)
    evidence = LatencyEvidence(60, 10.0, past(chance))
    for tick in range(1, ticks + 1):
        evidence.add(drawn(chance, 58, scale, tail), drawn(chance, 522))
        if evidence.log_e >= math.log(100):
            return tick
    return None


def test_twice_the_latency_is_found_within_two_ticks() -> None:
    found = ticks_to_find(scale=2.0)
    assert found is not None
    assert found <= 2


def test_a_tail_that_p95_does_not_see_is_found() -> None:
    found = ticks_to_find(tail=0.02)
    assert found is not None
    assert found <= 10


def test_the_same_latency_is_not() -> None:
    assert ticks_to_find() is None


def test_the_evidence_of_equal_latencies_is_a_supermartingale() -> None:
    chance, highest, last = random.Random(4), [], []
    for _ in range(300):
        evidence, top = LatencyEvidence(15, 10.0, past(chance) if _ % 2 else ()), -math.inf
        for _tick in range(15):
            shared = 1.0 if _tick < 8 else 2.5  # both slow down: that is no evidence
            evidence.add(drawn(chance, 6, shared), drawn(chance, 24, shared))
            top = max(top, evidence.log_e)
        highest.append(top)
        last.append(math.exp(min(evidence.log_e, 20)))
    assert sum(last) / len(last) <= 1.3
    assert sum(top >= math.log(20) for top in highest) / len(highest) <= 0.05 + 3 * math.sqrt(0.05 / 300)


counts = st.lists(st.floats(0, 1e9), min_size=len(BOUNDS), max_size=len(BOUNDS))


@given(counts)
def test_every_alternative_is_a_distribution(known: list[float]) -> None:
    for shape in alternatives(Histogram(BOUNDS, tuple(known))):
        assert all(share > 0 for share in shape)
        assert math.fsum(shape) == pytest.approx(1, abs=1e-6)


@given(counts, counts, counts)
def test_no_histogram_breaks_it(first: list[float], second: list[float], third: list[float]) -> None:
    evidence = LatencyEvidence(5, 10.0)
    for mine, theirs in ((first, second), (second, third), (third, first)):
        evidence.add(Histogram(BOUNDS, tuple(mine)), Histogram(BOUNDS, tuple(theirs)))
        assert not math.isnan(evidence.log_e)


def test_other_buckets_and_missing_groups_are_passed_over() -> None:
    chance = random.Random(1)
    evidence = LatencyEvidence(5, 10.0, past(chance))
    evidence.add(None, drawn(chance, 10))
    evidence.add(Histogram((0.1, INF), (1, 1)), drawn(chance, 10))
    assert evidence.log_e == 0.0
    evidence.add(Histogram((0.1, INF), (1, 1)), Histogram((0.1, INF), (1, 1)))
    assert evidence.log_e == 0.0
