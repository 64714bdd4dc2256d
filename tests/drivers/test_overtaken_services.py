"""A call that is ended for a later one must not have the last word, however slowly the service answers it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

import pytest

from pilotage.drivers.process import OVERTAKEN
from pilotage.testing import call
from tests.drivers import (
    test_traffic_cloud_run,
    test_traffic_configcat,
    test_traffic_container_apps,
    test_traffic_flagsmith,
    test_traffic_flipt,
    test_traffic_growthbook,
    test_traffic_launchdarkly,
    test_traffic_posthog,
    test_traffic_statsig,
)
from tests.drivers.changing import SECRET
from tests.drivers.cloudrun import CloudRunServer
from tests.drivers.configcat import ConfigCat
from tests.drivers.containerapps import ContainerAppsServer
from tests.drivers.flagsmith import Flagsmith
from tests.drivers.flipt import Flipt
from tests.drivers.growthbook import GrowthBook
from tests.drivers.launchdarkly import LaunchDarkly
from tests.drivers.posthog import PostHog
from tests.drivers.served import serve
from tests.drivers.statsig import Statsig

KINDS = {
    "launchdarkly": (LaunchDarkly, test_traffic_launchdarkly.driver_of),
    "flipt 1": (Flipt, lambda url: test_traffic_flipt.driver_of(1, url)),
    "flipt 2": (Flipt, lambda url: test_traffic_flipt.driver_of(2, url)),
    "flagsmith": (Flagsmith, test_traffic_flagsmith.driver_of),
    "statsig": (lambda: Statsig(token=SECRET), test_traffic_statsig.splitter),
    "configcat": (lambda: ConfigCat(token=SECRET), test_traffic_configcat.splitter),
    "growthbook": (lambda: GrowthBook(token=SECRET), test_traffic_growthbook.splitter),
    "posthog": (lambda: PostHog(token=SECRET), test_traffic_posthog.splitter),
    "cloud-run": (lambda: CloudRunServer(token=SECRET), test_traffic_cloud_run.splitter),
    "container-apps": (lambda: ContainerAppsServer(token=SECRET), test_traffic_container_apps.splitter),
}


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", SECRET)
    for module, name in (
        (test_traffic_launchdarkly, "LD_TOKEN"),
        (test_traffic_flipt, "FLIPT_TOKEN"),
        (test_traffic_flagsmith, "FLAGSMITH_KEY"),
    ):
        monkeypatch.setenv(name, module.TOKEN)


@pytest.fixture(params=KINDS)
def kind(request):
    made, driver_of = KINDS[request.param]
    with serve(made()) as service:
        yield service, driver_of(service.url)


@dataclass
class Held:
    """The request that `which` says is held up before anything is done: it has `begun`, it may `go_on`."""

    which: object
    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request):
        if not self.begun.is_set() and self.which(request):
            self.begun.set()
            self.go_on.wait(10)


async def overtaken(service, driver, held):
    """A call forward that is ended while `held` has one of its requests."""
    service.instead = held
    forward = asyncio.create_task(driver.set_weight(50, call("forward")))
    assert await asyncio.to_thread(held.begun.wait, 10)
    forward.cancel(OVERTAKEN)
    return forward


async def test_what_is_on_its_way_is_waited_for_and_then_taken_back(kind):
    service, driver = kind
    held = Held(lambda request: request.method != "GET")
    forward = await overtaken(service, driver, held)
    back = asyncio.create_task(driver.set_weight(0, call("back")))
    await asyncio.wait([back], timeout=0.3)
    held.go_on.set()
    assert await back == 0
    await asyncio.wait([forward])
    assert forward.cancelled()
    assert await driver.read_weight() == 0


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_nothing_is_sent_any_more_once_a_call_was_given_up(kind, number):
    service, driver = kind
    held = Held(lambda _: len(service.requests) == number)
    forward = await overtaken(service, driver, held)
    made = [one for one in service.requests if one.method != "GET"]
    held.go_on.set()
    await asyncio.wait([forward])
    await asyncio.sleep(0.1)
    assert [one for one in service.requests if one.method != "GET"] == made
