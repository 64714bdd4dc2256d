"""Drivers of flag services, before everything that can go wrong there: as they look, and as they change."""

from typing import ClassVar

from pilotage.drivers.traffic.flagsmith import FlagsmithTraffic
from pilotage.drivers.traffic.flipt import FliptTraffic
from pilotage.drivers.traffic.launchdarkly import LaunchDarklyTraffic
from pilotage.drivers.traffic.unleash import UnleashTraffic
from pilotage.testing import call
from tests.drivers.test_faults import OfADriver


class Change:
    async def act(self, driver):
        return await driver.set_weight(10, call("a", timeout_s=1))


class TestUnleash(OfADriver):
    name, driver = "Unleash", UnleashTraffic
    given: ClassVar = {"flag": "fix", "environment": "production"}


class TestAChangeInUnleash(Change, TestUnleash):
    pass


class TestLaunchDarkly(OfADriver):
    name, driver = "LaunchDarkly", LaunchDarklyTraffic
    given: ClassVar = {"project": "shop", "flag": "fix", "environment": "production"}


class TestAChangeInLaunchDarkly(Change, TestLaunchDarkly):
    pass


class TestFlipt2(OfADriver):
    name, driver = "Flipt", FliptTraffic
    given: ClassVar = {"flag": "fix", "environment": "production"}


class TestAChangeInFlipt2(Change, TestFlipt2):
    pass


class TestFlipt1(OfADriver):
    name, driver = "Flipt", FliptTraffic
    given: ClassVar = {"flag": "fix"}


class TestAChangeInFlipt1(Change, TestFlipt1):
    pass


class TestFlagsmith(OfADriver):
    name, driver = "Flagsmith", FlagsmithTraffic
    given: ClassVar = {"flag": "fix", "environment": "4vfqhypY", "on": "v2"}


class TestAChangeInFlagsmith(Change, TestFlagsmith):
    pass
