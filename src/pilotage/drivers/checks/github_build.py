"""Whether GitHub says that a commit was built: its check runs and commit statuses, or named workflows' runs.

The REST API, version 2022-11-28: docs.github.com/en/rest, under checks/runs, commits/statuses, actions/workflow-runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Evidence
from pilotage.drivers.answers import Answer, get_json, listed, one_line, refuse, usable
from pilotage.drivers.http import Client
from pilotage.drivers.names import CommitName
from pilotage.drivers.secrets import Secret

_GOOD = ("success", "neutral", "skipped")
_PAGE = 100
_MOST_PAGES = 10


@dataclass(frozen=True)
class _Build:
    """`state` is empty while it runs."""

    name: str
    state: str


class GithubBuildCheck:
    class Options(DriverOptions):
        """`commit` is a hash, branch or tag. `workflows`: only these, by name or by file name; usually all checks."""

        repository: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$")
        commit: CommitName
        token: Secret | None = None
        api: str = Field(default="https://api.github.com", pattern=r"^https?://[^\s@?#]+$")
        workflows: list[str] = Field(default_factory=list, max_length=50)
        timeout_s: float = Field(default=10.0, gt=0, le=120)

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._client = Client(options.timeout_s)

    async def probe(self) -> str:
        repository = self._options.repository
        answer = await self._get("")
        refuse(answer, "GitHub", f"repository {repository}", self._options.token)
        _mapping(answer)
        return f"GitHub shows {repository}"

    async def look(self) -> Evidence:
        options = self._options
        where = f"{options.repository} at {options.commit}"
        status = await self._get(f"/commits/{quote(options.commit, safe='')}/status?per_page={_PAGE}")
        if status.status in (404, 422):
            await self.probe()  # says so when it is the repository that is not there
            return Evidence(None, f"GitHub knows no commit {options.commit} in {options.repository}: was it pushed?")
        refuse(status, "GitHub", f"the status of {where}", options.token)
        commit = _mapping(status).get("sha")
        if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", commit):
            raise _not_github(options.api)
        if not commit.startswith(options.commit):
            where = f"{where} ({commit[:7]})"
        if options.workflows:
            return await self._workflows(commit, where)
        runs, complete = await self._pages(f"/commits/{commit}/check-runs", "check_runs")
        builds = [*_builds(runs), *_statuses(status, options.api)]
        return _judged(builds, where) if complete else _incomplete(where)

    async def close(self) -> None:
        """The connections are the process's."""

    async def _workflows(self, commit: str, where: str) -> Evidence:
        runs, complete = await self._pages(f"/actions/runs?head_sha={commit}", "workflow_runs")
        if not complete:
            return _incomplete(where)
        latest: dict[str, dict[str, Any]] = {}
        for run in sorted(runs, key=_number):
            file = str(run.get("path", "")).split("@")[0].rpartition("/")[2]
            for wanted in self._options.workflows:
                if wanted in (run.get("name"), file):
                    latest[wanted] = run | {"name": wanted}
        missing = [one for one in self._options.workflows if one not in latest]
        if missing:
            return Evidence(None, f"{where}: no run of {listed(missing)}")
        return _judged(_builds(latest.values()), where)

    async def _pages(self, path: str, key: str) -> tuple[list[dict[str, Any]], bool]:
        """All rows, and whether they are really all."""
        rows: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = await self._get(f"{path}{'&' if '?' in path else '?'}per_page={_PAGE}&page={page}")
            refuse(answer, "GitHub", f"builds of {self._options.repository}", self._options.token)
            body = _mapping(answer)
            found, total = body.get(key), body.get("total_count")
            if (
                not isinstance(found, list)
                or not isinstance(total, int)
                or not all(isinstance(one, dict) for one in found)
            ):
                raise _not_github(self._options.api)
            rows += found
            if not found or 'rel="next"' not in answer.headers.get("link", ""):
                return rows, len(rows) >= total
        return rows, False

    async def _get(self, path: str) -> Answer:
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "pilotage",
        }
        if self._options.token is not None:
            headers["Authorization"] = f"Bearer {usable(self._options.token)}"
        place = f"/repos/{self._options.repository}{path}"
        return await get_json(self._client, self._options.api, place, headers, self._options.timeout_s, "GitHub")


def _builds(runs: Iterable[dict[str, Any]]) -> list[_Build]:
    """Check runs and workflow runs have the same words: `status` until completed, then a `conclusion`."""
    return [
        _Build(str(run.get("name")), str(run.get("conclusion")) if run.get("status") == "completed" else "")
        for run in runs
    ]


def _statuses(answer: Answer, api: str) -> list[_Build]:
    """Commit statuses, from servers other than Actions. The combined `state` counts, also beyond the first page."""
    body = _mapping(answer)
    rows, state = body.get("statuses"), body.get("state")
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise _not_github(api)
    builds = [
        _Build(str(one.get("context")), "" if one.get("state") == "pending" else str(one.get("state"))) for one in rows
    ]
    if rows and state != "success" and all(one.state == "success" for one in builds):
        builds.append(_Build("a commit status", "" if state == "pending" else str(state)))
    return builds


def _judged(builds: list[_Build], where: str) -> Evidence:
    failed = [f"{one.name} ({one_line(one.state, 30)})" for one in builds if one.state and one.state not in _GOOD]
    running = [one.name for one in builds if not one.state]
    if failed:
        return Evidence(False, f"{where}: failed: {listed(failed)}")
    if running:
        return Evidence(False, f"{where}: still running: {listed(running)}")
    if not builds:
        return Evidence(None, f"no build ran for {where}")
    if all(one.state == "skipped" for one in builds):
        return Evidence(None, f"{where}: every build was skipped: {listed([one.name for one in builds])}")
    passed = "1 build passed" if len(builds) == 1 else f"{len(builds)} builds passed"
    return Evidence(True, f"{where}: {passed}: {listed([one.name for one in builds])}")


def _incomplete(where: str) -> Evidence:
    return Evidence(None, f"{where}: GitHub did not list all builds (at most {_PAGE * _MOST_PAGES} are read)")


def _number(run: dict[str, Any]) -> int:
    number = run.get("id")
    return number if isinstance(number, int) else 0


def _mapping(answer: Answer) -> dict[str, Any]:
    if not isinstance(answer.body, dict):
        raise PermanentError("this does not answer as GitHub's API does: is `api` right?")
    return answer.body


def _not_github(api: str) -> PermanentError:
    return PermanentError(f"{api} does not answer as GitHub's API does: is `api` right?")
