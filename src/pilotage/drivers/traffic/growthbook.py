"""A GrowthBook feature: the coverage of one of its rules, published as a revision and read back (REST API v2)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import listed, said
from pilotage.drivers.flags import reason
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service
from pilotage.drivers.shares import Share, bring
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_STEP = 0.01


class GrowthbookTraffic:
    class Options(DriverOptions):
        feature: str = Field(min_length=1, description="the feature's id")
        rule: str = Field(min_length=1, description="the id of its percentage rule, such as fr_123abc")
        environment: str = Field(min_length=1, description="the environment that the rule is for, such as production")
        token: Secret = Field(description="a secret API key that may edit and publish the feature")
        api: Api = Field(default="https://api.growthbook.io/api", description="the API's address, with /api at its end")
        timeout_s: float = Field(default=20.0, gt=0, description="seconds for each request to GrowthBook")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context
        self._service = Service("GrowthBook", options.api, options.token, options.timeout_s, "Bearer")
        self._what = f"the rule {options.rule} of GrowthBook's feature {options.feature}"

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        wanted = in_steps(weight, _STEP, "GrowthBook")
        words = reason(self._context, call, wanted)
        return await bring(wanted, self._share, lambda: self._publish(wanted, words), self._what, call.timeout_s)

    async def nearest(self, weight: float) -> float:
        """Raises as `set_weight` would: a plan with another weight is refused before it starts."""
        return in_steps(weight, _STEP, "GrowthBook")

    async def read_weight(self) -> float:
        return (await self._share()).in_force

    async def probe(self) -> str:
        options = self._options
        now = (await self._share()).checked().in_force
        return f"GrowthBook has {options.feature} at {now:g} % in {options.environment}"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _publish(self, wanted: float, words: str) -> None:
        """A draft of the live revision with this one change, published; one that may not be published is discarded."""
        rule = {"coverage": round(wanted / 100, 6)}
        body = {"rule": rule, "revisionTitle": words, "revisionComment": words}
        path = self._path("/revisions/new/rules/" + quote(self._options.rule, safe=""))
        answer = await self._service.change("PUT", path, body)
        self._service.refuse(answer, self._what)
        draft = answer.get("revision")
        version = draft.get("version") if isinstance(draft, dict) else None
        if not isinstance(version, int):
            raise self._service.stranger("expected a revision with a version")
        answer = await self._service.change("POST", self._path(f"/revisions/{version}/publish"), {"comment": words})
        if 400 <= answer.status < 500:  # surely not published; after a failure or a silence nobody knows
            with suppress(DriverError):  # why it was refused is what to tell
                await self._service.change("POST", self._path(f"/revisions/{version}/discard"), {})
        if answer.status == 409:
            raise TemporaryError(f"GrowthBook: somebody else published {self._options.feature} at the same moment")
        if answer.status in (400, 422):
            raise PermanentError(
                f"GrowthBook does not publish the change of {self._options.feature} ({answer.status}): {said(answer)} "
                "Where changes need an approval, the key must be allowed to go without"
            )
        self._service.refuse(answer, f"right to publish {self._options.feature}")

    async def _share(self) -> Share:
        options = self._options
        answer = await self._service.ask("GET", self._path(), f"feature {options.feature}")
        feature = answer.get("feature")
        rules = feature.get("rules") if isinstance(feature, dict) else None
        places = feature.get("environments") if isinstance(feature, dict) else None
        if not isinstance(rules, list) or not isinstance(places, dict) or not all(_is_rule(one) for one in rules):
            raise self._service.stranger("expected a feature with rules and environments")
        place = places.get(options.environment)
        if not isinstance(place, dict):
            has = listed([str(one) for one in places])
            raise PermanentError(f"GrowthBook's {options.feature} has no environment {options.environment}, but {has}")
        rule = self._rule(rules)
        off = "is off (its feature is archived)" if feature.get("archived") else ""
        off = off or ("" if place.get("enabled") else f"is off in {options.environment}")
        given = "" if off else self._given(rules, rule)
        off = off or ("" if rule["enabled"] else "is not enabled")
        return Share(round(float(rule.get("coverage", 1)) * 100, 6), off, given, self._hindrance(rule))

    def _rule(self, rules: list[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Raises PermanentError when there is none, or one without a coverage."""
        options = self._options
        rule = next((one for one in rules if one["id"] == options.rule), None)
        if rule is None:
            names = listed([one["id"] for one in rules]) or "none at all"
            raise PermanentError(f"GrowthBook's {options.feature} has no rule {options.rule}; its rules: {names}")
        if rule["type"] not in ("force", "rollout"):
            raise PermanentError(f"{self._what} is of the type {rule['type']}: expected a percentage rule (rollout)")
        return rule

    def _hindrance(self, rule: Mapping[str, Any]) -> str:
        """What keeps its coverage from being everybody's share, and only that."""
        options = self._options
        if rule.get("allEnvironments") or rule.get("environments") != [options.environment]:
            has = listed([str(one) for one in rule.get("environments") or []]) or "all environments"
            return (
                f"{self._what} is for {has}: the percentage would change there, too. Give {options.environment} a rule "
                "of its own"
            )
        if narrow := [name for name in ("condition", "savedGroupTargeting", "prerequisites") if _narrows(rule, name)]:
            return f"{self._what} is only for some ({listed(narrow)}): it is no share of all requests"
        if rule.get("scheduleType", "none") != "none" or rule.get("scheduleRules"):
            return f"{self._what} has a schedule or a ramp, which would change it as well: end that first"
        return ""

    def _given(self, rules: list[Mapping[str, Any]], rule: Mapping[str, Any]) -> str:
        """Who gets the canary whatever the rule's coverage."""
        options = self._options
        here = [one for one in rules if one["enabled"] and one is not rule and self._is_here(one)]
        before = rules[: rules.index(rule)]
        strangers = [one["id"] for one in here if one in before or one.get("value") in (None, rule.get("value"))]
        if strangers:
            return (
                f"GrowthBook's {options.feature} also has {listed(strangers)} in {options.environment}: who gets the "
                "canary there does so whatever the weight. Disable them, or put those for the old version behind ours"
            )
        return ""

    def _is_here(self, rule: Mapping[str, Any]) -> bool:
        return bool(rule.get("allEnvironments")) or self._options.environment in (rule.get("environments") or [])

    def _path(self, inside: str = "") -> str:
        return f"/v2/features/{quote(self._options.feature, safe='')}{inside}"


def _is_rule(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("id"), str)
        and isinstance(one.get("type"), str)
        and isinstance(one.get("enabled"), bool)
        and isinstance(one.get("coverage", 1), int | float)
    )


def _narrows(rule: Mapping[str, Any], name: str) -> bool:
    return rule.get(name) not in (None, "", "{}", [])
