import asyncio

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.aws_route53 import AwsRoute53Traffic
from pilotage.testing import FaultsContract, StepsContract, TrafficContract, call
from tests.drivers import aws


@pytest.fixture(scope="module")
def cloud():
    with aws.cloud() as running:
        yield running


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    aws.set_environment(monkeypatch)


def record(identifier, weight, name="pay.example.org.", **more):
    given = {"Name": name, "Type": "A", "SetIdentifier": identifier, "Weight": weight}
    return {**given, **(more or {"TTL": 20, "ResourceRecords": [{"Value": f"192.0.2.{len(identifier)}"}]})}


class Zone:
    def __init__(self, cloud):
        self.cloud, self.client = cloud, cloud.client("route53")
        made = self.client.create_hosted_zone(Name="example.org", CallerReference="test")
        self.id = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
        other = {"Name": "paz.example.org.", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "192.0.2.77"}]}
        self.change("CREATE", other)

    def change(self, action, *records):
        changes = [{"Action": action, "ResourceRecordSet": one} for one in records]
        self.client.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch={"Changes": changes})

    def records(self, name="pay.example.org."):
        found = self.client.list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]
        return {one.get("SetIdentifier"): one for one in found if one["Name"] == name}

    def put(self, *records):
        for name, one in self.records().items():
            if name not in [new["SetIdentifier"] for new in records]:
                self.change("DELETE", one)
        self.change("UPSERT", *records)

    def weights(self):
        return {name: one["Weight"] for name, one in self.records().items()}

    def driver(self, **given):
        names = {"zone": self.id, "record": "pay.example.org", "canary": "canary", "stable": "stable"}
        options = {**self.cloud.options, **names, **given}
        return AwsRoute53Traffic(AwsRoute53Traffic.Options.model_validate(options), Context(None, None))


@pytest.fixture(scope="module")
def made(cloud):
    return Zone(cloud)


@pytest.fixture
def zone(made):
    AwsRoute53Traffic._underway.clear()
    made.put(record("canary", 0), record("stable", 1))
    return made


class TestAwsRoute53(TrafficContract, StepsContract):
    tolerance = 0.2

    @pytest.fixture
    def driver(self, zone):
        return zone.driver()


