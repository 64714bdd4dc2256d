"""The sections `phases` and `after`: rising shares, cohorts and copies, on all splitters or on some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pilotage.core.model import COHORT_KINDS, Cohort, CohortKind, Target
from pilotage.core.strategies import AfterSpec, Offers, PhaseSpec
from pilotage.planfile.document import Node
from pilotage.planfile.reader import Reader

KEYS = ("weight", "watch", "approval", "cohort", "mirror", "on")
MORE = ("cohort", "mirror")
"""What a phase may have in the place of a weight, where its splitters can do it."""
MOST_VALUES = 100
COHORT_NAME, A_COHORT_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", "a name of letters, digits, '_', '.' and '-'"
COHORT_VALUE = r"[\x20-\x7e]{1,200}"


def ask_more(node: Node | None) -> bool:
    """Whether a phase asks more of its splitters than a weight."""
    rows = node.value if node is not None and isinstance(node.value, list) else []
    return any(isinstance(row.value, dict) and any(key in row.value for key in MORE) for row in rows)


def phases(
    reader: Reader, node: Node | None, tick: float, targets: Sequence[Target], offers: Offers | None
) -> list[PhaseSpec]:
    """What is wrong with a phase is told at its place; weights rise on each splitter, up to 100 %.

    Without `offers` nobody knows what the splitters can do besides, and nothing is said about it.
    """
    specs: list[PhaseSpec] = []
    splitters = [one.name for one in targets if one.kind == "traffic"]
    heights = dict.fromkeys(splitters, 0.0)
    rows = reader.items(node, "phases", "phases such as {weight: 10%, watch: 10m}")
    for path, row in rows:
        plain = not (isinstance(row.value, dict) and any(key in row.value for key in MORE))
        found = reader.mapping(row, path, KEYS, ("weight", "watch") if plain else ("watch",))
        on = _on(reader, found.get("on"), f"{path}.on", targets)
        moved = [name for name in splitters if not on or name in on]
        before = max((heights[name] for name in moved), default=0.0)
        weight = reader.percent(found.get("weight"), f"{path}.weight", -1.0 if plain else before)
        watch = watched(reader, found.get("watch"), f"{path}.watch", tick)
        approval = reader.flag(found.get("approval"), f"{path}.approval", False)
        cohort = _cohort(reader, found.get("cohort"), f"{path}.cohort", moved, offers)
        mirror = reader.percent(found.get("mirror"), f"{path}.mirror", 0.0)
        if mirror and offers is not None and not any("mirror" in offers.get(name, ()) for name in moved):
            hint = "`pilotage drivers NAME` shows what a driver offers; some need an option for it."
            reader.wrong(f"{path}.mirror", found["mirror"], "a splitter that copies requests", _names(moved), hint)
        if weight >= 0 and "weight" in found:
            if weight < before or (plain and weight == before):
                reader.wrong(f"{path}.weight", found["weight"], f"more than the phase before ({before:g}%)")
            elif not on and row is rows[-1][1] and weight != 100:
                reader.wrong(f"{path}.weight", found["weight"], "100% in the last phase")
            heights |= dict.fromkeys(moved, max(weight, before))
        specs.append(PhaseSpec(max(weight, 0.0), watch, approval, cohort, mirror, on))
    short = [name for name, height in heights.items() if height < 100]
    if short and not reader.problems:
        hint = "A rollout ends with the new version everywhere."
        reader.wrong("phases", node, "100% in the last phase of each splitter", f"less on {_names(short)}", hint)
    return specs


def after(reader: Reader, node: Node | None) -> AfterSpec | None:
    if node is None:
        return None
    found = reader.mapping(node, "after", ("watch", "tick"), ("watch",))
    tick = reader.duration(found.get("tick"), "after.tick", 60.0)
    watch = reader.duration(found.get("watch"), "after.watch", tick)
    if watch < tick:
        reader.wrong("after.watch", found["watch"], f"at least one tick ({tick:g}s)")
    return AfterSpec(watch, tick)


def watched(reader: Reader, node: Node | None, path: str, tick: float) -> float:
    """How long a phase is watched, in seconds."""
    watch = reader.duration(node, path, -1.0)
    if 0 <= watch < tick:
        reader.wrong(path, node, f"at least one tick ({tick:g}s)")
    return watch


def _on(reader: Reader, node: Node | None, path: str, targets: Sequence[Target]) -> tuple[str, ...]:
    names = [one.name for one in targets]
    rows = reader.items(node, path, f"names from deploy and traffic: {_names(names)}")
    found: list[str] = []
    for at, row in rows:
        name = reader.one_of(row, at, names)
        if name in found:
            reader.wrong(at, row, "each name once", f"{name} again")
        elif name is not None:
            found.append(name)
    if found and not any(one.kind == "traffic" and one.name in found for one in targets):
        reader.wrong(path, node, "a splitter from traffic among them", _names(found))
    return tuple(found)


def _cohort(reader: Reader, node: Node | None, path: str, moved: Sequence[str], offers: Offers | None) -> Cohort | None:
    """``{header: X-Canary, is: [yes]}``"""
    found = reader.mapping(node, path, (*COHORT_KINDS, "is"), ("is",))
    kinds = [one for one in COHORT_KINDS if one in found]
    if node is None or not found:
        return None
    if len(kinds) != 1:
        reader.wrong(path, node, f"one of {', '.join(COHORT_KINDS)}", " and ".join(kinds) or "none")
        return None
    kind = cast(CohortKind, kinds[0])
    name = reader.text(found[kind], f"{path}.{kind}", A_COHORT_NAME, COHORT_NAME)
    rows = reader.items(found.get("is"), f"{path}.is", 'values such as ["yes"]')
    values = [reader.text(row, at, "a printable text", COHORT_VALUE) for at, row in rows[:MOST_VALUES]]
    if len(rows) > MOST_VALUES:
        reader.wrong(f"{path}.is", found["is"], f"at most {MOST_VALUES} values", str(len(rows)))
    if offers is not None and not any(kind in offers.get(one, ()) for one in moved):
        hint = "`pilotage drivers NAME` shows what a driver offers; some need an option for it."
        reader.wrong(path, node, f"a splitter that knows cohorts by {kind}", _names(moved), hint)
    if name is None or not values or any(one is None for one in values):
        return None
    return Cohort(kind, name, tuple(cast(list[str], values)))


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
