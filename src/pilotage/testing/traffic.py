"""Splitters: the weight, and what some of them offer besides."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from pilotage.core.errors import PermanentError
from pilotage.core.model import Cohort
from pilotage.drivers import Mirrors, Restarts, Steers, Steps, Traffic
from pilotage.drivers.process import OVERTAKEN
from pilotage.testing.every import EveryDriver, call


class TrafficContract(EveryDriver):
    """Your fixture: `driver`, a splitter that may be moved from 0 to 100 %. `tolerance` is half its smallest step, in
    percent. What says that it goes in `Steps` refuses weights between them."""

    tolerance = 0.01

    @pytest.mark.parametrize("weight", [0, 0.5, 10, 50, 100])
    async def test_the_weight_returned_is_the_one_read_back(self, driver: Traffic, weight: float) -> None:
        if isinstance(driver, Steps) and not _fits(weight, driver.step()):
            with pytest.raises(PermanentError, match=f"{weight:g} %"):
                await driver.set_weight(weight, call("a"))
            return
        returned = await driver.set_weight(weight, call("a"))
        assert returned == pytest.approx(await driver.read_weight())
        assert returned == pytest.approx(weight, abs=self.tolerance)

    async def test_the_same_call_twice_changes_nothing_more(self, driver: Traffic) -> None:
        first = await driver.set_weight(25, call("a"))
        assert await driver.set_weight(25, call("a")) == first
        assert await driver.read_weight() == first

    async def test_a_later_call_wins(self, driver: Traffic) -> None:
        await driver.set_weight(75, call("a"))
        await driver.set_weight(0, call("b"))
        assert await driver.read_weight() == 0

    async def test_a_later_call_wins_over_one_that_was_ended_for_it(self, driver: Traffic) -> None:
        for number, after_s in enumerate((0, 0.001, 0.005, 0.02, 0.1)):
            earlier = asyncio.create_task(driver.set_weight(75, call(f"forward-{number}")))
            await asyncio.wait([earlier], timeout=after_s)
            earlier.cancel(OVERTAKEN)
            await asyncio.wait([earlier])
            assert await driver.set_weight(0, call(f"back-{number}")) == 0
        assert await driver.read_weight() == 0

    async def test_probe_changes_nothing(self, driver: Traffic) -> None:
        await driver.set_weight(25, call("a"))
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

    @pytest.fixture
    def restart(self) -> Any:
        raise NotImplementedError("override the fixture `restart`")

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
    """For a splitter whose weights go in steps; `driver` as in `TrafficContract`."""

    async def test_each_step_can_be_set_exactly(self, driver: Any) -> None:
        offers = isinstance(driver, Steps)
        assert offers
        for number in (1, 7, round(100 / driver.step()) - 1):
            weight = number * driver.step()
            assert await driver.set_weight(weight, call(f"step-{number}")) == pytest.approx(weight, abs=1e-6)

    async def test_a_weight_between_two_steps_is_refused_and_nothing_moves(self, driver: Any) -> None:
        await driver.set_weight(10, call("a"))
        between = 10 + driver.step() / 2
        with pytest.raises(PermanentError, match=f"{between:g} %"):
            await driver.set_weight(between, call("b"))
        assert await driver.read_weight() == 10


def _fits(weight: float, step: float) -> bool:
    return abs(weight / step - round(weight / step)) < 1e-6
