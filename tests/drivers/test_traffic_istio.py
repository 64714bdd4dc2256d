"""Weights in Istio's VirtualServices, on a real API server with Istio's definitions. Istiod itself is not there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort
from pilotage.drivers import Context
from pilotage.drivers.traffic.istio import IstioTraffic
from pilotage.testing import (
    FaultsContract,
    MirrorsContract,
    SteersContract,
    TrafficContract,
    UnreachableContract,
    call,
)
from tests import servers
from tests.drivers.kubeconfigs import written
from tests.drivers.roles import least

LEAST = least("istio (traffic)")
API = "networking.istio.io/v1"
COHORT = Cohort("header", "X-Canary", ("yes", "always"))


def to(host="payment", subset=None, weight=None):
    destination = {"host": host, **({"subset": subset} if subset else {})}
    return {"destination": destination, **({} if weight is None else {"weight": weight})}


def both(canary=0, stable=100):
    return [to(subset="v1", weight=stable), to(subset="v2", weight=canary)]


class Stage:
    def __init__(self, cluster, namespace, kubeconfig):
        self.cluster, self.namespace, self.kubeconfig = cluster, namespace, kubeconfig
        self.place = f"/apis/{API}/namespaces/{namespace}/virtualservices/payment"

    def driver(self, **others):
        options = {"virtual_service": "payment", "canary": "v2", "stable": "v1", "timeout_s": 5}
        options |= {"kubeconfig": self.kubeconfig, "namespace": self.namespace, **others}
        return IstioTraffic(IstioTraffic.Options.model_validate(options), Context(None, None))

    def routes(self, *routes):
        spec = {"hosts": ["payment"], "http": list(routes) or [{"route": both()}]}
        made = {"apiVersion": API, "kind": "VirtualService", "metadata": {"name": "payment"}, "spec": spec}
        self.cluster.apply(made, self.namespace)

    @property
    def found(self):
        return self.cluster.get(self.place)

    @property
    def http(self):
        return self.found["spec"]["http"]

    def weights(self):
        return [[one.get("weight") for one in route["route"]] for route in self.http]


@pytest.fixture
def stage(cluster, namespace, restricted):
    stage = Stage(cluster, namespace, restricted(*LEAST))
    stage.routes()
    return stage


@pytest.fixture
async def driver(stage):
    driver = stage.driver()
    yield driver
    await driver.close()


class TestIstio(TrafficContract, UnreachableContract, SteersContract, MirrorsContract):
    """With the least rights that the documentation names."""

    @pytest.fixture
    def unreachable(self, tmp_path):
        file = written(tmp_path / "nowhere", f"https://127.0.0.1:{servers.free_port()}", token="t")
        options = {"virtual_service": "payment", "canary": "v2", "stable": "v1", "kubeconfig": file}
        return IstioTraffic(IstioTraffic.Options.model_validate(options), Context(None, None))


class TestTheChange:
    @pytest.mark.parametrize(
        ("weight", "parts"), [(0, [100, 0]), (10, [90, 10]), (0.5, [995, 5]), (12.34, [8766, 1234]), (100, [0, 100])]
    )
    async def test_weights_are_percent_where_percent_will_do(self, driver, stage, weight, parts):
        await driver.set_weight(50, call("before"))
        await driver.set_weight(weight, call("a"))
        assert stage.weights() == [parts]

    async def test_nothing_but_the_weights_and_a_note_changes(self, driver, stage):
        stage.routes(
            {"name": "all", "match": [{"uri": {"prefix": "/pay"}}], "route": both(), "timeout": "3s"},
            {"route": [to(subset="v1")]},
        )
        before = stage.found
        await driver.set_weight(10, call("a"))
        after = stage.found
        assert after["metadata"]["annotations"] == {"pilotage/set-by": "a"}
        assert stage.weights() == [[90, 10], [None]]
        after["spec"]["http"][0]["route"] = both()
        assert after["spec"] == before["spec"]

    @pytest.mark.parametrize(
        ("canary", "stable", "routes"),
        [
            ("payment-v2", "payment-v1", [to("payment-v1", weight=100), to("payment-v2", weight=0)]),
            (
                "payment-v2",
                "payment-v1",
                [
                    to("payment-v1.shop.svc.cluster.local", weight=100),
                    to("payment-v2.shop.svc.cluster.local", weight=0),
                ],
            ),
            ("b/v2", "a/v2", [to("a", "v2", weight=100), to("b", "v2", weight=0)]),
        ],
    )
    async def test_destinations_go_by_subset_by_host_or_by_both(self, stage, canary, stable, routes):
        stage.routes({"route": routes})
        driver = stage.driver(canary=canary, stable=stable)
        assert await driver.set_weight(10, call("a")) == 10
        assert stage.weights() == [[90, 10]]
        await driver.close()

    async def test_all_routes_with_both_change_together_or_the_one_that_is_named(self, driver, stage):
        one, two = {"name": "one", "match": [{"uri": {"prefix": "/a"}}]}, {"name": "two"}
        stage.routes({**one, "route": both()}, {**two, "route": both()})
        await driver.set_weight(10, call("a"))
        assert stage.weights() == [[90, 10]] * 2
        for route, weight in (("two", 20), (1, 30)):
            named = stage.driver(route=route)
            assert await named.set_weight(weight, call(f"{route}")) == weight
            await named.close()
        assert stage.weights() == [[90, 10], [70, 30]]

    async def test_what_somebody_else_sets_is_read(self, driver, stage):
        await driver.set_weight(10, call("a"))
        stage.routes({"route": both(60, 40)})
        assert await driver.read_weight() == 60

    async def test_a_weight_that_is_not_written_is_none(self, driver, stage):
        stage.routes({"route": [to(subset="v1", weight=100), to(subset="v2")]})
        assert await driver.read_weight() == 0

    async def test_somebody_else_at_the_same_moment_is_not_overwritten_unseen(self, driver, stage, monkeypatch):
        known = stage.found
        stage.routes({"route": both(60, 40)})
        real, asked = driver._cluster.get, []

        async def get(*args, **options):
            asked.append(1)
            return known if len(asked) == 1 else await real(*args, **options)

        monkeypatch.setattr(driver._cluster, "get", get)
        with pytest.raises(TemporaryError, match="somebody else changed the VirtualService payment"):
            await driver.set_weight(20, call("b"))
        assert await driver.read_weight() == 60


class TestCohortsAndCopies:
    async def test_a_cohort_is_a_route_before_for_the_canary_alone(self, driver, stage):
        stage.routes({"name": "all", "match": [{"uri": {"prefix": "/pay"}}], "route": both(), "timeout": "3s"})
        await driver.set_weight(10, replace(call("a"), cohort=COHORT))
        assert stage.http[0] == {
            "match": [
                {"uri": {"prefix": "/pay"}, "headers": {"x-canary": {"exact": value}}} for value in ("yes", "always")
            ],
            "route": [to(subset="v2")],
            "timeout": "3s",
        }
        await driver.set_weight(0, call("b"))
        assert [one["name"] for one in stage.http] == ["all"]

    async def test_a_route_without_a_match_gets_one_for_its_cohort(self, driver, stage):
        await driver.set_weight(10, replace(call("a"), cohort=COHORT))
        assert [one["headers"]["x-canary"]["exact"] for one in stage.http[0]["match"]] == ["yes", "always"]
        assert "match" not in stage.http[1]

    async def test_copies_beside_those_of_the_teams_own(self, driver, stage):
        own = {"destination": {"host": "audit"}, "percentage": {"value": 1}}
        stage.routes({"route": both(), "mirrors": [own]})
        for percent in (0.5, 100, 33):
            await driver.set_weight(0, replace(call(f"{percent}"), mirror=percent))
            assert await driver.read_mirror() == percent
        await driver.set_weight(0, call("none"))
        assert stage.http[0]["mirrors"] == [own]

    async def test_the_older_way_to_copy_is_read_and_replaced(self, driver, stage):
        stage.routes({"route": both(), "mirror": {"host": "payment", "subset": "v2"}, "mirrorPercentage": {"value": 7}})
        assert await driver.read_mirror() == 7
        await driver.set_weight(0, replace(call("a"), mirror=9))
        assert await driver.read_mirror() == 9
        await driver.set_weight(0, call("b"))
        assert stage.http == [{"route": both()}]

    @pytest.mark.parametrize("name", ["mirror_percent", "mirrorPercent"])
    async def test_and_so_is_the_oldest(self, driver, stage, name):
        stage.routes({"route": both(), "mirror": {"host": "payment", "subset": "v2"}, name: 7})
        assert await driver.read_mirror() == 7
        await driver.set_weight(0, call("b"))
        assert stage.http == [{"route": both()}]

    async def test_an_older_copy_elsewhere_is_told_before_anything_changes(self, driver, stage):
        stage.routes({"route": both(), "mirror": {"host": "audit"}})
        before = stage.found
        with pytest.raises(PermanentError, match="copies requests elsewhere by `mirror`"):
            await driver.set_weight(10, replace(call("a"), mirror=9))
        assert stage.found == before
        assert await driver.set_weight(10, call("b")) == 10


class TestErrors:
    async def test_a_virtual_service_that_is_not_there(self, stage):
        with pytest.raises(PermanentError, match="has no VirtualService basket in the namespace"):
            await stage.driver(virtual_service="basket").probe()

    @pytest.mark.parametrize(
        ("route", "said"),
        [
            ([*both(), to(subset="v0", weight=0)], "also has the backend payment/v0 in its rule 0"),
            ([to(subset="v1", weight=0), to(subset="v2", weight=0)], "which is no share"),
            ([to(subset="v1")], r"no rule with the backends v2 and v1; its backends are payment/v1"),
            ([*both(), to("other", "v2", 0)], "the backend v2 2 times"),
        ],
    )
    async def test_one_that_does_not_share_is_told(self, driver, stage, route, said):
        stage.routes({"route": route})
        with pytest.raises(PermanentError, match=said):
            await driver.probe()

    async def test_one_without_http_routes_is_told(self, driver, stage):
        stage.cluster.patch(stage.place, {"spec": {"http": None}})
        with pytest.raises(PermanentError, match="has no http"):
            await driver.probe()

    async def test_a_route_that_is_not_there(self, stage):
        with pytest.raises(PermanentError, match=r"has no rule other; it has 0\. Is `route` right"):
            await stage.driver(route="other").probe()

    async def test_less_than_the_least_rights_is_told_with_the_missing_rule(self, stage, restricted):
        stage.kubeconfig = restricted({**LEAST[0], "verbs": ["get"]})
        rule = r'\{apiGroups: \["networking.istio.io"\], resources: \[virtualservices\], verbs: \[patch\]\}'
        with pytest.raises(PermanentError, match=rule):
            await stage.driver().probe()

    @pytest.mark.parametrize("others", [{"stable": "v2"}, {"canary": "a b"}, {"route": -1}, {"canary": "a/b/c"}])
    def test_options_that_cannot_work_are_refused(self, stage, others):
        with pytest.raises(ValueError, match=r"the same|pattern|counted from 0"):
            stage.driver(**others)


class OfAServer(FaultsContract):
    name = "Kubernetes"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path

    def at(self, url):
        file = written(self.path / "kubeconfig", url, token=self.secret)
        options = {"virtual_service": "payment", "canary": "v2", "stable": "v1", "kubeconfig": file}
        options |= {"timeout_s": self.patience_s}
        return IstioTraffic(IstioTraffic.Options.model_validate(options), Context(None, None))


class TestIstioLooks(OfAServer):
    pass


class TestIstioChanges(OfAServer):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))
