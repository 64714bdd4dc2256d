"""The evidence keeps what it promises: looked at after every tick it is rarely large when nothing is wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.core.evidence import NotWorseEvidence, RateEvidence, RatioEvidence, binomial_tail, wilson

PHASES, TICKS = 1500, 20


def events(chance: random.Random, n: int, p: float) -> int:
    return sum(chance.random() < p for _ in range(n))


def highest_and_last(add: Callable[[int], None], log_e: Callable[[], float]) -> tuple[float, float]:
    highest = -math.inf
    for tick in range(TICKS):
        add(tick)
        highest = max(highest, log_e())
    return highest, log_e()


def assert_supermartingale(phases: list[tuple[float, float]]) -> None:
    """Its mean never exceeds 1, and (Ville) it ever reaches 20 in at most 5 % of phases, within simulation error."""
    mean = math.fsum(math.exp(min(last, 20)) for _, last in phases) / len(phases)
    reached = sum(highest >= math.log(20) for highest, _ in phases) / len(phases)
    assert mean <= 1.25
    assert reached <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(phases))


@pytest.mark.parametrize("rate", [0.003, 0.05, 0.4])
def test_errors_alike_give_no_evidence_though_the_share_and_the_rate_move(rate: float) -> None:
    chance, seen = random.Random(7), []
    for _ in range(PHASES):
        evidence = RatioEvidence(TICKS)

        def add(tick: int, evidence: RatioEvidence = evidence) -> None:
            mine, theirs = (5, 45) if tick < 10 else (20, 20)
            p = min(1.0, rate * (3 if tick in (5, 6) else 1))
            evidence.add(mine, events(chance, mine, p), theirs, events(chance, theirs, p))

        seen.append(highest_and_last(add, lambda evidence=evidence: evidence.log_e))
    assert_supermartingale(seen)


def test_a_rate_at_its_limit_gives_no_evidence() -> None:
    chance, seen = random.Random(8), []
    for _ in range(PHASES):
        evidence = RateEvidence(0.02, TICKS)

        def add(_: int, evidence: RateEvidence = evidence) -> None:
            evidence.add(30, events(chance, 30, 0.02))

        seen.append(highest_and_last(add, lambda evidence=evidence: evidence.log_e))
    assert_supermartingale(seen)


def test_a_canary_with_twice_the_errors_is_not_called_not_worse() -> None:
    chance, seen = random.Random(9), []
    for _ in range(PHASES):
        evidence = NotWorseEvidence()

        def add(_: int, evidence: NotWorseEvidence = evidence) -> None:
            evidence.add(20, events(chance, 20, 0.04), 60, events(chance, 60, 0.02))

        seen.append(highest_and_last(add, lambda evidence=evidence: evidence.log_e))
    assert_supermartingale(seen)


def test_an_equal_canary_is_shown_not_to_be_twice_as_bad_in_time() -> None:
    evidence = NotWorseEvidence()
    for _ in range(60):
        evidence.add(500, 5, 500, 5)
    assert evidence.log_e > math.log(20)


def test_five_times_the_errors_are_found_and_overdispersion_slows_that_down() -> None:
    plain, noisy = RatioEvidence(60), RatioEvidence(60)
    for _ in range(60):
        plain.add(58, 0.87, 522, 1.57)
        noisy.add(58, 0.87, 522, 1.57, phi=8.0)
    assert plain.log_e > math.log(100) > noisy.log_e


huge = st.floats(0, 1e15) | st.integers(0, 10**15) | st.just(0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(huge, st.floats(0, 1), huge, st.floats(0, 1), st.floats(1, 1e6)), max_size=8))
def test_no_count_is_too_large(ticks: list[tuple[float, float, float, float, float]]) -> None:
    ratio, rate = RatioEvidence(8), RateEvidence(0.02, 8)
    for n_a, bad_a, n_b, bad_b, phi in ticks:
        ratio.add(n_a, n_a * bad_a, n_b, n_b * bad_b, phi)
        rate.add(n_a, n_a * bad_a, phi)
        assert not math.isnan(ratio.log_e)
        assert not math.isnan(rate.log_e)


@given(st.integers(0, 40), st.integers(1, 40), st.floats(0.01, 0.99))
def test_the_exact_tail_is_the_sum_of_its_terms(e: int, n: int, p: float) -> None:
    e = min(e, n)
    summed = math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(e, n + 1))
    expected = 1.0 if e <= n * p else summed
    assert binomial_tail(e, n, p) == pytest.approx(expected, rel=1e-9)


def test_the_exact_tail_of_many_requests_is_quick_and_sane() -> None:
    assert binomial_tail(10_300, 1_000_000, 0.01) == pytest.approx(0.0014, abs=0.0003)
    assert binomial_tail(900_000, 1_000_000, 0.01) == 0.0


@given(st.floats(0, 1), st.integers(1, 10**9))
def test_wilsons_interval_holds_the_rate(rate: float, n: int) -> None:
    low, high = wilson(rate * n, n)
    assert 0 <= low <= rate + 1e-9
    assert rate - 1e-9 <= high <= 1
