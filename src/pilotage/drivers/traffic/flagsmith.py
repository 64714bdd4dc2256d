"""Flagsmith: the share of a multivariate flag's one variant in one environment, through the Admin API.

The control value is the present version, a variant the fix. Flagsmith keeps an environment's flags in one of two ways,
which it tells: they are written in place, or every change is a version of its own, which has a description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import Answer, listed, one_line
from pilotage.drivers.flags import reason, settled
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_MOST_PAGES = 50

_STEP = 0.01


@dataclass(frozen=True)
class _Place:
    """The flag in our environment, by Flagsmith's numbers."""

    environment: int
    feature: int
    variants: Mapping[int, str]
    """What people call each, by its number."""
    ours: int
    value: Any
    """Of our variant."""
    versions: bool
    approvals: bool


@dataclass(frozen=True)
class _State:
    id: int
    on: bool
    value: Any
    """The control's, as Flagsmith writes it."""
    rows: list[dict[str, Any]]
    """Each variant's share, as Flagsmith writes them."""
    share: float
    given: str
    """Who gets the fix whatever the percentage, also at 0: a clause, or empty."""
    narrowed: str
    """Why else a percentage above 0 would not be everybody's share: a clause, or empty."""


class FlagsmithTraffic:
    class Options(DriverOptions):
        token: Secret = Field(description="an organisation's API key that may change the environment's flags")
        environment: str = Field(min_length=1, description="the environment's key, as its client-side SDKs have it")
        flag: str = Field(min_length=1, description="the flag's name")
        on: bool | int | str = Field(description="the variant that is the fix: its value, or its key")
        narrowed: bool = Field(
            default=False, description="overrides that never give the fix may stay: weights are of the others"
        )
        unapproved: bool = Field(
            default=False, description="raise weights also where Flagsmith wants change requests to be approved"
        )
        api: Api = Field(default="https://api.flagsmith.com", description="the API's address, without /api")
        timeout_s: float = Field(default=10.0, gt=0, le=60, description="seconds for each request")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context
        self._service = Service("Flagsmith", options.api, options.token, options.timeout_s, "Api-Key")
        self._here = f"/api/v1/environments/{quote(options.environment, safe='')}"
        self._known: _Place | None = None

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        share = in_steps(weight, _STEP, "Flagsmith")
        await self._change(share, reason(self._context, call, weight))
        return await settled(self.read_weight, share, self._name, min(call.timeout_s, self._options.timeout_s))

    async def read_weight(self) -> float:
        self._known = self._known or await self._find()
        state = await self._state(self._known)
        share = state.share if state.on else 0.0
        if share or state.given:
            self._check(state)
        return share

    async def probe(self) -> str:
        place = await self._find()
        self._check(state := await self._state(place))
        self._check_approvals(place)
        now = f"at {state.share:g} %" if state.on else f"off; its {state.share:g} % count from a weight above 0 on"
        return f"Flagsmith has {self._name} {now}; it does not tell whether the key may change it"

    async def close(self) -> None:
        """The connections are the process's."""

    @property
    def _name(self) -> str:
        return f"{self._options.flag} in {self._options.environment}"

    async def _change(self, share: float, description: str) -> None:
        self._known = place = await self._find()
        state = await self._state(place)
        if share:
            self._check(state)
        if share > (state.share if state.on else 0):
            self._check_approvals(place)
        on = state.on or share > 0
        if (state.share, state.on) != (share, on):
            rows = [row for row in state.rows if row["multivariate_feature_option"] != place.ours]
            ours = [row for row in state.rows if row["multivariate_feature_option"] == place.ours]
            before = ours[0] if ours else {"multivariate_feature_option": place.ours}
            await self._write(place, state, on, [*rows, {**before, "percentage_allocation": share}], description)
        if not share and state.given:
            self._check(state)  # says who has it still

    async def _write(
        self, place: _Place, state: _State, on: bool, rows: list[dict[str, Any]], description: str
    ) -> None:
        if not place.versions:
            body = {"enabled": on, "multivariate_feature_state_values": rows}
            answer = await self._service.change("PUT", f"{self._here}/featurestates/{state.id}/", body)
        else:
            shares = [
                {name: row[name] for name in ("multivariate_feature_option", "percentage_allocation")} for row in rows
            ]
            update = {"feature_segment": None, "enabled": on, "feature_state_value": state.value}
            update["multivariate_feature_state_values"] = shares
            path = f"/api/v1/environments/{place.environment}/features/{place.feature}/versions/"
            body = {"feature_states_to_update": [update], "publish_immediately": True, "description": description}
            answer = await self._service.change("POST", path, body)
        self._service.refuse(answer, f"flag {self._name}")

    async def _find(self) -> _Place:
        options = self._options
        answer = await self._service.call("GET", f"{self._here}/")
        self._refuse(answer)
        try:
            environment, project = int(answer.body["id"]), int(answer.body["project"])
            versions = answer.body["use_v2_feature_versioning"] is True
            approvals = answer.body["minimum_change_request_approvals"] is not None
            named = await self._pages(f"/api/v1/projects/{project}/features/", {"search": options.flag})
            found = [one for one in named if one["name"] == options.flag]
            if not found:
                raise PermanentError(f"Flagsmith has no flag {options.flag} in the environment's project {project}")
            if found[0].get("is_archived") is True:
                raise PermanentError(f"{options.flag} in Flagsmith is archived: bring it back, or name another flag")
            variants = {int(one["id"]): one for one in found[0]["multivariate_options"]}
            ours = [
                place for place, one in variants.items() if _is(options.on, _value(one)) or options.on == one.get("key")
            ]
            called = {place: str(one.get("key") or _value(one)) for place, one in variants.items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._service.stranger("expected an environment, and flags with their variants") from None
        if len(ours) != 1:
            there = listed(list(called.values()), 10) or "none: add one, at 0 %"
            wanted = one_line(str(options.on), 60)
            raise PermanentError(f"{options.flag} in Flagsmith needs one variant {wanted}; it has {there}")
        feature, value = int(found[0]["id"]), _value(variants[ours[0]])
        return _Place(environment, feature, called, ours[0], value, versions, approvals)

    async def _state(self, place: _Place) -> _State:
        """Of the environment itself; overrides, for segments and users, are what makes the share another one."""
        which = {"environment": str(place.environment), "feature": str(place.feature)}
        try:
            states = await self._pages("/api/v1/features/featurestates/", which)
            overrides = [one for one in states if one["feature_segment"] is not None or one["identity"] is not None]
            (own,) = [one for one in states if one["feature_segment"] is None and one["identity"] is None]
            rows = [dict(row) for row in own["multivariate_feature_state_values"]]
            shares = _shares(own)
            value, share = own["feature_state_value"], shares.get(place.ours, 0.0)
            given = self._given(place, own, overrides)
            narrowed = self._narrowed(place, shares, overrides)
            return _State(int(own["id"]), own["enabled"] is True, value, rows, share, given, narrowed)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._service.stranger("expected the flag's one state in the environment") from None

    def _given(self, place: _Place, own: Mapping[str, Any], overrides: list[dict[str, Any]]) -> str:
        if _is(place.value, _value(own["feature_state_value"])):
            return "its control value is the fix's own: whoever the percentage leaves has the fix, too"
        gives = [one for one in overrides if one["enabled"] and _gives(one, place)]
        if gives:
            return f"it has {_counted(gives)} with the fix, who get it at every weight, also at 0 %"
        return ""

    def _narrowed(self, place: _Place, shares: Mapping[int, float], overrides: list[dict[str, Any]]) -> str:
        others = [place.variants.get(one, str(one)) for one, share in shares.items() if share and one != place.ours]
        if others:
            return f"it also gives a share to {listed(others)}"
        if overrides and not self._options.narrowed:
            return f"it has {_counted(overrides)} without the fix; with `narrowed: true` weights are of the others"
        return ""

    def _check(self, state: _State) -> None:
        """Raises PermanentError where a percentage would not be everybody's share."""
        if why := state.given or state.narrowed:
            raise PermanentError(f"{self._name} in Flagsmith is not a share of everybody: {why}")

    def _check_approvals(self, place: _Place) -> None:
        """Flagsmith's API would take the change nevertheless: the rule is kept here."""
        if place.approvals and not self._options.unapproved:
            raise PermanentError(
                f"Flagsmith wants changes in {self._options.environment} as change requests, which wait for a person. "
                "With `unapproved: true` Pilotage goes past them, with approvals of its own where the plan has them"
            )

    async def _pages(self, path: str, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """All pages of a list. Raises TypeError, KeyError and the like where it is none."""
        found: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = await self._service.call("GET", path, params={**params, "page": str(page)})
            self._refuse(answer)
            found += [dict(one) for one in answer.body["results"]]
            if not answer.body["next"]:
                return found
        raise PermanentError(f"{self._name} in Flagsmith has too many overrides, or flags of a like name, to be read")

    def _refuse(self, answer: Answer) -> None:
        if answer.status == 404:
            raise PermanentError(
                f"Flagsmith has no environment with the key {one_line(self._options.environment, 60)}, or does not "
                "show it (404): it is the client-side key, and may the API key see the project?"
            )
        self._service.refuse(answer, f"flag {self._name}")


def _value(holder: Mapping[str, Any]) -> Any:
    """Of a variant or a state: which field counts is in its `type`."""
    return holder[{"bool": "boolean_value", "int": "integer_value", "unicode": "string_value"}[holder["type"]]]


def _is(wanted: Any, value: Any) -> bool:
    """Equal, and of one type: 1 is not true."""
    return type(wanted) is type(value) and bool(wanted == value)


def _shares(state: Mapping[str, Any]) -> dict[int, float]:
    rows = state["multivariate_feature_state_values"]
    return {int(row["multivariate_feature_option"]): float(row["percentage_allocation"]) for row in rows}


def _gives(override: Mapping[str, Any], place: _Place) -> bool:
    return _shares(override).get(place.ours, 0) > 0 or _is(place.value, _value(override["feature_state_value"]))


def _counted(overrides: list[dict[str, Any]]) -> str:
    users = sum(one["identity"] is not None for one in overrides)
    counts = [(len(overrides) - users, "segment"), (users, "user")]
    return " and ".join(f"{count} {what} override{'s' * (count > 1)}" for count, what in counts if count)
