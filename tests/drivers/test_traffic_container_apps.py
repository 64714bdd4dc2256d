"""The container-apps splitter, on a server that speaks as Azure's reference says."""

from __future__ import annotations

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, container_apps
from pilotage.drivers.traffic.container_apps import ContainerAppsTraffic
from pilotage.testing import UnreachableContract, call
from tests.drivers.changing import SECRET, ServedContract
from tests.drivers.containerapps import SUBSCRIPTION, ContainerAppsServer, latest, to
from tests.drivers.faulty import OfAService
from tests.drivers.served import Served, serve


def splitter(url, **more):
    options = {
        "subscription": SUBSCRIPTION, "resource_group": "shop", "app": "payment", "canary": "payment--2",
        "stable": "payment--1", "token": {"env": "TEST_TOKEN"}, "api": url, "timeout_s": 2, **more,
    }  # fmt: skip
    return ContainerAppsTraffic(ContainerAppsTraffic.Options.model_validate(options), Context(None, None))


@pytest.fixture
def service(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    with serve(ContainerAppsServer(token=SECRET)) as running:
        yield running


@pytest.fixture
def driver(service):
    return splitter(service.url)


class TestContainerApps(ServedContract, UnreachableContract):
    name, tolerance, step = "Container Apps", 0.5, 1
    weights = asked = (0, 1, 10, 33, 50, 99, 100)

    @pytest.fixture
    def unreachable(self):
        return splitter("http://127.0.0.1:9")

    async def test_a_change_that_does_not_come_into_force_is_told(self, driver, service):
        await driver.set_weight(10, call("a"))
        service.ignores = True
        with pytest.raises(TemporaryError, match=r"not come to 50 %.*Does somebody else set it"):
            await driver.set_weight(50, call("b", timeout_s=0.3))


class TestLooking(OfAService):
    name, build = "Container Apps", staticmethod(splitter)


class TestChanging(TestLooking):
    async def act(self, driver):
        return await driver.set_weight(10, call("a"))


async def test_half_a_percent_is_refused_in_plain_words(driver):
    with pytest.raises(PermanentError, match=r"Container Apps knows whole percents only, not 0.5 %: set 0 or 1 %"):
        await driver.set_weight(0.5, call("a"))


async def test_labels_stay_and_take_the_weight_of_their_revision(service):
    service.ingress["traffic"] = [to("payment--1", 100), to("payment--2", 0, "canary")]
    driver = splitter(service.url, canary="canary")
    await driver.set_weight(25, call("a"))
    assert service.ingress["traffic"] == [to("payment--1", 75), to("payment--2", 25, "canary")]
    await driver.set_weight(100, call("b"))
    assert service.ingress["traffic"] == [to("payment--2", 100, "canary")]
    await driver.set_weight(0, call("c"))
    assert service.ingress["traffic"] == [to("payment--1", 100), to("payment--2", 0, "canary")]
    assert service.ingress["targetPort"] == 80


async def test_it_waits_until_azure_has_done_it(driver, service):
    service.looks = 4
    assert await driver.set_weight(30, call("a")) == 30
    assert [one.method for one in service.requests].count("GET") == 5


async def test_one_that_takes_longer_than_the_limit_is_told_and_found_by_the_next_try(driver, service):
    service.looks = -1
    with pytest.raises(TemporaryError, match=r"not come to 30 % within 0.3 s: Azure is still at it \(InProgress\)"):
        await driver.set_weight(30, call("a", timeout_s=0.3))
    service.waiting = 1
    assert await driver.set_weight(30, call("a")) == 30
    assert [one.method for one in service.requests].count("PATCH") == 1


async def test_a_change_that_fails_is_told_and_tried_anew_by_the_next_call(driver, service):
    service.ends = "Failed"
    with pytest.raises(PermanentError, match="did not come to 30 %: its provisioningState is Failed"):
        await driver.set_weight(30, call("a"))
    service.ends = "Succeeded"
    assert await driver.set_weight(30, call("b")) == 30


async def test_an_app_that_is_being_changed_may_be_tried_again(driver, service):
    service.busy = True
    with pytest.raises(TemporaryError, match=r"being changed already.*while it is provisioning"):
        await driver.set_weight(30, call("a"))


async def test_one_active_revision_at_a_time_is_refused(driver, service):
    service.mode = "Single"
    with pytest.raises(PermanentError, match=r"activeRevisionsMode Multiple \(az containerapp revision set-mode"):
        await driver.probe()


async def test_an_app_without_ingress_is_refused(driver, service):
    service.ingress = None
    with pytest.raises(PermanentError, match="no ingress"):
        await driver.probe()


async def test_traffic_to_the_latest_revision_is_refused_and_told_how_to_end_it(driver, service):
    service.ingress["traffic"] = [latest(100)]
    with pytest.raises(PermanentError, match=r"whatever revision is the latest.*--revision-weight payment--1=100"):
        await driver.probe()


async def test_a_third_revision_with_traffic_is_refused_by_its_name(driver, service):
    service.ingress["traffic"] = [to("payment--1", 90), to("payment--0", 10)]
    with pytest.raises(PermanentError, match="also sends traffic to payment--0"):
        await driver.set_weight(10, call("a"))


async def test_an_unknown_canary_is_told_in_azures_words(service):
    with pytest.raises(PermanentError, match="payment--9 was not found"):
        await splitter(service.url, canary="payment--9").set_weight(10, call("b"))


async def test_the_machines_identity_is_asked_for_a_token_for_azure(service, monkeypatch):
    class Imds(Served):
        """learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token"""

        def answer(self, request):
            assert request.headers["metadata"] == "true"
            assert request.path == "/metadata/identity/oauth2/token"
            assert request.query == {
                "api-version": "2018-02-01",
                "resource": f"{service.url}/",
                "client_id": SUBSCRIPTION,
            }
            return 200, {}, {"access_token": SECRET, "expires_in": "3599", "expires_on": "1506484173"}

    with serve(Imds()) as imds:
        monkeypatch.setattr(container_apps, "_IMDS", imds.url)
        driver = splitter(service.url, token=None, identity=SUBSCRIPTION)
        assert await driver.set_weight(10, call("a")) == 10
        assert len(imds.requests) == 1


@pytest.mark.parametrize("stranger", [to("payment--0", 10), latest(10)])
async def test_what_got_traffic_meanwhile_does_not_bar_the_way_back_keeps_it_and_is_told(driver, service, stranger):
    service.revisions["payment--0"] = service.revisions["payment--1"]
    service.ingress["traffic"] = [to("payment--1", 60), to("payment--2", 30, "canary"), stranger]
    with pytest.raises(PermanentError, match=r"also sends traffic to payment--0|whatever revision is the latest"):
        await driver.set_weight(0, call("a"))
    assert service.ingress["traffic"] == [to("payment--1", 90), to("payment--2", 0, "canary"), stranger]


async def test_the_way_back_waits_until_azure_is_done_with_the_change_before(driver, service):
    service.looks = -1
    with pytest.raises(TemporaryError, match="still at it"):
        await driver.set_weight(30, call("a", timeout_s=0.2))
    service.busy = True

    def done(request):
        if len(service.requests) == 12:
            service.busy, service.waiting, service.looks = False, 1, 1

    service.instead = done
    assert await driver.set_weight(0, call("b")) == 0


async def test_one_that_azure_never_gets_to_is_told(driver, service):
    service.state, service.waiting = "InProgress", -1
    with pytest.raises(TemporaryError, match=r"Azure is at another change of it all the time \(InProgress\)"):
        await driver.set_weight(30, call("a", timeout_s=0.3))
    assert [one.method for one in service.requests].count("PATCH") == 0


@pytest.mark.parametrize("status", [404, 410])
async def test_azures_metadata_server_is_being_updated_for_a_while(service, monkeypatch, status):
    """learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token, "Error handling"."""
    with serve(Served(instead=lambda _: (status, {}, None))) as imds:
        monkeypatch.setattr(container_apps, "_IMDS", imds.url)
        with pytest.raises(TemporaryError, match=rf"being updated, or has no identity for this machine \({status}\)"):
            await splitter(service.url, token=None).probe()
