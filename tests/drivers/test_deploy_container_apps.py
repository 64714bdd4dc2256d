"""The container-apps deployer, on a server that speaks as Azure's reference says."""

from __future__ import annotations

import re

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.deploy.container_apps import ContainerAppsDeployer
from pilotage.testing import DeployerContract, UnreachableContract, call
from tests.drivers.containerapps import SUBSCRIPTION, ContainerAppsServer, latest, to
from tests.drivers.faulty import OfAService
from tests.drivers.served import serve

SECRET = OfAService.secret


def deployer(url, **more):
    options = {
        "subscription": SUBSCRIPTION, "resource_group": "shop", "app": "payment", "image": "img/payment:{version}",
        "token": {"env": "TEST_TOKEN"}, "api": url, "timeout_s": 2, "ready_s": 2, **more,
    }  # fmt: skip
    return ContainerAppsDeployer(ContainerAppsDeployer.Options.model_validate(options), Context(None, None))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    with serve(ContainerAppsServer(token=SECRET)) as running:
        yield running


@pytest.fixture
def driver(service):
    return deployer(service.url)


def made(service):
    return {name: one for name, one in service.revisions.items() if name not in ("payment--1", "payment--2")}


class TestContainerApps(DeployerContract, UnreachableContract):
    @pytest.fixture
    def deployed(self, service):
        return lambda: [one["template"]["containers"][0]["image"].rsplit(":")[1] for one in made(service).values()]

    @pytest.fixture
    def unreachable(self, monkeypatch):
        monkeypatch.setenv("TEST_TOKEN", SECRET)
        return deployer("http://127.0.0.1:9")


class TestLooking(OfAService):
    name, build = "Container Apps", staticmethod(deployer)


class TestDeploying(TestLooking):
    async def act(self, driver):
        return await driver.deploy("v2", call("a"))


async def test_the_new_revision_is_like_the_last_but_for_its_image_gets_no_traffic_and_the_label(driver, service):
    service.ingress["traffic"] = [to("payment--1", 100), to("payment--2", 0, "canary")]
    said = await driver.deploy("v2.0", call("a"))
    ((name, revision),) = made(service).items()
    assert name.startswith("payment--v2-0-")
    assert name in said
    assert len(name) <= 54
    template = revision["template"]
    assert template["containers"] == [
        {"name": "app", "image": "img/payment:v2.0", "env": [{"name": "A", "secretRef": "b"}]}
    ]
    assert template["scale"] == {"minReplicas": 1}
    assert service.ingress["traffic"] == [to("payment--1", 100), to(name, 0, "canary")]


async def test_a_label_on_the_revision_that_serves_moves_without_its_weight(driver, service):
    service.ingress["traffic"] = [to("payment--1", 100, "canary")]
    await driver.deploy("v2", call("a"))
    (name,) = made(service)
    assert service.ingress["traffic"] == [to("payment--1", 100), to(name, 0, "canary")]


async def test_a_try_that_was_broken_off_is_taken_up_where_it_was(driver, service):
    service.instead = lambda one: setattr(service, "lose", 1) if one.method == "PATCH" else None
    with pytest.raises(TemporaryError, match="Container Apps"):
        await driver.deploy("v2", call("a"))
    service.instead = None
    await driver.deploy("v2", call("a"))
    assert len(made(service)) == 1
    assert service.ingress["traffic"][-1]["label"] == "canary"


async def test_a_revision_that_does_not_get_well_is_told_in_azures_words(driver, service):
    service.why = "Container app failed to start: exit code 1"
    with pytest.raises(PermanentError, match=r"did not get well \(provisioning Provisioned.*exit code 1"):
        await driver.deploy("v2", call("a"))
    assert service.ingress["traffic"] == [to("payment--1", 100)]


async def test_one_that_is_not_healthy_in_time_may_be_waited_for_again(service):
    service.looks = -1
    with pytest.raises(TemporaryError, match=r"is not healthy after 0.3 s \(provisioning Provisioning"):
        await deployer(service.url, ready_s=0.3).deploy("v2", call("a"))


async def test_an_app_whose_traffic_follows_the_latest_revision_is_refused_before_anything_is_made(driver, service):
    service.ingress["traffic"] = [latest(100)]
    for act in (driver.probe(), driver.deploy("v2", call("a"))):
        with pytest.raises(PermanentError, match=r"whatever revision is the latest.*ingress traffic set"):
            await act
    assert made(service) == {}


async def test_an_unknown_container_is_told_with_those_that_there_are(service):
    with pytest.raises(PermanentError, match="no container web, but app"):
        await deployer(service.url, container="web").deploy("v2", call("a"))


@pytest.mark.parametrize("version", ["1.2.3", "0b699ef", "2026-11-26", "---", "v2", "é"])
async def test_a_revisions_name_begins_with_a_letter_whatever_the_version_and_ends_with_none_of_its_hyphens(
    driver, service, version
):
    await driver.deploy(version, call("a"))
    (name,) = made(service)
    assert re.fullmatch(r"payment--[a-z](-?[a-z0-9])*", name), name
    assert len(name) <= len("payment--") + 20
