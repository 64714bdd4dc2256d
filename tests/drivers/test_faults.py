"""Drivers of services over HTTP, before everything that can go wrong there."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pilotage.drivers import Context, Message
from pilotage.drivers.checks.github_build import GithubBuildCheck
from pilotage.drivers.checks.gitlab_build import GitlabBuildCheck
from pilotage.drivers.metrics.scrape import ScrapeMetrics
from pilotage.drivers.notify.pagerduty import PagerDutyNotifier
from pilotage.drivers.notify.slack import SlackNotifier
from pilotage.drivers.notify.statuspage import StatuspageNotifier
from pilotage.drivers.tracker.github_issues import GithubIssuesTracker
from pilotage.drivers.traffic.caddy import CaddyTraffic
from pilotage.drivers.traffic.envoy import EnvoyTraffic
from pilotage.testing import FaultsContract
from tests.drivers.faulty import OfAService


class OfADriver(OfAService):
    """`driver` with the options `given` besides its address and token."""

    driver: type
    given: ClassVar[dict[str, object]]

    def build(self, url, timeout_s):
        options = {"api": url, "timeout_s": timeout_s, "token": {"env": "TEST_TOKEN"}, **self.given}
        return self.driver(self.driver.Options.model_validate(options), Context(None, None))


class TestGithubBuild(OfADriver):
    name, driver = "GitHub", GithubBuildCheck
    given: ClassVar = {"repository": "acme/shop", "commit": "main"}
    shapes = (b"[]", b"null", b'"x"', b"17")


class TestGithubIssues(OfADriver):
    name, driver = "GitHub", GithubIssuesTracker
    given: ClassVar = {"repository": "acme/shop"}


class TestGitlabBuild(OfADriver):
    name, driver = "GitLab", GitlabBuildCheck
    given: ClassVar = {"project": "acme/shop", "commit": "main"}
    shapes = (b"[]", b"null", b'"x"', b"17")


class TestStatuspage(OfADriver):
    name, driver = "Statuspage", StatuspageNotifier
    given: ClassVar = {"page": "abcdefgh1234"}


class TestEnvoy(OfAService):
    name = "Envoy"
    shapes = (b"[]", b"null", b'"x"', b"17", b'{"entries": 1}', b'{"entries": {"payment.canary": {}}}')

    def build(self, url, timeout_s):
        options = {"admin": url, "runtime_dir": "runtime", "key": "payment.canary", "token": {"env": "TEST_TOKEN"}}
        return EnvoyTraffic(EnvoyTraffic.Options.model_validate(options), Context(Path(), Path()))

    async def act(self, driver):
        return await driver.read_weight()


class TestSlack(OfAService):
    name = "Slack"

    def build(self, url, timeout_s):
        options = {"token": {"env": "TEST_TOKEN"}, "channel": "C012AB3CD", "api": url, "timeout_s": timeout_s}
        return SlackNotifier(SlackNotifier.Options.model_validate(options), Context(None, None))


class TestPagerDuty(OfAService):
    name, secret = "PagerDuty", "0123456789abcdef0123456789abcdef"

    def build(self, url, timeout_s):
        options = {"routing_key": {"env": "TEST_TOKEN"}, "api": url, "timeout_s": timeout_s}
        return PagerDutyNotifier(PagerDutyNotifier.Options.model_validate(options), Context(None, None))

    async def act(self, driver):
        return await driver.send(Message("r-1/0", "r-1", "held", "payment v2: held", "errors rise"))


class TestScrape(OfAService):
    name = "/metrics"
    shapes = (b"hits{", b"hits one")

    def build(self, url, timeout_s):
        options = {"urls": [f"{url}/metrics"], "token": {"env": "TEST_TOKEN"}, "timeout_s": timeout_s}
        return ScrapeMetrics(ScrapeMetrics.Options.model_validate(options), Context(None, None))

    async def act(self, driver):
        return await driver.read(["hits"])


class TestCaddy(FaultsContract):
    name = "Caddy"

    def at(self, url):
        options = {"admin": url, "id": "payment", "canary": ["a:1"], "stable": ["b:1"], "timeout_s": self.patience_s}
        return CaddyTraffic(CaddyTraffic.Options.model_validate(options), Context(None, None))
