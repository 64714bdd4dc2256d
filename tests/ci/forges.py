"""GitHub and GitLab as their documentation says, for the comments of one pull request. Run by `tests.builds.serve`.

GitHub: docs.github.com/en/rest/issues/comments, /commits/commits#list-pull-requests-associated-with-a-commit, /users
(version 2022-11-28). GitLab: docs.gitlab.com/api/notes, /api/commits, /api/users. Both list the oldest first here, a
page at a time; GitLab carries out the lines of a note that begin with a slash.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.builds import COMMIT, Given, Request


@dataclass
class GitHubComments:
    """octo/payment with pull request 7, merged as COMMIT. `person`: the token is a person's, not a job's own."""

    url: str = ""
    token: str = "ghs_" + "s3cr3tT0ken" * 3
    person: str = ""
    may_write: bool = True
    merged: bool = True
    comments: list[dict[str, Any]] = field(default_factory=list)
    instead: Callable[[Request], Given] | None = None
    requests: list[Request] = field(default_factory=list)

    def says(self, body: str, login: str, kind: str = "User") -> None:
        """Somebody else comments."""
        self.comments.append({"id": 900 + len(self.comments), "body": body, "user": {"login": login, "type": kind}})

    @property
    def environment(self) -> dict[str, str]:
        """Of a job of the branch's, after the merge."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": "octo/payment",
            "GITHUB_SHA": COMMIT,
            "GITHUB_TOKEN": self.token,
        }

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, {"message": "Bad credentials"}
        if request.path == "/user":
            if not self.person:
                return 403, {}, {"message": "Resource not accessible by integration"}
            return 200, {}, {"login": self.person, "type": "User"}
        base = "/repos/octo/payment"
        if request.path == f"{base}/commits/{COMMIT}/pulls":
            pull = {"number": 7, "state": "closed", "merge_commit_sha": COMMIT, "merged_at": "2026-03-01T03:00:00Z"}
            return 200, {}, _page(request, [pull] if self.merged else [])
        if request.path == f"{base}/issues/7/comments" and request.method == "GET":
            return 200, {}, _page(request, self.comments)
        if not self.may_write:
            return 403, {}, {"message": "Resource not accessible by integration"}
        body = json.loads(request.body or b"{}").get("body", "")
        if len(body) > 65_536:
            return 422, {}, {"message": "Validation Failed", "errors": [{"message": "body is too long"}]}
        if request.path == f"{base}/issues/7/comments" and request.method == "POST":
            user = {"login": self.person or "github-actions[bot]", "type": "User" if self.person else "Bot"}
            self.comments.append({"id": 100 + len(self.comments), "body": body, "user": user})
            return 201, {}, self.comments[-1]
        found = re.fullmatch(rf"{base}/issues/comments/(\d+)", request.path)
        for one in self.comments:
            if found and request.method == "PATCH" and one["id"] == int(found[1]):
                one["body"] = body
                return 200, {}, one
        return 404, {}, {"message": "Not Found"}


@dataclass
class GitLabNotes:
    """Project 42 with merge request 7, merged as COMMIT; the token's user is 5."""

    url: str = ""
    token: str = "glpat-" + "s3cr3tT0ken" * 2
    notes: list[dict[str, Any]] = field(default_factory=list)
    carried_out: list[str] = field(default_factory=list)
    """Quick actions, each with the rights of whoever has the token."""
    instead: Callable[[Request], Given] | None = None
    requests: list[Request] = field(default_factory=list)

    def says(self, body: str, author: int) -> None:
        self.notes.append({"id": 900 + len(self.notes), "body": body, "author": {"id": author}, "system": False})

    @property
    def environment(self) -> dict[str, str]:
        """Of a merge request's own pipeline."""
        return {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.url,
            "CI_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_COMMIT_SHA": COMMIT,
            "PILOTAGE_GITLAB_TOKEN": self.token,
        }

    def answer(self, request: Request) -> Given:
        if request.headers.get("private-token") != self.token:
            return 401, {}, {"message": "401 Unauthorized"}
        if request.path == "/user":
            return 200, {}, {"id": 5, "username": "project_42_bot"}
        base = "/projects/42"
        if request.path == f"{base}/repository/commits/{COMMIT}/merge_requests":
            merged = {"iid": 7, "state": "merged", "merge_commit_sha": COMMIT, "squash_commit_sha": None}
            return 200, {}, _page(request, [merged])
        notes = f"{base}/merge_requests/7/notes"
        if request.path == notes and request.method == "GET":
            return 200, {}, _page(request, self.notes)
        body = json.loads(request.body or b"{}").get("body", "")
        self.carried_out += re.findall(r"^[ \t]*(/\w+)", body, re.MULTILINE)
        if request.path == notes and request.method == "POST":
            self.says(body, 5)
            return 201, {}, self.notes[-1]
        for one in self.notes:
            if request.method == "PUT" and request.path == f"{notes}/{one['id']}":
                one["body"] = body
                return 200, {}, one
        return 404, {}, {"message": "404 Not found"}


def _page(request: Request, rows: list[Any]) -> list[Any]:
    size, page = min(int(request.query.get("per_page", 30)), 100), int(request.query.get("page", 1))
    return rows[(page - 1) * size : page * size]
