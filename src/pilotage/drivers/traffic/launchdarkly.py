"""LaunchDarkly: the percentage rollout of a flag's default rule in one environment, through its REST API.

Changes are semantic patches: one request switches the flag on and sets the percentage, all of it or nothing, and leaves
what else people set on the flag. Weights are thousandths of a percent; the flag's bucketing stays as it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import Answer, listed, one_line, said
from pilotage.drivers.flags import reason, settled
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps, to_percent

_STEPS = 100_000
_VERSION = {"LD-API-Version": "20240415"}
_SEMANTIC = {"Content-Type": "application/json; domain-model=launchdarkly.semanticpatch"}


@dataclass(frozen=True)
class _State:
    """The flag in our environment."""

    on: bool
    ids: list[str]
    """Its variations' ids, in their order."""
    canary: int
    stable: int
    """The places of our two variations."""
    weights: Mapping[int, int]
    """Of the default rule: place of a variation to thousandths of a percent."""
    bucket: Mapping[str, str]
    """How the default rule's percentage counts, as an instruction says it."""
    given: str
    """Who gets the fix whatever the percentage, also at 0: a clause, or empty."""
    narrowed: str
    """Why else a percentage above 0 would not be everybody's share: a clause, or empty."""

    @property
    def share(self) -> int:
        return self.weights.get(self.canary, 0)


