"""The cloud-run deployer, on a server that speaks as Google's reference says."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.deploy.cloud_run import CloudRunDeployer
from pilotage.testing import DeployerContract, RehearsesContract, UnreachableContract, call
from tests.drivers.cloudrun import CloudRunServer, latest, to
from tests.drivers.faulty import OfAService
from tests.drivers.served import serve

SECRET = OfAService.secret


def deployer(url, **more):
    options = {
        "project": "acme", "region": "europe-west1", "service": "payment", "image": "img/payment:{version}",
        "token": {"env": "TEST_TOKEN"}, "api": url, "timeout_s": 2, "ready_s": 2, **more,
    }  # fmt: skip
    return CloudRunDeployer(CloudRunDeployer.Options.model_validate(options), Context(None, None))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    with serve(CloudRunServer(token=SECRET)) as running:
        yield running


@pytest.fixture
def driver(service):
    return deployer(service.url)


def made(service):
    return {name: one for name, one in service.revisions.items() if name not in ("payment-1", "payment-2")}


class TestCloudRun(DeployerContract, RehearsesContract, UnreachableContract):
    @pytest.fixture
    def deployed(self, service):
        return lambda: [one["containers"][0]["image"].rsplit(":")[1] for one in made(service).values()]

    @pytest.fixture
    def unreachable(self, monkeypatch):
        monkeypatch.setenv("TEST_TOKEN", SECRET)
        return deployer("http://127.0.0.1:9")


class TestLooking(OfAService):
    name, build = "Cloud Run", staticmethod(deployer)


class TestDeploying(TestLooking):
    async def act(self, driver):
        return await driver.deploy("v2", call("a"))


async def test_the_new_revision_is_like_the_last_but_for_its_image_gets_no_traffic_and_the_tag(driver, service):
    service.traffic = [to("payment-1", 100), to("payment-2", tag="canary")]
    said = await driver.deploy("v2.0", call("a"))
    ((name, revision),) = made(service).items()
    assert name.startswith("payment-v2-0-")
    assert name in said
    assert revision["containers"] == [
        {"name": "app", "image": "img/payment:v2.0", "env": [{"name": "A", "value": "b"}]}
    ]
    assert service.template["serviceAccount"] == "payment@acme.iam.gserviceaccount.com"
    assert service.traffic == [to("payment-1", 100), to(name, tag="canary")]


async def test_a_try_that_was_broken_off_is_taken_up_where_it_was(driver, service):
    service.lose = 0
    service.instead = lambda one: setattr(service, "lose", 1) if one.method == "PATCH" else None
    with pytest.raises(TemporaryError, match="Cloud Run"):
        await driver.deploy("v2", call("a"))
    service.instead = None
    await driver.deploy("v2", call("a"))
    assert len(made(service)) == 1
    assert service.traffic[-1]["tag"] == "canary"


async def test_a_revision_that_does_not_get_ready_is_told_in_googles_words(driver, service):
    service.fails = "The user-provided container failed to start and listen on the port."
    with pytest.raises(PermanentError, match=r"did not get ready: The user-provided container failed.*delete it first"):
        await driver.deploy("v2", call("a"))
    assert service.traffic == [to("payment-1", 100), to("payment-2", tag="canary")]


async def test_one_that_is_not_ready_in_time_may_be_waited_for_again(service):
    service.looks = -1
    with pytest.raises(TemporaryError, match=r"is not ready after 0.3 s"):
        await deployer(service.url, ready_s=0.3).deploy("v2", call("a"))


async def test_a_service_whose_traffic_follows_the_latest_revision_is_refused_before_anything_is_made(driver, service):
    service.traffic = [latest(100)]
    for act in (driver.probe(), driver.deploy("v2", call("a")), driver.rehearse("v2", call("b"))):
        with pytest.raises(PermanentError, match=r"whatever revision is the latest.*update-traffic payment"):
            await act
    assert made(service) == {}


async def test_one_of_several_containers_is_named(driver, service):
    service.template["containers"].append({"name": "proxy", "image": "envoy"})
    with pytest.raises(PermanentError, match="containers app, proxy: say in `container`"):
        await driver.deploy("v2", call("a"))
    await deployer(service.url, container="app").deploy("v2", call("a"))
    ((_, revision),) = made(service).items()
    assert [one["image"] for one in revision["containers"]] == ["img/payment:v2", "envoy"]


async def test_a_rehearsal_asks_cloud_run_to_validate_only(driver, service):
    await driver.rehearse("v2", call("a"))
    (asked,) = [one for one in service.requests if one.method == "PATCH"]
    assert asked.query == {"updateMask": "template", "validateOnly": "true"}


async def test_a_long_version_still_makes_a_name_that_cloud_run_takes(driver, service):
    await driver.deploy("Release/2026.11_" + "x" * 200, call("a"))
    ((name, _),) = made(service).items()
    assert len(name) <= 63
    assert name.startswith("payment-release-2026-11-xxx")


def test_an_image_without_the_version_is_refused():
    with pytest.raises(ValidationError, match=r"an image with \{version\} in it"):
        deployer("https://run.googleapis.com", image="img/payment:latest")
