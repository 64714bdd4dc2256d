import copy

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.deploy.aws_ecs import AwsEcsDeployer
from pilotage.drivers.deploy.ecs_tasks import reason
from pilotage.testing import DeployerContract, FaultsContract, RehearsesContract, call
from tests.drivers import aws
from tests.drivers.ecs import Ecs
from tests.drivers.served import serve

IMAGE = "registry.example.org/pay:{version}"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    aws.set_environment(monkeypatch)


@pytest.fixture
def service():
    with serve(Ecs()) as running:
        yield running


def at(url, **given):
    options = {"region": aws.REGION, "endpoint_url": url, "cluster": "shop", "service": "pay", "image": IMAGE, **given}
    return AwsEcsDeployer(AwsEcsDeployer.Options.model_validate(options), Context(None, None))


class TestAwsEcs(DeployerContract, RehearsesContract):
    @pytest.fixture
    def driver(self, service):
        return at(service.url, within_s=20)

    @pytest.fixture
    def deployed(self, service):
        return lambda: [one.rpartition(":")[2] for one in service.images()]


class TestTaskDefinitions:
    async def test_only_the_image_is_another_and_tags_stay(self, service):
        service.definitions[0]["_tags"] = [{"key": "team", "value": "pay"}]
        said = await at(service.url).deploy("v2", call("a"))
        assert said == "pay runs registry.example.org/pay:v2 (pay:2) in 2 of 2 tasks"
        first, second = service.definitions
        assert second["containerDefinitions"][0]["image"] == "registry.example.org/pay:v2"
        second["containerDefinitions"][0]["image"] = "registry.example.org/pay:v1"
        same = ("containerDefinitions", "executionRoleArn", "networkMode", "cpu", "memory", "family", "_tags")
        assert [second[name] for name in same] == [first[name] for name in same]

    async def test_the_previous_version_is_the_revision_it_had(self, service):
        driver = at(service.url)
        await driver.deploy("v2", call("a"))
        assert "(pay:1)" in await driver.deploy("v1", call("b"))
        assert len(service.definitions) == 2

    async def test_what_an_earlier_attempt_registered_is_not_registered_again(self, service):
        service.instead = lambda request: (
            (503, {}, {"message": "busy"}) if request.headers["x-amz-target"].endswith("UpdateService") else None
        )
        with pytest.raises(TemporaryError, match=r"AWS ECS answered .*503"):
            await at(service.url).deploy("v2", call("a"))
        assert (len(service.definitions), service.updates) == (2, 0)
        service.instead = None
        await at(service.url).deploy("v2", call("a"))
        assert (len(service.definitions), service.updates) == (2, 1)

    async def test_of_several_containers_one_must_be_named(self, service):
        sidecar = {**service.definitions[0]["containerDefinitions"][0], "name": "proxy"}
        service.definitions[0]["containerDefinitions"].insert(0, sidecar)
        with pytest.raises(PermanentError, match="has the containers proxy, app: say in `container` which"):
            await at(service.url).probe()
        with pytest.raises(PermanentError, match="no container web: there are proxy, app"):
            await at(service.url, container="web").probe()
        await at(service.url, container="app").deploy("v2", call("a"))
        images = [one["image"] for one in service.definitions[1]["containerDefinitions"]]
        assert images == ["registry.example.org/pay:v1", "registry.example.org/pay:v2"]

    async def test_a_rehearsal_says_by_what(self, service):
        driver = at(service.url)
        assert "by a new revision after pay:1" in await driver.rehearse("v2", call("a"))
        assert "has registry.example.org/pay:v1 already (pay:1)" in await driver.rehearse("v1", call("a"))
        await driver.deploy("v2", call("a"))
        assert "by pay:1, which is there" in await driver.rehearse("v1", call("b"))
        assert service.updates == 1


