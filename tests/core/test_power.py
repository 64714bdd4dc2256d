"""A plan says what each of its phases can see, and what to do when that is too little."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage.core.model import Expected
from pilotage.core.power import power, sentence, smallest_visible, visible
from tests.core.worlds import plan

FIVE_MILLION_A_DAY = 5e6 / 86400


def test_ten_percent_of_five_million_a_day_for_ten_minutes_sees_one_percent() -> None:
    said = sentence(10, 600, FIVE_MILLION_A_DAY, 0.003)
    assert said == "3,472 requests: sees 0.3% -> 1.00% errors with 95 % power"


def test_noise_makes_a_phase_see_less() -> None:
    calm = smallest_visible(34_720, 0.1, 0.003)
    noisy = smallest_visible(34_720, 0.1, 0.003, phi=4)
    assert calm is not None
    assert noisy is not None
    assert noisy > 1.5 * calm


@pytest.mark.parametrize(("rate", "advice"), [(3, "20 % would see"), (0.02, "synthetic requests")])
def test_a_phase_that_sees_too_little_comes_with_a_proposal(rate: float, advice: str) -> None:
    assert advice in sentence(10, 600, rate, 0.003)


def test_at_full_traffic_it_says_what_takes_controls_place() -> None:
    assert "no control any more" in sentence(100, 600, 58, 0.003)


def test_a_plan_without_expectations_says_nothing_rather_than_guess() -> None:
    assert visible(plan()) == {}
    assert visible(replace(plan(), expected=Expected(58))) == {"10 %": sentence(10, 600, 58, 0.003)}


def test_a_phase_that_gets_too_few_requests_to_pass_says_so_beforehand() -> None:
    assert (
        "Fewer than success.min_requests (50): it would be held"
        in visible(replace(plan(), expected=Expected(0.5)))["10 %"]
    )
    assert "held" not in visible(replace(plan(), expected=Expected(5)))["10 %"]


@pytest.mark.parametrize(("requests", "share", "usual"), [(0, 0.1, 0.01), (100, 0, 0.01), (100, 0.1, 0), (1e9, 1, 0.5)])
def test_what_has_no_answer_gives_none(requests: float, share: float, usual: float) -> None:
    assert smallest_visible(requests, share, usual) is None


def test_power_grows_with_requests_and_never_leaves_zero_to_one() -> None:
    grown = [power(n, 0.1, 0.003, 5) for n in (0, 100, 1000, 10_000, 100_000, 1e7)]
    assert grown == sorted(grown)
    assert 0 <= grown[0] <= grown[-1] <= 1
