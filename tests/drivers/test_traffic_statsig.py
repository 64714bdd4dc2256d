"""The statsig splitter, on a server that speaks as Statsig's documentation says."""

from __future__ import annotations

import pytest

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.drivers.traffic.statsig import StatsigTraffic
from pilotage.testing import UnreachableContract, call
from tests.drivers.changing import SECRET, ServedContract
from tests.drivers.faulty import OfAService
from tests.drivers.served import serve
from tests.drivers.statsig import Statsig, rule


def splitter(url, **more):
    options = {
        "gate": "new_payment",
        "rule": "canary",
        "key": {"env": "TEST_TOKEN"},
        "api": url,
        "timeout_s": 2,
        **more,
    }
    return StatsigTraffic(StatsigTraffic.Options.model_validate(options), Context(None, None))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    with serve(Statsig(token=SECRET)) as running:
        yield running


@pytest.fixture
def driver(service):
    return splitter(service.url)


class TestStatsig(ServedContract, UnreachableContract):
    name, tolerance = "Statsig", 0.005

    @pytest.fixture
    def unreachable(self):
        return splitter("http://127.0.0.1:9")


class TestLooking(OfAService):
    name, build = "Statsig", staticmethod(splitter)


class TestChanging(TestLooking):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))


async def test_only_the_percentage_is_sent_to_the_rule_that_has_it_now(driver, service):
    await driver.set_weight(10, call("a"))
    await driver.set_weight(20, call("b"))
    sent = [one for one in service.requests if one.method == "PATCH"]
    assert [one.path.replace("%3A", ":").rsplit("/", 1)[1] for one in sent] == ["canaryId:0.00:1", "canaryId:10.00:1"]
    assert [one.body for one in sent] == [{"passPercentage": 10}, {"passPercentage": 20}]
    assert all(one.headers["x-respect-review-settings"] == "true" for one in sent)


async def test_a_rule_is_found_by_its_base_id_too(service):
    assert await splitter(service.url, rule="canaryId").set_weight(5, call("a")) == 5


async def test_a_gate_that_asks_for_reviews_is_refused_unless_they_are_bypassed(driver, service):
    service.gate["reviewSettings"]["requiredReview"] = True
    with pytest.raises(PermanentError, match=r"requires a review.*bypass_reviews"):
        await driver.probe()
    around = splitter(service.url, bypass_reviews=True)
    assert await around.set_weight(5, call("a")) == 5
    assert not any("x-respect-review-settings" in one.headers for one in service.requests[1:])


@pytest.mark.parametrize("off", [{"isEnabled": False}, {"status": "Archived"}, {"status": "Disabled"}])
async def test_a_gate_that_is_off_has_no_share_and_gets_none_but_may_go_back(driver, service, off):
    await driver.set_weight(10, call("a"))
    service.gate.update(off)
    assert await driver.read_weight() == 0
    with pytest.raises(PermanentError, match=r"is off.*Switch it on"):
        await driver.set_weight(20, call("b"))
    assert await driver.set_weight(0, call("c")) == 0
    assert service.gate["rules"][0]["passPercentage"] == 0


async def test_a_launched_gate_is_refused(driver, service):
    service.gate["status"] = "Launched"
    with pytest.raises(PermanentError, match="launched"):
        await driver.probe()


async def test_an_unknown_rule_is_told_with_those_that_there_are(service):
    with pytest.raises(PermanentError, match="no rule other; its rules: canary"):
        await splitter(service.url, rule="other").probe()


@pytest.mark.parametrize(
    "before",
    [
        rule("testers", 100, {"type": "email", "operator": "any", "targetValue": ["ann@example.com"]}),
        rule("nobody", 0),
    ],
)
async def test_a_rule_before_ours_that_takes_the_share_is_refused_by_its_name(driver, service, before):
    service.gate["rules"].insert(0, before)
    with pytest.raises(PermanentError, match=f"asks {before['name']} before canary"):
        await driver.set_weight(10, call("a"))


async def test_a_rule_that_keeps_some_on_the_old_version_may_stay(driver, service):
    service.gate["rules"].insert(0, rule("bank", 0, {"type": "email", "operator": "any", "targetValue": ["x"]}))
    service.gate["rules"].append(rule("after", 100))
    assert await driver.set_weight(10, call("a")) == 10


async def test_a_rule_for_some_only_is_refused(driver, service):
    service.gate["rules"][0]["conditions"] = [{"type": "country", "operator": "any", "targetValue": ["NZ"]}]
    with pytest.raises(PermanentError, match=r"only for some \(country\)"):
        await driver.probe()


async def test_a_scheduled_rollout_is_refused(driver, service):
    service.gate["rules"][0]["pendingAutomatedRollouts"] = [{"time": 1, "passPercent": 100}]
    with pytest.raises(PermanentError, match="scheduled rollout"):
        await driver.probe()


async def test_a_rule_of_more_environments_than_ours_is_refused_and_others_rules_do_not_count(service):
    production = splitter(service.url, environment="production")
    with pytest.raises(PermanentError, match="is for all environments"):
        await production.probe()
    service.gate["rules"] = [
        rule("staging", 100, environments=["staging"]),
        rule("canary", 0, environments=["production"]),
    ]
    assert await production.set_weight(10, call("a")) == 10
    assert service.gate["rules"][0]["passPercentage"] == 100


class TestTheWayBack:
    async def test_a_rule_that_came_before_ours_does_not_bar_it_and_who_has_the_fix_is_told(self, driver, service):
        await driver.set_weight(10, call("a"))
        service.gate["rules"].insert(
            0, rule("testers", 100, {"type": "email", "operator": "any", "targetValue": ["x"]})
        )
        with pytest.raises(PermanentError, match="asks testers before canary"):
            await driver.set_weight(0, call("b"))
        assert service.gate["rules"][1]["passPercentage"] == 0

    @pytest.mark.parametrize(
        "changed",
        [
            {"conditions": [{"type": "country", "operator": "any", "targetValue": ["NZ"]}]},
            {"pendingAutomatedRollouts": [{"time": 1, "passPercent": 100}]},
        ],
    )
    async def test_what_only_concerns_a_share_does_not_bar_it(self, driver, service, changed):
        await driver.set_weight(10, call("a"))
        service.gate["rules"][0].update(changed)
        assert await driver.set_weight(0, call("b")) == 0
        with pytest.raises(PermanentError):
            await driver.set_weight(10, call("c"))

    async def test_nobody_has_to_review_it(self, driver, service):
        await driver.set_weight(10, call("a"))
        service.gate["reviewSettings"]["requiredReview"] = True
        assert await driver.set_weight(0, call("b")) == 0
        with pytest.raises(PermanentError, match="requires a review"):
            await driver.set_weight(10, call("c"))
