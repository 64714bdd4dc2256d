"""What moves, phase by phase, in the words of each strategy; of a plan's tree, placeholders included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.core.documents.facts import Facts
from pilotage.core.model import COHORT_KINDS
from pilotage.core.planning import is_placeholder
from pilotage.core.quantities import percent, percent_text, seconds
from pilotage.core.strategies import at_once


@dataclass(frozen=True)
class Move:
    """A phase that is watched. `what` stands in a sentence after "gets"; `weight` in percent, None where no share is
    known."""

    name: str
    share: str
    what: str
    weight: float | None
    watch: str
    watch_s: float
    approval: bool = False


def moves(facts: Facts) -> list[Move]:
    strategy = facts.said("strategy")
    if strategy == "rolling":
        return list(_rolling(facts))
    rows = [Facts(row, facts.file) for row in facts.rows("phases")]
    if strategy == "blue-green":
        return [_switch(facts, row) for row in rows[:1]]
    return [_canary(number, row) for number, row in enumerate(rows, start=1)]


def servers(facts: Facts) -> list[str]:
    """Their names in their order; a placeholder by its number."""
    rows = facts.at("rolling.servers")
    named = [one.get("name") if isinstance(one, Mapping) else one for one in rows] if _listed(rows) else []
    return [
        f"server {number} (to fill in)" if is_placeholder(one) or one is None else str(one)
        for number, one in enumerate(named, start=1)
    ]


def last_watch(facts: Facts) -> tuple[str, float, str] | None:
    """How long it is watched at the end, in words and in seconds, and what that is."""
    if facts.said("strategy") == "blue-green":
        live = facts.said("blue_green.live", "the old colour")
        return _lasting(facts, "blue_green.warm", "1h", f"{live} is kept warm: one call brings everybody back")
    if facts.at("after"):
        return _lasting(facts, "after.watch", "", "lighter monitoring; a rollback is one command")
    return None


def tests(facts: Facts) -> list[str]:
    """The names of blue-green's tests, with what they are."""
    found = []
    for number, row in enumerate(facts.rows("blue_green.test"), start=1):
        one = Facts(row, facts.file)
        found.append(f"{one.said('name', f'test-{number}')} ({one.said('check')})")
    return found


def _lasting(facts: Facts, path: str, usual: str, what: str) -> tuple[str, float, str]:
    return facts.lasting(path, usual), seconds(facts.at(path) or usual) or 0.0, what


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _move(row: Facts, name: str, share: str, what: str, weight: float | None, watch: str = "watch") -> Move:
    approval = row.at("approval") is True
    return Move(name, share, what, weight, row.lasting(watch), seconds(row.at(watch)) or 0.0, approval)


def _canary(number: int, row: Facts) -> Move:
    weight, parts = percent(row.at("weight")), []
    share = percent_text(weight) if weight is not None else row.said("weight").replace("%", " %")
    cohort = row.at("cohort")
    if isinstance(cohort, Mapping):
        parts.append(_cohort(Facts(cohort, row.file)))
    if row.at("weight") is not None:
        parts.append(f"{share} of the traffic" if not parts else f"{share} of the rest")
    if row.at("mirror") is not None:
        parts.append(f"a copy of {row.said('mirror').replace('%', ' %')} of the requests, whose answers are dropped")
    on = row.at("on")
    where = f" at {', '.join(map(str, on))}" if _listed(on) and on else ""
    known = weight if len(parts) == 1 and row.at("weight") is not None and not where else None
    what = " and ".join(parts) + where
    return _move(row, str(number), share if known is not None else what, what, known)


def _cohort(cohort: Facts) -> str:
    kind = next((one for one in COHORT_KINDS if cohort.at(one) is not None), "")
    values = cohort.at("is")
    said = " or ".join(map(str, values)) if _listed(values) else ""
    whose = {"user": "users whose", "cookie": "requests whose cookie"}.get(kind, "requests whose header")
    return f"{whose} {cohort.said(kind)} is {said}" if kind else "a cohort"


def _switch(facts: Facts, row: Facts) -> Move:
    idle = facts.said("blue_green.idle", "the new colour")
    return _move(row, f"switch to {idle}", "100 %, at once", "all of the traffic at once", percent(row.at("weight")))


def _rolling(facts: Facts) -> Iterator[Move]:
    names = servers(facts)
    size = at_once(facts.at("rolling.max_unavailable"), len(names)) or 1
    approvals = facts.said("rolling.approval", "none")
    for start in range(0, len(names), size):
        batch, done = names[start : start + size], min(start + size, len(names))
        weight = 100 * done / len(names)
        asks = start > 0 and (approvals == "each" or (approvals == "second" and start == size))
        share = f"{done} of {len(names)} servers"
        watch, watch_s = facts.lasting("rolling.watch"), seconds(facts.at("rolling.watch")) or 0.0
        yield Move(" and ".join(batch), share, " and ".join(batch), weight, watch, watch_s, asks)
