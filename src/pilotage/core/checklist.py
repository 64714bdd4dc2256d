"""Where a plan's checklist stands, and what stands against a start. Pure: ticks and evidence in, states out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pilotage.core import events as ev
from pilotage.core.errors import Refused
from pilotage.core.model import Plan
from pilotage.core.preparing import BUILT_IN, Item, Part

ALWAYS: tuple[Item, ...] = (
    Item("window", Part.PREPARATION, "The time to start has come", check="window"),
    Item("freeze", Part.PREPARATION, "No freeze is in force", check="freeze"),
    Item("lock", Part.TECHNICAL, "No other rollout of this service runs, and nobody has locked it", check="lock"),
    Item("version", Part.TECHNICAL, "This version was not rolled back before", check="version"),
    Item("drivers", Part.TECHNICAL, "All that moves traffic, deploys and measures answers", check="drivers"),
    Item("metrics", Part.MONITORING, "The metrics return data", check="metrics"),
    Item("channels", Part.TEAM, "All channels that are told could be", required=False, check="channels"),
)
"""Looked up before every start, also where a plan's checklist does not name them."""
NOT_APPROVED = "nobody has approved this plan as it is now"
NEVER_OVERRIDDEN = ("lock", "drivers", "metrics", "approved")
"""Checks that no reason makes unnecessary: without them a rollout would act blindly, or against another one."""
WHY_NEVER = {
    "lock": "two rollouts of one service would undo each other, and who locked it has to unlock it.",
    "drivers": "without them the traffic could be neither moved nor sent back.",
    "metrics": "without them a bad version would not be seen.",
    "approved": "who could pass over it would approve their own plan.",
}
LEAST_REASON = 3
LONGEST_ID = 64


class Mark(StrEnum):
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True)
class Seen:
    """What a check saw; `holds` None: it could not tell."""

    holds: bool | None
    text: str


@dataclass(frozen=True)
class ItemState:
    """One item now. `by` ticked or overrode it, at an instant (Unix seconds); `text` is the evidence or the reason."""

    item: Item
    mark: Mark
    by: str = ""
    at: float = 0.0
    text: str = ""

    @property
    def in_the_way(self) -> bool:
        return self.item.required and self.mark in (Mark.OPEN, Mark.FAILED)


def plan_id(plan: Plan) -> str:
    """The same for the same content: the service's name and the digest's beginning, 64 characters at most."""
    digest = plan.digest.removeprefix("sha256:")[:8]
    return f"{plan.service[: LONGEST_ID - 9]}-{digest}"


def items_of(checklist: Sequence[Item]) -> tuple[Item, ...]:
    """The plan's own items, and what is always looked up. Those that a plan may not make optional stay required."""
    named = {one.check for one in checklist}
    own = tuple(
        one if one.required or one.check not in NEVER_OVERRIDDEN else Item(one.id, one.part, one.text, True, one.check)
        for one in checklist
    )
    taken = {one.id for one in checklist}
    return own + tuple(
        one if one.id not in taken else replace(one, id=f"{one.id}-now") for one in ALWAYS if one.check not in named
    )


def ticks_of(record: Iterable[ev.Recorded]) -> dict[str, ev.Recorded]:
    """The last tick of each item that was not taken back."""
    ticks: dict[str, ev.Recorded] = {}
    for one in record:
        if isinstance(one.event, ev.Ticked):
            ticks[one.event.item] = one
        elif isinstance(one.event, ev.Unticked):
            ticks.pop(one.event.item, None)
    return ticks


def states(
    checklist: Sequence[Item],
    record: Iterable[ev.Recorded],
    seen: Mapping[str, Seen],
    overrides: Mapping[str, str] | None = None,
    by: str = "",
    at: float = 0.0,
) -> tuple[ItemState, ...]:
    """Each item's state; `seen` by item id, `overrides` are reasons by item id, given `by` somebody `at` an instant."""
    ticks = ticks_of(record)
    found = []
    for item in items_of(checklist):
        state = _state(item, ticks.get(item.id), seen.get(item.id))
        reason = (overrides or {}).get(item.id)
        if reason is not None and state.mark is not Mark.DONE:
            said = f"{reason} (it was {state.mark}{': ' + state.text if state.text else ''})"
            state = ItemState(item, Mark.OVERRIDDEN, by, at, said)
        found.append(state)
    return tuple(found)


