"""The configcat splitter, on a server that speaks as ConfigCat's documentation says."""

from __future__ import annotations

import pytest

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.drivers.traffic.configcat import ConfigcatTraffic
from pilotage.testing import UnreachableContract, call
from tests.drivers.changing import SECRET, ServedContract
from tests.drivers.configcat import ENVIRONMENT, SETTING, ConfigCat, for_some, share
from tests.drivers.faulty import OfAService
from tests.drivers.served import serve


def splitter(url, **more):
    options = {
        "environment": ENVIRONMENT, "setting": SETTING, "username": "ann", "password": {"env": "TEST_TOKEN"},
        "api": url, "timeout_s": 2, **more,
    }  # fmt: skip
    return ConfigcatTraffic(ConfigcatTraffic.Options.model_validate(options), Context(None, None, "payment"))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    with serve(ConfigCat(token=SECRET)) as running:
        yield running


@pytest.fixture
def driver(service):
    return splitter(service.url)


class TestConfigcat(ServedContract, UnreachableContract):
    name, tolerance, step = "ConfigCat", 0.5, 1
    weights = asked = (0, 1, 10, 33, 50, 99, 100)

    @pytest.fixture
    def unreachable(self):
        return splitter("http://127.0.0.1:9")


class TestLooking(OfAService):
    name, build = "ConfigCat", staticmethod(splitter)


class TestChanging(TestLooking):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))


async def test_half_a_percent_is_refused_in_plain_words(driver):
    with pytest.raises(PermanentError, match=r"whole percents only, not 0.5 %: set 0 or 1 % in the plan"):
        await driver.set_weight(0.5, call("a"))


async def test_both_options_move_at_once_and_the_record_says_why(driver, service):
    await driver.set_weight(25, call("a"))
    options = service.flag["targetingRules"][0]["percentageOptions"]
    assert [one["percentage"] for one in options] == [25, 75]
    assert service.reasons == ["Pilotage: payment v2 at 25 %"]


async def test_a_text_flag_goes_by_the_canarys_value_whatever_its_place(service):
    service.flag["targetingRules"] = [share(100, "v1", "v2", "stringValue")]
    driver = splitter(service.url, canary="v2")
    assert await driver.set_weight(40, call("a")) == 40
    options = service.flag["targetingRules"][0]["percentageOptions"]
    assert [one["percentage"] for one in options] == [60, 40]


async def test_what_somebody_else_changed_at_the_same_moment_is_not_overwritten(driver, service):
    service.fails_tests = True
    with pytest.raises(PermanentError, match="test operation failed"):
        await driver.set_weight(25, call("a"))
    assert service.flag["targetingRules"] == [share(0)]


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [for_some(False)],
        [share(0, False, False)],
        [{**share(0), "percentageOptions": [*share(0)["percentageOptions"], {"percentage": 0, "value": {}}]}],
        [share(0), share(0)],
    ],
)
async def test_a_flag_without_a_rule_of_two_percentages_is_refused(driver, service, rules):
    service.flag["targetingRules"] = rules
    with pytest.raises(PermanentError, match="needs a percentage rule for all users"):
        await driver.probe()


async def test_a_rule_that_gives_the_canary_whatever_the_weight_is_refused(driver, service):
    service.flag["targetingRules"].insert(0, for_some(True))
    with pytest.raises(PermanentError, match="also by rule 1, whatever the weight"):
        await driver.set_weight(10, call("a"))


async def test_a_rule_that_keeps_some_on_the_old_version_may_stay(driver, service):
    service.flag["targetingRules"].insert(0, for_some(False))
    assert await driver.set_weight(10, call("a")) == 10


async def test_a_flag_that_may_only_be_read_is_told_before_the_start(driver, service):
    service.flag["readOnly"] = True
    with pytest.raises(PermanentError, match="read-only"):
        await driver.probe()


async def test_a_rule_that_came_meanwhile_does_not_bar_the_way_back_and_is_told(driver, service):
    await driver.set_weight(10, call("a"))
    service.flag["targetingRules"].insert(0, for_some(True))
    with pytest.raises(PermanentError, match="also by rule 1, whatever the weight"):
        await driver.set_weight(0, call("b"))
    assert service.flag["targetingRules"][1] == share(0)


async def test_the_credential_is_hidden_in_what_the_service_repeats(driver, service):
    def repeats(request):
        return 400, {}, {"message": f"bad login {request.headers['authorization'].split()[1]}"}

    service.instead = repeats
    with pytest.raises(PermanentError, match=r"bad login \(hidden\)"):
        await driver.probe()
