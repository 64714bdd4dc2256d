"""The cloud-run splitter, on a server that speaks as Google's reference says."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.cloud_run import CloudRunTraffic
from pilotage.testing import UnreachableContract, call
from tests.drivers.changing import SECRET, ServedContract
from tests.drivers.cloudrun import CloudRunServer, latest, to
from tests.drivers.faulty import OfAService
from tests.drivers.served import serve


def splitter(url, **more):
    options = {
        "project": "acme", "region": "europe-west1", "service": "payment", "canary": "payment-2", "stable": "payment-1",
        "token": {"env": "TEST_TOKEN"}, "api": url, "timeout_s": 2, **more,
    }  # fmt: skip
    return CloudRunTraffic(CloudRunTraffic.Options.model_validate(options), Context(None, None))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    with serve(CloudRunServer(token=SECRET)) as running:
        yield running


@pytest.fixture
def driver(service):
    return splitter(service.url)


class TestCloudRun(ServedContract, UnreachableContract):
    name, tolerance, step = "Cloud Run", 0.5, 1
    weights = asked = (0, 1, 10, 33, 50, 99, 100)

    @pytest.fixture
    def unreachable(self):
        return splitter("http://127.0.0.1:9")

    async def test_a_change_that_does_not_come_into_force_is_told(self, driver, service):
        await driver.set_weight(10, call("a"))
        service.ignores = True
        with pytest.raises(TemporaryError, match=r"not come to 50 %.*Does somebody else set it"):
            await driver.set_weight(50, call("b", timeout_s=0.3))


class TestLooking(OfAService):
    name, build = "Cloud Run", staticmethod(splitter)


class TestChanging(TestLooking):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))


async def test_half_a_percent_is_refused_in_plain_words(driver):
    with pytest.raises(
        PermanentError, match=r"Cloud Run knows whole percents only, not 0.5 %: set 0 or 1 % in the plan"
    ):
        await driver.set_weight(0.5, call("a"))


async def test_tags_stay_and_take_the_percent_of_their_revision(driver, service):
    service.traffic.append(latest(tag="next"))
    await driver.set_weight(25, call("a"))
    assert service.traffic == [to("payment-1", 75), to("payment-2", 25, "canary"), latest(tag="next")]
    await driver.set_weight(100, call("b"))
    assert service.traffic == [to("payment-2", 100, "canary"), latest(tag="next")]
    await driver.set_weight(0, call("c"))
    assert service.traffic == [to("payment-1", 100), to("payment-2", tag="canary"), latest(tag="next")]


async def test_revisions_go_by_their_tags_too(service):
    service.traffic = [to("payment-1", 100, "stable"), to("payment-2", tag="canary")]
    driver = splitter(service.url, canary="canary", stable="stable")
    assert await driver.set_weight(30, call("a")) == 30
    assert service.traffic == [to("payment-1", 70, "stable"), to("payment-2", 30, "canary")]


async def test_it_waits_until_the_share_is_in_force(driver, service):
    service.looks = 4
    assert await driver.set_weight(30, call("a")) == 30
    assert [one.method for one in service.requests].count("GET") == 5


async def test_one_that_takes_longer_than_the_limit_is_told_and_found_by_the_next_try(driver, service):
    service.looks = -1
    with pytest.raises(TemporaryError, match=r"not come to 30 % within 0.3 s.*reconciling"):
        await driver.set_weight(30, call("a", timeout_s=0.3))
    assert await driver.read_weight() == 0
    service.waiting = 1
    assert await driver.set_weight(30, call("a")) == 30
    assert [one.method for one in service.requests].count("PATCH") == 1


async def test_a_revision_that_cannot_serve_is_told_in_googles_words(driver, service):
    service.fails = "Revision 'payment-2' is not ready and cannot serve traffic."
    with pytest.raises(PermanentError, match=r"did not come to 30 %: Revision 'payment-2' is not ready"):
        await driver.set_weight(30, call("a"))
    assert await driver.read_weight() == 0


async def test_what_somebody_else_changed_at_the_same_moment_is_not_overwritten(driver, service):
    service.conflict = True
    with pytest.raises(TemporaryError, match=r"at the same moment.*outdated"):
        await driver.set_weight(30, call("a"))


@pytest.mark.parametrize("traffic", [[], [latest(100)], [latest(50), to("payment-1", 50)]])
async def test_traffic_to_the_latest_revision_is_refused_and_told_how_to_end_it(driver, service, traffic):
    service.traffic = service.statuses = traffic
    with pytest.raises(PermanentError, match=r"whatever revision is the latest.*--to-revisions=payment-1=100"):
        await driver.probe()
    with pytest.raises(PermanentError, match="whatever revision is the latest"):
        await driver.set_weight(10, call("a"))


async def test_a_tag_that_follows_the_latest_revision_is_refused(service):
    service.traffic = [to("payment-1", 100), latest(tag="canary")]
    with pytest.raises(PermanentError, match="tag canary on whatever revision is the latest"):
        await splitter(service.url, canary="canary").probe()


async def test_a_third_revision_with_traffic_is_refused_by_its_name(driver, service):
    service.revisions["payment-0"] = service.revisions["payment-1"]
    service.traffic = [to("payment-1", 90), to("payment-0", 10)]
    with pytest.raises(PermanentError, match="also sends traffic to payment-0"):
        await driver.set_weight(10, call("a"))


async def test_an_unknown_canary_is_told_in_googles_words(service):
    driver = splitter(service.url, canary="payment-9")
    assert await driver.set_weight(0, call("a")) == 0
    with pytest.raises(PermanentError, match="payment-9 does not exist"):
        await driver.set_weight(10, call("b"))


async def test_a_tag_still_on_the_stable_revision_is_no_canary_yet(service):
    service.traffic = [to("payment-1", 100, "canary")]
    driver = splitter(service.url, canary="canary")
    assert await driver.read_weight() == 0
    assert await driver.set_weight(0, call("a")) == 0
    with pytest.raises(PermanentError, match="deploy the new version first"):
        await driver.set_weight(10, call("b"))


def test_one_revision_is_not_both():
    with pytest.raises(ValidationError, match="two revisions"):
        splitter("https://run.googleapis.com", canary="payment-1")


@pytest.mark.parametrize("stranger", [to("payment-0", 10), latest(10)])
async def test_what_got_traffic_meanwhile_does_not_bar_the_way_back_keeps_it_and_is_told(driver, service, stranger):
    service.revisions["payment-0"] = service.revisions["payment-1"]
    service.traffic = [to("payment-1", 60), to("payment-2", 30, "canary"), stranger]
    with pytest.raises(PermanentError, match=r"also sends traffic to payment-0|whatever revision is the latest"):
        await driver.set_weight(0, call("a"))
    assert service.traffic == [to("payment-1", 90), to("payment-2", tag="canary"), stranger]