def _state(item: Item, tick: ev.Recorded | None, seen: Seen | None) -> ItemState:
    if item.check:
        if seen is None or seen.holds is None:
            return ItemState(item, Mark.OPEN, text=seen.text if seen else "not looked up yet")
        return ItemState(item, Mark.DONE if seen.holds else Mark.FAILED, text=seen.text)
    if tick is None or not isinstance(tick.event, ev.Ticked):
        return ItemState(item, Mark.OPEN)
    return ItemState(item, Mark.DONE, tick.by, tick.at, tick.event.note)


def check_tick(checklist: Sequence[Item], name: str) -> Item:
    """The item a person may tick. Raises Refused for one that is looked up, or that is not there."""
    items = {one.id: one for one in items_of(checklist)}
    item = items.get(name)
    if item is None:
        raise Refused(f"there is no item {name!r} on this checklist.{_meant(name, items)}")
    if item.check:
        raise Refused(
            f"{name} is looked up ({item.check}), nobody ticks it."
            + (
                ""
                if item.check in NEVER_OVERRIDDEN
                else f" If it cannot hold: `pilotage run FILE --override {name} --reason TEXT`."
            )
        )
    return item


def named(checklist: Sequence[Item], overrides: Iterable[str]) -> tuple[str, ...]:
    """The items that are meant, by id: ``freeze`` and the other built-in checks may be called by that name, too."""
    items = items_of(checklist)
    ids = {one.id for one in items}
    found: list[str] = []
    for name in overrides:
        by_check = [one.id for one in items if one.check == name and name in BUILT_IN]
        found += [name] if name in ids or not by_check else by_check
    return tuple(dict.fromkeys(found))


def check_overrides(checklist: Sequence[Item], overrides: Iterable[str], reason: str) -> None:
    """Raises Refused for an item that is not there, or that cannot be overridden, or without a reason."""
    items = {one.id: one for one in items_of(checklist)}
    for name in overrides:
        if name not in items:
            raise Refused(f"there is no item {name!r} on this checklist.{_meant(name, items)}")
        if items[name].check in NEVER_OVERRIDDEN:
            raise Refused(f"{name} cannot be overridden: {WHY_NEVER[items[name].check]}")
        if len(reason.strip()) < LEAST_REASON:
            raise Refused(f"overriding {name} needs a reason: --reason TEXT. It is kept in the record.")


def _meant(name: str, items: Mapping[str, Item]) -> str:
    close = difflib.get_close_matches(name[:80], list(items), n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else f" It has: {', '.join(items)}."


def how(item: str, check: str, plan: str, seen: str = "", file: str = "") -> str:
    """What closes an open item of `plan` (as a person calls it); nothing for what is put right elsewhere.

    `seen` is the item's evidence: a window that is still to come can be waited for, one that has passed cannot.
    `file` is what is run, where a person calls the plan by its id.
    """
    plan, file = typed(plan), typed(file or plan)
    if not check:
        return f"`pilotage tick {plan} {item}`"
    if check == "approved":
        return f"`pilotage request-approval {plan}`, then somebody else: `pilotage approve {plan}`"
    if check in NEVER_OVERRIDDEN:
        return ""
    override = f"`pilotage run {file} --override {item} --reason TEXT`"
    match check:
        case "rehearsed":
            return f"`pilotage rehearse {plan}`, or {override}"
        case "window":
            return f"`pilotage run {file} --at-window`, or {override}" if "opens in" in seen else override
        case "version":
            return f"Ship a version that has the cause repaired, or {override}"
        case "freeze":
            return f"A hot-fix may go through: {override}"
        case "on-call" | "escalation":
            return f"Name one under contacts: in the plan, or {override}"
    return f"Put it right, or {override}"


def typed(word: str) -> str:
    """As one word of a shell's line."""
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else "'" + word.replace("'", "'\\''") + "'"
