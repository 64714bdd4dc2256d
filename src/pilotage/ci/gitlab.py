"""Notes of a merge request on GitLab: docs.gitlab.com/api/notes, /api/commits, /api/users."""

from __future__ import annotations

from pilotage.ci.calling import Calls


class GitLab:
    def __init__(self, api: str, project: str, token: str) -> None:
        self._calls = Calls("GitLab", api, {"PRIVATE-TOKEN": token})
        self._base = f"/projects/{project}"
        self.number = 0

    def close(self) -> None:
        self._calls.close()

    @property
    def _notes(self) -> str:
        return f"{self._base}/merge_requests/{self.number}/notes"

    def merge_request_of(self, commit: str) -> int | None:
        """The one that this commit came by; an open one that contains it, else."""
        found = list(self._calls.rows(f"{self._base}/repository/commits/{commit}/merge_requests"))
        merged = [one for one in found if commit in (one.get("merge_commit_sha"), one.get("squash_commit_sha"))]
        opened = [one for one in found if one.get("state") == "opened"]
        return next((int(one["iid"]) for one in (*merged, *opened, *found)), None)

    def mine(self, sign: str) -> int | None:
        """Somebody else may have copied the sign into a note of theirs: that one is left alone."""
        whom = self._calls.ask("GET", "/user").get("id")
        for one in self._calls.rows(self._notes, sort="asc", order_by="created_at"):
            if str(one.get("body") or "").startswith(sign) and (one.get("author") or {}).get("id") == whom:
                return int(one["id"])
        return None

    def write(self, text: str, number: int | None) -> None:
        if number is None:
            self._calls.ask("POST", self._notes, {"body": text})
        else:
            self._calls.ask("PUT", f"{self._notes}/{number}", {"body": text})
