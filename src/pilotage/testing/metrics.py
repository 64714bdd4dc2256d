"""Metrics, the past of those that keep it, and how old numbers are."""

from __future__ import annotations

from typing import Any

from pilotage.drivers import Ages, Delays, History, Metrics, Paces
from pilotage.testing.every import EveryDriver


class MetricsContract(EveryDriver):
    """Your fixture: `driver`. `known` is a selector that has series where it reads."""

    known = ""
    unknown = "no_such_metric_anywhere"

    async def test_a_known_selector_gives_points(self, driver: Metrics) -> None:
        (points,) = await driver.read([self.known])
        assert points
        assert all(isinstance(point.value, float) for point in points)

    async def test_an_unknown_selector_gives_an_empty_list(self, driver: Metrics) -> None:
        assert await driver.read([self.unknown]) == [[]]

    async def test_answers_come_in_the_selectors_order(self, driver: Metrics) -> None:
        first, second, third = await driver.read([self.unknown, self.known, self.unknown])
        assert (first, third) == ([], [])
        assert second

    async def test_no_selectors_give_no_answers(self, driver: Metrics) -> None:
        assert await driver.read([]) == []


class HistoryContract:
    """For a metrics driver that keeps the past as well; `driver`, `known`, `unknown` as in `MetricsContract`."""

    known = ""
    unknown = "no_such_metric_anywhere"

    async def test_the_past_comes_oldest_first_with_an_answer_for_each_selector(self, driver: Any) -> None:
        assert isinstance(driver, History)
        past = await driver.read_past([self.unknown, self.known], seconds=600, step_s=60)
        assert [one.at for one in past] == sorted(one.at for one in past)
        assert all(len(one.answers) == 2 and one.answers[0] == [] for one in past)

    async def test_no_selectors_have_no_past(self, driver: Any) -> None:
        assert all(one.answers == [] for one in await driver.read_past([], seconds=600, step_s=60))


class AgesContract:
    """For a metrics driver that knows how old its numbers are; `driver`, `known`, `unknown` as in `MetricsContract`."""

    known = ""
    unknown = "no_such_metric_anywhere"

    async def test_ages_come_in_the_selectors_order(self, driver: Any) -> None:
        assert isinstance(driver, Ages)
        nothing, age = await driver.ages([self.unknown, self.known])
        assert nothing is None
        assert age is None or 0 <= age < 3600

    async def test_no_selectors_have_no_ages(self, driver: Any) -> None:
        assert await driver.ages([]) == []


class PacesContract:
    """For a metrics driver that counts how often numbers come; `driver`, `known`, `unknown` as in `MetricsContract`."""

    known = ""
    unknown = "no_such_metric_anywhere"

    async def test_paces_come_in_the_selectors_order(self, driver: Any) -> None:
        assert isinstance(driver, Paces)
        nothing, pace = await driver.paces([self.unknown, self.known])
        assert nothing is None
        assert pace is None or 0 < pace <= 3600

    async def test_no_selectors_have_no_paces(self, driver: Any) -> None:
        assert await driver.paces([]) == []


class DelaysContract:
    """For a metrics driver whose numbers come seldom or late; `driver` as in `MetricsContract`."""

    async def test_it_says_how_often_and_how_late_its_numbers_come(self, driver: Any) -> None:
        offers = isinstance(driver, Delays)
        assert offers
        assert 0 < driver.every_s <= 3600
        assert 0 <= driver.behind_s <= 3600
