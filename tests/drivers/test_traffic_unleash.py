"""On a real Unleash. Who has a flag is what its own frontend API answers, for one user after the other."""

import asyncio
from dataclasses import replace
from math import sqrt

import httpx
import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort
from pilotage.drivers import Context
from pilotage.drivers.traffic.unleash import UnleashTraffic
from pilotage.testing import SteersContract, StepsContract, TrafficContract, UnreachableContract, call
from tests import servers
from tests.unleash.server import ENVIRONMENT, PROJECT

USERS = 400


@pytest.fixture(autouse=True)
def token(monkeypatch, unleash):
    monkeypatch.setenv("UNLEASH_TOKEN", unleash.admin)


def driver_of(unleash, flag, **more):
    options = {"api": unleash.url, "token": {"env": "UNLEASH_TOKEN"}, "flag": flag, "environment": ENVIRONMENT, **more}
    return UnleashTraffic(UnleashTraffic.Options.model_validate(options), Context(None, None, service="payment"))


async def share(unleash, flag, users=USERS, first=0, **more):
    """The percent of users who have the flag; `more` is what else is known of them."""
    headers = {"Authorization": unleash.frontend}
    async with httpx.AsyncClient(base_url=unleash.url, headers=headers, trust_env=False, timeout=30) as client:

        async def has(user):
            answer = await client.get("/api/frontend", params={"userId": f"user-{user}", **more})
            return flag in {one["name"] for one in answer.raise_for_status().json()["toggles"]}

        found = [await has(user) for user in range(first, first + users)]
    return 100 * sum(found) / users


async def within_the_refresh(unleash, flag, wanted):
    """Asks anew until the share is `wanted` to three sigma; gives up long after the server's refresh."""
    allowed = 3 * 100 * sqrt(wanted / 100 * (1 - wanted / 100) / USERS)
    async with asyncio.timeout(20):
        while abs(await share(unleash, flag) - wanted) > allowed:
            await asyncio.sleep(0.1)


class TestUnleash(TrafficContract, SteersContract, StepsContract, UnreachableContract):
    cohort = Cohort("user", "group", ("beta", "staff"))
    weights = asked = (0, 1, 10, 33, 50, 99, 100)

    @pytest.fixture
    def driver(self, unleash):
        return driver_of(unleash, unleash.flag())

    @pytest.fixture
    def unreachable(self, unleash):
        unleash.url, url = f"http://127.0.0.1:{servers.free_port()}", unleash.url
        try:
            return driver_of(unleash, "nobody")
        finally:
            unleash.url = url


async def test_users_follow_the_weight(unleash):
    flag = unleash.flag(name="followed")  # so that the same users come first each time
    driver = driver_of(unleash, flag)
    for weight in (10, 50, 100, 0):
        assert await driver.set_weight(weight, call(f"to {weight}")) == weight
        await within_the_refresh(unleash, flag, weight)


async def test_who_has_it_keeps_it_as_the_share_grows(unleash):
    flag = unleash.flag(name="kept")
    driver, had = driver_of(unleash, flag), set()
    for weight in (10, 50):
        await driver.set_weight(weight, call(f"to {weight}"))
        await within_the_refresh(unleash, flag, weight)
        has = {user for user in range(60) if await share(unleash, flag, 1, user)}
        assert had <= has
        had = has
    assert had


class TestOnAndOff:
    async def test_a_flag_that_is_off_is_at_0_whatever_its_rollout(self, unleash):
        driver = driver_of(unleash, unleash.flag("40", enabled=False))
        assert await driver.read_weight() == 0
        assert "off; its rollout of 40 % counts" in await driver.probe()

    async def test_it_is_switched_on_with_the_weight_and_never_at_the_one_that_was_left(self, unleash):
        flag = unleash.flag("100", enabled=False)
        await driver_of(unleash, flag).set_weight(10, call("a"))
        here = unleash.environment(flag)
        assert here["enabled"] is True
        assert here["strategies"][0]["parameters"]["rollout"] == "10"
        kinds = [one["type"] for one in unleash.ask("GET", f"/events/{flag}")["events"]]
        assert kinds.index("feature-environment-enabled") < kinds.index("feature-strategy-update")  # the newest first

    async def test_at_0_it_stays_on_and_nobody_has_it(self, unleash):
        flag = unleash.flag("30")
        assert await driver_of(unleash, flag).set_weight(0, call("a")) == 0
        assert unleash.environment(flag)["enabled"] is True
        await within_the_refresh(unleash, flag, 0)


