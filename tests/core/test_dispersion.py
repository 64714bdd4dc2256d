"""How noisy control is: nothing for independent requests, more where errors come in bursts or instances differ."""

from __future__ import annotations

import random

from pilotage.core.counters import Counts
from pilotage.core.dispersion import Dispersion, phi_of_errors, phi_of_latency
from pilotage.core.model import Histogram, Minute
from tests.core.worlds import INF


def minutes(burst: int, instances: int = 5, rates: tuple[float, ...] = (0.004,) * 5) -> list[Minute]:
    """30 minutes of 600 requests to each instance; each failure brings `burst` errors."""
    chance = random.Random(11)
    return [
        Minute(
            {
                f"i{one}": (600.0, float(burst * sum(chance.random() < rates[one] / burst for _ in range(600))))
                for one in range(instances)
            }
        )
        for _ in range(30)
    ]


def test_independent_errors_are_not_overdispersed() -> None:
    assert phi_of_errors([one.cells for one in minutes(1)]) == 1.0


def test_errors_in_bursts_of_four_are_about_four_times_noisier() -> None:
    assert 3 < phi_of_errors([one.cells for one in minutes(4)]) < 5.5


def test_one_instance_is_compared_from_minute_to_minute() -> None:
    assert phi_of_errors([one.cells for one in minutes(4, instances=1)]) > 1.5


def test_instances_that_always_differ_count_as_noise() -> None:
    assert phi_of_errors([one.cells for one in minutes(1, rates=(0.002, 0.004, 0.02, 0.004, 0.008))]) > 5


def test_an_outage_that_all_share_is_no_noise() -> None:
    calm, bad = {"a": (600.0, 3.0), "b": (600.0, 3.0)}, {"a": (600.0, 120.0), "b": (600.0, 121.0)}
    assert phi_of_errors([calm, bad, calm, bad] * 4) == 1.0


def test_latency_that_jumps_from_minute_to_minute_is_noise() -> None:
    bounds = (0.1, 1.0, INF)
    steady = [Histogram(bounds, (900.0 + one % 3, 100.0, 0.0)) for one in range(20)]
    jumping = [Histogram(bounds, (900.0 - 300 * (one % 2), 100.0 + 300 * (one % 2), 0.0)) for one in range(20)]
    assert phi_of_latency(steady) == 1.0
    assert phi_of_latency(jumping) > 10


def test_the_past_counts_at_once_and_the_phase_adds_whole_minutes() -> None:
    known, fresh = Dispersion(minutes(4), 10.0), Dispersion((), 10.0)
    assert known.errors > 4
    assert fresh.errors == 1.0
    for minute in minutes(6):
        for tick in range(6):
            cells = tuple((name, n / 6, e if tick == 0 else 0.0) for name, (n, e) in minute.cells.items())
            fresh.add(Counts(sum(n for _, n, _ in cells), sum(e for _, _, e in cells), cells=cells))
    assert fresh.errors > 4
