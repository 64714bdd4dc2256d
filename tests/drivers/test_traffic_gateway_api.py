"""Weights in routes of the Gateway API, on a real API server. There is no Gateway; a small controller plays one's."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort
from pilotage.drivers import Context
from pilotage.drivers.kubernetes import Kind
from pilotage.drivers.traffic import gateway_api
from pilotage.drivers.traffic.gateway_api import GatewayApiTraffic
from pilotage.testing import (
    FaultsContract,
    MirrorsContract,
    SteersContract,
    TrafficContract,
    UnreachableContract,
    call,
)
from tests import servers
from tests.drivers.gateway_controller import serving
from tests.drivers.kubeconfigs import written
from tests.drivers.roles import least

LEAST = least("gateway-api (traffic)")
API = "gateway.networking.k8s.io/v1"


def service(name):
    ports = [{"port": 8080}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports}}


def ref(name, weight, **more):
    return {"name": name, "port": 8080, "weight": weight, **more}


def both(canary=0, stable=100):
    return [ref("payment-stable", stable), ref("payment-canary", canary)]


def path(value):
    return {"path": {"type": "PathPrefix", "value": value}}


def condition(kind, status):
    told = {"type": kind, "status": status, "reason": "Test", "message": ""}
    return {**told, "lastTransitionTime": "2026-01-01T00:00:00Z"}  # without a generation: it counts as up to date


def http_route(*rules, name="payment", kind="HTTPRoute"):
    spec = {"parentRefs": [{"name": "public"}], "rules": list(rules) or [{"backendRefs": both()}]}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec}


class Stage:
    """A namespace with the two Services and the route; `spec` is the route's, as it is now."""

    def __init__(self, cluster, namespace, kubeconfig):
        self.cluster, self.namespace, self.kubeconfig = cluster, namespace, kubeconfig
        self.place = f"/apis/{API}/namespaces/{namespace}/httproutes/payment"

    def driver(self, **others):
        options = {"route": "payment", "canary": "payment-canary", "stable": "payment-stable", "timeout_s": 5}
        options |= {"kubeconfig": self.kubeconfig, "namespace": self.namespace, **others}
        return GatewayApiTraffic(GatewayApiTraffic.Options.model_validate(options), Context(None, None))

    def route(self, *rules, **named):
        self.cluster.apply(http_route(*rules, **named), self.namespace)

    @property
    def found(self):
        return self.cluster.get(self.place)

    @property
    def rules(self):
        return self.found["spec"]["rules"]

    def weights(self):
        return [[(one["name"], one["weight"]) for one in rule["backendRefs"]] for rule in self.rules]


@pytest.fixture
def empty(cluster, namespace, restricted):
    for name in ("payment-stable", "payment-canary"):
        cluster.apply(service(name), namespace)
    return Stage(cluster, namespace, restricted(*LEAST))


@pytest.fixture
def controller(cluster, namespace, empty):
    with serving(cluster.api, namespace) as running:
        yield running


@pytest.fixture
def stage(empty, controller):
    empty.route()
    empty.cluster.until(empty.place, lambda route: "status" in route)
    return empty


@pytest.fixture
async def driver(stage):
    driver = stage.driver()
    yield driver
    await driver.close()


class TestGatewayApi(TrafficContract, UnreachableContract, SteersContract, MirrorsContract):
    """With the least rights that the documentation names."""

    @pytest.fixture
    def unreachable(self, tmp_path):
        file = written(tmp_path / "nowhere", f"https://127.0.0.1:{servers.free_port()}", token="t")
        options = {"route": "payment", "canary": "a", "stable": "b", "kubeconfig": file}
        return GatewayApiTraffic(GatewayApiTraffic.Options.model_validate(options), Context(None, None))