class TestCohorts:
    async def test_its_users_have_the_flag_at_0_and_nobody_when_it_goes(self, unleash):
        flag = unleash.flag(enabled=False)
        driver, cohort = driver_of(unleash, flag), Cohort("user", "group", ("beta", "staff"))
        assert await driver.set_weight(0, replace(call("a"), cohort=cohort)) == 0
        async with asyncio.timeout(20):
            while await share(unleash, flag, 20, **{"properties[group]": "beta"}) != 100:
                await asyncio.sleep(0.1)
        assert await share(unleash, flag, 50, **{"properties[group]": "others"}) == 0
        assert await share(unleash, flag, 50) == 0
        assert await driver.set_weight(0, call("b")) == 0
        async with asyncio.timeout(20):
            while await share(unleash, flag, 20, **{"properties[group]": "beta"}) != 0:
                await asyncio.sleep(0.1)
        assert [one["name"] for one in unleash.environment(flag)["strategies"]] == ["flexibleRollout"]

    async def test_another_cohort_takes_its_place(self, unleash):
        driver = driver_of(unleash, unleash.flag())
        for values in (("a",), ("b",), ("b",)):
            cohort = Cohort("user", "userId", values)
            await driver.set_weight(10, replace(call("a"), cohort=cohort))
            assert await driver.read_cohort() == cohort
        assert await driver.read_weight() == 10

    async def test_one_that_was_changed_by_hand_is_refused_and_goes_with_the_way_back(self, unleash):
        flag = unleash.flag()
        unleash.add(flag, title="Pilotage: cohort")
        driver = driver_of(unleash, flag)
        with pytest.raises(PermanentError, match="is not as Pilotage writes it"):
            await driver.read_cohort()
        assert await driver.set_weight(0, call("a")) == 0
        assert len(unleash.environment(flag)["strategies"]) == 1


async def test_what_a_person_set_on_the_strategy_stays(unleash):
    segment = unleash.ask("POST", "/segments", {"name": "mobile", "constraints": []})["id"]
    constraint = {"contextName": "appName", "operator": "IN", "values": ["shop"]}
    flag = unleash.flag(title="the fix", constraints=[constraint], segments=[segment])
    before = unleash.environment(flag)["strategies"][0]
    await driver_of(unleash, flag, narrowed=True).set_weight(20, call("a"))
    after = unleash.environment(flag)["strategies"][0]
    assert after == {**before, "parameters": {**before["parameters"], "rollout": "20"}}
    assert unleash.ask("GET", f"/segments/strategies/{before['id']}")["segments"][0]["id"] == segment


async def test_a_weight_that_is_in_force_is_not_written_again(unleash):
    flag = unleash.flag("10")
    await driver_of(unleash, flag).set_weight(10, call("a"))
    kinds = [one["type"] for one in unleash.ask("GET", f"/events/{flag}")["events"]]
    assert "feature-strategy-update" not in kinds


class TestWhatIsRefused:
    async def test_a_weight_below_half_a_percent(self, unleash):
        flag = unleash.flag("7")
        with pytest.raises(PermanentError, match=r"whole percents only, not 0\.2 %: set 0 or 1 %"):
            await driver_of(unleash, flag).set_weight(0.2, call("a"))
        assert unleash.environment(flag)["strategies"][0]["parameters"]["rollout"] == "7"

    async def test_a_second_strategy_is_named(self, unleash):
        flag = unleash.flag()
        unleash.add(flag, name="default", title="for QA")
        driver = driver_of(unleash, flag)
        for doing in (driver.probe(), driver.read_weight(), driver.set_weight(10, call("a"))):
            with pytest.raises(PermanentError, match="another strategy, default 'for QA'"):
                await doing
        assert unleash.environment(flag)["strategies"][0]["parameters"]["rollout"] == "0"

    async def test_but_ours_goes_to_0_all_the_same_and_who_still_has_the_flag_is_told(self, unleash):
        flag = unleash.flag("50")
        unleash.add(flag, name="default", title="for QA")
        with pytest.raises(PermanentError, match="also at 0 %"):
            await driver_of(unleash, flag).set_weight(0, call("a"))
        assert unleash.environment(flag)["strategies"][0]["parameters"]["rollout"] == "0"

    async def test_a_disabled_one_does_not_count(self, unleash):
        flag = unleash.flag()
        unleash.add(flag, name="default", disabled=True)
        assert await driver_of(unleash, flag).set_weight(10, call("a")) == 10

    async def test_two_rollouts(self, unleash):
        flag = unleash.flag()
        unleash.add(flag, title="another")
        with pytest.raises(PermanentError, match=r"needs one gradual rollout .* flexibleRollout, flexibleRollout 'a"):
            await driver_of(unleash, flag).probe()

    async def test_a_flag_without_a_strategy(self, unleash):
        flag = "bare"
        unleash.ask("POST", f"/projects/{PROJECT}/features", {"name": flag, "type": "release"})
        with pytest.raises(PermanentError, match=r"needs one gradual rollout .* it has none"):
            await driver_of(unleash, flag).probe()

    async def test_constraints_unless_said(self, unleash):
        flag = unleash.flag(constraints=[{"contextName": "appName", "operator": "IN", "values": ["shop"]}])
        with pytest.raises(PermanentError, match="not for everybody: its strategy flexibleRollout has constraints"):
            await driver_of(unleash, flag).probe()
        assert await driver_of(unleash, flag, narrowed=True).set_weight(10, call("a")) == 10

    async def test_but_where_nobody_has_it_any_more_the_way_back_has_worked(self, unleash):
        flag = unleash.flag("50", constraints=[{"contextName": "appName", "operator": "IN", "values": ["shop"]}])
        assert await driver_of(unleash, flag).set_weight(0, call("a")) == 0
        assert await driver_of(unleash, flag).read_weight() == 0

    async def test_a_parent_unless_said(self, unleash):
        parent, flag = unleash.flag("100"), unleash.flag()
        unleash.ask("POST", f"/projects/{PROJECT}/features/{flag}/dependencies", {"feature": parent})
        with pytest.raises(PermanentError, match=f"depends on the flag {parent}"):
            await driver_of(unleash, flag).probe()
        assert await driver_of(unleash, flag, narrowed=True).set_weight(10, call("a")) == 10

    async def test_an_archived_flag_and_an_unknown_one(self, unleash):
        flag = unleash.flag()
        unleash.ask("DELETE", f"/projects/{PROJECT}/features/{flag}")
        for name in (flag, "no-such-flag"):
            with pytest.raises(PermanentError, match=f"no flag {name} in project default, or it is archived"):
                await driver_of(unleash, name).set_weight(10, call("a"))

    async def test_another_project_says_where_the_flag_is(self, unleash):
        with pytest.raises(PermanentError, match='name in project "default"'):
            await driver_of(unleash, unleash.flag(), project="shop").probe()

    async def test_an_unknown_environment_names_those_there_are(self, unleash):
        with pytest.raises(PermanentError, match="no environment live; it has development, production"):
            await driver_of(unleash, unleash.flag(), environment="live").probe()


