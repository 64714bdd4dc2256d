import asyncio
import json
import threading

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.aws_lambda import AwsLambdaTraffic
from pilotage.testing import FaultsContract, TrafficContract, call
from tests.drivers import aws
from tests.drivers.served import Served, serve


@pytest.fixture(scope="module")
def cloud():
    with aws.cloud() as running:
        yield running


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    aws.set_environment(monkeypatch)


class Function:
    """`pay` with three versions, the second described as v2, and the alias `live` on the first."""

    def __init__(self, cloud):
        self.cloud, self.client = cloud, cloud.client("lambda")
        self.client.create_function(
            FunctionName="pay",
            Runtime="python3.11",
            Role=aws.function_role(cloud),
            Handler="app.handler",
            Code={"ZipFile": aws.archive("v1")},
        )
        for description in ("v1", "v2", "v3"):
            self.client.update_function_code(FunctionName="pay", ZipFile=aws.archive(description))
            self.client.publish_version(FunctionName="pay", Description=description)
        self.client.create_alias(FunctionName="pay", Name="live", FunctionVersion="1")

    def lead(self, version, **weights):
        weights = {number.lstrip("_"): share for number, share in weights.items()}
        routing = {"AdditionalVersionWeights": weights}
        self.client.update_alias(FunctionName="pay", Name="live", FunctionVersion=version, RoutingConfig=routing)

    def leads(self):
        alias = self.client.get_alias(FunctionName="pay", Name="live")
        return alias["FunctionVersion"], (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}

    def driver(self, **given):
        options = {**self.cloud.options, "function": "pay", "alias": "live", "stable": "1", **given}
        return AwsLambdaTraffic(AwsLambdaTraffic.Options.model_validate(options), Context(None, None))


@pytest.fixture(scope="module")
def made(cloud):
    return Function(cloud)


@pytest.fixture
def function(made):
    made.lead("1")
    return made


class TestAwsLambda(TrafficContract):
    @pytest.fixture
    def driver(self, function):
        return function.driver()


class TestRouting:
    async def test_the_canary_is_the_version_described_so_or_the_one_given(self, function):
        await function.driver().set_weight(12.5, call("a"))
        assert function.leads() == ("1", {"2": 0.125})
        function.lead("1")
        await function.driver(canary="3").set_weight(10, call("a"))
        assert function.leads() == ("1", {"3": 0.1})

    async def test_at_100_the_alias_leads_there_alone_and_at_0_back(self, function):
        driver = function.driver()
        await driver.set_weight(10, call("a"))
        assert await driver.set_weight(100, call("b")) == 100
        assert function.leads() == ("2", {})
        assert await driver.set_weight(50, call("c")) == 50
        assert function.leads() == ("1", {"2": 0.5})
        assert await driver.set_weight(0, call("d")) == 0
        assert function.leads() == ("1", {})

    async def test_sides_that_are_the_other_way_round_are_understood(self, function):
        function.lead("2", _1=0.9)
        driver = function.driver()
        assert await driver.read_weight() == 10
        assert await driver.set_weight(0, call("a")) == 0
        assert function.leads() == ("1", {})

    async def test_a_third_version_is_refused_by_number(self, function):
        function.lead("1", _3=0.1)
        with pytest.raises(PermanentError, match="leads to version 1 and 3: expected 1 and 2"):
            await function.driver(canary="2").set_weight(0, call("a"))
        with pytest.raises(PermanentError, match="sends 10 % to version 3: whose is it"):
            await function.driver().set_weight(20, call("a"))
        function.lead("2", _3=0.1)
        with pytest.raises(PermanentError, match="leads to version 2 and 3"):
            await function.driver().read_weight()

    async def test_back_to_0_needs_no_knowledge_of_the_canary(self, function):
        function.lead("1", _3=0.1)
        assert await function.driver().set_weight(0, call("a")) == 0

    async def test_a_version_that_is_not_published_is_told(self, function):
        with pytest.raises(PermanentError, match="no published version whose description is v9"):
            await function.driver().set_weight(10, aws.replaced(call("a"), version="v9"))
        with pytest.raises(PermanentError, match=r"has no version 9 of pay in eu-west-1"):
            await function.driver(canary="9").probe()

    @pytest.mark.parametrize("weight", [0.004, 99.998, -1, 101])
    async def test_a_share_out_of_reach_is_refused(self, function, weight):
        with pytest.raises(PermanentError, match=r"0.01 to 99.99|from 0 to 100"):
            await function.driver().set_weight(weight, call("a"))
        assert function.leads() == ("1", {})

    async def test_what_is_not_there_is_named(self, function):
        with pytest.raises(PermanentError, match="AWS Lambda has no alias prod of pay in eu-west-1"):
            await function.driver(alias="prod").probe()

    @pytest.mark.parametrize(
        "given", [{"stable": "$LATEST"}, {"canary": "$LATEST"}, {"canary": "1"}, {"function": "pay:live"}]
    )
    def test_options_that_cannot_be_meant_are_refused(self, function, given):
        with pytest.raises(ValidationError):
            function.driver(**given)


