"""A feature flag in flagd's JSON file: the share of targeting keys that get the `on` variant, and users who always do.

A cohort is an ``if`` before the share. That it is ours is written into the flag's metadata: an ``if`` without that is
somebody else's, however much it looks like one of ours.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError
from pilotage.core.model import Cohort, CohortKind
from pilotage.drivers import Call, Context, DriverOptions, files
from pilotage.drivers.cohorts import check_kind
from pilotage.drivers.weights import TOTAL, to_parts

_MARK = "pilotage"


class FlagdFileTraffic:
    cohorts: frozenset[CohortKind] = frozenset({"user"})

    class Options(DriverOptions):
        file: Path = Field(description="the definition file; it is replaced by a rename")
        flag: str = Field(min_length=1, description="the flag's key; its state must be ENABLED")
        on: str = Field(default="on", description="the flag's variant that is the fix")
        off: str = Field(default="off", description="the flag's variant that is the present version")

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            if self.on == self.off:
                raise ValueError("on and off are two variants, not the same one")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._path = context.directory / options.file

    async def set_weight(self, weight: float, call: Call) -> float:
        check_kind(call.cohort, self.cohorts, "a flag")
        await files.change(self._path, self._write, to_parts(weight), call.cohort)
        return await self.read_weight()

    async def read_weight(self) -> float:
        return (await asyncio.to_thread(self._read))[0]

    async def read_cohort(self) -> Cohort | None:
        return (await asyncio.to_thread(self._read))[1]

    async def probe(self) -> str:
        weight = await self.read_weight()
        if not await asyncio.to_thread(os.access, self._path.parent, os.W_OK):
            raise PermanentError(f"cannot write in {self._path.parent}: the flag file there has to be replaced")
        return f"flag {self._options.flag} is at {weight:g} % {self._options.on}"

    async def close(self) -> None:
        pass

    def _load(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The whole file and the flag in it."""
        try:
            whole = json.loads(self._path.read_text(encoding="utf-8"))
            flag = whole["flags"][self._options.flag]
            variants = set(flag["variants"])
            flag["metadata"] = dict(flag.get("metadata") or {})
        except OSError as error:
            raise PermanentError(f"cannot read {self._path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise PermanentError(
                f"{self._path}: expected flagd's JSON with flags.{self._options.flag}.variants"
            ) from None
        if missing := {self._options.on, self._options.off} - variants:
            raise PermanentError(
                f"{self._path}: flag {self._options.flag} has no variant {', '.join(sorted(missing))}; "
                f"it has {', '.join(sorted(variants))}"
            )
        return whole, flag

    def _read(self) -> tuple[float, Cohort | None]:
        return self._rule(self._load()[1])

    def _rule(self, flag: dict[str, Any]) -> tuple[float, Cohort | None]:
        """What the flag's targeting says; raises where it is somebody else's."""
        on, off = self._options.on, self._options.off
        if flag.get("state") == "DISABLED":
            raise PermanentError(f"{self._path}: flag {self._options.flag} is DISABLED; set its state to ENABLED")
        rule, cohort = flag.get("targeting") or {}, None
        if not rule and flag.get("defaultVariant") in (on, off):
            return (100.0 if flag["defaultVariant"] == on else 0.0), None
        try:
            if "if" in rule and flag["metadata"].get(_MARK) == "cohort":
                condition, _, rule = rule["if"]
                variable, values = condition["in"]
                cohort = Cohort("user", variable["var"], tuple(values))
                if flag["targeting"] != _targeting(cohort, on, rule):
                    raise ValueError
            ((operator, rows),) = rule.items()
            weights = dict(rows)
            if operator == "fractional" and set(weights) <= {on, off} and (total := sum(weights.values())) > 0:
                return float(weights.get(on, 0) / total * 100), cohort
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise PermanentError(
            f"{self._path}: flag {self._options.flag} has targeting of its own, which would be lost. "
            f"Pilotage needs it empty, or one `fractional` between {on} and {off}."
        )

    def _write(self, share: int, cohort: Cohort | None) -> None:
        whole, flag = self._load()
        self._rule(flag)  # refuses targeting that is somebody else's
        on, off = self._options.on, self._options.off
        rule: dict[str, Any] = {"fractional": [row for row in ([on, share], [off, TOTAL - share]) if row[1]]}
        flag["targeting"] = _targeting(cohort, on, rule)
        marked = {**flag.pop("metadata"), _MARK: "cohort"}
        if cohort is None:
            del marked[_MARK]
        if marked:  # older clients do not know the key: none is left behind
            flag["metadata"] = marked
        files.replace(self._path, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")


def _targeting(cohort: Cohort | None, on: str, rule: dict[str, Any]) -> dict[str, Any]:
    if cohort is None:
        return rule
    return {"if": [{"in": [{"var": cohort.name}, list(cohort.values)]}, on, rule]}
