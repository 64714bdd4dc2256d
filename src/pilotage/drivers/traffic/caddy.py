"""Caddy, through its admin API: the weights of one `reverse_proxy` handler that has an ``@id``.

Caddy gives each upstream its requests in one block: of 25 %, written 2,500 of 10,000, the canary would get 2,500 in a
row and then none for 7,500. So the weights are the smallest numbers in the same ratio: 1 of 4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.address import Address
from pilotage.drivers.answers import Answer, listed
from pilotage.drivers.service import Service
from pilotage.drivers.weights import check_weight

_STEPS = 1000
_POLICY = "/load_balancing/selection_policy"
_WHO = "Caddy's admin API"


class CaddyTraffic:
    class Options(DriverOptions):
        admin: Address = Field(description="the admin API's address, such as http://127.0.0.1:2019")
        id: str = Field(min_length=1, description="the `@id` of the reverse_proxy handler")
        canary: list[str] = Field(
            min_length=1, description="the new version's upstreams, by their `dial` addresses as they stand there"
        )
        stable: list[str] = Field(
            min_length=1, description="the present version's; with `canary` all that the handler has"
        )
        origin: str | None = Field(default=None, description="sent as `Origin`, where `admin.enforce_origin` wants one")
        timeout_s: float = Field(default=5.0, gt=0, description="seconds for each request to the API")

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            dials = [*self.canary, *self.stable]
            if not all(dials) or len(set(dials)) < len(dials):
                raise ValueError("canary and stable as addresses, each once and none empty")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        headers = {"Origin": options.origin} if options.origin else {}
        self._service = Service(_WHO, options.admin, None, options.timeout_s, headers=headers, option="admin")

    async def set_weight(self, weight: float, call: Call) -> float:
        check_weight(weight)
        answer = await self._handler()
        before, dials = self._share(answer.body), [one["dial"] for one in answer.body["upstreams"]]
        wanted = Fraction(weight / 100).limit_denominator(_STEPS)
        # Each change makes Caddy begin anew, at the cost of clients' idle connections.
        if before == wanted:
            return float(before * 100)
        path, weights = self._path(f"{_POLICY}/weights"), self._weights(wanted, dials)
        unless = {"If-Match": answer.headers.get("etag", "")}
        changed = await self._service.call("PATCH", path, weights, headers=unless, timeout_s=call.timeout_s)
        if changed.status == 412:
            raise TemporaryError(f"somebody else changed {self._options.id} in Caddy at the same moment")
        self._refuse(changed)
        now = self._share((await self._handler()).body)
        if now != wanted:
            raise TemporaryError(f"Caddy has {float(now * 100):g} % where {weight:g} % was set: somebody else set it")
        return float(now * 100)

    async def read_weight(self) -> float:
        return float(self._share((await self._handler()).body) * 100)

    async def started_at(self) -> float:
        answer = await self._service.call("GET", "/metrics")
        found = re.search(r"^process_start_time_seconds (\S+)$", answer.text, re.MULTILINE)
        try:
            return float(found[1] if found and answer.status == 200 else "")
        except ValueError:
            raise PermanentError(f"{_WHO} does not tell at /metrics since when Caddy runs ({answer.status})") from None

    async def probe(self) -> str:
        return f"Caddy has {self._options.id} at {await self.read_weight():g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _handler(self) -> Answer:
        """The handler. Raises PermanentError unless its body is a mapping whose upstreams all have a `dial`."""
        answer = await self._service.call("GET", self._path())
        self._refuse(answer)
        upstreams = answer.body.get("upstreams") if isinstance(answer.body, dict) else None
        if not isinstance(upstreams, list) or not all(isinstance(one, dict) and "dial" in one for one in upstreams):
            raise PermanentError(
                f'what has the "@id" {self._options.id} in Caddy is not a reverse_proxy with upstreams'
            )
        return answer

    def _refuse(self, answer: Answer) -> None:
        if answer.status == 404:
            raise PermanentError(f'Caddy has nothing with the "@id" {self._options.id}: give it to the reverse_proxy')
        if answer.status == 403:
            hint = "is `origin` one of its `admin.origins`?" if self._options.origin else "does it expect an `origin`?"
            raise PermanentError(f"{_WHO} refuses access (403): {hint}")
        self._service.refuse(answer, f"object {self._options.id}")

    def _share(self, handler: Mapping[str, Any]) -> Fraction:
        """The canary's share in force. Raises PermanentError when the weights are not these upstreams' alone."""
        options = self._options
        dials = [str(one["dial"]) for one in handler["upstreams"]]
        if strangers := [dial for dial in dials if dial not in (*options.canary, *options.stable)]:
            raise PermanentError(f"{options.id} in Caddy also has the upstreams {listed(strangers)}: whose are they?")
        if missing := [dial for dial in (*options.canary, *options.stable) if dial not in dials]:
            raise PermanentError(f"{options.id} in Caddy has no upstream {listed(missing)}")
        try:
            policy = handler["load_balancing"]["selection_policy"]
            known, weights = policy["policy"] == "weighted_round_robin", [int(one) for one in policy["weights"]]
        except (KeyError, TypeError, ValueError):
            known, weights = False, []
        if not known or len(weights) != len(dials) or min(weights) < 0 or sum(weights) == 0:
            raise PermanentError(
                f"{options.id} in Caddy needs a selection policy weighted_round_robin with {len(dials)} weights, one "
                "for each upstream and the canary's 0 at first (docs/drivers.md shows it)"
            )
        canary = sum(weight for dial, weight in zip(dials, weights, strict=True) if dial in options.canary)
        return Fraction(canary, sum(weights))

    def _weights(self, share: Fraction, dials: list[str]) -> list[int]:
        """The smallest whole numbers that give the canaries `share`, each side's upstreams alike."""
        options = self._options
        canary = share.numerator * len(options.stable)
        stable = (share.denominator - share.numerator) * len(options.canary)
        divisor = math.gcd(canary, stable)
        return [(canary if dial in options.canary else stable) // divisor for dial in dials]

    def _path(self, inside: str = "") -> str:
        return f"/id/{quote(self._options.id, safe='')}{inside}"
