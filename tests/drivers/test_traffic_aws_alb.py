import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.traffic.aws_alb import AwsAlbTraffic
from pilotage.testing import FaultsContract, StepsContract, TrafficContract, call
from tests.drivers import aws


@pytest.fixture(scope="module")
def cloud():
    with aws.cloud() as running:
        yield running


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    aws.set_environment(monkeypatch)


class Balancer:
    """A listener with a default action and a rule, both to the stable group alone."""

    def __init__(self, cloud):
        self.cloud, self.elb = cloud, cloud.client("elbv2")
        self.vpc, subnets = aws.network(cloud)
        made = self.elb.create_load_balancer(Name="shop", Subnets=subnets)
        self.arn = made["LoadBalancers"][0]["LoadBalancerArn"]
        self.canary, self.stable = self.group("pay-canary"), self.group("pay-stable")
        ec2 = cloud.client("ec2")
        self.instances = [
            one["InstanceId"] for one in ec2.run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2)["Instances"]
        ]
        self.listener = self.elb.create_listener(
            LoadBalancerArn=self.arn,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[self.to((self.stable, 1), (self.canary, 0))],
        )["Listeners"][0]["ListenerArn"]
        self.rule = self.elb.create_rule(
            ListenerArn=self.listener,
            Priority=5,
            Conditions=[{"Field": "path-pattern", "Values": ["/pay/*"]}],
            Actions=[self.to((self.stable, 1), (self.canary, 0))],
        )["Rules"][0]["RuleArn"]

    def renew(self):
        self.elb.register_targets(TargetGroupArn=self.canary, Targets=[{"Id": self.instances[0]}])
        self.elb.register_targets(TargetGroupArn=self.stable, Targets=[{"Id": self.instances[1]}])
        plain = self.to((self.stable, 1), (self.canary, 0), TargetGroupStickinessConfig={"Enabled": False})
        self.give(plain)
        self.elb.modify_rule(RuleArn=self.rule, Actions=[plain])

    def group(self, name):
        made = self.elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc)
        return made["TargetGroups"][0]["TargetGroupArn"]

    def to(self, *groups, **more):
        forward = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups], **more}
        return {"Type": "forward", "ForwardConfig": forward}

    def actions(self):
        return self.elb.describe_listeners(ListenerArns=[self.listener])["Listeners"][0]["DefaultActions"]

    def forward(self):
        return next(one for one in self.actions() if one["Type"] == "forward")["ForwardConfig"]

    def weights(self):
        return {one["TargetGroupArn"]: one["Weight"] for one in self.forward()["TargetGroups"]}

    def give(self, *actions):
        self.elb.modify_listener(ListenerArn=self.listener, DefaultActions=list(actions))

    def driver(self, **given):
        place = {} if {"rule", "load_balancer"} & set(given) else {"listener": self.listener}
        options = {**self.cloud.options, "canary": "pay-canary", "stable": "pay-stable", **place, **given}
        return AwsAlbTraffic(AwsAlbTraffic.Options.model_validate(options), Context(None, None))


@pytest.fixture(scope="module")
def made(cloud):
    return Balancer(cloud)


@pytest.fixture
def balancer(made):
    made.renew()
    return made


class TestAwsAlb(TrafficContract, StepsContract):
    tolerance = 0.05

    @pytest.fixture
    def driver(self, balancer):
        return balancer.driver()


class TestAwsAlbOfARule(TrafficContract):
    """Of `AwsAlbTraffic`."""

    tolerance = 0.05

    @pytest.fixture
    def driver(self, balancer):
        return balancer.driver(rule=balancer.rule)


class TestWeights:
    async def test_they_are_the_smallest_that_are_near(self, balancer):
        for weight, canary, stable in ((10, 1, 9), (12.5, 1, 7), (0.1, 1, 999), (99.9, 999, 1), (33.4, 167, 333)):
            assert await balancer.driver().set_weight(weight, call("a")) == pytest.approx(weight, abs=0.05)
            assert balancer.weights() == {balancer.canary: canary, balancer.stable: stable}
            assert max(balancer.weights().values()) <= 999

    @pytest.mark.parametrize("weight", [0.05, 99.95, -1, 101])
    async def test_a_share_out_of_reach_is_refused(self, balancer, weight):
        with pytest.raises(PermanentError, match=r"0 to 999|from 0 to 100"):
            await balancer.driver().set_weight(weight, call("a"))
        assert balancer.weights()[balancer.canary] == 0

    async def test_a_rule_keeps_its_conditions_and_the_listener_its_action(self, balancer):
        await balancer.driver(rule=balancer.rule).set_weight(25, call("a"))
        (rule,) = balancer.elb.describe_rules(RuleArns=[balancer.rule])["Rules"]
        assert rule["Conditions"][0]["Values"] == ["/pay/*"]
        assert balancer.weights()[balancer.canary] == 0

    async def test_a_load_balancer_and_a_port_are_a_listener(self, balancer):
        driver = balancer.driver(load_balancer="shop", port=80)
        assert await driver.set_weight(25, call("a")) == 25
        assert await balancer.driver().read_weight() == 25
        assert (await driver.probe()).startswith("shop's listener on port 80 is at 25 %")

    async def test_groups_may_be_given_by_arn(self, balancer):
        driver = balancer.driver(canary=balancer.canary, stable=balancer.stable, region=None)
        assert await driver.set_weight(25, call("a")) == 25


