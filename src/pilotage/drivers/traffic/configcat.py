"""A ConfigCat flag: its percentage options in one environment, set and read back through the management API (v2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import listed
from pilotage.drivers.flags import reason
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service
from pilotage.drivers.shares import Share, bring
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_STEP = 1.0
Value = bool | int | float | str
_KINDS = {bool: "boolValue", str: "stringValue", int: "intValue", float: "doubleValue"}


class ConfigcatTraffic:
    class Options(DriverOptions):
        environment: UUID = Field(description="the environment's id")
        setting: int = Field(gt=0, description="the flag's id, a number")
        canary: Value = Field(default=True, description="the value that gives the new version")
        username: str = Field(min_length=1, description="the user name of the public API credential")
        password: Secret = Field(description="its password")
        api: Api = Field(default="https://api.configcat.com", description="the management API's address")
        timeout_s: float = Field(default=20.0, gt=0, description="seconds for each request to ConfigCat")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context
        self._service = Service("ConfigCat", options.api, options.password, options.timeout_s, user=options.username)
        self._what = f"ConfigCat's flag {options.setting}"

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        wanted = round(in_steps(weight, _STEP, "ConfigCat"))

        async def change() -> None:
            flag = await self._flag()
            number, canary = self._place(flag)
            options = flag["targetingRules"][number]["percentageOptions"]
            tests, changes = [], []
            for index, one in enumerate(options):
                path = f"/targetingRules/{number}/percentageOptions/{index}/percentage"
                tests.append({"op": "test", "path": path, "value": one["percentage"]})
                changes.append({"op": "replace", "path": path, "value": wanted if index == canary else 100 - wanted})
            why = {"reason": reason(self._context, call, wanted)}
            answer = await self._service.change("PATCH", self._path(), [*tests, *changes], why)
            if answer.status == 409:
                raise TemporaryError(f"somebody else changed {self._what} at the same moment")
            self._service.refuse(answer, self._what)

        return await bring(float(wanted), self._share, change, self._what, call.timeout_s)

    async def nearest(self, weight: float) -> float:
        """Raises as `set_weight` would: a plan with another weight is refused before it starts."""
        return in_steps(weight, _STEP, "ConfigCat")

    async def read_weight(self) -> float:
        return (await self._share()).in_force

    async def probe(self) -> str:
        return f"ConfigCat has flag {self._options.setting} at {(await self._share()).checked().in_force:g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _share(self) -> Share:
        flag = await self._flag()
        number, canary = self._place(flag)
        percent = float(flag["targetingRules"][number]["percentageOptions"][canary]["percentage"])
        return Share(percent, given=self._given(flag["targetingRules"], number))

    async def _flag(self) -> Mapping[str, Any]:
        answer = await self._service.call("GET", self._path())
        self._service.refuse(answer, f"flag {self._options.setting} in this environment")
        flag = answer.body
        rules = (flag.get("targetingRules") or []) if isinstance(flag, dict) and "defaultValue" in flag else None
        if not isinstance(rules, list) or not all(_is_rule(one) for one in rules):
            raise self._service.stranger("expected a flag with a defaultValue and targetingRules")
        if flag.get("readOnly"):
            raise PermanentError(f"{self._what} may not be changed with this credential: ConfigCat says read-only")
        return {**flag, "targetingRules": rules}

    def _place(self, flag: Mapping[str, Any]) -> tuple[int, int]:
        """Which rule has the percentages, and which of its two is the canary's. Raises PermanentError when that cannot
        be told."""
        rules = flag["targetingRules"]
        free = [number for number, one in enumerate(rules) if not one.get("conditions")]
        options = (rules[free[0]].get("percentageOptions") or []) if len(free) == 1 else []
        mine = [index for index, one in enumerate(options) if self._is_canary(one.get("value"))]
        if len(options) != 2 or len(mine) != 1 or sum(one["percentage"] for one in options) != 100:
            raise PermanentError(
                f"{self._what} needs a percentage rule for all users, two options that add up to 100 %, one of them "
                f"{self._options.canary!r}: add it as the last rule, the canary's at 0 %"
            )
        return free[0], mine[0]

    def _given(self, rules: Sequence[Mapping[str, Any]], ours: int) -> str:
        """Who gets the canary whatever the percentages of the rule at the place `ours`."""
        others = [(number, one) for number, one in enumerate(rules) if number != ours]
        if strangers := [f"rule {number + 1}" for number, one in others if self._may_give_canary(one)]:
            return (
                f"{self._what} gives {self._options.canary!r} also by {listed(strangers)}, whatever the weight: take "
                "that out before the rollout"
            )
        return ""

    def _may_give_canary(self, rule: Mapping[str, Any]) -> bool:
        options = rule.get("percentageOptions") or []
        return any(self._is_canary(one) for one in (rule.get("value"), *(option.get("value") for option in options)))

    def _is_canary(self, value: Any) -> bool:
        wanted = self._options.canary
        return isinstance(value, dict) and value.get(_KINDS[type(wanted)]) == wanted

    def _path(self) -> str:
        return f"/v2/environments/{self._options.environment}/settings/{self._options.setting}/value"


def _is_rule(one: Any) -> bool:
    options = (one.get("percentageOptions") or []) if isinstance(one, dict) else None
    return isinstance(options, list) and all(
        isinstance(option, dict) and isinstance(option.get("percentage"), int) for option in options
    )
