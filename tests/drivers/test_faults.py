"""Drivers of services over HTTP, before everything that can go wrong there."""

from __future__ import annotations

from typing import ClassVar

import pytest

from pilotage.drivers import Context
from pilotage.drivers.checks.github_build import GithubBuildCheck
from pilotage.drivers.checks.gitlab_build import GitlabBuildCheck
from pilotage.drivers.notify.statuspage import StatuspageNotifier
from pilotage.drivers.tracker.github_issues import GithubIssuesTracker
from pilotage.drivers.traffic.caddy import CaddyTraffic
from pilotage.testing import FaultsContract


class OfAService(FaultsContract):
    """Its token is in the environment."""

    driver: type
    given: dict[str, object]

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        monkeypatch.setenv("TEST_TOKEN", self.secret)

    def at(self, url):
        token = {"token": {"env": "TEST_TOKEN"}}
        options = {"api": url, "timeout_s": self.patience_s, **token, **self.given}
        return self.driver(self.driver.Options.model_validate(options), Context(None, None))


class TestGithubBuild(OfAService):
    name, driver = "GitHub", GithubBuildCheck
    given: ClassVar = {"repository": "acme/shop", "commit": "main"}
    shapes = (b"[]", b"null", b'"x"', b"17")


class TestGithubIssues(OfAService):
    name, driver = "GitHub", GithubIssuesTracker
    given: ClassVar = {"repository": "acme/shop"}


class TestGitlabBuild(OfAService):
    name, driver = "GitLab", GitlabBuildCheck
    given: ClassVar = {"project": "acme/shop", "commit": "main"}
    shapes = (b"[]", b"null", b'"x"', b"17")


class TestStatuspage(OfAService):
    name, driver = "Statuspage", StatuspageNotifier
    given: ClassVar = {"page": "abcdefgh1234"}


class TestCaddy(FaultsContract):
    name = "Caddy"

    def at(self, url):
        options = {"admin": url, "id": "payment", "canary": ["a:1"], "stable": ["b:1"], "timeout_s": self.patience_s}
        return CaddyTraffic(CaddyTraffic.Options.model_validate(options), Context(None, None))
