"""Whether GitHub says that a commit was built: its check runs and commit statuses, or named workflows' runs.

docs.github.com/en/rest, under checks/runs, commits/statuses, actions/workflow-runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.drivers import Context, DriverOptions, Evidence
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.github import API, PAGE, Api, Github, RepositoryName, has_more
from pilotage.drivers.names import CommitName
from pilotage.drivers.secrets import Secret

_GOOD = ("success", "neutral", "skipped")
_MOST_PAGES = 10


@dataclass(frozen=True)
class _Build:
    """`state` is empty while it runs."""

    name: str
    state: str


class GithubBuildCheck:
    class Options(DriverOptions):
        repository: RepositoryName = Field(description="its name, owner/name")
        commit: CommitName = Field(description="a hash, a branch or a tag; it is resolved at each look")
        token: Secret | None = Field(
            default=None, description="without one public repositories only, and few questions an hour"
        )
        api: Api = Field(
            default=API, description="where GitHub's API is; GitHub Enterprise Server: https://HOST/api/v3"
        )
        workflows: list[str] = Field(
            default_factory=list,
            max_length=50,
            description="only the latest runs of these, by name or file name; without it all checks",
        )
        timeout_s: float = Field(default=10.0, gt=0, le=120, description="seconds for each question")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._github = Github(options.repository, options.api, options.token, options.timeout_s)

    async def probe(self) -> str:
        await self._github.about()
        return f"GitHub shows {self._options.repository}"

    async def look(self) -> Evidence:
        options = self._options
        where = f"{options.repository} at {options.commit}"
        status = await self._github.get(f"/commits/{quote(options.commit, safe='')}/status?per_page={PAGE}")
        if status.status in (404, 422):
            await self.probe()  # says so when it is the repository that is not there
            return Evidence(None, f"GitHub knows no commit {options.commit} in {options.repository}: was it pushed?")
        self._github.refuse(status, f"the status of {where}")
        commit = self._github.mapping(status).get("sha")
        if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", commit):
            raise self._github.stranger()
        if not commit.startswith(options.commit):
            where = f"{where} ({commit[:7]})"
        if options.workflows:
            return await self._workflows(commit, where)
        runs, complete = await self._pages(f"/commits/{commit}/check-runs", "check_runs")
        builds = [*_builds(runs), *_statuses(self._github.mapping(status), self._github)]
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
            answer = await self._github.get(f"{path}{'&' if '?' in path else '?'}per_page={PAGE}&page={page}")
            self._github.refuse(answer, f"builds of {self._options.repository}")
            body = self._github.mapping(answer)
            found, total = self._github.rows(body.get(key)), body.get("total_count")
            if not isinstance(total, int):
                raise self._github.stranger()
            rows += found
            if not found or not has_more(answer):
                return rows, len(rows) >= total
        return rows, False


def _builds(runs: Iterable[dict[str, Any]]) -> list[_Build]:
    """Check runs and workflow runs have the same words: `status` until completed, then a `conclusion`."""
    return [
        _Build(str(run.get("name")), str(run.get("conclusion")) if run.get("status") == "completed" else "")
        for run in runs
    ]


def _statuses(body: dict[str, Any], github: Github) -> list[_Build]:
    """Commit statuses, from servers other than Actions. The combined `state` counts, also beyond the first page."""
    rows, state = github.rows(body.get("statuses")), body.get("state")
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
    return Evidence(None, f"{where}: GitHub did not list all builds (at most {PAGE * _MOST_PAGES} are read)")


def _number(run: dict[str, Any]) -> int:
    number = run.get("id")
    return number if isinstance(number, int) else 0
