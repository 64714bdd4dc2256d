import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.flipt import FliptTraffic
from pilotage.testing import StepsContract, TrafficContract, UnreachableContract, call
from tests import servers
from tests.drivers.flipt import ENVIRONMENT, FLAG, NAMESPACE, TOKEN, Flipt, segment, threshold
from tests.drivers.served import serve


@pytest.fixture(autouse=True)
def token(monkeypatch):
    monkeypatch.setenv("FLIPT_TOKEN", TOKEN)


@pytest.fixture
def service():
    with serve(Flipt()) as running:
        yield running


@pytest.fixture(params=[1, 2])
def version(request):
    return request.param


def driver_of(version, url, **more):
    here = {"environment": ENVIRONMENT} if version == 2 else {}
    options = {"api": url, "token": {"env": "FLIPT_TOKEN"}, "namespace": NAMESPACE, "flag": FLAG, **here, **more}
    return FliptTraffic(FliptTraffic.Options.model_validate(options), Context(None, None))


@pytest.fixture
def driver(service, version):
    return driver_of(version, service.url)


class TestFlipt(TrafficContract, StepsContract, UnreachableContract):
    weights = asked = (0, 1, 10, 33, 50, 99, 100)

    @pytest.fixture
    def unreachable(self, version):
        return driver_of(version, f"http://127.0.0.1:{servers.free_port()}")


async def test_only_the_percentage_changes(driver, service):
    service.rollouts = [segment(False), threshold(5)]
    await driver_of(2 if driver._options.environment else 1, service.url, narrowed=True).set_weight(10, call("a"))
    assert service.rollouts == [segment(False), threshold(10)]
    assert service.enabled is False


async def test_what_is_in_force_is_not_set_again(driver, service):
    await driver.set_weight(10, call("a"))
    await driver.set_weight(10, call("a"))
    assert sum(one.method == "PUT" for one in service.requests) == 1


async def test_another_commit_at_the_same_moment_is_told_and_not_overwritten(service):
    def somebody_first(request):
        if request.method == "PUT" and service.commits == 1:
            service.rollouts, service.commits = [threshold(33)], 2

    service.instead = somebody_first
    with pytest.raises(TemporaryError, match=r"somebody else has changed something in production .*\(409\)"):
        await driver_of(2, service.url).set_weight(50, call("a"))
    assert service.rollouts == [threshold(33)]


class TestWhatIsRefused:
    async def test_a_weight_below_half_a_percent(self, driver, service):
        with pytest.raises(PermanentError, match=r"whole percents only, not 0\.4 %: set 0 or 1 %"):
            await driver.set_weight(0.4, call("a"))

    @pytest.mark.parametrize(
        ("rollouts", "words"),
        [
            ([], "needs one threshold rollout to true, at 0 % at first; it has none"),
            ([threshold(5), threshold(9)], "it has a threshold of 5 % to true, a threshold of 9 % to true"),
            ([threshold(5, value=False)], "it has a threshold of 5 % to false"),
            ([segment(True), threshold(5)], "has a rollout to true for staff, who get it at every weight"),
            ([segment(False), threshold(5)], "not for everybody: it has a rollout to false for staff"),
        ],
    )
    async def test_rollouts_that_make_another_share(self, driver, service, rollouts, words):
        service.rollouts = rollouts
        for doing in (driver.probe(), driver.read_weight(), driver.set_weight(10, call("a"))):
            with pytest.raises(PermanentError, match=words):
                await doing
        assert service.rollouts == rollouts

    async def test_a_default_of_true(self, driver, service):
        service.enabled = True
        with pytest.raises(PermanentError, match="set its default"):
            await driver.set_weight(10, call("a"))
        assert service.rollouts == [threshold(0)]

    async def test_but_the_way_to_0_is_gone_and_who_still_has_it_is_told(self, driver, service):
        service.rollouts = [segment(True), threshold(50)]
        with pytest.raises(PermanentError, match="also at 0 %"):
            await driver.set_weight(0, call("a"))
        assert service.rollouts == [segment(True), threshold(0)]

    async def test_but_where_nobody_has_it_any_more_the_way_back_has_worked(self, driver, service):
        service.rollouts = [segment(False), threshold(50)]
        assert await driver.set_weight(0, call("a")) == 0
        assert service.rollouts == [segment(False), threshold(0)]
        with pytest.raises(PermanentError, match="not for everybody"):
            await driver.probe()

    async def test_a_flag_with_variants(self, driver, service):
        service.type = "VARIANT_FLAG_TYPE"
        with pytest.raises(PermanentError, match="is no boolean flag"):
            await driver.probe()

    async def test_a_flag_that_is_not_there(self, service, version):
        with pytest.raises(PermanentError, match=r"has no flag other in .*\(404\)"):
            await driver_of(version, service.url, flag="other").set_weight(10, call("a"))

    async def test_a_store_that_takes_no_changes(self, driver, service):
        def read_only(request):
            message = {"code": 13, "message": "modification is not allowed in read-only mode"}
            return (500, {}, message) if request.method == "PUT" else None

        service.instead = read_only
        with pytest.raises(PermanentError, match="its flags come from files or git"):
            await driver.set_weight(10, call("a"))

    async def test_a_token_that_may_only_read(self, driver, service):
        def refuse(request):
            return (403, {}, {"code": 7, "message": "permission denied"}) if request.method == "PUT" else None

        service.instead = refuse
        with pytest.raises(PermanentError, match=r"FLIPT_TOKEN \(403\): permission denied"):
            await driver.set_weight(10, call("a"))


async def test_a_lost_answer_may_have_been_a_change_and_the_next_try_sees_it(driver, service):
    service.instead = lambda request: setattr(service, "lose", int(request.method == "PUT"))
    with pytest.raises(TemporaryError):
        await driver.set_weight(10, call("a"))
    service.instead = None
    assert await driver.set_weight(10, call("a")) == 10
    assert sum(one.method == "PUT" for one in service.requests) == 1
