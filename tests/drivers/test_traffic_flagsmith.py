import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.flagsmith import FlagsmithTraffic
from pilotage.testing import TrafficContract, UnreachableContract, call
from tests import servers
from tests.drivers.flagsmith import FLAG, KEY, OTHER, OURS, TOKEN, Flagsmith, state, value
from tests.drivers.served import serve


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("FLAGSMITH_KEY", TOKEN)


@pytest.fixture(params=[False, True], ids=["in place", "versions"])
def service(request):
    with serve(Flagsmith(versions=request.param)) as running:
        yield running


def driver_of(url, **more):
    options = {"api": url, "token": {"env": "FLAGSMITH_KEY"}, "environment": KEY, "flag": FLAG, "on": "v2", **more}
    return FlagsmithTraffic(FlagsmithTraffic.Options.model_validate(options), Context(None, None, service="payment"))


@pytest.fixture
def driver(service):
    return driver_of(service.url)


def changes(service):
    return [one for one in service.requests if one.method != "GET"]


class TestFlagsmith(TrafficContract, UnreachableContract):
    tolerance = 0.005

    @pytest.fixture
    def unreachable(self):
        return driver_of(f"http://127.0.0.1:{servers.free_port()}")


async def test_only_our_share_changes(driver, service):
    before = dict(service.own)
    await driver.set_weight(12.34, call("a"))
    rows = {one["multivariate_feature_option"]: one["percentage_allocation"] for one in _rows(service)}
    assert rows == {OURS: 12.34, OTHER: 0}
    assert service.own["feature_state_value"] == before["feature_state_value"]
    if service.versions:
        assert service.descriptions == ["Pilotage: payment v2 at 12.34 %"]


def _rows(service):
    return service.own["multivariate_feature_state_values"]


async def test_what_is_in_force_is_not_set_again(driver, service):
    await driver.set_weight(10, call("a"))
    await driver.set_weight(10, call("a"))
    assert len(changes(service)) == 1


async def test_off_is_0_and_is_switched_on_with_the_weight(driver, service):
    service.own = state({OURS: 40.0}, enabled=False)
    assert await driver.read_weight() == 0
    assert "off; its 40 % count from a weight above 0 on" in await driver.probe()
    assert await driver.set_weight(10, call("a")) == 10
    assert service.own["enabled"] is True
    assert len(changes(service)) == 1


async def test_a_variant_goes_by_its_key_too_and_a_number_is_not_a_text(service):
    assert await driver_of(service.url, on="fix").set_weight(10, call("a")) == 10
    service.variants[0] |= value(2)
    assert await driver_of(service.url, on=2).read_weight() == 10
    with pytest.raises(PermanentError, match="needs one variant 2; it has fix, v3"):
        await driver_of(service.url, on="2").probe()


class TestWhatIsRefused:
    @pytest.mark.parametrize("narrowed", [False, True])
    @pytest.mark.parametrize(
        ("own", "overrides", "words"),
        [
            (state({OURS: 5.0, OTHER: 1.0}), [], "also gives a share to v3"),
            (state({OURS: 5.0}, control="v2"), [], "control value is the fix's own"),
            (state({OURS: 5.0}), [state({OURS: 1.0}, feature_segment=3)], "has 1 segment override with the fix"),
            (state({OURS: 5.0}), [state({}, control="v2", identity=8)], "has 1 user override with the fix"),
        ],
    )
    async def test_whatever_gives_the_fix_to_others(self, service, own, overrides, words, narrowed):
        service.own, service.overrides = own, overrides
        driver = driver_of(service.url, narrowed=narrowed)
        for doing in (driver.probe(), driver.read_weight(), driver.set_weight(10, call("a"))):
            with pytest.raises(PermanentError, match=words):
                await doing
        assert changes(service) == []

    async def test_but_the_way_to_0_is_gone_and_who_still_has_it_is_told(self, driver, service):
        service.own, service.overrides = state({OURS: 50.0}), [state({OURS: 100.0}, identity=8)]
        with pytest.raises(PermanentError, match="also at 0 %"):
            await driver.set_weight(0, call("a"))
        assert _rows(service)[0]["percentage_allocation"] == 0

    async def test_overrides_without_the_fix_unless_said(self, service):
        service.overrides = [state({OURS: 0.0}, feature_segment=place) for place in (3, 4)]
        with pytest.raises(PermanentError, match="has 2 segment overrides without the fix; with `narrowed: true`"):
            await driver_of(service.url).probe()
        assert await driver_of(service.url, narrowed=True).set_weight(10, call("a")) == 10

    async def test_but_where_nobody_has_it_any_more_the_way_back_has_worked(self, driver, service):
        service.own = state({OURS: 50.0})
        service.overrides = [state({OURS: 0.0}, feature_segment=3)]
        assert await driver.set_weight(0, call("a")) == 0
        assert _rows(service)[0]["percentage_allocation"] == 0

    async def test_an_override_that_is_off_gives_nothing(self, service):
        service.overrides = [state({OURS: 100.0}, feature_segment=3, enabled=False)]
        assert await driver_of(service.url, narrowed=True).set_weight(10, call("a")) == 10

    async def test_overrides_on_a_later_page(self, driver, service):
        service.overrides = [state({OURS: 0.0}, identity=place) for place in range(120)]
        service.overrides[110] = state({OURS: 100.0}, identity=110)
        with pytest.raises(PermanentError, match="1 user override with the fix"):
            await driver_of(service.url, narrowed=True).probe()

    async def test_change_requests_stop_the_way_forward_and_not_the_way_back(self, service):
        service.approvals, service.own = 1, state({OURS: 10.0})
        driver = driver_of(service.url)
        for doing in (driver.probe(), driver.set_weight(50, call("a"))):
            with pytest.raises(PermanentError, match="as change requests, which wait for a person"):
                await doing
        assert await driver.set_weight(0, call("b")) == 0
        assert await driver_of(service.url, unapproved=True).set_weight(50, call("c")) == 50

    async def test_an_archived_flag_and_an_unknown_one(self, service):
        with pytest.raises(PermanentError, match="has no flag pay in the environment's project 7"):
            await driver_of(service.url, flag="pay").probe()
        service.archived = True
        with pytest.raises(PermanentError, match="is archived"):
            await driver_of(service.url).probe()

    async def test_another_environment(self, service):
        with pytest.raises(PermanentError, match=r"no environment with the key ser\.abc"):
            await driver_of(service.url, environment="ser.abc").set_weight(10, call("a"))

    async def test_a_key_that_may_only_read(self, driver, service):
        def refuse(request):
            message = {"detail": "You do not have permission to perform this action."}
            return (403, {}, message) if request.method != "GET" else None

        service.instead = refuse
        with pytest.raises(PermanentError, match=r"FLAGSMITH_KEY \(403\): You do not have permission"):
            await driver.set_weight(10, call("a"))


async def test_an_environment_that_has_gone_over_to_versions_is_noticed(service):
    driver = driver_of(service.url)
    await driver.set_weight(10, call("a"))
    service.versions = not service.versions
    assert await driver.set_weight(20, call("b")) == 20


async def test_a_lost_answer_may_have_been_a_change_and_the_next_try_sees_it(driver, service):
    service.instead = lambda request: setattr(service, "lose", int(request.method != "GET"))
    with pytest.raises(TemporaryError):
        await driver.set_weight(10, call("a"))
    service.instead = None
    assert await driver.set_weight(10, call("a")) == 10
    assert len(changes(service)) == 1
