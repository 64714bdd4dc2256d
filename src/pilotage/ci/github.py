"""Comments of a pull request on GitHub: docs.github.com/en/rest (version 2022-11-28), issues/comments and commits."""

from __future__ import annotations

from typing import Any

from pilotage.ci.calling import Calls
from pilotage.core.errors import PermanentError

VERSION = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


class GitHub:
    def __init__(self, api: str, repository: str, token: str) -> None:
        self._calls = Calls("GitHub", api, {**VERSION, "Authorization": f"Bearer {token}"})
        self._base = f"/repos/{repository}"
        self.number = 0

    def close(self) -> None:
        self._calls.close()

    def pull_request_of(self, commit: str) -> int | None:
        """The one that this commit came by; an open one that contains it, else."""
        found = list(self._calls.rows(f"{self._base}/commits/{commit}/pulls"))
        merged = [one for one in found if one.get("merge_commit_sha") == commit and one.get("merged_at")]
        opened = [one for one in found if one.get("state") == "open"]
        return next((int(one["number"]) for one in (*merged, *opened, *found)), None)

    def mine(self, sign: str) -> int | None:
        """Somebody else may have copied the sign into a comment of theirs: that one is left alone."""
        whom = self._login()
        for one in self._calls.rows(f"{self._base}/issues/{self.number}/comments"):
            if str(one.get("body") or "").startswith(sign) and _wrote(one.get("user") or {}, whom):
                return int(one["id"])
        return None

    def write(self, text: str, number: int | None) -> None:
        if number is None:
            self._calls.ask("POST", f"{self._base}/issues/{self.number}/comments", {"body": text})
        else:
            self._calls.ask("PATCH", f"{self._base}/issues/comments/{number}", {"body": text})

    def _login(self) -> str:
        """Of the token's user; empty for an app's token, a job's own among them, which may not ask that."""
        try:
            return str(self._calls.ask("GET", "/user").get("login", ""))
        except PermanentError:
            return ""


def _wrote(user: dict[str, Any], login: str) -> bool:
    return user.get("login") == login if login else user.get("type") == "Bot"
