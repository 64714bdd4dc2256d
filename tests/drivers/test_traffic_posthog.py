"""The posthog splitter, on a server that speaks as PostHog's documentation and source say."""

from __future__ import annotations

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.posthog import PosthogTraffic
from pilotage.testing import UnreachableContract, call
from tests.drivers.changing import SECRET, ServedContract
from tests.drivers.faulty import OfAService
from tests.drivers.posthog import FLAG, PROJECT, PostHog, group
from tests.drivers.served import serve

BETA = {"key": "beta", "type": "person", "value": ["yes"], "operator": "exact"}


def splitter(url, **more):
    options = {
        "project": PROJECT, "flag": FLAG, "token": {"env": "TEST_TOKEN"}, "api": url, "timeout_s": 2, **more,
    }  # fmt: skip
    return PosthogTraffic(PosthogTraffic.Options.model_validate(options), Context(None, None))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    with serve(PostHog(token=SECRET)) as running:
        yield running


@pytest.fixture
def driver(service):
    return splitter(service.url)


class TestPosthog(ServedContract, UnreachableContract):
    name, tolerance = "PostHog", 0.005

    @pytest.fixture
    def unreachable(self):
        return splitter("http://127.0.0.1:9")


class TestLooking(OfAService):
    name, build = "PostHog", staticmethod(splitter)


class TestChanging(TestLooking):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))


async def test_all_else_in_the_filters_stays(driver, service):
    service.flag["filters"]["groups"].insert(0, group(0, BETA))
    await driver.set_weight(12.5, call("a"))
    await driver.set_weight(20, call("b"))
    assert service.flag["filters"] == {
        "groups": [group(0, BETA), group(20)],
        "payloads": {"true": '"kept"'},
        "multivariate": None,
    }


async def test_what_somebody_else_changed_at_the_same_moment_is_not_overwritten(driver, service):
    service.overtaken = True
    with pytest.raises(TemporaryError, match="somebody else changed"):
        await driver.set_weight(10, call("a"))
    assert [one["rollout_percentage"] for one in service.flag["filters"]["groups"]] == [0, 0]


async def test_a_change_that_needs_an_approval_is_told_in_posthogs_words(driver, service):
    service.approvals = True
    with pytest.raises(PermanentError, match="needs an approval"):
        await driver.set_weight(10, call("a"))


@pytest.mark.parametrize("off", [{"active": False}, {"deleted": True}])
async def test_a_flag_that_is_off_has_no_share_and_gets_none_but_may_go_back(driver, service, off):
    await driver.set_weight(10, call("a"))
    service.flag.update(off)
    assert await driver.read_weight() == 0
    with pytest.raises(PermanentError, match="would reach nobody"):
        await driver.set_weight(20, call("b"))
    assert await driver.set_weight(0, call("c")) == 0


async def test_no_percentage_means_everybody(driver, service):
    service.flag["filters"]["groups"] = [group(None)]
    assert await driver.read_weight() == 100


@pytest.mark.parametrize("percent", [None, 100, 0.5])
async def test_a_condition_that_is_on_whatever_the_weight_is_refused_by_its_number(driver, service, percent):
    service.flag["filters"]["groups"].append(group(percent, BETA))
    with pytest.raises(PermanentError, match="also on by condition 2"):
        await driver.set_weight(10, call("a"))


@pytest.mark.parametrize(("groups", "has"), [([], "none"), ([group(0, BETA)], "none"), ([group(0), group(0)], "more")])
async def test_there_must_be_one_condition_for_everyone(driver, service, groups, has):
    service.flag["filters"]["groups"] = groups
    with pytest.raises(PermanentError, match=f"one release condition without filters.*{has}"):
        await driver.probe()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"multivariate": {"variants": [{"key": "a", "rollout_percentage": 100}]}}, "has variants"),
        ({"super_groups": [group(100)]}, "super_groups"),
        ({"holdout_groups": [group(10)]}, "holdout_groups"),
    ],
)
async def test_what_counts_before_the_percentage_is_refused(driver, service, changed, words):
    service.flag["filters"].update(changed)
    with pytest.raises(PermanentError, match=words):
        await driver.probe()


async def test_an_encrypted_payload_is_not_put_at_risk(driver, service):
    service.flag["has_encrypted_payloads"] = True
    with pytest.raises(PermanentError, match="encrypted payload"):
        await driver.set_weight(10, call("a"))


async def test_a_condition_that_came_meanwhile_does_not_bar_the_way_back_and_is_told(driver, service):
    await driver.set_weight(10, call("a"))
    service.flag["filters"]["groups"].append(group(100, BETA))
    number = len(service.flag["filters"]["groups"])
    with pytest.raises(PermanentError, match=f"also on by condition {number}"):
        await driver.set_weight(0, call("b"))
    assert 10 not in [one["rollout_percentage"] for one in service.flag["filters"]["groups"]]
