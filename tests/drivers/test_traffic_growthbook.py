"""The growthbook splitter, on a server that speaks as GrowthBook's documentation says."""

from __future__ import annotations

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.growthbook import GrowthbookTraffic
from pilotage.testing import UnreachableContract, call
from tests.drivers.changing import SECRET, ServedContract
from tests.drivers.faulty import OfAService
from tests.drivers.growthbook import GrowthBook, rule
from tests.drivers.served import serve


def splitter(url, **more):
    options = {
        "feature": "new-payment", "rule": "fr_canary", "environment": "production", "token": {"env": "TEST_TOKEN"},
        "api": url, "timeout_s": 2, **more,
    }  # fmt: skip
    return GrowthbookTraffic(GrowthbookTraffic.Options.model_validate(options), Context(None, None, "payment"))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    with serve(GrowthBook(token=SECRET)) as running:
        yield running


@pytest.fixture
def driver(service):
    return splitter(service.url)


class TestGrowthbook(ServedContract, UnreachableContract):
    name, tolerance, changes = "GrowthBook", 0.005, 2

    @pytest.fixture
    def unreachable(self):
        return splitter("http://127.0.0.1:9")


class TestLooking(OfAService):
    name, build = "GrowthBook", staticmethod(splitter)


class TestChanging(TestLooking):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))


async def test_a_weight_is_one_published_revision_with_a_comment(driver, service):
    await driver.set_weight(12.5, call("a"))
    assert service.feature["rules"][0]["coverage"] == 0.125
    assert [one["status"] for one in service.drafts.values()] == ["published"]
    assert service.said == ["Pilotage: payment v2 at 12.5 %"]


@pytest.mark.parametrize(
    ("trouble", "kind", "words"),
    [
        ("needs_approval", PermanentError, "requires approval.*must be allowed"),
        ("overtaken", TemporaryError, "same moment"),
    ],
)
async def test_a_draft_that_cannot_be_published_is_told_and_discarded(driver, service, trouble, kind, words):
    setattr(service, trouble, True)
    with pytest.raises(kind, match=words):
        await driver.set_weight(10, call("a"))
    assert [one["status"] for one in service.drafts.values()] == ["discarded"]
    assert await driver.read_weight() == 0


@pytest.mark.parametrize("where", ["environment", "feature"])
async def test_a_feature_that_is_off_has_no_share_and_gets_none_but_may_go_back(driver, service, where):
    await driver.set_weight(10, call("a"))
    if where == "environment":
        service.feature["environments"]["production"]["enabled"] = False
    else:
        service.feature["archived"] = True
    assert await driver.read_weight() == 0
    with pytest.raises(PermanentError, match=r"is off .*Switch it on"):
        await driver.set_weight(20, call("b"))
    assert await driver.set_weight(0, call("c")) == 0
    assert service.feature["rules"][0]["coverage"] == 0


async def test_an_unknown_environment_or_rule_is_told_with_those_that_there_are(service):
    with pytest.raises(PermanentError, match="no environment test, but production, staging"):
        await splitter(service.url, environment="test").probe()
    with pytest.raises(PermanentError, match="no rule fr_x; its rules: fr_canary"):
        await splitter(service.url, rule="fr_x").probe()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"allEnvironments": True}, "percentage would change there, too"),
        ({"environments": ["production", "staging"]}, "is for production, staging"),
        ({"enabled": False}, "is not enabled"),
        ({"condition": '{"country": "NZ"}'}, r"only for some \(condition\)"),
        ({"savedGroupTargeting": [{"matchType": "all", "savedGroups": ["a"]}]}, "only for some"),
        ({"scheduleType": "ramp", "rampScheduleId": "r1"}, "schedule or a ramp"),
        ({"type": "experiment-ref"}, "of the type experiment-ref"),
    ],
)
async def test_a_rule_whose_coverage_is_no_share_of_all_is_refused(driver, service, changed, words):
    service.feature["rules"][0].update(changed)
    with pytest.raises(PermanentError, match=words):
        await driver.set_weight(10, call("a"))


@pytest.mark.parametrize("place", [0, 1])
async def test_another_rule_that_gives_the_canary_is_refused_by_its_name(driver, service, place):
    service.feature["rules"].insert(place, rule("fr_testers", None, condition='{"beta": true}'))
    with pytest.raises(PermanentError, match="also has fr_testers in production"):
        await driver.set_weight(10, call("a"))


async def test_rules_of_other_environments_and_those_for_the_old_version_behind_ours_may_stay(driver, service):
    service.feature["rules"].insert(0, rule("fr_staging", None, environments=["staging"]))
    service.feature["rules"].append(rule("fr_old", None, "false"))
    assert await driver.set_weight(10, call("a")) == 10
    assert [one["id"] for one in service.feature["rules"]] == ["fr_staging", "fr_canary", "fr_old"]


class TestTheWayBack:
    async def test_a_rule_that_came_meanwhile_does_not_bar_it_and_is_told(self, driver, service):
        await driver.set_weight(10, call("a"))
        service.feature["rules"].insert(0, rule("fr_testers", None, condition='{"beta": true}'))
        with pytest.raises(PermanentError, match="also has fr_testers in production"):
            await driver.set_weight(0, call("b"))
        assert service.feature["rules"][1]["coverage"] == 0

    @pytest.mark.parametrize(
        "changed", [{"enabled": False}, {"condition": '{"country": "NZ"}'}, {"environments": ["production", "staging"]}]
    )
    async def test_what_only_concerns_a_share_does_not_bar_it(self, driver, service, changed):
        await driver.set_weight(10, call("a"))
        service.feature["rules"][0].update(changed)
        assert await driver.set_weight(0, call("b")) == 0
        assert service.feature["rules"][0]["coverage"] == 0

    async def test_a_rule_that_somebody_disabled_has_no_share(self, driver, service):
        await driver.set_weight(10, call("a"))
        service.feature["rules"][0]["enabled"] = False
        assert await driver.read_weight() == 0
