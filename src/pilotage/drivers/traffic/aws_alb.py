"""An AWS Application Load Balancer: the weights of two target groups, in a listener's default action or in a rule.

With stickiness of target groups on, a client's cookie comes before the weights. So at 0 and at 100 % the other side's
group is left out of the action: the cookie cannot lead there any more, and a rollback brings everybody back.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.aws import Aws, AwsOptions
from pilotage.drivers.looks import looks
from pilotage.drivers.pairs import nearest, share
from pilotage.drivers.turns import in_turn

MOST_WEIGHT = 999
_WHO = "AWS Elastic Load Balancing"
_ARN = r"^arn:aws[\w-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:"
_GROUP = r"^([A-Za-z0-9-]{1,32}|arn:aws[\w-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/[\w/-]+)$"
_PAUSE_S = (0.1, 1.0)
_WELL = ("healthy", "unavailable")
"""Also those whose target group has no health checks."""


@dataclass(frozen=True)
class _Split:
    """A forward action among all of the listener's or rule's: the two groups' weights, None for one that it has not;
    `others` are further groups, as the action has them."""

    actions: list[dict[str, Any]]
    place: int
    canary: int | None
    stable: int | None
    sticky: bool
    others: list[dict[str, Any]]

    @property
    def share(self) -> float:
        canary, stable = self.canary or 0, self.stable or 0
        return share(canary, stable) if canary + stable else 0.0


class AwsAlbTraffic:
    class Options(AwsOptions):
        listener: str | None = Field(
            default=None, pattern=_ARN + r"listener/app/[\w/-]+$", description="a listener's ARN: its default action"
        )
        rule: str | None = Field(
            default=None, pattern=_ARN + r"listener-rule/app/[\w/-]+$", description="or a rule's ARN: its action"
        )
        load_balancer: str | None = Field(
            default=None, pattern=r"^[A-Za-z0-9-]{1,32}$", description="or a load balancer's name, with `port`"
        )
        port: int | None = Field(default=None, ge=1, le=65535, description="of the load balancer's listener")
        canary: str = Field(pattern=_GROUP, description="the new version's target group: its name or ARN")
        stable: str = Field(pattern=_GROUP, description="the present version's target group: its name or ARN")

        @model_validator(mode="after")
        def _name_one_place(self) -> Self:
            places = (self.listener, self.rule, self.load_balancer)
            if sum(one is not None for one in places) != 1 or (self.load_balancer is None) != (self.port is None):
                raise ValueError("listener, or rule, or load_balancer together with port")
            if self.canary == self.stable:
                raise ValueError("canary and stable as two target groups")
            regions = {
                one.split(":")[3] for one in (*places, self.canary, self.stable, self.region) if one and ":" in one
            }
            if len(regions | ({self.region} if self.region else set())) > 1:
                raise ValueError(f"everything in one region, not {listed(sorted(regions))} and {self.region or ''}")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        arns = (options.listener, options.rule, options.canary, options.stable)
        region = next((one.split(":")[3] for one in arns if one and ":" in one), None)
        self._aws = Aws("elbv2", _WHO, options, prefix="elasticloadbalancing", region=region)
        self._arns: dict[str, str] = {}
        self._listener = options.listener

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        wanted = nearest(weight, MOST_WEIGHT, _WHO)
        before = await self._split()
        if wanted[0]:
            self._check(before)
        if wanted[0] and share(*wanted) > before.share:
            before = await self._until_well(before, call)
        groups = self._groups(before, *wanted)
        stays = [one is None for one in groups] == [before.canary is None, before.stable is None]
        if not stays or before.share != share(*wanted) or not (before.canary or before.stable):
            await self._write(before, *groups)
        async for _ in looks(call.timeout_s, *_PAUSE_S):
            if (now := await self._split()).share == share(*wanted):
                self._check(now)  # on the way to nobody: says who else gets requests
                return now.share
        raise TemporaryError(
            f"{_WHO} has {now.share:g} % for {self._place} where {weight:g} % was set: did somebody else set it?"
        )

    async def read_weight(self) -> float:
        self._check(split := await self._split())
        return split.share

    async def nearest(self, weight: float) -> float:
        return share(*nearest(weight, MOST_WEIGHT, _WHO))

    async def probe(self) -> str:
        self._check(split := await self._split())
        sides = [f"{name} has {await self._health(name)}" for name in (self._options.canary, self._options.stable)]
        return f"{self._place} is at {split.share:g} %; {'; '.join(sides)}"

    async def close(self) -> None:
        """The connections are the process's."""

    @property
    def _place(self) -> str:
        options = self._options
        if options.load_balancer:
            return f"{options.load_balancer}'s listener on port {options.port}"
        kind, arn = ("rule", options.rule) if options.rule else ("listener", options.listener)
        return f"{kind} {(arn or '').split('/', 2)[-1]}"

    # ------------------------------------------------------------------ what is there

    async def _split(self) -> _Split:
        """Raises PermanentError for what does not forward."""
        canary, stable = await self._arn(self._options.canary), await self._arn(self._options.stable)
        actions = sorted(await self._actions(), key=lambda one: int(one.get("Order") or 0))
        places = [place for place, one in enumerate(actions) if one.get("Type") == "forward"]
        if len(places) != 1:
            kinds = listed([str(one.get("Type")) for one in actions]) or "no action"
            raise PermanentError(
                f"{_WHO}: {self._place} does not forward to target groups (it has {kinds}): expected `forward`"
            )
        action = actions[places[0]]
        config = action.get("ForwardConfig") or {}
        tuples = config.get("TargetGroups") or [{"TargetGroupArn": action.get("TargetGroupArn")}]
        weights = {str(one.get("TargetGroupArn")): int(one.get("Weight", 1)) for one in tuples}
        others = [one for one in tuples if one.get("TargetGroupArn") not in (canary, stable)]
        sticky = (config.get("TargetGroupStickinessConfig") or {}).get("Enabled") is True
        return _Split(actions, places[0], weights.get(canary), weights.get(stable), sticky, others)

    def _check(self, split: _Split) -> None:
        """Raises PermanentError for an action that is not, or not only, between the two groups."""
        if split.others:
            names = listed([_name(str(one.get("TargetGroupArn"))) for one in split.others])
            raise PermanentError(
                f"{_WHO}: {self._place} also forwards to {names}: whose are they? Expected canary and stable only"
            )
        if not (split.canary or split.stable):
            raise PermanentError(
                f"{_WHO}: {self._place} gives neither target group a weight: set {self._options.stable}'s to 1"
            )

    async def _actions(self) -> list[dict[str, Any]]:
        if rule := self._options.rule:
            answer = await self._aws.look("describe_rules", self._place, RuleArns=[rule])
            (one,) = self._only(self._aws.listed(answer, "Rules"))
            if one.get("IsDefault") is True:
                raise PermanentError(
                    f"{_WHO}: {self._place} is its listener's default action: give `listener` in place of `rule`"
                )
            return self._aws.listed(one, "Actions")
        answer = await self._aws.look("describe_listeners", self._place, ListenerArns=[await self._listener_arn()])
        (one,) = self._only(self._aws.listed(answer, "Listeners"))
        return self._aws.listed(one, "DefaultActions")

    def _only(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(found) != 1:
            raise self._aws.stranger(f"it gave {len(found)} objects for one ARN")
        return found

    async def _listener_arn(self) -> str:
        if self._listener is None:
            options, name = self._options, f"load balancer {self._options.load_balancer}"
            answer = await self._aws.look("describe_load_balancers", name, Names=[options.load_balancer])
            (balancer,) = self._only(self._aws.listed(answer, "LoadBalancers"))
            arn = self._aws.text(balancer, "LoadBalancerArn")
            if balancer.get("Type") != "application":
                kind = one_line(str(balancer.get("Type")), 40)
                raise PermanentError(f"{_WHO}: {name} is of type {kind}: expected an application load balancer")
            answer = await self._aws.look("describe_listeners", name, LoadBalancerArn=arn)
            listeners = self._aws.listed(answer, "Listeners")
            there = [one for one in listeners if one.get("Port") == options.port]
            if not there:
                ports = listed([str(one.get("Port")) for one in listeners]) or "none"
                raise PermanentError(f"{_WHO}: {name} has no listener on port {options.port}: there are {ports}")
            self._listener = self._aws.text(there[0], "ListenerArn")
        return self._listener

    async def _arn(self, group: str) -> str:
        if ":" in group:
            return group
        if group not in self._arns:
            answer = await self._aws.look("describe_target_groups", f"target group {group}", Names=[group])
            (one,) = self._only(self._aws.listed(answer, "TargetGroups"))
            self._arns[group] = self._aws.text(one, "TargetGroupArn")
        return self._arns[group]

    # ------------------------------------------------------------------ what is changed

    def _groups(self, before: _Split, canary: int, stable: int) -> tuple[int | None, int | None]:
        """The weights to write, None for a group that is to be left out. On the way to 0 a stranger keeps its part."""
        if before.others:
            stable = min((before.canary or 0) + (before.stable or 0), MOST_WEIGHT) or 1
        if before.sticky and 0 in (canary, stable):
            return canary or None, stable or None
        return canary, stable

    async def _write(self, before: _Split, canary: int | None, stable: int | None) -> None:
        options = self._options
        weights = {await self._arn(options.canary): canary, await self._arn(options.stable): stable}
        actions = copy.deepcopy(before.actions)
        forward = actions[before.place]
        forward.pop("TargetGroupArn", None)  # the short form for a single group
        config = forward.setdefault("ForwardConfig", {})
        ours = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items() if weight is not None]
        config["TargetGroups"] = ours + before.others
        for one in actions:
            if "AuthenticateOidcConfig" in one:  # its secret is never shown, and asked for again unless this is said
                one["AuthenticateOidcConfig"]["UseExistingClientSecret"] = True
        if options.rule:
            await self._aws.change("modify_rule", self._place, RuleArn=options.rule, Actions=actions)
        else:
            arn = await self._listener_arn()
            await self._aws.change("modify_listener", self._place, ListenerArn=arn, DefaultActions=actions)

    # ------------------------------------------------------------------ its targets

    async def _until_well(self, before: _Split, call: Call) -> _Split:
        """The canary gets a larger share only with a target that can take it. AWS checks those of a group that is in
        use; so one that is not yet comes into the action with a weight of 0 first."""
        name = self._options.canary
        if before.canary is None:
            await self._write(before, 0, before.stable)
            before = await self._split()
        async for _ in looks(call.timeout_s, *_PAUSE_S):
            states = await self._states(name)
            if any(state in _WELL for state, _ in states):
                return before
            if not any(state in ("initial", "unused") for state, _ in states):
                break
        raise TemporaryError(f"{_WHO}: target group {name} is given no share: it has {await self._health(name)}")

    async def _states(self, group: str) -> list[tuple[str, str]]:
        arn = await self._arn(group)
        answer = await self._aws.look("describe_target_health", f"target group {group}", TargetGroupArn=arn)
        healths = [one.get("TargetHealth") or {} for one in self._aws.listed(answer, "TargetHealthDescriptions")]
        return [(str(one.get("State")), str(one.get("Reason") or "")) for one in healths]

    async def _health(self, group: str) -> str:
        states = await self._states(group)
        well = sum(state in _WELL for state, _ in states)
        if well:
            return f"{well} of {len(states)} targets healthy"
        if not states:
            return "no healthy target, for it has none at all"
        reasons = Counter(re.sub(r"^(Target|Elb)\.", "", reason) or state for state, reason in states)
        return f"no healthy target ({listed([f'{count} {why}' for why, count in reasons.items()])})"


def _name(arn: str) -> str:
    return arn.split(":")[-1].split("/")[1] if arn.count("/") else arn
