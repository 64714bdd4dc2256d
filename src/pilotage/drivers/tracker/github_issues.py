"""Tickets as issues on GitHub: docs.github.com/en/rest/issues/issues, /issues/assignees."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Ticket
from pilotage.drivers.answers import Answer, one_line
from pilotage.drivers.github import API, PAGE, Api, Github, RepositoryName, has_more
from pilotage.drivers.secrets import Secret
from pilotage.drivers.tracker import words

_MOST = 60_000
"""Characters of a text: GitHub takes 65,536 in a body."""
_BACK = timedelta(days=30)
_MOST_PAGES = 10
_MENTION = re.compile(r"@(?=[\w-])")
_COMMENT = re.compile(r"<(?=!)")
_ZERO_WIDTH_SPACE = "\u200b"

Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$")]
Label = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[^,\x00-\x1f]+$")]


class GithubIssuesTracker:
    class Options(DriverOptions):
        repository: RepositoryName = Field(description="its name, owner/name")
        token: Secret = Field(description="a token with read and write access to issues")
        labels: list[Label] = Field(
            default_factory=list,
            max_length=20,
            description="put on each issue; without push access GitHub leaves them out",
        )
        assignees: dict[str, Login] = Field(
            default_factory=dict, description="whom a role or name of the plan is there; others are named in the text"
        )
        api: Api = Field(
            default=API, description="where GitHub's API is; GitHub Enterprise Server: https://HOST/api/v3"
        )
        timeout_s: float = Field(default=10.0, gt=0, le=120, description="seconds for each question")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._github = Github(options.repository, options.api, options.token, options.timeout_s)

    async def open(self, ticket: Ticket) -> str:
        marker = f"<!-- pilotage: {quote(ticket.key, safe='/:@')} -->"
        if there := await self._there(marker):
            return there
        login = self._options.assignees.get(ticket.who, "")
        who = f"\n\nFor: {_plain(one_line(ticket.who, 100))}" if ticket.who else ""
        answer = await self._github.post("/issues", {
            "title": _plain(words.title(ticket)),
            "body": f"{_plain(words.text(ticket, _MOST))}{who}\n\n{marker}",
            "labels": self._options.labels,
            "assignees": [login] if login else [],
        })  # fmt: skip
        self._refuse(answer)
        return self._address(self._github.mapping(answer).get("html_url"))

    async def probe(self) -> str:
        repository = self._options.repository
        if (await self._github.about()).get("has_issues") is not True:
            raise PermanentError(f"{repository} has no issues on GitHub: switch them on in its settings")
        for name, login in self._options.assignees.items():
            answer = await self._github.get(f"/assignees/{login}")
            if answer.status == 404:
                raise PermanentError(f"{name}: {login} cannot be assigned to issues of {repository} on GitHub")
            self._github.refuse(answer, f"assignee {login}")
        return f"GitHub shows {repository}, and it has issues"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _there(self, marker: str) -> str:
        """The address of the issue that has this marker, if it is among the last month's newest thousand.

        All are looked at, whatever their labels: GitHub leaves labels out when the token may not set them.
        """
        since = f"{datetime.now(UTC) - _BACK:%Y-%m-%dT%H:%M:%SZ}"
        for page in range(1, _MOST_PAGES + 1):
            listing = f"/issues?state=all&sort=created&direction=desc&since={since}&per_page={PAGE}&page={page}"
            answer = await self._github.get(listing)
            self._refuse(answer)
            for issue in self._github.rows(answer.body):
                if marker in str(issue.get("body") or "") and "pull_request" not in issue:
                    return self._address(issue.get("html_url"))
            if not has_more(answer):
                break
        return ""

    def _refuse(self, answer: Answer) -> None:
        repository = self._options.repository
        if answer.status == 410:
            raise PermanentError(f"{repository} has no issues on GitHub (410): switch them on in its settings")
        if answer.status == 422:
            why = f"{_said(answer)}: are the labels and assignees right?"
            raise PermanentError(f"GitHub refuses the issue for {repository} (422): {why}")
        self._github.refuse(answer, f"issues of {repository}")

    def _address(self, given: object) -> str:
        if not isinstance(given, str) or not given:
            raise self._github.stranger()
        return one_line(given, 300)


def _plain(text: str) -> str:
    """Words from outside that neither notify anyone nor hide anything: no @mention, no comment is begun."""
    return _COMMENT.sub("&lt;", _MENTION.sub(f"@{_ZERO_WIDTH_SPACE}", text))


def _said(answer: Answer) -> str:
    """GitHub's message with the fields that it names."""
    body = answer.body if isinstance(answer.body, dict) else {}
    errors = body.get("errors") if isinstance(body.get("errors"), list) else []
    fields = [str(one.get("field")) for one in errors or [] if isinstance(one, dict) and one.get("field")]
    message = str(body.get("message") or "(no explanation)")
    return one_line(f"{message} ({', '.join(fields)})" if fields else message, 200)
