"""Unleash: the percentage of a flag's one gradual rollout in one environment, through the Admin API.

Unleash gives a flag to whoever any of its strategies gives it to. So the percentage is the share only while there is
no other strategy, and only for those whom the strategy's own constraints leave. A cohort is a second strategy, whose
title says that it is ours. A change carries the percentage it
replaces, as the `test` of a JSON patch: what somebody else has set meanwhile is not overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort, CohortKind
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import Answer, listed, one_line, said
from pilotage.drivers.cohorts import check_kind, check_values
from pilotage.drivers.flags import settled
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_STEP = 1.0
_ROLLOUT = "/parameters/rollout"
_MARK = "Pilotage: cohort"
_RIGHTS = ("UPDATE_FEATURE_STRATEGY", "UPDATE_FEATURE_ENVIRONMENT")


@dataclass(frozen=True)
class _State:
    """The flag in our environment: whether it is on, and its strategies that are not disabled, the cohort's apart."""

    on: bool
    strategies: list[dict[str, Any]]
    cohorts: list[dict[str, Any]]
    narrowed: str
    """Why not everybody counts: a clause, or empty."""


class UnleashTraffic:
    cohorts: frozenset[CohortKind] = frozenset({"user"})

    class Options(DriverOptions):
        api: Api = Field(description="Unleash's address, without /api")
        token: Secret = Field(description="a token for the Admin API: a service account's, or a personal one")
        project: str = Field(default="default", min_length=1, description="the flag's project, by its id")
        flag: str = Field(min_length=1, description="the flag's name")
        environment: str = Field(min_length=1, description="the environment, such as production")
        narrowed: bool = Field(
            default=False,
            description="the strategy may have constraints or segments, the flag parents: weights are of those left",
        )
        timeout_s: float = Field(default=10.0, gt=0, le=60, description="seconds for each request")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        keys = {"Authorization": options.token}
        self._service = Service("Unleash", options.api, None, options.timeout_s, keys=keys)
        flag, project = quote(options.flag, safe=""), quote(options.project, safe="")
        self._flag = f"/api/admin/projects/{project}/features/{flag}"
        self._here = f"{self._flag}/environments/{quote(options.environment, safe='')}"
        self._project = f"/api/admin/projects/{project}"

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        steps = round(in_steps(weight, _STEP, "Unleash"))
        check_kind(call.cohort, self.cohorts, "Unleash")
        if call.cohort is not None:
            check_values(call.cohort)
        await self._change(steps, call.cohort)
        within_s = min(call.timeout_s, self._options.timeout_s)
        now = await settled(self.read_weight, float(steps), self._name, within_s)
        if await self.read_cohort() != call.cohort:
            raise TemporaryError(f"{self._name} in Unleash has another cohort than was set: has somebody changed it?")
        return now

    async def nearest(self, weight: float) -> float:
        return in_steps(weight, _STEP, "Unleash")

    async def read_weight(self) -> float:
        state = await self._state()
        if not state.on:
            return 0.0
        ours = self._ours(state)
        rollout = self._rollout(ours)
        self._check(state, ours, for_nobody=rollout == 0)
        return rollout

    async def read_cohort(self) -> Cohort | None:
        state = await self._state()
        return self._cohort(state.cohorts) if state.on else None

    async def probe(self) -> str:
        state = await self._state()
        ours = self._ours(state)
        self._check(state, ours)
        rollout = self._rollout(ours)
        now = f"at {rollout:g} %" if state.on else f"off; its rollout of {rollout:g} % counts from a weight above 0 on"
        return f"Unleash has {self._name} {now}; {await self._rights()}"

    async def close(self) -> None:
        """The connections are the process's."""

    @property
    def _name(self) -> str:
        return f"{self._options.flag} in {self._options.environment}"

    async def _change(self, steps: int, cohort: Cohort | None) -> None:
        """Switched on last: a flag that is on before has the percentage that somebody left there."""
        state = await self._state()
        nobody = steps == 0 and cohort is None
        ours = self._ours(state)
        if not nobody:
            self._check(state, ours)
        if self._rollout(ours) != steps:
            await self._patch(ours, steps)
        if state.cohorts and (cohort is None or self._cohort(state.cohorts) != cohort):
            for one in state.cohorts:
                await self._send("DELETE", self._strategy(one))
            state.cohorts.clear()
        if cohort is not None and not state.cohorts:
            await self._send("POST", f"{self._here}/strategies", self._wanted(cohort))
        if not nobody and not state.on:
            await self._send("POST", f"{self._here}/on")
        if nobody:
            self._check(state, ours, for_nobody=True)  # says who has it still

    def _strategy(self, strategy: Mapping[str, Any]) -> str:
        return f"{self._here}/strategies/{quote(str(strategy['id']), safe='')}"

    def _wanted(self, cohort: Cohort) -> dict[str, Any]:
        constraint = {"contextName": cohort.name, "operator": "IN", "values": list(cohort.values)}
        parameters = {"rollout": "100", "stickiness": "default", "groupId": self._options.flag}
        return {"name": "flexibleRollout", "title": _MARK, "constraints": [constraint], "parameters": parameters}

    def _cohort(self, marked: list[dict[str, Any]]) -> Cohort | None:
        if not marked:
            return None
        try:
            (one,) = marked
            (constraint,) = one["constraints"]
            plain = constraint["operator"] == "IN" and not constraint.get("inverted")
            if plain and not constraint.get("caseInsensitive") and not one.get("segments"):
                return Cohort("user", str(constraint["contextName"]), tuple(constraint["values"]))
        except (KeyError, TypeError, ValueError):
            pass
        raise PermanentError(
            f"the strategy {_MARK!r} of {self._name} in Unleash is not as Pilotage writes it: take it out by hand"
        )

    async def _patch(self, ours: Mapping[str, Any], steps: int) -> None:
        before = ours["parameters"].get("rollout")
        patch = [{"op": "test", "path": _ROLLOUT, "value": before}] if before is not None else []
        patch.append({"op": "add", "path": _ROLLOUT, "value": str(steps)})
        await self._send("PATCH", self._strategy(ours), patch)

    async def _send(self, method: str, path: str, body: Any = None) -> None:
        answer = await self._service.change(method, path, body)
        if answer.status >= 400 and "Test operation failed" in answer.text:
            raise TemporaryError(f"somebody else has changed {self._name} in Unleash at the same moment")
        self._refuse(answer)

    def _refuse(self, answer: Answer) -> None:
        options = self._options
        if answer.status == 403 and "SKIP_CHANGE_REQUEST" in answer.text:
            raise PermanentError(
                f"Unleash takes changes in {options.environment} of the project {options.project} as change requests "
                "only (403), which wait for a person: give the token's account the right SKIP_CHANGE_REQUEST there"
            )
        if answer.status == 403 and "token type" in answer.text:
            raise PermanentError(
                "Unleash refuses the token (403): it is a client's or a frontend's. The Admin API needs a service "
                "account's token, or a personal one"
            )
        if answer.status == 404:
            raise PermanentError(
                f"Unleash has no flag {options.flag} in project {options.project}, or it is archived (404): "
                f"{said(answer)}"
            )
        self._service.refuse(answer, f"flag {options.flag}")

    async def _state(self) -> _State:
        """Raises PermanentError when there is no such environment, or what came is not Unleash's."""
        answer = await self._service.call("GET", self._flag)
        self._refuse(answer)
        try:
            found = {str(one["name"]): one for one in answer.body["environments"]}
            here = found.get(self._options.environment)
            strategies = [] if here is None else [dict(one) for one in here["strategies"] if not one.get("disabled")]
            parents = [str(one["feature"]) for one in answer.body.get("dependencies") or []]
            plans = [str(one.get("name")) for one in (here or {}).get("releasePlans") or []]
            on = here is not None and here["enabled"] is True
        except (KeyError, TypeError, AttributeError):
            raise self._service.stranger("expected a flag with its environments") from None
        if here is None:
            raise PermanentError(
                f"{self._options.flag} in Unleash has no environment {self._options.environment}; it has "
                f"{listed(sorted(found))}"
            )
        if plans:
            raise PermanentError(f"{self._name} in Unleash follows the release plan {listed(plans)}: take it out first")
        cohorts = [one for one in strategies if one.get("title") == _MARK and "id" in one]
        own = [one for one in strategies if one not in cohorts]
        return _State(on, own, cohorts, f"it depends on the flag {listed(parents)}" if parents else "")

    def _ours(self, state: _State) -> Mapping[str, Any]:
        """The one gradual rollout. Raises PermanentError where it cannot be told which one it is."""
        rollouts = [one for one in state.strategies if one.get("name") == "flexibleRollout"]
        if len(rollouts) != 1:
            has = f"it has {listed([_title(one) for one in state.strategies])}" if state.strategies else "it has none"
            raise PermanentError(
                f"{self._name} in Unleash needs one gradual rollout (flexibleRollout) that is not disabled, at 0 % at "
                f"first, and no other strategy: {has}"
            )
        ours = rollouts[0]
        if not isinstance(ours.get("parameters"), dict) or not isinstance(ours.get("id"), str):
            raise self._service.stranger("expected a strategy with its id and parameters")
        return ours

    def _check(self, state: _State, ours: Mapping[str, Any], for_nobody: bool = False) -> None:
        """Raises PermanentError where a percentage of ours is not everybody's share; `for_nobody` only where somebody
        has the flag all the same."""
        others = [one for one in state.strategies if one is not ours]
        if others and (state.on or not for_nobody):
            raise PermanentError(
                f"{self._name} in Unleash has another strategy, {listed([_title(one) for one in others])}: whoever it "
                "gives the flag to has it at every weight, also at 0 %. Take it out, or disable it"
            )
        if for_nobody:
            return
        narrowed = state.narrowed
        if ours.get("constraints") or ours.get("segments"):
            narrowed = f"its strategy {_title(ours)} has constraints or segments"
        if narrowed and not self._options.narrowed:
            raise PermanentError(
                f"{self._name} in Unleash is not for everybody: {narrowed}. With `narrowed: true` weights are of those "
                "that it leaves"
            )

    def _rollout(self, ours: Mapping[str, Any]) -> float:
        try:
            rollout = float(ours["parameters"].get("rollout", 100))  # Unleash's own value where there is none
        except (TypeError, ValueError):
            rollout = -1
        if not 0 <= rollout <= 100:
            raise PermanentError(f"{self._name} in Unleash has a rollout that is no percentage: set it by hand to 0")
        return rollout

    async def _rights(self) -> str:
        """Whether the token may do what is needed, as far as Unleash tells."""
        user = await self._service.call("GET", "/api/admin/user")
        held = user.get("permissions") if user.status == 200 else None
        if not isinstance(held, list):
            return "it does not tell what the token may do"
        has = {str(one.get("permission")) for one in held if isinstance(one, dict) and self._counts_here(one)}
        if missing := [] if "ADMIN" in has else [right for right in _RIGHTS if right not in has]:
            raise PermanentError(
                f"the token may not change {self._name} in Unleash: its account lacks {listed(missing)} in project "
                f"{self._options.project}"
            )
        if not has & {"ADMIN", "SKIP_CHANGE_REQUEST"} and await self._wants_requests():
            raise PermanentError(
                f"Unleash takes changes in {self._options.environment} as change requests only: the token's account "
                f"lacks SKIP_CHANGE_REQUEST in project {self._options.project}"
            )
        return "the token may change it"

    def _counts_here(self, right: Mapping[str, Any]) -> bool:
        return right.get("project") in (None, "*", self._options.project) and right.get("environment") in (
            *(None, "", "*"),
            self._options.environment,
        )

    async def _wants_requests(self) -> bool:
        """Only Unleash Enterprise knows change requests; what it does not say shows at the first change."""
        answer = await self._service.call("GET", f"{self._project}/change-requests/config")
        rows = answer.body if answer.status == 200 and isinstance(answer.body, list) else []
        found = [one for one in rows if isinstance(one, dict) and one.get("environment") == self._options.environment]
        return any(one.get("changeRequestEnabled") is True for one in found)


def _title(strategy: Mapping[str, Any]) -> str:
    title, name = strategy.get("title"), one_line(str(strategy.get("name")), 60)
    return f"{name} {one_line(str(title), 60)!r}" if title else name
