"""The PagerDuty driver, before a server that answers as the Events API's schema says."""

from __future__ import annotations

import traceback
from dataclasses import replace

import pytest

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Message
from pilotage.drivers.notify.pagerduty import PagerDutyNotifier
from pilotage.testing import NotifierContract, RepeatsContract, ThreadContract
from tests.drivers import pagerduty, served

NEEDED = Message("r-1/3", "r-1", "person_needed", "payment v2: decide", "Two limits hold.", {"service": "payment"})


@pytest.fixture
def pager(monkeypatch):
    with served.serve(pagerduty.PagerDuty()) as running:
        monkeypatch.setenv("ROUTING_KEY", running.token)
        yield running


def notifier(pager, **options):
    given = {"routing_key": {"env": "ROUTING_KEY"}, "api": pager.url}
    return PagerDutyNotifier(PagerDutyNotifier.Options.model_validate(given | options), Context(None, None))


async def failure(work, pager) -> DriverError:
    """What it raises; no error may show the key, however it is written out."""
    with pytest.raises(DriverError) as error:
        await work
    assert pager.token not in "".join(traceback.format_exception(error.value))
    return error.value


class TestPagerDuty(NotifierContract, RepeatsContract, ThreadContract):
    @pytest.fixture
    def driver(self, pager):
        return notifier(pager)

    @pytest.fixture
    def received(self, pager):
        return pager.said

    @pytest.fixture
    def threads(self, pager):
        return lambda: len(pager.alerts)


async def test_a_rollout_has_one_alert_that_is_acknowledged_and_resolved(pager):
    driver, seen = notifier(pager), []
    for number, kind in enumerate(("person_needed", "held", "approved", "recovery_confirmed")):
        await driver.send(replace(NEEDED, id=f"r-1/{number}", kind=kind))
        seen.append([one["state"] for one in pager.alerts.values()])
    assert seen == [["trigger"], ["trigger"], ["acknowledge"], ["resolve"]]


@pytest.mark.parametrize("kind", ["approved", "promoted", "recovery_confirmed"])
async def test_what_answers_or_ends_never_pages(pager, kind):
    await notifier(pager).send(replace(NEEDED, kind=kind))
    assert pager.alerts == {}


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("failed", "critical"), ("rolled_back", "error"), ("held", "warning"), ("rollout_started", "info")],
)
async def test_the_kind_says_how_bad_it_is(pager, kind, severity):
    await notifier(pager).send(replace(NEEDED, kind=kind))
    (alert,) = pager.alerts.values()
    assert (alert["severity"], alert["class"], alert["source"]) == (severity, kind, "payment")


async def test_an_event_whose_answer_is_lost_opens_no_second_alert(pager):
    pager.lose = 1
    assert isinstance(await failure(notifier(pager).send(NEEDED), pager), TemporaryError)
    await notifier(pager).send(replace(NEEDED, attempt=1))
    assert len(pager.alerts) == 1


async def test_long_words_are_cut_to_what_pagerduty_takes(pager):
    await notifier(pager).send(replace(NEEDED, title="x" * 5000, text="y" * 100_000, rollout="r" * 500))
    assert len(pager.alerts) == 1


async def test_a_key_that_pagerduty_does_not_know_is_permanent(pager, monkeypatch):
    monkeypatch.setenv("ROUTING_KEY", "0" * 32)
    error = await failure(notifier(pager).send(NEEDED), pager)
    assert (type(error), "Invalid routing key" in str(error)) == (PermanentError, True)


@pytest.mark.parametrize("key", ["planted", "planted-planted-planted-planted-"])
async def test_what_is_no_key_is_told_at_probe_without_it(pager, monkeypatch, key):
    monkeypatch.setenv("ROUTING_KEY", key)
    error = await failure(notifier(pager).probe(), pager)
    assert (type(error), "planted" in str(error)) == (PermanentError, False)


async def test_probe_asks_for_an_answer_and_sends_no_event(pager):
    assert "none was sent" in await notifier(pager).probe()
    assert pager.calls() == ["GET /"]


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((429, {"Retry-After": "20"}, {}), TemporaryError, "after 20 s"),
        ((500, {}, {"status": "error", "message": "oops"}), TemporaryError, "oops"),
        ((400, {}, {"status": "invalid event", "message": "invalid", "errors": ["bad"]}), PermanentError, "bad"),
    ],
)
async def test_a_refusal_is_told_by_its_kind(pager, answer, kind, said):
    pager.instead = lambda request: answer
    error = await failure(notifier(pager).send(NEEDED), pager)
    assert (type(error), said in str(error)) == (kind, True), str(error)


async def test_a_key_that_pagerduty_repeats_is_not_shown(pager):
    pager.instead = lambda request: (400, {}, {"message": f"no such key {pager.token}", "errors": []})
    assert "(hidden)" in str(await failure(notifier(pager).send(NEEDED), pager))