class TestTheChange:
    @pytest.mark.parametrize(
        ("weight", "parts"),
        [(0, (100, 0)), (10, (90, 10)), (0.5, (995, 5)), (100, (0, 100)), (33.33, (6667, 3333))],
    )
    async def test_weights_are_percent_where_percent_will_do(self, driver, stage, weight, parts):
        await driver.set_weight(50, call("before"))
        await driver.set_weight(weight, call("a"))
        assert stage.weights() == [[("payment-stable", parts[0]), ("payment-canary", parts[1])]]

    async def test_nothing_but_the_weights_and_a_note_changes(self, driver, stage):
        stage.route(
            {"name": "all", "matches": [path("/pay")], "backendRefs": both(), "timeouts": {"request": "3s"}},
            {"matches": [path("/static")], "backendRefs": [ref("payment-stable", 1)]},
        )
        before = stage.found
        await driver.set_weight(10, call("a"))
        after = stage.found
        assert after["metadata"]["annotations"].pop("pilotage/set-by") == "a"
        for one, weight in zip(after["spec"]["rules"][0]["backendRefs"], (100, 0), strict=True):
            one["weight"] = weight
        assert after["spec"] == before["spec"]
        assert after["metadata"]["labels" if "labels" in before["metadata"] else "name"]

    async def test_all_rules_with_both_change_together_and_by_one_request(self, driver, stage):
        stage.route({"matches": [path("/a")], "backendRefs": both()}, {"matches": [path("/b")], "backendRefs": both()})
        before = stage.found["metadata"]["generation"]
        await driver.set_weight(10, call("a"))
        assert stage.weights() == [[("payment-stable", 90), ("payment-canary", 10)]] * 2
        assert stage.found["metadata"]["generation"] == before + 1

    async def test_or_the_one_that_is_named(self, stage):
        stage.route(
            {"name": "one", "matches": [path("/a")], "backendRefs": both()},
            {"name": "two", "matches": [path("/b")], "backendRefs": both(20, 80)},
        )
        for rule, weight in (("one", 10), (1, 30)):
            driver = stage.driver(rule=rule)
            assert await driver.set_weight(weight, call(f"{rule}")) == weight
            await driver.close()
        assert stage.weights() == [
            [("payment-stable", 90), ("payment-canary", 10)],
            [("payment-stable", 70), ("payment-canary", 30)],
        ]

    async def test_a_repeated_call_asks_for_no_change(self, driver, stage):
        await driver.set_weight(10, call("a"))
        before = stage.found["metadata"]["resourceVersion"]
        await driver.set_weight(10, call("a"))
        assert stage.found["metadata"]["resourceVersion"] == before

    async def test_the_same_share_in_other_numbers_stays_as_it_is(self, driver, stage):
        stage.route({"backendRefs": both(1, 3)})
        assert await driver.set_weight(25, call("a")) == 25
        assert stage.weights() == [[("payment-stable", 3), ("payment-canary", 1)]]

    async def test_ports_tell_two_backends_of_one_service_apart(self, stage):
        stage.route(
            {"backendRefs": [ref("payment-stable", 100), {"name": "payment-stable", "port": 8081, "weight": 0}]}
        )
        driver = stage.driver(canary="payment-stable:8081", stable="payment-stable:8080")
        assert await driver.set_weight(10, call("a")) == 10
        assert [one["weight"] for one in stage.rules[0]["backendRefs"]] == [90, 10]
        await driver.close()

    async def test_what_somebody_else_sets_is_read(self, driver, stage):
        await driver.set_weight(10, call("a"))
        stage.route({"backendRefs": both(60, 40)})
        assert await driver.read_weight() == 60

    async def test_a_grpc_route(self, cluster, namespace, empty, restricted):
        rule = {"matches": [{"method": {"service": "shop.Payment"}}], "backendRefs": both()}
        empty.route(rule, kind="GRPCRoute")
        empty.kubeconfig = restricted({**LEAST[0], "resources": ["grpcroutes"]})
        place = empty.place.replace("httproutes", "grpcroutes")
        with serving(cluster.api, namespace, kind="grpcroutes"):
            cluster.until(place, lambda route: "status" in route)
            driver = empty.driver(kind="GRPCRoute")
            cohort = Cohort("header", "x-canary", ("yes",))
            assert await driver.set_weight(10, replace(call("a"), cohort=cohort, mirror=5)) == 10
            assert await driver.read_cohort() == cohort
            assert await driver.set_weight(0, call("b")) == 0
            await driver.close()
        assert cluster.get(place)["spec"]["rules"][0]["matches"] == [
            {"method": {"service": "shop.Payment", "type": "Exact"}}
        ]


