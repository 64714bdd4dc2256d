"""The simulated world does what it says, and the same seed gives the same world."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from pilotage.core.dispersion import phi_of_errors
from pilotage.core.model import Sample
from pilotage.core.tally import baseline_of, totals
from pilotage.simulation.world import BOUNDS, Drawn, World, draw, past_samples, samples, shape

TICKS = 60


def drawn(world: World, runs: int = 40, seed: int = 3) -> Drawn:
    return draw(world, runs, TICKS, TICKS, (seed, 0))


def all_samples(world: World) -> list[Sample]:
    return [sample for run in range(20) for sample in samples(drawn(world, 20), run, run)]


def test_rates_shares_and_errors_are_what_was_asked_for() -> None:
    seen = totals(all_samples(World(share=0.2, base_errors=0.01, errors_ratio=4)))
    requests = 58 * 600 * 20
    assert seen.canary.requests == pytest.approx(0.2 * requests, rel=0.02)
    assert seen.control.requests == pytest.approx(0.8 * requests, rel=0.02)
    assert seen.canary.errors / seen.canary.requests == pytest.approx(0.04, rel=0.05)
    assert seen.control.errors / seen.control.requests == pytest.approx(0.01, rel=0.05)


def test_a_regression_begins_at_its_onset() -> None:
    errors = drawn(World(errors=0.2, onset_s=300)).canary_errors.sum(axis=0)
    assert errors[:30].sum() < 0.05 * errors[30:].sum()
    slow = drawn(World(tail=0.05, onset_s=300)).canary_latency[:, :, BOUNDS.index(2.5)].sum(axis=0)
    assert slow[:30].sum() < 0.1 * slow[30:].sum()


def test_the_slower_shape_is_the_same_shape_at_other_times() -> None:
    assert shape().sum() == pytest.approx(1)
    assert np.cumsum(shape(2.0))[BOUNDS.index(0.1)] == pytest.approx(np.cumsum(shape())[BOUNDS.index(0.05)])


@pytest.mark.parametrize(("world", "phi"), [(World(instances=9), 1.0), (World(instances=9, burst=3), 5.0)])
def test_errors_in_bursts_are_as_noisy_as_their_size_says(world: World, phi: float) -> None:
    every = [baseline_of(past_samples(drawn(world), run, 0)) for run in range(40)]
    measured = np.mean([phi_of_errors([one.cells for one in baseline.minutes]) for baseline in every])
    assert measured == pytest.approx(phi, rel=0.2)  # geometric bursts of mean b: phi = 2 b - 1


def test_faults_gaps_and_restarts_show_in_the_readings() -> None:
    world = World(gap=(100, 160), reset_s=300)
    seen = list(samples(drawn(world), 0, 0))
    assert [one.tick for one in seen if one.reading.fault] == [11, 12, 13, 14, 15, 16]
    control = [one.reading.control.requests for one in seen if one.reading.control]
    assert sum(later < early for early, later in itertools.pairwise(control)) == 1
    assert 0.02 < drawn(World(faulty=0.05)).missing.mean() < 0.08


def test_a_shared_outage_hits_both_and_a_later_share_moves_the_traffic() -> None:
    both = drawn(World(outage=(200, 400), share_later=0.5))
    rate = both.control_errors.sum(axis=(0, 2)) / both.control.sum(axis=(0, 2))
    assert rate[20:40].min() > 0.15
    assert rate[:20].max() < 0.01
    share = both.canary.sum(axis=0) / (both.canary.sum(axis=0) + both.control.sum(axis=(0, 2)))
    assert (share[:29].max() < 0.12, share[31:].min() > 0.45) == (True, True)


def test_what_a_regression_harms_is_counted_from_its_onset() -> None:
    assert drawn(World()).harmed.sum() == 0
    harmed = drawn(World(errors=0.2, onset_s=300)).harmed
    assert harmed[:, :30].sum() == 0
    assert harmed[:, 30:].mean() == pytest.approx(58 * 0.197, rel=0.05)


def test_the_same_seed_gives_the_same_world() -> None:
    world = replace(World(), instances=3, burst=2.0, bug=(0.4, 0.0))
    assert list(samples(drawn(world), 7, 0)) == list(samples(drawn(world), 7, 0))
    assert list(samples(drawn(world, seed=4), 7, 0)) != list(samples(drawn(world), 7, 0))
