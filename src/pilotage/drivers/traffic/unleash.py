"""Unleash: the percentage of a flag's one gradual rollout in one environment, through the Admin API.

Unleash gives a flag to whoever any of its strategies gives it to. So the percentage is the share only while there is
no other strategy, and only for those whom the strategy's own constraints leave. A change carries the percentage it
replaces, as the `test` of a JSON patch: what somebody else has set meanwhile is not overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import Answer, listed, one_line, said
from pilotage.drivers.flags import settled, to_steps, to_the_end
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service

_STEPS = 100
_ROLLOUT = "/parameters/rollout"
_RIGHTS = ("UPDATE_FEATURE_STRATEGY", "UPDATE_FEATURE_ENVIRONMENT")


@dataclass(frozen=True)
class _State:
    """The flag in our environment: whether it is on, and its strategies that are not disabled."""

    on: bool
    strategies: list[dict[str, Any]]
    narrowed: str
    """Why not everybody counts: a clause, or empty."""


class UnleashTraffic:
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

    async def set_weight(self, weight: float, call: Call) -> float:
        steps = to_steps(weight, _STEPS, "Unleash")
        await to_the_end(self._change(steps))
        return await settled(self.read_weight, float(steps), self._name, min(call.timeout_s, self._options.timeout_s))

    async def nearest(self, weight: float) -> float:
        return float(to_steps(weight, _STEPS, "Unleash"))

    async def read_weight(self) -> float:
        state = await self._state()
        return self._rollout(self._ours(state)) if state.on else 0.0

    async def probe(self) -> str:
        state = await self._state()
        rollout = self._rollout(self._ours(state))
        now = f"at {rollout:g} %" if state.on else f"off; its rollout of {rollout:g} % counts from a weight above 0 on"
        return f"Unleash has {self._name} {now}; {await self._rights()}"

    async def close(self) -> None:
        """The connections are the process's."""

    @property
    def _name(self) -> str:
        return f"{self._options.flag} in {self._options.environment}"

    async def _change(self, steps: int) -> None:
        """The percentage first: a flag that is switched on before has the one that somebody left there."""
        state = await self._state()
        ours = self._ours(state, towards_nobody=steps == 0)
        if self._rollout(ours) != steps:
            await self._patch(ours, steps)
        if steps and not state.on:
            await self._send("POST", f"{self._here}/on")
        if steps == 0 and state.on:
            self._ours(state)  # says who has it still

    async def _patch(self, ours: Mapping[str, Any], steps: int) -> None:
        before = ours["parameters"].get("rollout")
        patch = [{"op": "test", "path": _ROLLOUT, "value": before}] if before is not None else []
        patch.append({"op": "add", "path": _ROLLOUT, "value": str(steps)})
        await self._send("PATCH", f"{self._here}/strategies/{quote(str(ours['id']), safe='')}", patch)

    async def _send(self, method: str, path: str, body: Any = None) -> None:
        answer = await self._service.call(method, path, body)
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
        return _State(on, strategies, f"it depends on the flag {listed(parents)}" if parents else "")

    def _ours(self, state: _State, towards_nobody: bool = False) -> Mapping[str, Any]:
        """The one gradual rollout. Raises PermanentError where its percentage is not everybody's share; on the way
        to nobody only where it cannot be told which one it is."""
        rollouts = [one for one in state.strategies if one.get("name") == "flexibleRollout"]
        others = [one for one in state.strategies if one.get("name") != "flexibleRollout"]
        if len(rollouts) != 1:
            has = f"it has {listed([_title(one) for one in state.strategies])}" if state.strategies else "it has none"
            raise PermanentError(
                f"{self._name} in Unleash needs one gradual rollout (flexibleRollout) that is not disabled, at 0 % at "
                f"first, and no other strategy: {has}"
            )
        ours = rollouts[0]
        if not isinstance(ours.get("parameters"), dict) or not isinstance(ours.get("id"), str):
            raise self._service.stranger("expected a strategy with its id and parameters")
        if towards_nobody:
            return ours
        if others:
            raise PermanentError(
                f"{self._name} in Unleash has another strategy, {listed([_title(one) for one in others])}: whoever it "
                "gives the flag to has it at every weight, also at 0 %. Take it out, or disable it"
            )
        narrowed = state.narrowed
        if ours.get("constraints") or ours.get("segments"):
            narrowed = f"its strategy {_title(ours)} has constraints or segments"
        if narrowed and not self._options.narrowed:
            raise PermanentError(
                f"{self._name} in Unleash is not for everybody: {narrowed}. With `narrowed: true` weights are of those "
                "that it leaves"
            )
        return ours

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
