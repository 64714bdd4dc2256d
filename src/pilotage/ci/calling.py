"""Calls of a forge's REST API: short, once more after a hiccup, never following a redirect with the token."""

from __future__ import annotations

import time
from typing import Any

import httpx

from pilotage import __version__
from pilotage.core.errors import PermanentError, TemporaryError

TIMEOUT_S = 20.0
PAGES = 30
"""Of a hundred comments each: beyond that, a new comment is written rather than the old one found."""


class Calls:
    """Below `api`. `name` is what the errors call it; the token is never in one."""

    def __init__(self, name: str, api: str, headers: dict[str, str]) -> None:
        self._name = name
        agent = {"User-Agent": f"pilotage/{__version__}"}
        self._client = httpx.Client(base_url=api.rstrip("/"), headers={**agent, **headers}, timeout=TIMEOUT_S)

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, body: Any = None, **query: str | int) -> Any:
        """The JSON that came. Raises PermanentError for a no, TemporaryError for what may be better later."""
        response = self._answer(method, path, body, query)
        if response.status_code >= 300:
            kind = TemporaryError if response.status_code >= 500 or response.status_code == 429 else PermanentError
            raise kind(f"{self._name} answered HTTP {response.status_code} to {method} {path}{self._why(response)}")
        try:
            return response.json()
        except ValueError:
            raise PermanentError(f"{self._name} answered {method} {path} with something that is no JSON") from None

    def rows(self, path: str, **query: str | int) -> Any:
        """All rows of a list, one after the other."""
        for page in range(1, PAGES + 1):
            rows = self.ask("GET", path, None, per_page=100, page=page, **query)
            if not isinstance(rows, list):
                raise PermanentError(f"{self._name} answered {path} with no list")
            yield from (one for one in rows if isinstance(one, dict))
            if len(rows) < 100:
                return

    def _answer(self, method: str, path: str, body: Any, query: dict[str, str | int]) -> httpx.Response:
        """A question is asked once more after a hiccup; what writes is not, as it may have been done."""
        for last in (method != "GET", True):
            try:
                response = self._client.request(method, path, json=body, params=query or None)
            except httpx.HTTPError as error:
                if last:
                    raise TemporaryError(f"{self._name} does not answer ({type(error).__name__})") from None
            else:
                if last or response.status_code < 500:
                    return response
            time.sleep(1)
        raise AssertionError("the last attempt returns or raises")

    @staticmethod
    def _why(response: httpx.Response) -> str:
        try:
            said = response.json().get("message", "")
        except (ValueError, AttributeError):
            return ""
        return f": {str(said)[:200]}" if said else ""
