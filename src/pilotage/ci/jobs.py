"""Which pull request or merge request this job belongs to, by what the CI says of itself.

docs.github.com/actions/reference/variables-reference, docs.gitlab.com/ci/variables/predefined_variables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pilotage.ci.github import GitHub
from pilotage.ci.gitlab import GitLab
from pilotage.core.errors import PilotageError

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_API = re.compile(r"https://[^\s@?#]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/[^\s@?#]*)?")


class NoPullRequest(PilotageError):
    """There is nowhere to comment; the sentence says what is missing."""


class Forge(Protocol):
    """One pull request's comments."""

    def mine(self, sign: str) -> int | None:
        """The id of the comment of ours that has `sign`."""

    def write(self, text: str, number: int | None) -> None:
        """A new comment, or the one with that id anew."""

    def close(self) -> None: ...


def forge_of(environment: Mapping[str, str]) -> Forge:
    """Raises NoPullRequest, also for a CI that is neither of the two, and what the forge answers with."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return _github(environment)
    if environment.get("GITLAB_CI") == "true":
        return _gitlab(environment)
    raise NoPullRequest("this is no job of GitHub Actions or GitLab CI")


def address(environment: Mapping[str, str]) -> str:
    """Of this job, for people; empty where the CI does not say it."""
    server, repository, run = (environment.get(f"GITHUB_{one}", "") for one in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return environment.get("CI_JOB_URL", "")


def _github(environment: Mapping[str, str]) -> Forge:
    token = environment.get("GITHUB_TOKEN", "")
    if not token:
        raise NoPullRequest("GITHUB_TOKEN is empty: the action's input github-token sets it")
    repository = _fitting(_REPOSITORY, environment.get("GITHUB_REPOSITORY", ""), "GITHUB_REPOSITORY")
    api = _fitting(_API, environment.get("GITHUB_API_URL", "https://api.github.com"), "GITHUB_API_URL")
    forge = GitHub(api, repository, token)
    event = _event(environment.get("GITHUB_EVENT_PATH", ""))
    number = (event.get("pull_request") or {}).get("number") or event.get("number")
    if not isinstance(number, int):
        number = forge.pull_request_of(_fitting(_COMMIT, environment.get("GITHUB_SHA", ""), "GITHUB_SHA"))
    return _about(forge, number)


def _gitlab(environment: Mapping[str, str]) -> Forge:
    token = environment.get("PILOTAGE_GITLAB_TOKEN", "")
    if not token:
        raise NoPullRequest(
            "PILOTAGE_GITLAB_TOKEN is empty: a project access token with the scope api and the role Reporter, "
            "as a masked variable (a job's own token cannot comment)"
        )
    project = _fitting(re.compile(r"\d{1,18}"), environment.get("CI_PROJECT_ID", ""), "CI_PROJECT_ID")
    forge = GitLab(_fitting(_API, environment.get("CI_API_V4_URL", ""), "CI_API_V4_URL"), project, token)
    iid = environment.get("CI_MERGE_REQUEST_IID", "")
    number = int(iid) if iid.isdecimal() else None
    if number is None:
        number = forge.merge_request_of(_fitting(_COMMIT, environment.get("CI_COMMIT_SHA", ""), "CI_COMMIT_SHA"))
    return _about(forge, number)


def _about(forge: GitHub | GitLab, number: int | None) -> Forge:
    if number is None:
        forge.close()
        raise NoPullRequest("no pull request or merge request belongs to this commit")
    forge.number = number
    return forge


def _fitting(pattern: re.Pattern[str], given: str, name: str) -> str:
    if not pattern.fullmatch(given):
        raise NoPullRequest(f"{name} is not what a job has there: {given[:80]!r}")
    return given


def _event(path: str) -> dict[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
