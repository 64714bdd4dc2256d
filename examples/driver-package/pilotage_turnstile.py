"""Turnstile, our own reverse proxy: the canary's percent is one number at its admin address, set and read back."""

from __future__ import annotations

import httpx
from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import usable
from pilotage.drivers.secrets import Secret


class TurnstileTraffic:
    class Options(DriverOptions):
        admin: str = Field(pattern="^https?://", description="the admin address, such as http://127.0.0.1:9000")
        gate: str = Field(pattern=r"^\w+$", description="the gate in front of the service")
        token: Secret | None = Field(None, description="sent with every request")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._url = f"{options.admin.rstrip('/')}/gates/{options.gate}"
        self._client = httpx.AsyncClient(timeout=5)

    async def set_weight(self, weight: float, call: Call) -> float:
        if not 0 <= weight <= 100:
            raise PermanentError(f"expected a weight from 0 to 100, got {weight:g}")
        await self._ask("PUT", {"canary": weight})
        return await self.read_weight()

    async def read_weight(self) -> float:
        answer = await self._ask("GET")
        try:
            return float(answer.json()["canary"])
        except (KeyError, TypeError, ValueError):
            raise PermanentError("Turnstile's answer has no share of the canary: is `admin` right?") from None

    async def probe(self) -> str:
        return f"Turnstile sends {await self.read_weight():g} % through {self._options.gate} to the canary"

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, body: dict[str, float] | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {await usable(self._options.token)}"} if self._options.token else {}
        try:
            answer = await self._client.request(method, self._url, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise TemporaryError(f"Turnstile does not answer ({type(error).__name__}): is it running?") from None
        if answer.status_code == 404:
            raise PermanentError(f"Turnstile has no gate {self._options.gate}: is it spelt as in its configuration?")
        if answer.status_code >= 500:
            raise TemporaryError(f"Turnstile answered {answer.status_code}")
        if answer.status_code >= 300:
            raise PermanentError(f"Turnstile refuses {method} at its admin address ({answer.status_code})")
        return answer
