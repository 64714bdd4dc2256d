"""GitHub's REST API, version 2022-11-28 (docs.github.com/en/rest), for one repository."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import Answer, get_json, post_json, refuse, usable
from pilotage.drivers.http import Client
from pilotage.drivers.secrets import Secret

PAGE = 100
"""Rows of a list in one answer, at most."""
_WHO = "GitHub"

RepositoryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$")]
Api = Annotated[str, Field(pattern=r"^https?://[^\s@?#]+$")]
API = "https://api.github.com"


class Github:
    """Questions below ``/repos/{repository}``; the token is sent to `api`'s host only."""

    def __init__(self, repository: str, api: str, token: Secret | None, timeout_s: float) -> None:
        self.repository = repository
        self._api = api
        self._token = token
        self._timeout_s = timeout_s
        self._client = Client(timeout_s)

    async def get(self, path: str) -> Answer:
        place = f"/repos/{self.repository}{path}"
        return await get_json(self._client, self._api, place, self._headers(), self._timeout_s, _WHO)

    async def post(self, path: str, body: Any) -> Answer:
        place = f"/repos/{self.repository}{path}"
        return await post_json(self._client, self._api, place, self._headers(), body, self._timeout_s, _WHO)

    async def about(self) -> dict[str, Any]:
        """The repository itself. Raises when it is not there or not shown."""
        answer = await self.get("")
        self.refuse(answer, f"repository {self.repository}")
        return self.mapping(answer)

    def refuse(self, answer: Answer, what: str) -> None:
        """Raises what a status other than success means; `what` names the object asked for."""
        refuse(answer, _WHO, what, self._token)

    def mapping(self, answer: Answer) -> dict[str, Any]:
        if not isinstance(answer.body, dict):
            raise self.stranger()
        return answer.body

    def rows(self, found: Any) -> list[dict[str, Any]]:
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.stranger()
        return found

    def stranger(self) -> PermanentError:
        return PermanentError(f"{self._api} does not answer as GitHub's API does: is `api` right?")

    def _headers(self) -> dict[str, str]:
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "pilotage",
        }
        return headers if self._token is None else headers | {"Authorization": f"Bearer {usable(self._token)}"}


def has_more(answer: Answer) -> bool:
    """Whether a list goes on on another page."""
    return 'rel="next"' in answer.headers.get("link", "")