class TestWhatElseIsThere:
    async def test_actions_before_it_stay_and_need_no_secret(self, balancer):
        oidc = {
            "Issuer": "https://id.example.org",
            "AuthorizationEndpoint": "https://id.example.org/a",
            "TokenEndpoint": "https://id.example.org/t",
            "UserInfoEndpoint": "https://id.example.org/u",
            "ClientId": "shop",
            "ClientSecret": "hush",
        }
        login = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": oidc}
        balancer.give(login, {**balancer.to((balancer.stable, 1), (balancer.canary, 0)), "Order": 2})
        await balancer.driver().set_weight(25, call("a"))
        first, second = sorted(balancer.actions(), key=lambda one: one["Order"])
        assert (first["Type"], second["Type"]) == ("authenticate-oidc", "forward")
        assert first["AuthenticateOidcConfig"]["UseExistingClientSecret"] in (True, "true")
        assert first["AuthenticateOidcConfig"]["Issuer"] == oidc["Issuer"]

    async def test_a_third_group_is_refused_by_name(self, balancer):
        balancer.give(balancer.to((balancer.stable, 1), (balancer.canary, 0), (balancer.group("basket"), 0)))
        for act in (balancer.driver().read_weight(), balancer.driver().set_weight(0, call("a"))):
            with pytest.raises(PermanentError, match="also forwards to basket"):
                await act

    async def test_it_does_not_bar_the_way_back_and_keeps_its_part(self, balancer):
        basket = balancer.group("basket2")
        balancer.give(balancer.to((balancer.stable, 6), (balancer.canary, 3), (basket, 1)))
        with pytest.raises(PermanentError, match="also forwards to basket2"):
            await balancer.driver().set_weight(0, call("a"))
        assert balancer.weights() == {balancer.canary: 0, balancer.stable: 9, basket: 1}

    async def test_the_way_back_ends_two_weights_of_nothing(self, balancer):
        balancer.give(balancer.to((balancer.stable, 0), (balancer.canary, 0)))
        assert await balancer.driver().set_weight(0, call("a")) == 0
        assert balancer.weights() == {balancer.canary: 0, balancer.stable: 1}

    async def test_two_weights_of_nothing_are_refused(self, balancer):
        balancer.give(balancer.to((balancer.stable, 0), (balancer.canary, 0)))
        with pytest.raises(PermanentError, match="neither target group"):
            await balancer.driver().probe()

    async def test_an_action_that_forwards_nowhere_is_told(self, balancer):
        balancer.give(
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"}}
        )
        with pytest.raises(PermanentError, match="it has fixed-response"):
            await balancer.driver().probe()

    async def test_one_group_in_the_short_form_is_a_weight_of_0_or_100(self, balancer):
        for arn, share in ((balancer.stable, 0), (balancer.canary, 100)):
            balancer.give({"Type": "forward", "TargetGroupArn": arn})
            assert await balancer.driver().read_weight() == share
        assert await balancer.driver().set_weight(10, call("a")) == 10

    async def test_a_default_rule_is_its_listeners(self, balancer):
        rules = balancer.elb.describe_rules(ListenerArn=balancer.listener)["Rules"]
        default = next(one["RuleArn"] for one in rules if one["IsDefault"])
        with pytest.raises(PermanentError, match="give `listener`"):
            await balancer.driver(rule=default).probe()

    async def test_a_port_without_a_listener_shows_those_there_are(self, balancer):
        with pytest.raises(PermanentError, match="no listener on port 443: there are 80"):
            await balancer.driver(load_balancer="shop", port=443).probe()


