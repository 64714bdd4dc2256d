import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.launchdarkly import LaunchDarklyTraffic
from pilotage.testing import TrafficContract, UnreachableContract, call
from tests import servers
from tests.drivers.launchdarkly import ENVIRONMENT, FLAG, NO, OTHER, PROJECT, TOKEN, YES, LaunchDarkly
from tests.drivers.served import serve


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("LD_TOKEN", TOKEN)


@pytest.fixture
def service():
    with serve(LaunchDarkly()) as running:
        yield running


def driver_of(url, **more):
    named = {"project": PROJECT, "flag": FLAG, "environment": ENVIRONMENT}
    options = {"api": url, "token": {"env": "LD_TOKEN"}, **named, **more}
    context = Context(None, None, service="payment")
    return LaunchDarklyTraffic(LaunchDarklyTraffic.Options.model_validate(options), context)


@pytest.fixture
def driver(service):
    return driver_of(service.url)


def rollout(canary, **more):
    rows = [{"variation": 0, "weight": canary}, {"variation": 1, "weight": 100_000 - canary}]
    return {"rollout": {"variations": rows, **more}}


def patches(service):
    return [one for one in service.requests if one.method == "PATCH" and "dryRun" not in one.query]


class TestLaunchDarkly(TrafficContract, UnreachableContract):
    tolerance = 0.0005

    @pytest.fixture
    def unreachable(self):
        return driver_of(f"http://127.0.0.1:{servers.free_port()}")


async def test_a_change_is_one_request_with_its_reason(driver, service):
    service.here["on"] = False
    assert await driver.set_weight(12.345, call("a")) == 12.345
    (patch,) = patches(service)
    assert [one["kind"] for one in patch.body["instructions"]] == ["updateFallthroughVariationOrRollout", "turnFlagOn"]
    assert service.here["on"] is True
    assert service.comments == ["Pilotage: payment v2 at 12.345 %"]


async def test_what_is_in_force_is_not_set_again(driver, service):
    await driver.set_weight(10, call("a"))
    await driver.set_weight(10, call("a"))
    assert len(patches(service)) == 1


async def test_who_is_counted_and_how_stays(driver, service):
    service.here["fallthrough"] = rollout(0, contextKind="device", bucketBy="serial")
    await driver.set_weight(10, call("a"))
    (instruction,) = patches(service)[0].body["instructions"]
    assert instruction["rolloutContextKind"] == "device"
    assert instruction["rolloutBucketBy"] == "serial"


async def test_without_a_percentage_yet_the_context_kind_is_the_options(service):
    await driver_of(service.url, context_kind="organization").set_weight(10, call("a"))
    assert service.here["fallthrough"]["rollout"]["contextKind"] == "organization"


async def test_off_is_0_and_0_does_not_switch_on(driver, service):
    service.here |= {"on": False, "fallthrough": {"variation": 0}}
    assert await driver.read_weight() == 0
    assert "off; its default rule's 100 % counts" in await driver.probe()
    assert await driver.set_weight(0, call("a")) == 0
    assert service.here["on"] is False
    assert service.here["fallthrough"]["rollout"]["variations"][0] == {"variation": 0, "weight": 0}


async def test_variations_go_by_name_or_value(service):
    service.variations = [{"_id": YES, "value": "v2"}, {"_id": NO, "value": "v1", "name": "old"}]
    assert await driver_of(service.url, on="v2", off="old").set_weight(10, call("a")) == 10
    with pytest.raises(PermanentError, match="has no variation v3; it has"):
        await driver_of(service.url, on="v3", off="old").probe()


