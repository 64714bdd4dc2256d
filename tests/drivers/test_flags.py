"""What the drivers of flag services have in common."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.flags import reason, settled
from pilotage.drivers.process import OVERTAKEN
from pilotage.drivers.turns import to_the_end
from pilotage.drivers.weights import in_steps
from pilotage.testing import call
from tests.drivers.launchdarkly import TOKEN, LaunchDarkly
from tests.drivers.served import serve
from tests.drivers.test_traffic_launchdarkly import driver_of


@given(st.floats(0, 100), st.sampled_from([0.1, 0.01, 0.001]))
def test_fine_steps_give_the_nearest_and_never_none_for_something(weight, step):
    try:
        found = in_steps(weight, step, "Acme")
    except PermanentError:
        assert 0 < weight <= step / 2
        return
    assert abs(found - weight) <= step / 2 + 1e-6
    assert (found == 0) == (weight == 0) or weight < 1e-6


@given(st.floats(0, 100))
def test_between_two_whole_percents_nothing_is_guessed(weight):
    if abs(weight - round(weight)) <= 1e-6:
        assert in_steps(weight, 1, "Acme") == round(weight)
        return
    with pytest.raises(PermanentError, match=f"set {int(weight)} or {int(weight) + 1} %"):
        in_steps(weight, 1, "Acme")


@pytest.mark.parametrize("weight", [-1, 100.1, float("nan")])
def test_what_is_no_percent_is_refused(weight):
    with pytest.raises(PermanentError, match="from 0 to 100"):
        in_steps(weight, 1, "Acme")


def test_the_reason_names_the_service_the_version_and_the_weight():
    assert reason(Context(None, None, service="payment"), call("a"), 10) == "Pilotage: payment v2 at 10 %"
    assert reason(Context(None, None), call("a"), 12.5) == "Pilotage: v2 at 12.5 %"


async def test_a_change_on_its_way_is_waited_for_before_the_cancellation_goes_on():
    may, done = asyncio.Event(), []

    async def change():
        await may.wait()
        done.append(1)

    task = asyncio.create_task(to_the_end(change()))
    await asyncio.sleep(0)
    task.cancel(OVERTAKEN)
    await asyncio.wait([task], timeout=0.05)
    assert not task.done()
    may.set()
    with pytest.raises(asyncio.CancelledError, match=OVERTAKEN):
        await task
    assert done == [1]


async def test_and_so_it_is_on_the_wire(monkeypatch):
    monkeypatch.setenv("LD_TOKEN", TOKEN)
    with serve(LaunchDarkly()) as service:
        driver, hang = driver_of(service.url), threading.Event()
        service.instead = lambda request: setattr(service, "hang", hang if request.method == "PATCH" else None)
        earlier = asyncio.create_task(driver.set_weight(75, call("forward")))
        while "PATCH" not in [one.method for one in service.requests]:
            await asyncio.sleep(0.01)
        earlier.cancel(OVERTAKEN)
        await asyncio.wait([earlier], timeout=0.1)
        assert not earlier.done()
        hang.set()
        await asyncio.wait([earlier])
        assert earlier.cancelled()
        assert await driver.set_weight(0, call("back")) == 0


async def test_what_a_change_raises_is_raised_unless_it_was_given_up():
    async def fail():
        raise TemporaryError("no")

    with pytest.raises(TemporaryError, match="no"):
        await to_the_end(fail())


async def test_a_service_that_takes_a_while_is_asked_until_it_has_it():
    answers = iter([0.0, 0.0, 10.0])

    async def read():
        return next(answers)

    assert await settled(read, 10, "fix in production", 5) == 10


async def test_another_weight_is_told_in_the_end():
    async def read():
        return 33.0

    with pytest.raises(TemporaryError, match="fix in production has 33 % where 10 % was set"):
        await settled(read, 10, "fix in production", 0.1)
