"""Splitters: the weight, and what some of them offer besides."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from pilotage.core.model import Cohort
from pilotage.drivers import Mirrors, Restarts, Steers, Steps, Traffic
from pilotage.drivers.process import OVERTAKEN
from pilotage.testing.every import EveryDriver, call


class TrafficContract(EveryDriver):
    """Your fixture: `driver`, a splitter that may be moved from 0 to 100 %. `tolerance` is half its smallest step, in
    percent. One that knows no shares, only all or nothing, has other `weights` and `some`."""

    tolerance = 0.01
    weights: tuple[float, ...] = (0, 0.5, 10, 50, 100)
    some: tuple[float, float] = (25, 75)
    """Two that are not 0; the same where there are no two."""

    async def test_the_weight_returned_is_the_one_read_back(self, driver: Traffic) -> None:
        for number, weight in enumerate(self.weights):
            returned = await driver.set_weight(weight, call(f"a{number}"))
            assert returned == pytest.approx(await driver.read_weight())
            assert returned == pytest.approx(weight, abs=self.tolerance)

    async def test_the_same_call_twice_changes_nothing_more(self, driver: Traffic) -> None:
        first = await driver.set_weight(self.some[0], call("a"))
        assert await driver.set_weight(self.some[0], call("a")) == first
        assert await driver.read_weight() == first

    async def test_a_later_call_wins(self, driver: Traffic) -> None:
        await driver.set_weight(self.some[1], call("a"))
        await driver.set_weight(0, call("b"))
        assert await driver.read_weight() == 0

    async def test_a_later_call_wins_over_one_that_was_ended_for_it(self, driver: Traffic) -> None:
        for number, after_s in enumerate((0, 0.001, 0.005, 0.02, 0.1)):
            earlier = asyncio.create_task(driver.set_weight(self.some[1], call(f"forward-{number}")))
            await asyncio.wait([earlier], timeout=after_s)
            earlier.cancel(OVERTAKEN)
            await asyncio.wait([earlier])
            assert await driver.set_weight(0, call(f"back-{number}")) == 0
        assert await driver.read_weight() == 0

    async def test_probe_changes_nothing(self, driver: Traffic) -> None:
        await driver.set_weight(self.some[0], call("a"))
        before = await driver.read_weight()
        await driver.probe()
        assert await driver.read_weight() == before


class SteersContract:
    """For a splitter that knows cohorts; `cohort` is one it can bring into force, `driver` as in `TrafficContract`."""

    cohort = Cohort("header", "X-Canary", ("yes", "always"))

    async def test_a_cohort_comes_into_force_with_the_weight(self, driver: Any) -> None:
        offers = isinstance(driver, Steers)
        assert offers
        assert self.cohort.kind in driver.cohorts
        assert await driver.set_weight(0, replace(call("a"), cohort=self.cohort)) == 0
        assert await driver.read_cohort() == self.cohort

    async def test_and_goes_with_the_next_call_that_has_none(self, driver: Any) -> None:
        await driver.set_weight(10, replace(call("a"), cohort=self.cohort))
        await driver.set_weight(10, call("b"))
        assert await driver.read_cohort() is None

    async def test_values_from_outside_stay_values(self, driver: Any) -> None:
        strange = replace(self.cohort, values=("a b", '"x"; }', "$host`'", "(a|.*)", "\\"))
        await driver.set_weight(0, replace(call("a"), cohort=strange))
        assert await driver.read_cohort() == strange


class MirrorsContract:
    """For a splitter that copies requests; `driver` as in `TrafficContract`."""

    async def test_copies_come_into_force_with_the_weight(self, driver: Any) -> None:
        offers = isinstance(driver, Mirrors)
        assert offers
        assert await driver.set_weight(0, replace(call("a"), mirror=25)) == 0
        assert await driver.read_mirror() == 25

    async def test_and_end_with_the_next_call_that_has_none(self, driver: Any) -> None:
        await driver.set_weight(10, replace(call("a"), mirror=25))
        await driver.set_weight(10, call("b"))
        assert await driver.read_mirror() == 0


class RestartsContract:
    """For a splitter that tells since when it runs; `driver` as in `TrafficContract`. Your fixture: `restart`, which
    restarts the splitter, as an async callable."""

    async def test_its_start_stays_the_same_while_it_runs(self, driver: Any) -> None:
        offers = isinstance(driver, Restarts)
        assert offers
        first = await driver.started_at()
        await driver.set_weight(25, call("a"))
        assert abs(await driver.started_at() - first) <= 2

    async def test_and_is_another_one_after_a_restart(self, driver: Any, restart: Any) -> None:
        first = await driver.started_at()
        await asyncio.sleep(max(0.0, first + 3.1 - time.time()))  # so that it can be told apart at all
        await restart()
        assert await driver.started_at() - first > 2


class StepsContract:
    """For a splitter that can only set certain weights; `driver` as in `TrafficContract`. `asked` are some that it
    takes."""

    asked: tuple[float, ...] = (0, 10, 50, 100)

    async def test_what_it_says_it_would_set_is_what_it_sets(self, driver: Any) -> None:
        offers = isinstance(driver, Steps)
        assert offers
        for number, weight in enumerate(self.asked):
            before = await driver.read_weight()
            said = await driver.nearest(weight)
            assert await driver.read_weight() == before
            assert await driver.set_weight(said, call(f"a{number}")) == pytest.approx(said)