class TestTokens:
    async def test_a_wrong_one(self, unleash, monkeypatch):
        monkeypatch.setenv("UNLEASH_TOKEN", "*:*.wrong")
        with pytest.raises(PermanentError, match=r"UNLEASH_TOKEN \(401\)"):
            await driver_of(unleash, "any").probe()

    async def test_a_clients(self, unleash, monkeypatch):
        monkeypatch.setenv("UNLEASH_TOKEN", unleash.backend)
        with pytest.raises(PermanentError, match="a client's or a frontend's"):
            await driver_of(unleash, "any").probe()

    async def test_an_administrators_may_change_it(self, unleash):
        assert "at 5 %; the token may change it" in await driver_of(unleash, unleash.flag("5")).probe()

    async def test_an_editors_personal_one_may(self, unleash, monkeypatch):
        monkeypatch.setenv("UNLEASH_TOKEN", unleash.personal("Editor"))
        driver = driver_of(unleash, unleash.flag())
        assert "the token may change it" in await driver.probe()
        assert await driver.set_weight(10, call("a")) == 10

    async def test_a_viewers_may_not_and_the_probe_says_so(self, unleash, monkeypatch):
        monkeypatch.setenv("UNLEASH_TOKEN", unleash.personal("Viewer"))
        driver = driver_of(unleash, unleash.flag())
        with pytest.raises(PermanentError, match="lacks UPDATE_FEATURE_STRATEGY, UPDATE_FEATURE_ENVIRONMENT"):
            await driver.probe()
        with pytest.raises(PermanentError, match=r"\(403\).*UPDATE_FEATURE_STRATEGY"):
            await driver.set_weight(10, call("a"))

    async def test_change_requests_are_told_in_plain_words(self, unleash, monkeypatch):
        monkeypatch.setenv("UNLEASH_TOKEN", unleash.personal("Editor"))
        flag = unleash.flag()
        with (
            unleash.change_requests(),
            pytest.raises(PermanentError, match=r"as change requests only \(403\).*SKIP_CHANGE_REQUEST"),
        ):
            await driver_of(unleash, flag).set_weight(10, call("a"))
        assert unleash.environment(flag)["strategies"][0]["parameters"]["rollout"] == "0"


async def test_a_change_at_the_same_moment_is_not_overwritten(unleash, monkeypatch):
    flag = unleash.flag("10")
    driver = driver_of(unleash, flag)
    send, strategy = driver._service.change, unleash.environment(flag)["strategies"][0]["id"]

    async def somebody_first(method, *given, **more):
        if method == "PATCH":
            patch = [{"op": "replace", "path": "/parameters/rollout", "value": "33"}]
            unleash.ask("PATCH", f"{unleash.path(flag)}/strategies/{strategy}", patch)
        return await send(method, *given, **more)

    monkeypatch.setattr(driver._service, "change", somebody_first)
    with pytest.raises(TemporaryError, match="somebody else has changed"):
        await driver.set_weight(50, call("a"))
    assert unleash.environment(flag)["strategies"][0]["parameters"]["rollout"] == "33"