class TestUntilSteady:
    async def test_it_is_waited_for(self, service):
        service.looks_until_steady = 4
        assert "2 of 2 tasks" in await at(service.url).deploy("v2", call("a"))
        assert service.asked("DescribeServices") >= 5

    async def test_a_call_repeated_waits_for_the_deployment_under_way(self, service):
        service.looks_until_steady = 10_000
        with pytest.raises(
            TemporaryError, match=r"not steady .* after 0.2 s: 0 of 2 tasks run, 2 pending: .service pay. was"
        ):
            await at(service.url, within_s=0.2).deploy("v2", call("a"))
        service.looks_until_steady = 1
        await at(service.url).deploy("v2", call("a"))
        assert service.updates == 1

    @pytest.mark.parametrize("breaker", ["on", "back", ""])
    async def test_a_rollout_that_fails_says_why_its_tasks_stopped(self, service, breaker):
        service.breaker = breaker
        service.stops = {
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "app", "exitCode": 3}],
        }
        words = {
            "on": "the rollout of registry.example.org/pay:v2 failed",
            "back": "pay has gone on to pay:1: ECS took registry.example.org/pay:v2 back",
            "": "3 tasks of pay with registry.example.org/pay:v2 failed, and ECS goes on trying",
        }
        with pytest.raises(PermanentError, match="3 x app ended with exit code 3") as caught:
            await at(service.url, within_s=20).deploy("v2", call("a"))
        assert words[breaker] in str(caught.value)
        assert "\n" not in str(caught.value)

    async def test_one_that_failed_is_begun_anew_by_the_next_deploy(self, service):
        service.breaker, service.stops = "on", {"stopCode": "TaskFailedToStart", "stoppedReason": "no"}
        with pytest.raises(PermanentError):
            await at(service.url).deploy("v2", call("a"))
        service.stops = None
        await at(service.url).deploy("v2", call("b"))
        assert (service.updates, len(service.definitions)) == (2, 2)

    async def test_one_look_that_fails_does_not_end_the_wait(self, service):
        service.looks_until_steady, failing = 6, [True, True]

        def busy(request):
            describes = request.headers["x-amz-target"].endswith("DescribeServices")
            return (503, {}, {}) if describes and service.updates and failing and failing.pop() else None

        service.instead = busy
        assert "2 of 2 tasks" in await at(service.url).deploy("v2", call("a"))
        assert failing == []

    async def test_a_service_shown_as_it_was_a_moment_ago_is_looked_at_again(self, service):
        old, late = [], [True, True, True]
        service.instead = lambda request: (
            (200, {}, old[0])
            if request.headers["x-amz-target"].endswith("DescribeServices") and service.updates and late and late.pop()
            else None
        )
        old.append(copy.deepcopy(service._DescribeServices({"cluster": "shop", "services": ["pay"]})[1]))
        assert "2 of 2 tasks" in await at(service.url).deploy("v2", call("a"))
        assert late == []

    async def test_who_may_not_look_why_is_told_the_failure_nevertheless(self, service):
        service.breaker, service.stops = "on", {"stoppedReason": "no"}
        denied = {"__type": "AccessDeniedException", "message": "User is not authorized to perform: ecs:ListTasks"}
        service.instead = lambda request: (
            (400, {}, denied) if request.headers["x-amz-target"].endswith("ListTasks") else None
        )
        with pytest.raises(PermanentError, match=r"rollout .* failed: .*circuit breaker.*denies ecs:ListTasks"):
            await at(service.url).deploy("v2", call("a"))


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            {"stoppedReason": "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found"},
            "the image cannot be pulled (is it in the registry, may the execution role pull it?): pull image",
        ),
        (
            {"containers": [{"name": "app", "reason": "OutOfMemoryError: Container killed due to memory usage"}]},
            "app used more memory than it may",
        ),
        (
            {
                "stopCode": "ServiceSchedulerInitiated",
                "stoppedReason": "Task failed ELB health checks in (target-group arn:aws:x)",
            },
            "its load balancer's health check failed",
        ),
        ({"stoppedReason": "Task failed container health checks"}, "its container's health check failed"),
        (
            {"stopCode": "EssentialContainerExited", "containers": [{"name": "app", "exitCode": 137}]},
            "app was killed (exit code 137",
        ),
        ({"stoppedReason": "ResourceInitializationError: unable to pull secrets"}, "secrets, logs or network"),
        (
            {"containers": [{"name": "a", "reason": "CannotStartContainerError: exec: no"}]},
            "could not be started: exec",
        ),
        ({"stopCode": "SpotInterruption"}, "Spot"),
        ({"stopCode": "NewWord", "stoppedReason": "Something\nnew"}, "Something new"),
    ],
)
def test_reasons_are_told_in_plain_words(task, words):
    assert words in reason(task)
    assert "\n" not in reason(task)


