"""GitHub's REST API, version 2022-11-28 (docs.github.com/en/rest), for one repository."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import Answer
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Service

PAGE = 100
"""Rows of a list in one answer, at most."""
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}

RepositoryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$")]
Api = Annotated[str, Field(pattern=r"^https?://[^\s@?#]+$")]
API = "https://api.github.com"


class Github:
    """Questions below ``/repos/{repository}``; the token is sent to `api`'s host only."""

    def __init__(self, repository: str, api: str, token: Secret | None, timeout_s: float) -> None:
        self.repository = repository
        self._service = Service("GitHub", api, token, timeout_s, "Bearer", headers=_HEADERS, follow=True)

    async def get(self, path: str) -> Answer:
        return await self._service.call("GET", f"/repos/{self.repository}{path}")

    async def post(self, path: str, body: Any) -> Answer:
        return await self._service.call("POST", f"/repos/{self.repository}{path}", body)

    async def about(self) -> dict[str, Any]:
        """The repository itself. Raises when it is not there or not shown."""
        answer = await self.get("")
        self.refuse(answer, f"repository {self.repository}")
        return self.mapping(answer)

    def refuse(self, answer: Answer, what: str) -> None:
        """Raises what a status other than success means; `what` names the object asked for."""
        self._service.refuse(answer, what)

    def mapping(self, answer: Answer) -> dict[str, Any]:
        if not isinstance(answer.body, dict):
            raise self.stranger()
        return answer.body

    def rows(self, found: Any) -> list[dict[str, Any]]:
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.stranger()
        return found

    def stranger(self) -> PermanentError:
        return self._service.stranger("its answer is of another form")


def has_more(answer: Answer) -> bool:
    """Whether a list goes on on another page."""
    return 'rel="next"' in answer.headers.get("link", "")