class TestCohortsAndCopies:
    async def test_a_cohort_is_a_rule_before_with_every_match_and_value(self, driver, stage):
        stage.route({"matches": [path("/a"), path("/b")], "backendRefs": both(), "timeouts": {"request": "3s"}})
        cohort = Cohort("header", "X-Canary", ("yes", "always"))
        await driver.set_weight(10, replace(call("a"), cohort=cohort))
        first, second = stage.rules
        assert [one["name"] for one in first["backendRefs"]] == ["payment-canary"]
        assert first["timeouts"] == second["timeouts"]
        assert [(one["path"]["value"], one["headers"]) for one in first["matches"]] == [
            (place, [{"type": "Exact", "name": "X-Canary", "value": value}])
            for place in ("/a", "/b")
            for value in ("yes", "always")
        ]
        assert second["matches"] == [path("/a"), path("/b")]

    async def test_a_rule_of_the_teams_own_for_the_canary_stays(self, driver, stage):
        own = {"matches": [{**path("/"), "headers": [{"name": "X-Team", "value": "qa"}]}]}
        own["backendRefs"] = [ref("payment-canary", 1)]
        stage.route(own, {"backendRefs": both()})
        before = stage.rules[0]
        await driver.set_weight(10, replace(call("a"), cohort=Cohort("header", "X-Canary", ("yes",))))
        assert [len(stage.rules), stage.rules[0]] == [3, before]
        await driver.set_weight(0, call("b"))
        assert [len(stage.rules), stage.rules[0]] == [2, before]

    async def test_going_back_takes_the_cohort_away_also_when_the_rule_it_was_taken_from_is_another(
        self, driver, stage
    ):
        await driver.set_weight(10, replace(call("a"), cohort=Cohort("header", "X-Canary", ("yes",))))
        rules = stage.rules
        rules[1]["matches"] = [path("/pay")]
        stage.route(*rules)
        await driver.set_weight(0, call("b"))
        assert [one["matches"] for one in stage.rules] == [[path("/pay")]]

    async def test_requests_of_the_cohort_are_not_copied(self, driver, stage):
        cohort = Cohort("header", "X-Canary", ("yes",))
        await driver.set_weight(0, replace(call("a"), cohort=cohort, mirror=25))
        first, second = stage.rules
        assert "filters" not in first
        assert second["filters"][0]["requestMirror"]["percent"] == 25

    async def test_copies_beside_those_of_the_teams_own(self, driver, stage):
        own = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "payment-stable", "port": 8080}}}
        stage.route({"backendRefs": both(), "filters": [own]})
        before = stage.rules[0]["filters"]
        for percent in (0.5, 100, 33):
            await driver.set_weight(0, replace(call(f"{percent}"), mirror=percent))
            assert await driver.read_mirror() == percent
        await driver.set_weight(0, call("none"))
        assert stage.rules[0]["filters"] == before

    async def test_a_header_that_a_rule_has_already_is_told(self, driver, stage):
        stage.route({"matches": [{"headers": [{"name": "x-canary", "value": "no"}]}], "backendRefs": both()})
        with pytest.raises(PermanentError, match="by the header X-Canary already"):
            await driver.set_weight(10, replace(call("a"), cohort=Cohort("header", "X-Canary", ("yes",))))

    async def test_more_values_than_a_rule_holds_are_told(self, driver, stage):
        values = tuple(f"v{number}" for number in range(65))
        with pytest.raises(PermanentError, match="would need 65 matches"):
            await driver.set_weight(10, replace(call("a"), cohort=Cohort("header", "X-Canary", values)))

    async def test_a_cohort_by_cookie_is_told(self, driver):
        with pytest.raises(PermanentError, match="knows cohorts by header, not by cookie"):
            await driver.set_weight(10, replace(call("a"), cohort=Cohort("cookie", "canary", ("yes",))))


