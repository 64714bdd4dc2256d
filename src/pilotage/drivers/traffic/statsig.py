"""A Statsig gate: the pass percentage of one of its rules, set and read back through the console API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import listed
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service
from pilotage.drivers.shares import Share, bring
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_STEP = 0.01
_VERSION = "20240601"
_EVERYBODY = ("public", "environment_tier")


class StatsigTraffic:
    class Options(DriverOptions):
        gate: str = Field(min_length=1, description="the gate's id")
        rule: str = Field(min_length=1, description="the name or base id of the rule whose pass percentage is set")
        environment: str | None = Field(
            default=None,
            description="the one environment that the rule is for; without, the rule counts wherever it is on",
        )
        key: Secret = Field(description="a console API key that may write gates")
        bypass_reviews: bool = Field(
            default=False, description="change also a gate that requires reviews, as the console API allows"
        )
        api: Api = Field(default="https://statsigapi.net", description="the console API's address")
        timeout_s: float = Field(default=20.0, gt=0, description="seconds for each request to Statsig")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        headers, keys = {"STATSIG-API-VERSION": _VERSION}, {"STATSIG-API-KEY": options.key}
        self._service = Service("Statsig", options.api, None, options.timeout_s, keys=keys, headers=headers)
        self._what = f"the rule {options.rule} of Statsig's gate {options.gate}"

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        wanted = in_steps(weight, _STEP, "Statsig")

        async def change() -> None:
            # A rule's id is another one after each change of its percentage: the one that it has now.
            rule = self._rule(await self._gate())
            path = f"{self._path()}/rules/{quote(str(rule['id']), safe='')}"
            # Nobody is there to review the way back.
            reviewed = not self._options.bypass_reviews and wanted > rule["passPercentage"]
            headers = {"x-respect-review-settings": "true"} if reviewed else {}
            answer = await self._service.change("PATCH", path, {"passPercentage": wanted}, headers=headers)
            self._service.refuse(answer, self._what)

        return await bring(wanted, self._share, change, self._what, call.timeout_s)

    async def nearest(self, weight: float) -> float:
        """Raises as `set_weight` would: a plan with another weight is refused before it starts."""
        return in_steps(weight, _STEP, "Statsig")

    async def read_weight(self) -> float:
        return (await self._share()).in_force

    async def probe(self) -> str:
        now = (await self._share()).checked().in_force
        return f"Statsig has {self._options.gate}, rule {self._options.rule}, at {now:g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _share(self) -> Share:
        gate = await self._gate()
        rule = self._rule(gate)
        percent = round(float(rule["passPercentage"]), 6)
        off = self._off(gate)
        return Share(percent, off, "" if off else self._given(gate, rule), self._hindrance(gate, rule))

    async def _gate(self) -> Mapping[str, Any]:
        answer = await self._service.ask("GET", self._path(), f"gate {self._options.gate}")
        gate = answer.get("data")
        rules = gate.get("rules") if isinstance(gate, dict) else None
        if not isinstance(rules, list) or not all(_is_rule(one) for one in rules):
            raise self._service.stranger("expected a gate with rules in `data`")
        found: Mapping[str, Any] = gate
        return found

    def _off(self, gate: Mapping[str, Any]) -> str:
        if gate.get("status") in ("Disabled", "Archived"):
            return f"is off (its gate is {str(gate['status']).lower()})"
        return "" if gate.get("isEnabled", True) else "is off (its gate is not enabled)"

    def _rule(self, gate: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ours. Raises PermanentError when it cannot be told which one that is."""
        options = self._options
        rules = self._rules(gate)
        ours = [one for one in rules if options.rule in (one["name"], one.get("baseID"), one.get("id"))]
        if len(ours) != 1:
            where = f" in {options.environment}" if options.environment else ""
            names = listed([one["name"] for one in rules]) or "none at all"
            how = "more than one rule" if ours else "no rule"
            raise PermanentError(f"Statsig's gate {options.gate} has {how} {options.rule}{where}; its rules: {names}")
        return ours[0]

    def _rules(self, gate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [one for one in gate["rules"] if self._counts(one)]

    def _given(self, gate: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
        """Who gets the canary whatever our rule's percentage."""
        options = self._options
        if gate.get("status") == "Launched":
            return f"Statsig's gate {options.gate} is launched: on for all, whatever its rules say"
        rules = self._rules(gate)
        before = rules[: rules.index(rule)]
        if strangers := [one["name"] for one in before if one["passPercentage"] > 0]:
            return (
                f"Statsig's gate {options.gate} asks {listed(strangers)} before {options.rule}: who gets the canary "
                "there does so whatever the weight. Take those rules out, or put them behind it"
            )
        return ""

    def _hindrance(self, gate: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
        """What else keeps its percentage from being everybody's share, or from being set."""
        options = self._options
        reviews = gate.get("reviewSettings")
        if isinstance(reviews, dict) and reviews.get("requiredReview") and not options.bypass_reviews:
            return (
                f"Statsig's gate {options.gate} requires a review of each change: nobody gives one in the middle "
                "of a rollout. Take that off the gate for as long, or give `bypass_reviews: true`"
            )
        if options.environment and rule.get("environments") != [options.environment]:
            has = listed([str(one) for one in rule.get("environments") or []]) or "all environments"
            return (
                f"{self._what} is for {has}: the percentage would change there, too. Give {options.environment} a rule "
                "of its own, or leave `environment` out"
            )
        if narrow := [str(one.get("type")) for one in rule["conditions"] if one.get("type") not in _EVERYBODY]:
            return (
                f"{self._what} is only for some ({listed(narrow)}): its percentage is no share of all requests. "
                "Use a rule for everyone"
            )
        if rule.get("pendingAutomatedRollouts"):
            return f"{self._what} has a scheduled rollout, which would change it as well: end that first"
        rules = self._rules(gate)
        if closed := [one["name"] for one in rules[: rules.index(rule)] if _catches_all(one)]:
            return (
                f"Statsig's gate {options.gate} asks {listed(closed)} before {options.rule}, which catches everybody: "
                "nobody gets as far as ours. Take it out, or put it behind"
            )
        return ""

    def _counts(self, rule: Mapping[str, Any]) -> bool:
        environment, has = self._options.environment, rule.get("environments")
        return environment is None or has is None or environment in has

    def _path(self) -> str:
        return f"/console/v1/gates/{quote(self._options.gate, safe='')}"


def _is_rule(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("name"), str)
        and isinstance(one.get("id"), str)
        and isinstance(one.get("passPercentage"), int | float)
        and isinstance(one.get("conditions"), list)
        and all(isinstance(condition, dict) for condition in one["conditions"])
        and isinstance(one.get("environments"), list | None)
    )


def _catches_all(rule: Mapping[str, Any]) -> bool:
    return all(one.get("type") in _EVERYBODY for one in rule["conditions"])
