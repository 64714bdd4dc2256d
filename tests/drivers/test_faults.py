"""Drivers of services over HTTP, before everything that can go wrong there."""

from __future__ import annotations

from typing import ClassVar

from pilotage.drivers import Context
from pilotage.drivers.checks.github_build import GithubBuildCheck
from pilotage.drivers.checks.gitlab_build import GitlabBuildCheck
from pilotage.drivers.notify.statuspage import StatuspageNotifier
from pilotage.drivers.tracker.github_issues import GithubIssuesTracker
from pilotage.drivers.traffic.caddy import CaddyTraffic
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


class TestCaddy(FaultsContract):
    name = "Caddy"

    def at(self, url):
        options = {"admin": url, "id": "payment", "canary": ["a:1"], "stable": ["b:1"], "timeout_s": self.patience_s}
        return CaddyTraffic(CaddyTraffic.Options.model_validate(options), Context(None, None))