class TestTheController:
    async def test_the_weight_counts_when_the_controller_has_seen_it(self, driver, stage, controller):
        controller.delay_s = 0.5
        await driver.set_weight(10, call("a"))
        route = stage.found
        seen = route["status"]["parents"][0]["conditions"][0]["observedGeneration"]
        assert seen == route["metadata"]["generation"]

    async def test_one_that_sees_nothing_is_told_in_time(self, driver, stage, controller):
        controller.fall_asleep()
        with pytest.raises(TemporaryError, match=r"tests.example.org/controller has not noted within 1 s"):
            await driver.set_weight(10, call("a", 1))
        assert await driver.read_weight() == 10

    async def test_one_that_refuses_the_route_is_told_before_anything_changes(self, driver, stage, controller):
        controller.refuses = "NotAllowedByListeners"
        stage.cluster.until(stage.place, lambda route: "NotAllowed" in str(route["status"]))
        with pytest.raises(PermanentError, match=r"is not accepted by \S+ \(NotAllowedByListeners: said the test\)"):
            await driver.probe()
        with pytest.raises(PermanentError, match="NotAllowedByListeners"):
            await driver.set_weight(10, call("a"))
        assert await driver.read_weight() == 0

    async def test_one_of_two_gateways_that_refuses_is_no_obstacle(self, driver, stage, controller):
        other = {"parentRef": {"name": "public"}, "controllerName": "tests.example.org/other"}
        controller.others = [
            {**other, "conditions": [condition("Accepted", "False"), condition("ResolvedRefs", "True")]}
        ]
        stage.cluster.until(stage.place, lambda route: len(route["status"]["parents"]) == 2)
        assert await driver.set_weight(10, call("a")) == 10

    async def test_a_missing_service_is_told_before_anything_moves_there(self, driver, stage):
        await driver.set_weight(10, call("a"))
        stage.cluster.delete(f"/api/v1/namespaces/{stage.namespace}/services/payment-canary")
        stage.cluster.until(stage.place, lambda route: "BackendNotFound" in str(route["status"]))
        with pytest.raises(
            PermanentError,
            match=r"a backend that is not resolved by \S+ \(BackendNotFound: no Service payment-canary\)",
        ):
            await driver.probe()
        with pytest.raises(PermanentError, match="no Service payment-canary"):
            await driver.set_weight(50, call("b"))
        assert await driver.read_weight() == 10

    async def test_and_does_not_keep_anybody_from_going_back(self, driver, stage):
        await driver.set_weight(10, call("a"))
        stage.cluster.delete(f"/api/v1/namespaces/{stage.namespace}/services/payment-canary")
        stage.cluster.until(stage.place, lambda route: "BackendNotFound" in str(route["status"]))
        assert await driver.set_weight(0, call("b")) == 0

    async def test_a_route_that_is_accepted_no_more_can_be_brought_back(self, driver, stage, controller):
        await driver.set_weight(10, call("a"))
        controller.refuses = "NotAllowedByListeners"
        stage.cluster.until(stage.place, lambda route: "NotAllowedByListeners" in str(route["status"]))
        assert await driver.set_weight(0, call("b")) == 0

    async def test_a_third_backend_does_not_keep_anybody_from_going_back(self, driver, stage):
        await driver.set_weight(10, call("a"))
        stage.cluster.apply(service("payment-third"), stage.namespace)
        stage.route({"backendRefs": [*both(10, 80), ref("payment-third", 10)]})
        assert await driver.set_weight(0, call("b")) == 0
        assert await driver.read_weight() == 0
        assert stage.weights() == [[("payment-stable", 80), ("payment-canary", 0), ("payment-third", 10)]]

    async def test_a_route_that_nobody_serves_is_told(self, empty):
        empty.route()
        driver = empty.driver()
        with pytest.raises(PermanentError, match=r"nothing serves .*: no controller has noted .* the Gateway public"):
            await driver.probe()
        with pytest.raises(PermanentError, match="nothing serves"):
            await driver.set_weight(10, call("a"))
        assert await driver.read_weight() == 0
        await driver.close()

    async def test_unless_the_plan_says_that_nobody_tells(self, empty):
        empty.route()
        driver = empty.driver(wait=False)
        assert "nobody who says so" in await driver.probe()
        assert await driver.set_weight(10, call("a")) == 10
        await driver.close()


