"""A PostHog feature flag: the rollout percentage of its release condition for everyone, set and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import listed, said
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service
from pilotage.drivers.shares import Share, bring
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_STEP = 0.01
_BESIDES = ("super_groups", "holdout_groups", "holdout", "feature_enrollment")
"""Parts of a flag's filters that come before its release conditions."""


class PosthogTraffic:
    class Options(DriverOptions):
        project: int = Field(gt=0, description="the project's id, a number")
        flag: int = Field(gt=0, description="the flag's id, the number in the address of its page")
        token: Secret = Field(description="a personal API key with the scope feature_flag:write")
        api: Api = Field(
            default="https://us.posthog.com", description="PostHog's address; https://eu.posthog.com for Europe"
        )
        timeout_s: float = Field(default=20.0, gt=0, description="seconds for each request to PostHog")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._service = Service("PostHog", options.api, options.token, options.timeout_s, "Bearer")
        self._what = f"PostHog's flag {options.flag}"

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        wanted = in_steps(weight, _STEP, "PostHog")
        return await bring(wanted, self._share, lambda: self._change(wanted), self._what, call.timeout_s)

    async def nearest(self, weight: float) -> float:
        """Raises as `set_weight` would: a plan with another weight is refused before it starts."""
        return in_steps(weight, _STEP, "PostHog")

    async def read_weight(self) -> float:
        return (await self._share()).in_force

    async def probe(self) -> str:
        return f"PostHog has flag {self._options.flag} at {(await self._share()).checked().in_force:g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _change(self, wanted: float) -> None:
        flag = await self._flag()
        ours, filters = self._ours(flag), flag["filters"]
        percent = int(wanted) if wanted == int(wanted) else wanted
        groups = [{**one, "rollout_percentage": percent} if one is ours else one for one in filters["groups"]]
        # With these two PostHog refuses what somebody else has changed since (409).
        since = {"version": flag.get("version") or 0, "original_flag": {"filters": filters}}
        body = {"filters": {**filters, "groups": groups}, **since}
        answer = await self._service.change("PATCH", self._path(), body)
        if answer.status == 409 and "updated by" in said(answer):
            raise TemporaryError(f"somebody else changed {self._what} at the same moment")
        if answer.status == 409:
            raise PermanentError(f"PostHog does not change flag {self._options.flag} (409): {said(answer)}")
        self._service.refuse(answer, f"flag {self._options.flag}")

    async def _share(self) -> Share:
        flag = await self._flag()
        percent = self._ours(flag).get("rollout_percentage")
        off = "is deleted" if flag.get("deleted") else "" if flag["active"] else "is disabled"
        percent = 100.0 if percent is None else round(float(percent), 6)
        return Share(percent, off, "" if off else self._given(flag), self._hindrance(flag))

    async def _flag(self) -> Mapping[str, Any]:
        answer = await self._service.ask("GET", self._path(), f"flag {self._options.flag}")
        flag = answer.body
        filters = flag.get("filters") if isinstance(flag, dict) else None
        groups = filters.get("groups") if isinstance(filters, dict) else None
        whole = isinstance(groups, list) and all(_is_group(one) for one in groups)
        if not whole or not isinstance(flag.get("active"), bool):
            raise self._service.stranger("expected a flag with filters and active")
        found: Mapping[str, Any] = flag
        return found

    def _ours(self, flag: Mapping[str, Any]) -> Mapping[str, Any]:
        """The release condition for everyone. Raises PermanentError when there is no such one, or more, or when a
        change of it would lose something."""
        if flag.get("has_encrypted_payloads"):
            raise PermanentError(f"{self._what} has an encrypted payload, which a change of its conditions would lose")
        free = [one for one in flag["filters"]["groups"] if not one.get("properties") and not one.get("variant")]
        if len(free) != 1:
            has = "more than one" if free else "none"
            raise PermanentError(
                f"{self._what} needs one release condition without filters, its percentage is the weight: it has {has}"
            )
        found: Mapping[str, Any] = free[0]
        return found

    def _given(self, flag: Mapping[str, Any]) -> str:
        """Who gets the canary whatever the percentage of our condition."""
        ours, groups = self._ours(flag), flag["filters"]["groups"]
        if besides := [name for name in _BESIDES if flag["filters"].get(name)]:
            return f"{self._what} has {listed(besides)}, which count before its percentage: remove them"
        numbered = enumerate(groups, 1)
        if others := [str(at) for at, one in numbered if one is not ours and one.get("rollout_percentage") != 0]:
            return (
                f"{self._what} is also on by condition {listed(others)}, whatever the weight: set it to 0 %, or take "
                "it out, before the rollout"
            )
        return ""

    def _hindrance(self, flag: Mapping[str, Any]) -> str:
        """What else keeps its percentage from being everybody's share."""
        if (flag["filters"].get("multivariate") or {}).get("variants"):
            return f"{self._what} has variants: the weight needs a flag that is only on or off"
        return ""

    def _path(self) -> str:
        return f"/api/projects/{self._options.project}/feature_flags/{self._options.flag}/"


def _is_group(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("rollout_percentage"), int | float | None)
