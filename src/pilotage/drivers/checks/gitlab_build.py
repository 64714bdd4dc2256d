"""Whether GitLab says that a commit was built: its pipelines (docs.gitlab.com/api/pipelines, /api/commits)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Evidence
from pilotage.drivers.answers import Answer, listed, one_line
from pilotage.drivers.names import CommitName
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Service

_ENDED = ("success", "failed", "canceled", "skipped")
_PAGE = 100


class GitlabBuildCheck:
    class Options(DriverOptions):
        project: str = Field(
            pattern=r"^(\d{1,12}|[\w.-]+(/[\w.-]+)+)$",
            max_length=255,
            description="its path, group/name, or its number",
        )
        commit: CommitName = Field(description="a hash, a branch or a tag")
        token: Secret | None = Field(default=None, description="of scope read_api; without one public projects only")
        api: str = Field(
            default="https://gitlab.com/api/v4",
            pattern=r"^https?://[^\s@?#]+$",
            description="where GitLab's API is; your own server's: https://HOST/api/v4",
        )
        timeout_s: float = Field(default=10.0, gt=0, le=120, description="seconds for each question")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        keys = {"PRIVATE-TOKEN": options.token} if options.token else {}
        self._service = Service("GitLab", options.api, None, options.timeout_s, keys=keys, follow=True)

    async def probe(self) -> str:
        answer = await self._get("")
        self._service.refuse(answer, f"project {self._options.project}")
        if not isinstance(answer.body, dict):
            raise self._not_gitlab()
        return f"GitLab shows {self._options.project}"

    async def look(self) -> Evidence:
        options = self._options
        where = f"{options.project} at {options.commit}"
        found = await self._get(f"/repository/commits/{quote(options.commit, safe='')}")
        if found.status == 404:
            await self.probe()  # says so when it is the project that is not there
            return Evidence(None, f"GitLab knows no commit {options.commit} in {options.project}: was it pushed?")
        self._service.refuse(found, where)
        commit = found.body.get("id") if isinstance(found.body, dict) else None
        if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", commit):
            raise self._not_gitlab()
        if not commit.startswith(options.commit):
            where = f"{where} ({commit[:7]})"
        listing = await self._get(f"/pipelines?sha={commit}&per_page={_PAGE}")
        self._service.refuse(listing, f"pipelines of {options.project}")
        if not isinstance(listing.body, list) or not all(isinstance(one, dict) for one in listing.body):
            raise self._not_gitlab()
        if len(listing.body) >= _PAGE:
            return Evidence(None, f"{where}: more than {_PAGE - 1} pipelines, GitLab's first page does not tell")
        return _judged(listing.body, where)

    async def close(self) -> None:
        """The connections are the process's."""

    async def _get(self, path: str) -> Answer:
        return await self._service.call("GET", f"/projects/{quote(self._options.project, safe='')}{path}")

    def _not_gitlab(self) -> PermanentError:
        return self._service.stranger("its answer is of another form")


def _judged(pipelines: list[dict[str, Any]], where: str) -> Evidence:
    """The latest pipeline of each branch, tag or merge request and source counts."""
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for one in sorted(pipelines, key=lambda row: row["id"] if isinstance(row.get("id"), int) else 0):
        latest[str(one.get("ref")), str(one.get("source"))] = one
    states = {f"pipeline {one.get('id')} on {ref}": str(one.get("status")) for (ref, _), one in latest.items()}
    failed = [f"{name} ({state})" for name, state in states.items() if state in ("failed", "canceled")]
    waiting = [f"{name} ({one_line(state, 30)})" for name, state in states.items() if state not in _ENDED]
    if failed:
        return Evidence(False, f"{where}: failed: {listed(failed)}")
    if waiting:
        return Evidence(False, f"{where}: still running: {listed(waiting)}")
    passed = [name for name, state in states.items() if state == "success"]
    if not passed:
        return Evidence(None, f"no build ran for {where}" + (": its pipelines were skipped" if states else ""))
    return Evidence(True, f"{where}: passed: {listed(passed)}")