class TestTheProbe:
    async def test_tries_the_change_without_making_it(self, driver, service):
        service.here["fallthrough"] = rollout(5000)
        before = dict(service.here)
        assert await driver.probe() == f"LaunchDarkly has {FLAG} in production at 5 %; the token may change it"
        assert service.here == before
        assert [one.query.get("dryRun") for one in service.requests if one.method == "PATCH"] == ["true"]

    async def test_tells_what_is_scheduled(self, driver, service):
        service.scheduled = [{"_id": "1", "executionDate": 1, "instructions": [{"kind": "turnFlagOff"}]}]
        assert "1 scheduled changes of it wait" in await driver.probe()

    async def test_tells_that_the_token_may_only_read(self, driver, service):
        def refuse(request):
            return (403, {}, {"code": "forbidden", "message": "Access denied"}) if request.method == "PATCH" else None

        service.instead = refuse
        with pytest.raises(PermanentError, match=r"refuses access to flag pay.fix in project shop.*LD_TOKEN \(403\)"):
            await driver.probe()


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"targets": [{"values": ["ann"], "variation": 0}]}, "individual targets, who get it at every weight"),
            ({"contextTargets": [{"values": ["x"], "variation": 0, "contextKind": "device"}]}, "individual targets"),
            ({"rules": [{"_id": "r", "clauses": [], "variation": 0, "description": "QA"}]}, "rule QA, which serves it"),
            ({"rules": [{"_id": "r1", "clauses": [], **rollout(10)}]}, "rule r1, which serves it"),
            ({"offVariation": 0}, "switched off it does not serve the old way"),
            ({"fallthrough": rollout(10, experimentAllocation={"canReshuffle": True})}, "an experiment runs"),
        ],
    )
    @pytest.mark.parametrize("narrowed", [False, True])
    async def test_whatever_gives_the_fix_to_others(self, service, config, words, narrowed):
        service.here |= config
        driver = driver_of(service.url, narrowed=narrowed)
        for doing in (driver.probe(), driver.read_weight(), driver.set_weight(10, call("a"))):
            with pytest.raises(PermanentError, match=words):
                await doing
        assert patches(service) == []

    async def test_but_the_way_to_0_is_gone_and_who_still_has_it_is_told(self, driver, service):
        service.here |= {"fallthrough": rollout(50_000), "targets": [{"values": ["ann"], "variation": 0}]}
        with pytest.raises(PermanentError, match="also at 0 %"):
            await driver.set_weight(0, call("a"))
        assert service.here["fallthrough"]["rollout"]["variations"][0]["weight"] == 0

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"targets": [{"values": ["ann"], "variation": 1}]}, "has individual targets for those who never get it"),
            ({"rules": [{"_id": "r1", "clauses": [], "variation": 1}]}, "the rule r1 for those"),
            ({"prerequisites": [{"key": "checkout", "variation": 0}]}, "the prerequisite checkout"),
        ],
    )
    async def test_whatever_keeps_it_from_some_unless_said(self, service, config, words):
        service.here |= config
        with pytest.raises(PermanentError, match=words):
            await driver_of(service.url).set_weight(10, call("a"))
        assert await driver_of(service.url, narrowed=True).set_weight(10, call("a")) == 10

    @pytest.mark.parametrize(
        "config",
        [
            {"targets": [{"values": ["ann"], "variation": 1}]},
            {"rules": [{"_id": "r1", "clauses": [], "variation": 1}]},
            {"prerequisites": [{"key": "checkout", "variation": 0}]},
        ],
    )
    async def test_but_where_nobody_has_it_any_more_the_way_back_has_worked(self, driver, service, config):
        await driver.set_weight(10, call("a"))
        service.here |= config
        assert await driver.set_weight(0, call("b")) == 0
        assert await driver.read_weight() == 0
        with pytest.raises(PermanentError, match="not a share of everybody"):
            await driver.probe()

    async def test_rules_that_are_switched_off_and_empty_targets_do_not_count(self, driver, service):
        rule = {"_id": "r1", "clauses": [], "variation": 0, "disabled": True}
        service.here |= {"rules": [rule], "targets": [{"values": [], "variation": 0}]}
        assert await driver.set_weight(10, call("a")) == 10

    async def test_a_third_variation_with_a_share(self, driver, service):
        service.variations.append({"_id": OTHER, "value": "?", "name": "v3"})
        rows = [{"variation": 2, "weight": 1000}, {"variation": 1, "weight": 99_000}]
        service.here["fallthrough"] = {"rollout": {"variations": rows}}
        with pytest.raises(PermanentError, match="also serves v3"):
            await driver.set_weight(10, call("a"))

    async def test_an_archived_flag(self, driver, service):
        service.archived = True
        with pytest.raises(PermanentError, match="is archived"):
            await driver.probe()

    async def test_an_unknown_environment(self, service):
        with pytest.raises(PermanentError, match="shows no environment live"):
            await driver_of(service.url, environment="live").probe()

    async def test_an_approval_that_is_required(self, driver, service):
        def wanted(request):
            message = {"code": "approval_required", "message": "Approval is required to make this request"}
            return (405, {}, message) if request.method == "PATCH" else None

        service.instead = wanted
        with pytest.raises(PermanentError, match=r"only with an approval \(405\)"):
            await driver.set_weight(10, call("a"))


async def test_what_is_scheduled_stops_the_way_forward_and_not_the_way_back(driver, service):
    service.here["fallthrough"] = rollout(10_000)
    service.scheduled = [{"_id": "1", "executionDate": 1, "instructions": []}]
    with pytest.raises(PermanentError, match=r"\(400\): conflicts with a pending scheduled change"):
        await driver.set_weight(50, call("a"))
    assert await driver.set_weight(0, call("b")) == 0


async def test_a_change_at_the_same_moment_is_told(driver, service):
    def conflict(request):
        message = {"code": "optimistic_locking_error", "message": "Conflict"}
        return (409, {}, message) if request.method == "PATCH" else None

    service.instead = conflict
    with pytest.raises(TemporaryError, match="somebody else has changed"):
        await driver.set_weight(10, call("a"))


async def test_the_limit_says_when_it_ends(driver, service):
    service.instead = lambda request: (429, {"X-Ratelimit-Reset": "4102444800000"}, {"code": "rate_limited"})
    with pytest.raises(TemporaryError) as caught:
        await driver.set_weight(10, call("a"))
    assert caught.value.after_s > 1000


async def test_a_lost_answer_may_have_been_a_change_and_the_next_try_sees_it(driver, service):
    service.instead = lambda request: setattr(service, "lose", int(request.method == "PATCH"))
    with pytest.raises(TemporaryError):
        await driver.set_weight(10, call("a"))
    service.instead = None
    assert await driver.set_weight(10, call("a")) == 10
    assert len(patches(service)) == 1