class Documented(Served):
    """GetAlias and UpdateAlias as https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html has them: moto
    knows no RevisionId. Each answer to a look may be followed by somebody else's change (`meddling`)."""

    def __init__(self):
        super().__init__()
        self.revision, self.version, self.weights, self.meddling = 1, "1", {}, 0
        self.held = None

    def answer(self, request):
        path = "/2015-03-31/functions/pay/aliases/live"
        if request.path != path:
            assert request.path == "/2015-03-31/functions/pay/configuration"
            return 200, {}, {"FunctionName": "pay", "Version": request.query["Qualifier"], "State": "Active"}
        if request.method == "GET":
            found = self._alias()
            if self.meddling:
                self.meddling -= 1
                self.revision += 1
            return 200, {}, found
        assert request.method == "PUT"
        if self.held is not None:
            self.held.wait(10)
        assert set(request.body) <= {"FunctionVersion", "Description", "RoutingConfig", "RevisionId"}
        if request.body.get("RevisionId") not in (None, f"revision-{self.revision}"):
            given = {"Type": "User", "message": "The Revision Id provided does not match the latest Revision Id."}
            return 412, {"x-amzn-ErrorType": "PreconditionFailedException"}, given
        self.revision += 1
        self.version = request.body["FunctionVersion"]
        self.weights = request.body["RoutingConfig"]["AdditionalVersionWeights"]
        assert all(number.isdigit() and 0 <= share <= 1 for number, share in self.weights.items())
        return 200, {}, self._alias()

    def _alias(self):
        routing = {"RoutingConfig": {"AdditionalVersionWeights": self.weights}} if self.weights else {}
        arn = f"arn:aws:lambda:{aws.REGION}:{aws.ACCOUNT}:function:pay:live"
        given = {"AliasArn": arn, "Name": "live", "FunctionVersion": self.version, "Description": ""}
        return {**given, "RevisionId": f"revision-{self.revision}", **routing}


def at(url, **given):
    options = {
        "region": aws.REGION,
        "endpoint_url": url,
        "function": "pay",
        "alias": "live",
        "stable": "1",
        "canary": "2",
    }
    return AwsLambdaTraffic(AwsLambdaTraffic.Options.model_validate({**options, **given}), Context(None, None))


class TestTheRevision:
    async def test_a_change_by_somebody_else_meanwhile_is_not_overwritten(self):
        with serve(Documented()) as service:
            driver = at(service.url)
            service.meddling = 1
            with pytest.raises(TemporaryError, match="alias live of pay is being changed by somebody else"):
                await driver.set_weight(10, call("a"))
            assert (service.version, service.weights) == ("1", {})
            assert await driver.set_weight(10, call("a")) == 10
            assert (service.version, service.weights) == ("1", {"2": 0.1})

    async def test_a_call_that_is_ended_waits_for_the_request_that_is_on_its_way(self):
        with serve(Documented()) as service:
            driver = at(service.url)
            await driver.read_weight()
            service.held = held = threading.Event()
            going = asyncio.create_task(driver.set_weight(75, call("a")))
            while "PUT" not in " ".join(service.calls()):
                await asyncio.sleep(0.01)
            going.cancel()
            await asyncio.sleep(0.1)
            assert not going.done()
            held.set()
            await asyncio.wait([going])
            assert going.cancelled()
            assert await driver.set_weight(0, call("b")) == 0
            assert service.weights == {}


class TestFaults(FaultsContract):
    """The look of `AwsLambdaTraffic`."""

    name = "AWS Lambda"
    shapes = (*FaultsContract.shapes, json.dumps({"FunctionVersion": {"a": 1}}).encode(), b'{"FunctionVersion": ""}')

    def at(self, url):
        return at(url, timeout_s=self.patience_s)


class TestFaultsOfTheChange(TestFaults):
    async def act(self, driver):
        return await driver.set_weight(0, call("a"))


async def test_a_call_back_waits_for_what_the_one_forward_has_on_its_way(function, monkeypatch):
    with aws.held_up(monkeypatch, "update_alias") as held:
        await aws.later_wins(function.driver(), held, call)


async def test_more_versions_than_are_looked_through_are_told_rather_than_forgotten(monkeypatch):
    class Endless(Served):
        def answer(self, request):
            if request.path.endswith("/aliases/live"):
                return 200, {}, {"FunctionVersion": "1", "RevisionId": "r"}
            first = int(request.query.get("Marker", "1"))
            rows = [{"Version": str(number), "Description": "old"} for number in range(first, first + 50)]
            return 200, {}, {"Versions": rows, "NextMarker": str(first + 50)}

    with serve(Endless()) as service:
        options = {"endpoint_url": service.url, "region": aws.REGION, "function": "pay", "alias": "live", "stable": "1"}
        driver = AwsLambdaTraffic(AwsLambdaTraffic.Options.model_validate(options), Context(None, None))
        with pytest.raises(PermanentError, match="more than 2000 published versions"):
            await driver.set_weight(10, call("a"))
        assert await driver.set_weight(0, call("b")) == 0