def test_a_task_that_was_told_to_stop_is_no_failure():
    scaled = {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity initiated by (deployment x)"}
    assert reason(scaled) == ""


class TestWhatIsThere:
    async def test_names_that_are_not_there_are_told(self, service):
        with pytest.raises(PermanentError, match=r"no service basket in cluster shop \(MISSING\)"):
            await at(service.url, service="basket").probe()
        with pytest.raises(PermanentError, match=r"AWS ECS has no service pay in cluster other .*ClusterNotFound"):
            await at(service.url, cluster="other").probe()

    async def test_a_service_that_codedeploy_deploys_is_refused(self, service):
        service.controller = "CODE_DEPLOY"
        with pytest.raises(PermanentError, match="is deployed by CODE_DEPLOY: expected"):
            await at(service.url).probe()

    async def test_the_probe_says_what_runs(self, service):
        assert await at(service.url).probe() == "pay runs registry.example.org/pay:v1 in 2 of 2 tasks"

    @pytest.mark.parametrize("image", ["registry/pay:latest", "pay:{previous}", "pay: {version}", ""])
    def test_an_image_without_a_version_is_refused(self, image):
        with pytest.raises(ValidationError):
            at("http://127.0.0.1:1", image=image)


class TestOnMoto:
    """moto keeps services and task definitions as ECS does; it starts nothing, so the wait is the test's above."""

    async def test_revisions_are_registered_reused_and_put_into_the_service(self):
        with aws.cloud() as cloud:
            client = cloud.client("ecs")
            client.create_cluster(clusterName="shop")
            app = {"name": "app", "image": "registry.example.org/pay:v1", "memory": 256}
            client.register_task_definition(family="pay", containerDefinitions=[app])
            client.create_service(cluster="shop", serviceName="pay", taskDefinition="pay", desiredCount=0)
            driver = at(cloud.url, within_s=0.1)

            async def given(version):
                with pytest.raises(PermanentError, match="has gone on to"):  # moto's deployment stays the first one
                    await driver.deploy(version, call(version))
                arn = client.describe_services(cluster="shop", services=["pay"])["services"][0]["taskDefinition"]
                found = client.describe_task_definition(taskDefinition=arn)["taskDefinition"]
                return found["revision"], found["containerDefinitions"][0]["image"].rpartition(":")[2]

            assert "runs registry.example.org/pay:v1 in 0 of 0 tasks" in await driver.probe()
            assert await given("v2") == (2, "v2")
            assert await given("v3") == (3, "v3")
            assert await given("v2") == (2, "v2")


class TestFaults(FaultsContract):
    """The look of `AwsEcsDeployer`."""

    name = "AWS ECS"
    shapes = (*FaultsContract.shapes, b'{"services": {}}', b'{"services": [{"status": "ACTIVE"}]}')

    def at(self, url):
        return at(url, timeout_s=self.patience_s)


class TestFaultsOfTheChange(TestFaults):
    async def act(self, driver):
        return await driver.deploy("v2", call("a"))
