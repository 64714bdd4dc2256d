"""Flipt: the percentage of a boolean flag's threshold rollout, in Flipt 2 (with `environment`) or in Flipt 1.

A boolean flag's rollouts are tried in their order, and who matches none gets the flag's default, its `enabled`. Flipt
puts each user into one of a hundred, so whole percents are all there is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import Answer, listed, one_line, said
from pilotage.drivers.flags import settled
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import in_steps

_STEP = 1.0
_BOOLEAN = "BOOLEAN_FLAG_TYPE"


@dataclass(frozen=True)
class _Flag:
    enabled: bool
    """What those get whom no rollout matches."""
    rollouts: list[Mapping[str, Any]]
    whole: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""
    """Of Flipt 2: what a change names as the state that it is a change of."""


class FliptTraffic:
    class Options(DriverOptions):
        api: Api = Field(description="Flipt's address, without /api")
        token: Secret | None = Field(default=None, description="a client token that may write, where Flipt wants one")
        environment: str | None = Field(
            default=None, min_length=1, description="Flipt 2's environment, such as production; Flipt 1 has none"
        )
        namespace: str = Field(default="default", min_length=1, description="the flag's namespace, by its key")
        flag: str = Field(min_length=1, description="the boolean flag's key")
        narrowed: bool = Field(
            default=False, description="rollouts by segment to false may stay: weights are of those they leave"
        )
        timeout_s: float = Field(default=10.0, gt=0, le=60, description="seconds for each request")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        scheme = "Bearer" if options.token else ""
        self._service = Service("Flipt", options.api, options.token, options.timeout_s, scheme)
        namespace, flag = quote(options.namespace, safe=""), quote(options.flag, safe="")
        if options.environment is None:
            self._flag = f"/api/v1/namespaces/{namespace}/flags/{flag}"
        else:
            here = quote(options.environment, safe="")
            self._resources = f"/api/v2/environments/{here}/namespaces/{namespace}/resources"
            self._flag = f"{self._resources}/flipt.core.Flag/{flag}"

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        steps = round(in_steps(weight, _STEP, "Flipt"))
        await self._change(steps)
        return await settled(self.read_weight, float(steps), self._name, min(call.timeout_s, self._options.timeout_s))

    async def nearest(self, weight: float) -> float:
        return in_steps(weight, _STEP, "Flipt")

    async def read_weight(self) -> float:
        flag = await self._read()
        percentage = self._percentage(flag.rollouts[self._ours(flag)])
        self._check(flag, percentage)
        return percentage

    async def probe(self) -> str:
        flag = await self._read()
        percentage = self._percentage(flag.rollouts[self._ours(flag)])
        self._check(flag, 100)
        return f"Flipt has {self._name} at {percentage:g} %; it does not tell whether it may be changed"

    async def close(self) -> None:
        """The connections are the process's."""

    @property
    def _name(self) -> str:
        options = self._options
        return f"{options.flag} in {'/'.join(one for one in (options.environment, options.namespace) if one)}"

    async def _change(self, steps: int) -> None:
        flag = await self._read()
        place = self._ours(flag)
        if steps:
            self._check(flag, steps)
        if self._percentage(flag.rollouts[place]) != steps:
            if self._options.environment is None:
                await self._put_rollout(flag.rollouts[place], steps)
            else:
                await self._put_flag(flag, place, steps)
        self._check(flag, steps)  # on the way to nobody: says who has it still

    async def _put_rollout(self, ours: Mapping[str, Any], steps: int) -> None:
        """Flipt 1 takes a rollout alone, and knows no revisions."""
        if not isinstance(ours.get("id"), str):
            raise self._service.stranger("expected a rollout with its id")
        body = {"description": str(ours.get("description") or ""), "threshold": {"percentage": steps, "value": True}}
        self._refuse(await self._service.change("PUT", f"{self._flag}/rollouts/{quote(ours['id'], safe='')}", body))

    async def _put_flag(self, flag: _Flag, place: int, steps: int) -> None:
        """Flipt 2 takes the whole flag, as a change of the revision that was read."""
        payload = copy.deepcopy(dict(flag.whole))
        payload["rollouts"][place]["threshold"]["percentage"] = steps
        body = {"key": self._options.flag, "payload": payload, "revision": flag.revision}
        answer = await self._service.change("PUT", self._resources, body)
        if answer.status == 409:
            raise TemporaryError(f"somebody else has changed something in {self._options.environment} in Flipt (409)")
        self._refuse(answer)

    async def _read(self) -> _Flag:
        answer = await self._service.call("GET", self._flag)
        self._refuse(answer)
        try:
            if self._options.environment is not None:
                whole, revision = answer.body["resource"]["payload"], answer.body["revision"]
                rollouts = list(whole.get("rollouts") or [])
            else:
                whole, revision = answer.body, ""
                rollouts = [] if whole.get("type") != _BOOLEAN else await self._rollouts()
            if whole["key"] != self._options.flag or not all(isinstance(one, dict) for one in rollouts):
                raise TypeError
        except (KeyError, TypeError, AttributeError):
            raise self._service.stranger("expected a flag with its rollouts") from None
        if whole.get("type") != _BOOLEAN:
            raise PermanentError(f"{self._name} in Flipt is no boolean flag: only such a one has a share of true")
        return _Flag(whole.get("enabled") is True, rollouts, whole, str(revision))

    async def _rollouts(self) -> list[Mapping[str, Any]]:
        answer = await self._service.call("GET", f"{self._flag}/rollouts")
        self._refuse(answer)
        found: list[Mapping[str, Any]] = list(answer.body["rules"])
        if answer.get("nextPageToken"):
            raise PermanentError(
                f"{self._name} in Flipt has more rollouts than one page: take out all but one threshold"
            )
        return found

    def _refuse(self, answer: Answer) -> None:
        if answer.status == 404:
            hint = "" if self._options.environment else ". Flipt 2 needs `environment`"
            raise PermanentError(f"Flipt has no flag {self._name} (404): {said(answer)}{hint}")
        if answer.status >= 500 and "read-only" in said(answer):
            raise PermanentError(
                f"Flipt takes no changes of {self._name} ({answer.status}, {said(answer)}): its flags come from files "
                "or git, and are changed there"
            )
        self._service.refuse(answer, f"flag {self._name}")

    def _ours(self, flag: _Flag) -> int:
        """The place of the one threshold to true."""
        thresholds = [place for place, one in enumerate(flag.rollouts) if isinstance(one.get("threshold"), dict)]
        if len(thresholds) != 1 or flag.rollouts[thresholds[0]]["threshold"].get("value") is not True:
            raise PermanentError(
                f"{self._name} in Flipt needs one threshold rollout to true, at 0 % at first; it has "
                f"{listed([_shown(one) for one in flag.rollouts]) or 'none'}"
            )
        return thresholds[0]

    def _check(self, flag: _Flag, percentage: float) -> None:
        """Raises PermanentError where that percentage is not everybody's share."""
        others = [one for one in flag.rollouts if not isinstance(one.get("threshold"), dict)]
        gives = [one for one in others if (one.get("segment") or {}).get("value") is True]
        if flag.enabled:
            raise PermanentError(
                f"{self._name} in Flipt is true for whoever the percentage leaves: set its default (enabled) to false"
            )
        if gives:
            raise PermanentError(
                f"{self._name} in Flipt has {listed([_shown(one) for one in gives])}, who get it at every weight, also "
                "at 0 %: take it out"
            )
        if percentage and others and not self._options.narrowed:
            raise PermanentError(
                f"{self._name} in Flipt is not for everybody: it has {listed([_shown(one) for one in others])}. With "
                "`narrowed: true` weights are of those that it leaves"
            )

    def _percentage(self, rollout: Mapping[str, Any]) -> float:
        percentage = rollout["threshold"].get("percentage", 0)
        if isinstance(percentage, bool) or not isinstance(percentage, int | float) or not 0 <= percentage <= 100:
            raise PermanentError(f"{self._name} in Flipt has a threshold that is no percentage: set it by hand to 0")
        return float(percentage)


def _shown(rollout: Mapping[str, Any]) -> str:
    if isinstance(rollout.get("threshold"), dict):
        value = "true" if rollout["threshold"].get("value") else "false"
        return f"a threshold of {one_line(str(rollout['threshold'].get('percentage', 0)), 20)} % to {value}"
    segment = rollout.get("segment") or {}
    names = segment.get("segments") or segment.get("segmentKeys") or [segment.get("segmentKey") or "?"]
    return f"a rollout to {'true' if segment.get('value') else 'false'} for {listed([str(one) for one in names])}"