class TestStickiness:
    async def test_it_stays_and_at_0_and_100_the_other_group_is_left_out(self, balancer):
        sticky = {"Enabled": True, "DurationSeconds": 600}
        balancer.give(balancer.to((balancer.stable, 1), (balancer.canary, 0), TargetGroupStickinessConfig=sticky))
        driver = balancer.driver()
        for weight, groups in (
            (25, {balancer.canary: 1, balancer.stable: 3}),
            (100, {balancer.canary: 1}),
            (50, {balancer.canary: 1, balancer.stable: 1}),
            (0, {balancer.stable: 1}),
            (10, {balancer.canary: 1, balancer.stable: 9}),
        ):
            assert await driver.set_weight(weight, call("a")) == weight
            assert balancer.weights() == groups
            found = balancer.forward()["TargetGroupStickinessConfig"]
            assert str(found["Enabled"]).lower() == "true"
            assert int(found["DurationSeconds"]) == 600

    async def test_without_it_both_groups_stay_so_that_their_health_is_checked(self, balancer):
        driver = balancer.driver()
        for weight in (25, 100, 0):
            await driver.set_weight(weight, call("a"))
            assert set(balancer.weights()) == {balancer.canary, balancer.stable}


class TestHealth:
    async def test_a_group_without_a_target_gets_no_share_and_may_always_be_left(self, balancer):
        await balancer.driver().set_weight(50, call("a"))
        balancer.elb.deregister_targets(TargetGroupArn=balancer.canary, Targets=[{"Id": balancer.instances[0]}])
        driver = balancer.driver()
        assert "pay-canary has no healthy target" in await driver.probe()
        with pytest.raises(TemporaryError, match="pay-canary is given no share"):
            await driver.set_weight(75, call("b", timeout_s=0.2))
        assert await driver.set_weight(0, call("c")) == 0

    async def test_the_probe_counts_the_healthy_ones(self, balancer):
        assert "pay-canary has 1 of 1 targets healthy" in await balancer.driver().probe()


class TestAnswers:
    async def test_what_is_not_there_is_named_with_where_it_was_looked_for(self, balancer):
        with pytest.raises(PermanentError, match=r"has no target group nowhere in eu-west-1 \(TargetGroupNotFound"):
            await balancer.driver(canary="nowhere").probe()

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"port": 80},
            {"listener": "l"},
            {"load_balancer": "shop"},
            {"load_balancer": "shop", "port": 80, "stable": "c"},
            {"load_balancer": "shop", "port": 80, "external_id": "xy"},
            {"load_balancer": "shop", "port": 80, "role": "admin"},
            {"load_balancer": "shop", "port": 80, "endpoint_url": "http://example.org"},
            {"listener": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/net/a/b/c"},
            {
                "listener": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/a/b/c",
                "region": "us-east-1",
            },
        ],
    )
    def test_options_that_cannot_be_meant_are_refused(self, given):
        with pytest.raises(ValidationError):
            AwsAlbTraffic.Options.model_validate({"canary": "c", "stable": "s", **given})


LISTENER = (
    f"arn:aws:elasticloadbalancing:{aws.REGION}:{aws.ACCOUNT}:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2"
)
GROUP = f"arn:aws:elasticloadbalancing:{aws.REGION}:{aws.ACCOUNT}:targetgroup/{{}}/73e2d6bc24d8a067"
XML = (
    b"<DescribeListenersResponse><DescribeListenersResult/></DescribeListenersResponse>",
    b"<DescribeListenersResponse><DescribeListenersResult><Listeners><member/></Listeners></DescribeListenersResult>"
    b"</DescribeListenersResponse>",
    b"<DescribeListenersResponse/>",
)


class TestFaults(FaultsContract):
    """The look of `AwsAlbTraffic`."""

    name = "AWS Elastic Load Balancing"
    shapes = (*FaultsContract.shapes, *XML)

    def at(self, url):
        given = {"endpoint_url": url, "timeout_s": self.patience_s, "listener": LISTENER}
        groups = {"canary": GROUP.format("canary"), "stable": GROUP.format("stable")}
        return AwsAlbTraffic(AwsAlbTraffic.Options.model_validate({**given, **groups}), Context(None, None))


class TestFaultsOfTheChange(TestFaults):
    async def act(self, driver):
        return await driver.set_weight(0, call("a"))


async def test_a_call_back_waits_for_what_the_one_forward_has_on_its_way(balancer, monkeypatch):
    with aws.held_up(monkeypatch, "modify_listener") as held:
        await aws.later_wins(balancer.driver(), held, call)
