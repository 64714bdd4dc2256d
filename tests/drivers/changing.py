"""What every splitter of a hosted service is held to besides its contracts: a change that the service does not take is
told, one whose answer is lost is not made twice, and a weight between two steps is refused."""

from __future__ import annotations

import threading
import time

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.testing import FaultsContract, StepsContract, TrafficContract, call

SECRET = FaultsContract.secret


class ServedContract(TrafficContract, StepsContract):
    """Your fixtures: `service`, a `Served`, and `driver`, a splitter on it whose time limit is a second or more. `name`
    is what errors call the service, `changes` the number of changing requests that one new weight takes, `moving` the
    methods of these, `step` its smallest step."""

    name = ""
    changes = 1
    moving = ("PUT", "POST", "PATCH")
    step = 0.01
    weights = (0, 0.5, 10, 33.33, 50, 99.99, 100)
    asked = (0, 0.5, 10, 12.5, 50, 99.99, 100)

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        monkeypatch.setenv("TEST_TOKEN", SECRET)

    def changed(self, service):
        return [one for one in service.requests if one.method in self.moving]

    async def test_a_weight_between_two_steps_is_refused_in_plain_words_and_nothing_is_sent(self, driver, service):
        begin = 10 if self.step == 1 else 0  # fine steps are rounded, but not to nothing
        between, above = begin + self.step * 0.4, begin + self.step
        text = rf"{self.name} knows .*, not {between:g} %: set {begin} or {above:g} %"
        with pytest.raises(PermanentError, match=text):
            await driver.set_weight(between, call("a"))
        with pytest.raises(PermanentError, match=text):
            await driver.nearest(between)
        assert service.requests == []

    @pytest.mark.parametrize("weight", [-1, 101, float("nan")])
    async def test_what_is_no_percent_is_refused(self, driver, service, weight):
        with pytest.raises(PermanentError, match="from 0 to 100"):
            await driver.set_weight(weight, call("a"))
        assert service.requests == []

    async def test_a_weight_that_is_there_already_is_not_set_again(self, driver, service):
        await driver.set_weight(30, call("a"))
        assert len(self.changed(service)) == self.changes
        await driver.set_weight(30, call("b"))
        assert len(self.changed(service)) == self.changes

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(400, PermanentError), (401, PermanentError), (403, PermanentError), (404, PermanentError),
         (500, TemporaryError), (503, TemporaryError)],
    )  # fmt: skip
    async def test_a_change_that_is_refused_is_told_and_nothing_moves(self, driver, service, status, kind):
        await driver.set_weight(10, call("a"))
        service.instead = lambda one: (status, {}, {"message": "not so"}) if one.method in self.moving else None
        with pytest.raises(kind, match=self.name) as caught:
            await driver.set_weight(50, call("b"))
        assert type(caught.value) is kind
        assert SECRET not in str(caught.value)
        service.instead = None
        assert await driver.read_weight() == 10

    async def test_a_limit_at_the_change_says_when_it_may_be_tried_again(self, driver, service):
        await driver.set_weight(10, call("a"))
        limited = (429, {"Retry-After": "7"}, {"message": "slow down"})
        service.instead = lambda one: limited if one.method in self.moving else None
        with pytest.raises(TemporaryError, match="7 s") as caught:
            await driver.set_weight(50, call("b"))
        assert caught.value.after_s == 7

    async def test_a_change_whose_answer_is_lost_is_not_made_twice(self, driver, service):
        await driver.set_weight(10, call("a"))

        def lose_the_last(one):
            if one.method in self.moving and len(self.changed(service)) == 2 * self.changes:
                service.lose = 1

        service.instead = lose_the_last
        with pytest.raises(TemporaryError, match=self.name):
            await driver.set_weight(50, call("b"))
        service.instead = None
        made = len(self.changed(service))
        assert await driver.set_weight(50, call("b")) == 50
        assert len(self.changed(service)) == made

    async def test_a_change_that_hangs_ends_within_the_time_limit(self, driver, service):
        await driver.set_weight(10, call("a"))
        hang = threading.Event()

        def hang_now(one):
            if one.method in self.moving:
                service.hang = hang

        service.instead, began = hang_now, time.monotonic()
        try:
            with pytest.raises(TemporaryError, match=rf"{self.name} did not answer within"):
                await driver.set_weight(50, call("b"))
            assert time.monotonic() - began < 8
        finally:
            service.instead = service.hang = None
            hang.set()

    async def test_a_change_that_does_not_come_into_force_is_told(self, driver, service):
        await driver.set_weight(10, call("a"))
        service.ignores = True
        with pytest.raises(TemporaryError, match=r"10 %.*50 %"):
            await driver.set_weight(50, call("b", timeout_s=0.3))
