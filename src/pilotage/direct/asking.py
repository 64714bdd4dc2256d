"""The watchdog's questions to the coordinator: standard library only, and never longer than a few seconds."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

ANSWER_WITHIN_S = 5.0

Where = Callable[[], tuple[str, str] | None]
"""The coordinator's address and token, looked up anew for each question; None when no coordinator runs."""


class Silent(Exception):
    """No good answer; says why."""


class Blind(Exception):
    """The coordinator lives, and refuses this question."""


@dataclass(frozen=True)
class Door:
    where: Where

    def rollouts(self, name: str) -> dict[str, float]:
        """Those that run, with the silence that each of them bears, in seconds. Raises Silent, or Blind."""
        answer = self._ask("GET", f"/v1/watchdog?name={quote(name, safe='')}")
        try:
            return {str(one["id"]): float(one["silence_s"]) for one in answer["rollouts"]}
        except (KeyError, TypeError, ValueError):
            raise Silent("it answered, but not as a coordinator does") from None

    def snapshot(self, rollout: str) -> str:
        return str(self._ask("GET", f"/v1/watchdog/rollouts/{quote(rollout, safe='')}")["snapshot"])

    def tell(self, journal: str) -> None:
        self._ask("POST", "/v1/watchdog/journals", {"journal": journal})

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        door = self.where()
        if door is None:
            raise Silent("no coordinator runs")
        url, token = door
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_WITHIN_S)
            try:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                response = connection.getresponse()
                data = response.read()
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Silent(f"{parts.hostname}:{parts.port} does not answer ({error or type(error).__name__})") from None
        return _understood(response, data)


def _understood(response: http.client.HTTPResponse, data: bytes) -> Any:
    """A coordinator's own refusal is a sign of life; a proxy's error page, or another program's, is none."""
    try:
        answer = json.loads(data)
    except ValueError:
        raise Silent(f"HTTP {response.status}, and not as a coordinator answers") from None
    if response.status == 200:
        return answer
    if (response.getheader("Content-Type") or "").startswith("application/problem+json") and response.status < 500:
        raise Blind(f"HTTP {response.status}: {answer.get('detail', '')}")
    raise Silent(f"HTTP {response.status}")