class TestOthersWhoWrite:
    async def test_a_status_written_all_the_time_does_not_keep_from_changing(self, driver, stage, cluster):
        ended = threading.Event()

        def disturb():
            number = 0
            while not ended.is_set():
                number += 1
                cluster.patch(stage.place, {"metadata": {"annotations": {"other": str(number)}}})

        thread = threading.Thread(target=disturb)
        thread.start()
        try:
            done = [await _tried(driver, weight) for weight in (10, 20, 30, 40)]
        finally:
            ended.set()
            thread.join()
        assert done.count(True) >= 3

    async def test_weights_that_somebody_else_sets_at_the_moment_are_not_overwritten_unseen(
        self, driver, stage, monkeypatch
    ):
        await driver.set_weight(10, call("a"))
        known = await driver._cluster.get(driver._kind, "payment")
        stage.route({"backendRefs": both(60, 40)})
        real, asked = driver._cluster.get, []

        async def get(*args, **options):
            asked.append(1)
            return known if len(asked) == 1 else await real(*args, **options)

        monkeypatch.setattr(driver._cluster, "get", get)
        with pytest.raises(TemporaryError, match="somebody else changed the HTTPRoute payment"):
            await driver.set_weight(20, call("b"))
        assert await driver.read_weight() == 60
        assert await driver.set_weight(20, call("b")) == 20

    @pytest.mark.parametrize("theirs", ["rules", "annotations"])
    async def test_a_part_that_somebody_takes_away_at_the_moment_costs_another_try(
        self, driver, stage, cluster, monkeypatch, theirs
    ):
        """The API server finds that the patch does not fit before it looks at the version."""
        stage.route({"backendRefs": both(90, 10)}, {"backendRefs": both(90, 10), "matches": [path("/a")]})
        await driver.set_weight(10, call("a"))
        known = await driver._cluster.get(driver._kind, "payment")
        if theirs == "rules":
            stage.route({"backendRefs": both(90, 10)})
        else:
            cluster.patch(stage.place, {"metadata": {"annotations": None}})
        real, asked = driver._cluster.get, []

        async def get(*args, **options):
            asked.append(1)
            return known if len(asked) == 1 else await real(*args, **options)

        monkeypatch.setattr(driver._cluster, "get", get)
        if theirs == "annotations":
            assert await driver.set_weight(0, call("b")) == 0
        else:
            with pytest.raises(TemporaryError, match="somebody else changed the HTTPRoute payment"):
                await driver.set_weight(0, call("b"))
        assert await driver.set_weight(0, call("b")) == 0

    async def test_two_coordinators_at_once_leave_one_of_their_weights(self, stage):
        drivers = [stage.driver() for _ in range(2)]
        weights = {10.0, 90.0}
        done = await asyncio.gather(
            *(one.set_weight(weight, call(str(weight))) for one, weight in zip(drivers, weights, strict=True)),
            return_exceptions=True,
        )
        assert await drivers[0].read_weight() in weights
        assert all(one in weights or isinstance(one, TemporaryError) for one in done), done
        for one in drivers:
            await one.close()

    async def test_a_request_that_comes_late_is_refused(self, driver, stage):
        """Of a call that was ended, or whose coordinator died: the weight it would set is already that of nobody."""
        late = await driver._cluster.get(driver._kind, "payment")
        assert await driver.set_weight(0, call("back")) == 0
        version = late["metadata"]["resourceVersion"]
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": "/spec/rules/0/backendRefs/1/weight", "value": 75},
        ]
        with pytest.raises(TemporaryError, match="at the same moment"):
            await driver._cluster.patch(driver._kind, "payment", patch)
        assert await driver.read_weight() == 0


async def _tried(driver, weight):
    try:
        return await driver.set_weight(weight, call(str(weight), 5)) == weight
    except TemporaryError:
        return False


