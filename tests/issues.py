"""GitHub's issues as documented: docs.github.com/en/rest/issues (version 2022-11-28). Run by `tests.builds.serve`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.builds import Given, Request


@dataclass
class GitHubIssues:
    """One repository, octo/payment; ``bob`` can be assigned. `may_label`: the token has push access."""

    url: str = ""
    token: str = "ghp_" + "s3cr3tT0ken" * 3
    has_issues: bool = True
    may_label: bool = True
    issues: list[dict[str, Any]] = field(default_factory=list)
    instead: Callable[[Request], Given] | None = None
    requests: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, {"message": "Bad credentials"}
        base, rest = "/repos/octo/payment", request.path.removeprefix("/repos/octo/payment")
        if not request.path.startswith(base):
            return 404, {}, {"message": "Not Found"}
        if not rest:
            return 200, {}, {"full_name": "octo/payment", "has_issues": self.has_issues}
        if rest.startswith("/assignees/"):
            return (204, {}, b"") if rest == "/assignees/bob" else (404, {}, {"message": "Not Found"})
        if not self.has_issues:
            return 410, {}, {"message": "Issues has been disabled in this repository."}
        return self._create(json.loads(request.body)) if request.method == "POST" else self._list(request)

    def _create(self, given: dict[str, Any]) -> Given:
        wrong = [one for one in given["assignees"] if one != "bob"]
        if wrong:
            errors = [{"value": one, "resource": "Issue", "field": "assignees", "code": "invalid"} for one in wrong]
            return 422, {}, {"message": "Validation Failed", "errors": errors}
        number = len(self.issues) + 1
        issue = {"number": number, "html_url": f"https://github.com/octo/payment/issues/{number}"}
        issue |= {"title": given["title"], "body": given["body"]}
        kept = given if self.may_label else {"labels": [], "assignees": []}
        issue |= {"labels": [{"name": one} for one in kept["labels"]], "assignees": kept["assignees"]}
        self.issues.append(issue)
        return 201, {}, issue

    def _list(self, request: Request) -> Given:
        """The newest first, of every state only when asked for; each has been made just now."""
        asked = request.query
        if asked["sort"] != "created" or asked["direction"] != "desc" or asked["since"] > "2999":
            return 422, {}, {"message": "Validation Failed"}
        size, page = min(int(asked.get("per_page", 30)), 100), int(asked.get("page", 1))
        rows = [one for one in reversed(self.issues) if asked["state"] == "all" or one.get("state") != "closed"]
        link = {"Link": f'<{self.url}{request.path}?page={page + 1}>; rel="next"'} if page * size < len(rows) else {}
        return 200, link, rows[(page - 1) * size : page * size]
