"""AWS Route 53: the weights of two records of one name. Clients follow as their resolvers' copies grow old."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.aws import Aws, AwsOptions
from pilotage.drivers.looks import looks
from pilotage.drivers.pairs import nearest, share
from pilotage.drivers.turns import in_turn

MOST_WEIGHT = 255
_WHO = "AWS Route 53"
_MOST_PAGES = 5
_PAUSE_S = (0.5, 2.0)
"""Route 53 answers five requests a second, for the whole account."""

Records = dict[str, dict[str, Any]]
"""The canary's and the stable one, and strangers', by their SetIdentifiers."""


class AwsRoute53Traffic:
    class Options(AwsOptions):
        zone: str = Field(pattern=r"^(/hostedzone/)?[A-Z0-9]{1,32}$", description="the hosted zone's id")
        record: str = Field(
            pattern=r"^[A-Za-z0-9_*-]+(\.[A-Za-z0-9_-]+)*\.?$", max_length=255, description="the records' name"
        )
        type: Literal["A", "AAAA", "CNAME", "HTTPS", "SVCB"] = Field(default="A", description="the records' type")
        canary: str = Field(min_length=1, max_length=128, description="the new version's `SetIdentifier`")
        stable: str = Field(min_length=1, max_length=128, description="the present version's `SetIdentifier`")

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.canary == self.stable:
                raise ValueError("canary and stable as two records")
            return self

    _underway: ClassVar[dict[tuple[str, str, str], str]] = {}
    """The changes that have not been seen to be everywhere; in the process, for a repeated call is another object's."""

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        # It is one service for the whole world, addressed through this region.
        self._aws = Aws("route53", _WHO, options, prefix="route53", region="us-east-1")
        self._name = options.record.lower().rstrip(".") + "."
        self._what = f"{self._name} {options.type} in zone {options.zone.removeprefix('/hostedzone/')}"
        self._key = (options.zone.removeprefix("/hostedzone/"), self._name, options.type)

    @in_turn
    async def set_weight(self, weight: float, call: Call) -> float:
        options = self._options
        wanted = nearest(weight, MOST_WEIGHT, _WHO)
        records = await self._records()
        if wanted[0]:
            self._check(records)
        canary, stable = self._weights(records)
        if not canary + stable or share(canary, stable) != share(*wanted):
            if len(records) > 2:  # on the way to 0 a stranger keeps its part
                wanted = (0, min(canary + stable, MOST_WEIGHT) or 1)
            await self._write(records, dict(zip((options.canary, options.stable), wanted, strict=True)))
        await self._until_everywhere(weight, call)
        now = self._share(await self._records())
        if now != share(*wanted):
            raise TemporaryError(f"{_WHO}: {self._what} has {now:g} % where {weight:g} % was set: somebody else set it")
        return now

    async def read_weight(self) -> float:
        return self._share(await self._records())

    async def nearest(self, weight: float) -> float:
        return share(*nearest(weight, MOST_WEIGHT, _WHO))

    async def probe(self) -> str:
        records = await self._records()
        ttl = max((int(one.get("TTL") or 60) for one in records.values()), default=60)
        return f"{self._what} is at {self._share(records):g} %; resolvers follow within {ttl} s"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _records(self) -> Records:
        """Raises PermanentError unless the name has these two records, and all are weighted."""
        options, found = self._options, await self._all()
        known = (options.canary, options.stable)
        if unweighted := [_identifier(one) for one in found if "Weight" not in one]:
            raise PermanentError(
                f"{_WHO}: {self._what} has records without a weight ({listed(unweighted)}): expected two weighted"
            )
        names = [_identifier(one) for one in found]
        if missing := [one for one in known if one not in names]:
            there = listed(names) or "none"
            raise PermanentError(
                f"{_WHO}: {self._what} has no record with the SetIdentifier {listed(missing)}: there are {there}"
            )
        if managed := [_identifier(one) for one in found if one.get("TrafficPolicyInstanceId")]:
            raise PermanentError(
                f"{_WHO}: {self._what}: a traffic policy makes {listed(managed)}, so nobody else can change it"
            )
        return {_identifier(one): one for one in found}

    async def _all(self) -> list[dict[str, Any]]:
        """The name's records of the type. Route 53 gives what comes at or after them in its order."""
        options = self._options
        start: dict[str, str] = {"StartRecordName": self._name, "StartRecordType": options.type}
        found: list[dict[str, Any]] = []
        for _ in range(_MOST_PAGES):
            answer = await self._aws.look(
                "list_resource_record_sets", self._what, HostedZoneId=options.zone, MaxItems="100", **start
            )
            page = self._aws.listed(answer, "ResourceRecordSets")
            ours = [one for one in page if _plain(one.get("Name")) == self._name and one.get("Type") == options.type]
            found += ours
            if len(ours) < len(page) or answer.get("IsTruncated") is not True:
                break
            names = ("Name", "Type", "Identifier")
            start = {f"StartRecord{one}": answer[f"NextRecord{one}"] for one in names if answer.get(f"NextRecord{one}")}
        return found

    def _weights(self, records: Records) -> tuple[int, int]:
        try:
            canary, stable = (int(records[one]["Weight"]) for one in (self._options.canary, self._options.stable))
        except (ValueError, TypeError):
            raise self._aws.stranger("a record's weight is no number") from None
        return canary, stable

    def _check(self, records: Records) -> None:
        """Raises PermanentError where the two weights do not say who gets what."""
        if strangers := [one for one in records if one not in (self._options.canary, self._options.stable)]:
            raise PermanentError(f"{_WHO}: {self._what} also has the records {listed(strangers)}: whose are they?")
        if sum(self._weights(records)) == 0:
            raise PermanentError(
                f"{_WHO}: {self._what}: both records have the weight 0, for which Route 53 shares alike. "
                f"Set {one_line(self._options.stable, 60)}'s to 1 first"
            )

    def _share(self, records: Records) -> float:
        self._check(records)
        return share(*self._weights(records))

    async def _write(self, records: Records, weights: Mapping[str, int]) -> None:
        """Both in one batch, which Route 53 makes whole or not at all; all but the weights stays as it was read."""
        changes = []
        for identifier, weight in weights.items():
            record = copy.deepcopy(records[identifier])
            record["Weight"] = weight
            changes.append({"Action": "UPSERT", "ResourceRecordSet": record})
        answer = await self._aws.change(
            "change_resource_record_sets",
            self._what,
            HostedZoneId=self._options.zone,
            ChangeBatch={"Comment": "Pilotage", "Changes": changes},
        )
        self._underway[self._key] = self._aws.text(answer.get("ChangeInfo") or {}, "Id")

    async def _until_everywhere(self, weight: float, call: Call) -> None:
        change = self._underway.get(self._key)
        if change is None:
            return
        what = f"change {change.removeprefix('/change/')}"
        async for _ in looks(call.timeout_s, *_PAUSE_S):
            answer = await self._aws.look("get_change", what, Id=change)
            if (answer.get("ChangeInfo") or {}).get("Status") == "INSYNC":
                if self._underway.get(self._key) == change:
                    del self._underway[self._key]
                return
        raise TemporaryError(
            f"{_WHO}: {self._what} is at {weight:g} %, but not on all servers of Route 53 yet ({what} is PENDING after "
            f"{call.timeout_s:g} s): it goes on by itself"
        )


def _plain(name: Any) -> str:
    """As people write it: Route 53 answers with \\052 for an asterisk."""
    return str(name).lower().replace("\\052", "*").rstrip(".") + "."


def _identifier(record: Mapping[str, Any]) -> str:
    return str(record.get("SetIdentifier") or "(no SetIdentifier)")
