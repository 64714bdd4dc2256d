"""One metric as a file has it: where it is asked, what, and what has to hold."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pilotage.importing import promql
from pilotage.importing.conditions import Bound
from pilotage.importing.spots import Spot

LATEST, STABLE, TARGET = "@@latest@@", "@@stable@@", "@@target@@"
"""In a query: what only the cluster knows of the new and of the old version, and the workload under test."""
_READABLE = {LATEST: "{{latest-hash}}", STABLE: "{{stable-hash}}", TARGET: "{{target}}"}
GROUP = "$group"


@dataclass(frozen=True)
class Groups:
    """What canary and control are called in the series; `find` is how a query names the canary."""

    canary: str
    control: str
    find: str
    origin: str
    target: str = ""
    """What stands for the workload under test, where that is not how the groups are told apart."""


@dataclass(frozen=True)
class Metric:
    """`address` of the Prometheus, empty where it is not said. `good` has to hold; beyond `failed` it has failed."""

    name: str
    spot: Spot
    at: Spot
    address: str
    query: str
    good: Bound | None
    failed: Bound | None = None
    timeout_s: int | None = None
    role: str = ""
    """errors or latency, where the format itself says so."""

    @property
    def readable(self) -> str:
        text = promql.squeezed(self.query[: promql.LONGEST])
        for marker, word in _READABLE.items():
            text = text.replace(marker, word)
        return text

    def by(self, groups: Groups) -> str:
        """The query with $group for the canary's name; empty where it does not tell canary from control."""
        if len(self.query) > promql.LONGEST:
            return ""
        text = promql.squeezed(self.query)
        if groups.find == TARGET:
            text = text.replace(TARGET, GROUP)
        else:
            text = text.replace(TARGET, groups.target or TARGET)
            name = re.escape(groups.find)
            text = re.sub(rf"(?<![A-Za-z0-9_-]){name}(?![A-Za-z0-9_-])", lambda _: GROUP, text)
        left = any(one in text for one in (LATEST, STABLE, TARGET)) or "{{" in text
        return "" if left or GROUP not in text else text