class TestErrors:
    async def test_a_route_that_is_not_there(self, stage):
        with pytest.raises(PermanentError, match=r"has no HTTPRoute basket in the namespace .* are its name and"):
            await stage.driver(route="basket").probe()

    @pytest.mark.parametrize(
        ("rules", "said"),
        [
            ([{"backendRefs": [*both(), ref("payment-old", 0)]}], "also has the backend payment-old in its rule 0"),
            ([{"backendRefs": both(0, 0)}], "which is no share"),
            ([{"backendRefs": [ref("payment-stable", 1)]}], "has no rule with the backends payment-canary and"),
            (
                [
                    {"matches": [path("/a")], "backendRefs": both()},
                    {"matches": [path("/b")], "backendRefs": both(1, 9)},
                ],
                r"differs from rule to rule \(rule 0 0 %, rule 1 10 %\)",
            ),
            ([{"backendRefs": [*both(), {**ref("payment-canary", 1), "port": 8081}]}], "payment-canary 2 times"),
        ],
    )
    async def test_a_route_that_does_not_share_is_told(self, driver, stage, rules, said):
        stage.route(*rules)
        with pytest.raises(PermanentError, match=said):
            await driver.probe()

    @pytest.mark.parametrize("rule", ["other", 7])
    async def test_a_rule_that_is_not_there(self, stage, rule):
        with pytest.raises(PermanentError, match=f"has no rule {rule}; it has 0. Is `rule` right"):
            await stage.driver(rule=rule).probe()

    async def test_weights_of_0_and_0_can_be_set_right(self, driver, stage):
        stage.route({"backendRefs": both(0, 0)})
        assert await driver.set_weight(0, call("a")) == 0

    async def test_less_than_the_least_rights_is_told_with_the_missing_rule(self, stage, restricted):
        stage.kubeconfig = restricted({**LEAST[0], "verbs": ["get"]})
        wanted = r"does not allow .* to patch httproutes\.gateway\.networking\.k8s\.io in the namespace .*\(403\)"
        with pytest.raises(PermanentError, match=wanted) as caught:
            await stage.driver().probe()
        rule = '{apiGroups: ["gateway.networking.k8s.io"], resources: [httproutes], verbs: [patch]}'
        assert rule in str(caught.value)
        with pytest.raises(PermanentError, match=r"system:serviceaccount:.* to patch"):
            await stage.driver().set_weight(10, call("a"))

    async def test_no_rights_at_all_are_told_with_the_user(self, stage, restricted):
        stage.kubeconfig = restricted()
        with pytest.raises(PermanentError, match=r"does not allow system:serviceaccount:\S+ to get httproutes"):
            await stage.driver().probe()

    async def test_a_refused_token_is_told(self, stage, tmp_path):
        config = json.loads(stage.kubeconfig.read_text())
        config["users"][0]["user"]["token"] = "n0t-a-token"
        stage.kubeconfig = tmp_path / "refused"
        stage.kubeconfig.write_text(json.dumps(config))
        with pytest.raises(PermanentError, match=r"does not know who asks \(401\)") as caught:
            await stage.driver().probe()
        assert "n0t-a-token" not in str(caught.value)

    async def test_definitions_that_are_not_installed_are_told(self, stage, restricted, monkeypatch):
        older = Kind("gateway.networking.k8s.io", "v2", "HTTPRoute", "httproutes")
        monkeypatch.setitem(gateway_api._KINDS, "HTTPRoute", older)
        with pytest.raises(PermanentError, match=r"does not know the API gateway\S+/v2 .*its CRDs are not installed"):
            await stage.driver().probe()

    async def test_a_field_that_the_cluster_does_not_know_is_refused_not_dropped(self, driver, stage):
        patch = [{"op": "add", "path": "/spec/rules/0/madeUp", "value": 1}]
        with pytest.raises(PermanentError, match=r'unknown field "spec.rules\[0\].madeUp"'):
            await driver._cluster.patch(driver._kind, "payment", patch)

    @pytest.mark.parametrize(
        "others", [{"stable": "payment-canary"}, {"canary": "Bad Name"}, {"rule": -1}, {"kind": "TCPRoute"}]
    )
    def test_options_that_cannot_work_are_refused(self, stage, others):
        with pytest.raises(ValueError, match=r"the same|pattern|counted from 0|HTTPRoute"):
            stage.driver(**others)


class OfAServer(FaultsContract):
    name = "Kubernetes"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.path = tmp_path

    def at(self, url):
        file = written(self.path / "kubeconfig", url, token=self.secret)
        options = {"route": "payment", "canary": "a", "stable": "b", "kubeconfig": file, "timeout_s": self.patience_s}
        return GatewayApiTraffic(GatewayApiTraffic.Options.model_validate(options), Context(None, None))


class TestGatewayApiLooks(OfAServer):
    pass


class TestGatewayApiChanges(OfAServer):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))
