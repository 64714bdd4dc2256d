"""AWS Lambda: the share of an alias's calls that goes to a second published version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import one_line
from pilotage.drivers.aws import Aws
from pilotage.drivers.aws_lambda import WHO, LambdaOptions, versions
from pilotage.drivers.looks import looks
from pilotage.drivers.turns import in_turn
from pilotage.drivers.weights import check_weight

_DIGITS = 4
_PAUSE_S = (0.1, 1.0)
_VERSION = r"^[1-9]\d{0,18}$"


@dataclass(frozen=True)
class _Routed:
    """Where the alias leads: `other` is the canary in force, empty while everything goes to stable; percent."""

    other: str
    weight: float
    revision: str


class AwsLambdaTraffic:
    class Options(LambdaOptions):
        alias: str = Field(pattern=r"^[A-Za-z0-9_-]{1,128}$", description="the alias that callers name")
        stable: str = Field(pattern=_VERSION, description="the present version's number, such as '41'; not $LATEST")
        canary: str | None = Field(
            default=None, pattern=_VERSION, description="the new one's; else the one described as the plan's version"
        )

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.canary == self.stable:
                raise ValueError("canary and stable as two versions")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._aws = Aws("lambda", WHO, options, prefix="lambda", region=options.region_of_function)
        self._name = f"alias {options.alias} of {options.function}"

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        check_weight(weight)
        if 0 < weight < 100 and not 0 < round(weight / 100, _DIGITS) < 1:
            raise PermanentError(
                f"{WHO} shares in hundredths of a percent: a share can be 0.01 to 99.99, not {weight:g}"
            )
        before = await self._routed()
        canary = await self._canary(before, call) if weight > 0 else before.other
        wanted = _Routed(canary if weight > 0 else "", round(weight, _DIGITS - 2), "")
        if before.other and weight > 0 and before.other != canary:
            raise PermanentError(
                f"{WHO}: {self._name} sends {before.weight:g} % to version {before.other}: whose is it? "
                f"Expected {canary}"
            )
        if (before.other, before.weight) != (wanted.other, wanted.weight):
            await self._write(wanted, before.revision)
        async for _ in looks(call.timeout_s, *_PAUSE_S):
            if ((now := await self._routed()).other, now.weight) == (wanted.other, wanted.weight):
                return now.weight
        raise TemporaryError(
            f"{WHO}: {self._name} has {now.weight:g} % where {weight:g} % was set: did somebody else set it?"
        )

    async def read_weight(self) -> float:
        return (await self._routed()).weight

    async def probe(self) -> str:
        now = await self._routed()
        canary = now.other or self._options.canary
        if self._options.canary:
            await self._expect(self._options.canary)
        to = f" to version {canary}" if canary else ""
        return f"{self._name} is at {now.weight:g} %{to}, the rest goes to {self._options.stable}"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _routed(self) -> _Routed:
        """Raises PermanentError for an alias that leads anywhere else."""
        options = self._options
        alias = await self._aws.look("get_alias", self._name, FunctionName=options.function, Name=options.alias)
        main, revision = self._aws.text(alias, "FunctionVersion"), str(alias.get("RevisionId") or "")
        weights = self._weights(alias)
        if len(weights) > 1:
            raise PermanentError(f"{WHO}: {self._name} leads to more than two versions: expected canary and stable")
        other, share = next(iter(weights.items()), ("", 0.0))
        if other == options.stable:  # the sides are the other way round
            main, other, share = other, main, 1 - share
        elif main != options.stable and not other:
            main, other, share = options.stable, main, 1.0
        if main != options.stable or (other and options.canary not in (None, other)):
            expected = f"{options.stable} and {options.canary or 'one other'}"
            leads = " and ".join(one_line(one, 30) for one in (self._aws.text(alias, "FunctionVersion"), *weights))
            raise PermanentError(f"{WHO}: {self._name} leads to version {leads}: expected {expected}. Whose is it?")
        if other == "$LATEST":
            raise PermanentError(
                f"{WHO}: {self._name} leads to $LATEST, which is no version: publish one (publish-version)"
            )
        weight = round(share * 100, _DIGITS - 2)
        return _Routed(other if weight else "", weight, revision)

    def _weights(self, alias: Mapping[str, Any]) -> dict[str, float]:
        found = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        try:
            return {str(version): float(share) for version, share in found.items()}
        except (ValueError, TypeError, AttributeError):
            raise self._aws.stranger("its routing is not one of versions and numbers") from None

    async def _canary(self, before: _Routed, call: Call) -> str:
        """The number of the version to send calls to."""
        options = self._options
        if options.canary:
            await self._expect(options.canary)
            return options.canary
        described = [
            number
            for number, one in (await versions(self._aws, options.function)).items()
            if one.get("Description") == call.version and number != options.stable
        ]
        if not described:
            raise PermanentError(
                f"{WHO}: {options.function} has no published version whose description is "
                f"{one_line(call.version, 60)}: publish it so (publish-version --description, or the deploy "
                "driver aws-lambda), or give `canary`"
            )
        return max(described, key=int)

    async def _expect(self, version: str) -> None:
        what = f"version {version} of {self._options.function}"
        given = {"FunctionName": self._options.function, "Qualifier": version}
        state = (await self._aws.look("get_function_configuration", what, **given)).get("State", "Active")
        if state not in ("Active", "Inactive"):
            raise TemporaryError(f"{WHO}: {what} is {one_line(str(state), 40)}: expected Active before it gets a share")

    async def _write(self, wanted: _Routed, revision: str) -> None:
        options = self._options
        whole = wanted.weight in (0, 100)
        more = {} if whole else {wanted.other: round(wanted.weight / 100, _DIGITS)}
        lock = {"RevisionId": revision} if revision else {}
        await self._aws.change(
            "update_alias",
            self._name,
            FunctionName=options.function,
            Name=options.alias,
            FunctionVersion=wanted.other if wanted.weight == 100 else options.stable,
            RoutingConfig={"AdditionalVersionWeights": more},
            **lock,
        )