class TestRecords:
    async def test_the_weights_are_the_smallest_that_are_near(self, zone):
        for weight, canary, stable in ((10, 1, 9), (0.4, 1, 249), (66.6, 255, 128), (100, 1, 0), (0, 0, 1)):
            assert await zone.driver().set_weight(weight, call("a")) == pytest.approx(weight, abs=0.1)
            found = zone.weights()
            assert (found["canary"], found["stable"]) == pytest.approx((canary, stable))
            assert max(found.values()) <= 255

    @pytest.mark.parametrize("weight", [0.3, 99.7, -1, 101])
    async def test_a_share_out_of_reach_is_refused(self, zone, weight):
        with pytest.raises(PermanentError, match=r"0 to 255|from 0 to 100"):
            await zone.driver().set_weight(weight, call("a"))

    async def test_what_the_records_lead_to_stays(self, zone):
        alias = {"HostedZoneId": "Z215JYRZR1TBD5", "DNSName": "a.elb.amazonaws.com.", "EvaluateTargetHealth": True}
        check = zone.client.create_health_check(
            CallerReference="c", HealthCheckConfig={"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 80}
        )["HealthCheck"]["Id"]
        more = {"TTL": 7, "ResourceRecords": [{"Value": "192.0.2.9"}], "HealthCheckId": check}
        zone.put(record("canary", 0, AliasTarget=alias), record("stable", 1, **more))
        before = zone.records()
        assert await zone.driver().set_weight(25, call("a")) == 25
        after = zone.records()
        for name, weight in (("canary", 1), ("stable", 3)):
            assert after[name] == {**before[name], "Weight": weight}

    async def test_both_change_in_one_batch(self, zone):
        driver = zone.driver()
        seen, change = [], driver._aws.change

        async def counted(operation, what, **given):
            seen.append([one["ResourceRecordSet"]["SetIdentifier"] for one in given["ChangeBatch"]["Changes"]])
            return await change(operation, what, **given)

        driver._aws.change = counted
        await driver.set_weight(25, call("a"))
        await driver.set_weight(25, call("a"))
        assert seen == [["canary", "stable"]]

    async def test_the_probe_says_how_long_resolvers_keep_the_old(self, zone):
        said = await zone.driver(record="Pay.Example.org.").probe()
        assert said == f"pay.example.org. A in zone {zone.id} is at 0 %; resolvers follow within 20 s"


class TestWhatElseIsThere:
    async def test_two_weights_of_nothing_would_be_everybody(self, zone):
        zone.put(record("canary", 0), record("stable", 0))
        with pytest.raises(PermanentError, match="both records have the weight 0, for which Route 53 shares alike"):
            await zone.driver().set_weight(10, call("a"))
        assert await zone.driver().set_weight(0, call("b")) == 0
        assert zone.weights() == {"canary": 0, "stable": 1}

    async def test_a_third_record_does_not_bar_the_way_back_and_keeps_its_part(self, zone):
        zone.put(record("canary", 3), record("stable", 6), record("basket", 1))
        with pytest.raises(PermanentError, match="also has the records basket"):
            await zone.driver().set_weight(0, call("a"))
        assert zone.weights() == {"canary": 0, "stable": 9, "basket": 1}

    async def test_a_third_record_is_refused_by_name(self, zone):
        zone.change("UPSERT", record("basket", 0))
        with pytest.raises(PermanentError, match="also has the records basket"):
            await zone.driver().read_weight()

    async def test_one_that_is_missing_is_told_with_those_there_are(self, zone):
        with pytest.raises(PermanentError, match="SetIdentifier green: there are canary, stable"):
            await zone.driver(canary="green").probe()
        with pytest.raises(PermanentError, match="there are none"):
            await zone.driver(record="nowhere.example.org").probe()

    async def test_a_name_without_weights_is_told(self, zone):
        with pytest.raises(PermanentError, match="records without a weight"):
            await zone.driver(record="paz.example.org").probe()

    async def test_a_zone_that_is_not_there_is_named(self, zone):
        with pytest.raises(PermanentError, match=r"has no pay.example.org. A in zone ZNOWHERE .*NoSuchHostedZone"):
            await zone.driver(zone="ZNOWHERE").probe()


class TestUntilItIsEverywhere:
    """moto says INSYNC at once, so its answers are changed here to those of the first minute."""

    async def pending(self, zone, times):
        driver = zone.driver()
        look = driver._aws.look

        async def early(operation, what, **given):
            answer = await look(operation, what, **given)
            if operation == "get_change" and times and times.pop():
                answer["ChangeInfo"]["Status"] = "PENDING"
            return answer

        driver._aws.look = early
        return driver

    async def test_it_is_waited_for(self, zone):
        left = [True, True]
        driver = await self.pending(zone, left)
        assert await driver.set_weight(25, call("a")) == 25
        assert left == []

    async def test_past_the_limit_it_is_told_and_the_call_repeated_waits_on_for_the_same(self, zone):
        driver = await self.pending(zone, [True] * 50)
        with pytest.raises(TemporaryError, match="is at 25 %, but not on all servers of Route 53 yet"):
            await driver.set_weight(25, call("a", timeout_s=0.05))
        assert zone.weights() == {"canary": 1, "stable": 3}
        left = [True, True]
        again = await self.pending(zone, left)
        assert await asyncio.wait_for(again.set_weight(25, call("a")), 10) == 25
        assert left == []


XML = (
    b"<ListResourceRecordSetsResponse/>",
    b"<ListResourceRecordSetsResponse><ResourceRecordSets>17</ResourceRecordSets></ListResourceRecordSetsResponse>",
)


class TestFaults(FaultsContract):
    """The look of `AwsRoute53Traffic`."""

    name = "AWS Route 53"
    shapes = (*FaultsContract.shapes, *XML)

    def at(self, url):
        names = {"zone": "Z0123", "record": "pay.example.org", "canary": "canary", "stable": "stable"}
        options = {"endpoint_url": url, "timeout_s": self.patience_s, **names}
        return AwsRoute53Traffic(AwsRoute53Traffic.Options.model_validate(options), Context(None, None))


class TestFaultsOfTheChange(TestFaults):
    async def act(self, driver):
        return await driver.set_weight(0, call("a"))


async def test_a_call_back_waits_for_what_the_one_forward_has_on_its_way(zone, monkeypatch):
    with aws.held_up(monkeypatch, "change_resource_record_sets") as held:
        await aws.later_wins(zone.driver(), held, call)