class LaunchDarklyTraffic:
    class Options(DriverOptions):
        token: Secret = Field(description="an access token whose role may read the flag and change its targeting")
        project: str = Field(min_length=1, description="the project's key")
        flag: str = Field(min_length=1, description="the flag's key")
        environment: str = Field(min_length=1, description="the environment's key, such as production")
        on: bool | str = Field(default=True, description="the variation that is the fix: its value, or its name")
        off: bool | str = Field(default=False, description="the variation that is the present version, likewise")
        context_kind: str = Field(
            default="user", min_length=1, description="what is counted, where the flag has no percentage yet"
        )
        narrowed: bool = Field(
            default=False,
            description="targets and rules for `off`, and prerequisites, may stay: weights are of the others",
        )
        api: Api = Field(default="https://app.launchdarkly.com", description="LaunchDarkly's address, without /api")
        timeout_s: float = Field(default=10.0, gt=0, le=60, description="seconds for each request")

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.on == self.off:
                raise ValueError("on and off are two variations, not the same one")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context
        keys = {"Authorization": options.token}
        self._service = Service("LaunchDarkly", options.api, None, options.timeout_s, keys=keys, headers=_VERSION)
        project, flag = quote(options.project, safe=""), quote(options.flag, safe="")
        self._flag = f"/api/v2/flags/{project}/{flag}"
        here = quote(options.environment, safe="")
        self._scheduled = f"/api/v2/projects/{project}/flags/{flag}/environments/{here}/scheduled-changes"

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        steps = round(in_steps(weight, 100 / _STEPS, "LaunchDarkly") / 100 * _STEPS)
        await self._change(steps, reason(self._context, call, weight))
        within_s = min(call.timeout_s, self._options.timeout_s)
        return await settled(self.read_weight, to_percent(steps, _STEPS), self._name, within_s)

    async def read_weight(self) -> float:
        return self._in_force(await self._state())

    async def probe(self) -> str:
        """A dry run, which is validated and not kept, tells whether the token may make a change."""
        self._check(state := await self._state())
        await self._patch([self._rollout(state, state.share)], "Pilotage: a dry run", {"dryRun": "true"})
        share = to_percent(state.share, _STEPS)
        now = f"at {share:g} %" if state.on else f"off; its default rule's {share:g} % counts from a weight above 0 on"
        return f"LaunchDarkly has {self._name} {now}; the token may change it{await self._waiting()}"

    async def close(self) -> None:
        """The connections are the process's."""

    @property
    def _name(self) -> str:
        return f"{self._options.flag} in {self._options.environment}"

    async def _change(self, steps: int, comment: str) -> None:
        state = await self._state()
        if steps:
            self._check(state)
        instructions = [] if state.share == steps else [self._rollout(state, steps)]
        if steps and not state.on:
            instructions.append({"kind": "turnFlagOn"})
        if instructions:
            # The way back must not wait for what somebody has scheduled or asked for.
            params = {"ignoreConflicts": "true"} if steps <= state.share else {}
            await self._patch(instructions, comment, params)
        if not steps and state.given:
            self._check(state)  # says who has it still

    def _rollout(self, state: _State, steps: int) -> dict[str, Any]:
        ours = (state.canary, state.stable)
        others = {state.ids[place]: weight for place, weight in state.weights.items() if place not in ours}
        stable = _STEPS - steps - sum(others.values())
        weights = others | {state.ids[state.canary]: steps, state.ids[state.stable]: stable}
        bucket = state.bucket or {"rolloutContextKind": self._options.context_kind}
        return {"kind": "updateFallthroughVariationOrRollout", "rolloutWeights": weights, **bucket}

    async def _patch(self, instructions: list[dict[str, Any]], comment: str, params: dict[str, str]) -> None:
        options = self._options
        body = {"comment": comment, "environmentKey": options.environment, "instructions": instructions}
        answer = await self._service.change("PATCH", self._flag, body, params, headers=_SEMANTIC)
        if answer.status == 405:
            raise PermanentError(
                f"LaunchDarkly takes changes of {self._name} only with an approval (405), which waits for a person: "
                "allow the token's role to go without (the action bypassRequiredApproval), or do not require it there"
            )
        if answer.status == 409:
            raise TemporaryError(f"somebody else has changed {self._name} in LaunchDarkly at the same moment (409)")
        if answer.status == 400:
            raise PermanentError(
                f"LaunchDarkly refuses the change of {self._name} (400): {said(answer)}. A scheduled change or an "
                "approval request that waits and would fail is a reason, too"
            )
        self._refuse(answer)
        if not isinstance(answer.get("environments"), dict):
            raise self._service.stranger("expected the changed flag with its environments")

    def _refuse(self, answer: Answer) -> None:
        reset = answer.headers.get("x-ratelimit-reset", "")
        if answer.status == 429 and answer.after_s is None and reset.isascii() and reset.isdigit():
            after_s = max(0.0, float(reset) / 1000 - time.time())
            raise TemporaryError(
                f"LaunchDarkly limits how often it may be asked (429); again in {after_s:.0f} s", after_s
            )
        self._service.refuse(answer, f"flag {self._options.flag} in project {self._options.project}")

    async def _waiting(self) -> str:
        """What is scheduled, as a clause. Only where the plan has it and the token may see it."""
        answer = await self._service.call("GET", self._scheduled)
        items = answer.get("items") if answer.status == 200 else None
        count = len(items) if isinstance(items, list) else 0
        return f"; {count} scheduled changes of it wait, which may set it otherwise" if count else ""

    async def _state(self) -> _State:
        answer = await self._service.call("GET", self._flag, params={"env": self._options.environment})
        self._refuse(answer)
        try:
            return self._understood(answer.body)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise self._service.stranger("expected a flag with variations and environments") from None

    def _understood(self, flag: Mapping[str, Any]) -> _State:
        options, variations = self._options, list(flag["variations"])
        here = flag["environments"].get(options.environment)
        if here is None:
            raise PermanentError(f"LaunchDarkly shows no environment {options.environment} of the flag {options.flag}")
        if flag.get("archived") is True:
            raise PermanentError(f"{options.flag} in LaunchDarkly is archived: restore it, or name another flag")
        canary, stable = self._place(options.on, variations), self._place(options.off, variations)
        rule = here["fallthrough"]
        rollout = rule.get("rollout")
        weights: dict[int, int] = {}
        bucket: dict[str, str] = {}
        if rollout:
            for one in rollout["variations"]:
                weights[int(one["variation"])] = weights.get(int(one["variation"]), 0) + int(one["weight"])
            bucket["rolloutContextKind"] = str(rollout.get("contextKind") or "user")
            if rollout.get("bucketBy"):
                bucket["rolloutBucketBy"] = str(rollout["bucketBy"])
        else:
            weights[int(rule["variation"])] = _STEPS
        on = here["on"] is True
        ids = [str(one["_id"]) for one in variations]
        given = self._given(here, stable, variations)
        narrowed = self._narrowed(here, canary, stable, weights, variations)
        return _State(on, ids, canary, stable, weights, bucket, given, narrowed)

    def _place(self, wanted: bool | str, variations: list[Mapping[str, Any]]) -> int:
        text = wanted if isinstance(wanted, str) else json.dumps(wanted)
        found = [place for place, one in enumerate(variations) if text in (one.get("name"), one["value"], _text(one))]
        if len(found) != 1:
            there = listed([_called(one) for one in variations], 10)
            how = "no variation" if not found else f"{len(found)} variations"
            raise PermanentError(f"{self._options.flag} in LaunchDarkly has {how} {one_line(text, 60)}; it has {there}")
        return found[0]

    def _given(self, here: Mapping[str, Any], stable: int, variations: list[Mapping[str, Any]]) -> str:
        if here.get("offVariation") != stable:
            return f"switched off it does not serve {_called(variations[stable])}"
        if any(one["variation"] != stable for one in _targets(here)):
            return "it has individual targets, who get it at every weight, also at 0 %"
        if strange := [one for one in _switched_on(here) if one.get("variation") != stable]:
            return f"it has the rule {_rules(strange)}, which serves it at every weight, also at 0 %"
        return ""

    def _narrowed(
        self,
        here: Mapping[str, Any],
        canary: int,
        stable: int,
        weights: Mapping[int, int],
        variations: list[Mapping[str, Any]],
    ) -> str:
        """What cannot be allowed first."""
        others = [place for place, weight in weights.items() if weight and place not in (canary, stable)]
        if others:
            return f"its default rule also serves {listed([_called(variations[place]) for place in others])}"
        if (here["fallthrough"].get("rollout") or {}).get("experimentAllocation"):
            return "an experiment runs on its default rule"
        if self._options.narrowed:
            return ""
        rules = _switched_on(here)
        narrowed = [
            *(["individual targets"] if _targets(here) else []),
            *([f"the rule {_rules(rules)}"] if rules else []),
            *([f"the prerequisite {one['key']}" for one in here.get("prerequisites") or []]),
        ]
        hint = "who never get it; with `narrowed: true` weights are of the others"
        return f"it has {listed(narrowed)} for those {hint}" if narrowed else ""

    def _check(self, state: _State) -> None:
        """Raises PermanentError where a percentage would not be everybody's share."""
        if why := state.given or state.narrowed:
            raise PermanentError(f"{self._name} in LaunchDarkly is not a share of everybody: {why}")

    def _in_force(self, state: _State) -> float:
        """Percent. Raises as `_check`, for a share of nobody only where somebody has the fix all the same."""
        share = to_percent(state.share, _STEPS) if state.on else 0.0
        if share or state.given:
            self._check(state)
        return share


def _text(variation: Mapping[str, Any]) -> str:
    return json.dumps(variation["value"])


def _called(variation: Mapping[str, Any]) -> str:
    return one_line(str(variation.get("name") or _text(variation)), 60)


def _targets(here: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in [*(here.get("targets") or []), *(here.get("contextTargets") or [])] if one["values"]]


def _switched_on(here: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in here.get("rules") or [] if not one.get("disabled")]


def _rules(rules: list[Mapping[str, Any]]) -> str:
    return listed([str(one.get("description") or one.get("_id") or "without a name") for one in rules])
