"""The buttons of a rollout's message, and what is in them: what they act on, as it was when they were shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.core import events as ev
from pilotage.core.state import Command, RolloutState
from pilotage.drivers.slack import plain

OPEN = "pilotage_open"
ACTIONS: dict[str, Command] = {
    "pilotage_approve": Command.APPROVE,
    "pilotage_hold": Command.HOLD,
    "pilotage_resume": Command.RESUME,
    "pilotage_rollback": Command.ROLLBACK,
}
"""By the action's id. What shortens a rollout or passes over something is not offered in a chat."""
LONGEST_VALUE = 2000
_NAMES = {command: name for name, command in ACTIONS.items()}


@dataclass(frozen=True)
class About:
    """What a button is for: a rollout, and of an approval the plan's digest and the phase; of going on, the number of
    the event that stopped it."""

    rollout: str
    digest: str = ""
    phase: int | None = None
    stopped: int | None = None

    def value(self) -> str:
        found = {"r": self.rollout, "d": self.digest, "p": self.phase, "s": self.stopped}
        return json.dumps({name: one for name, one in found.items() if one not in ("", None)}, separators=(",", ":"))


def about(value: Any) -> About | None:
    """None for what is no button's value of ours."""
    try:
        found = json.loads(value) if isinstance(value, str) and len(value) <= LONGEST_VALUE else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("r"), str) or not 0 < len(found["r"]) <= 64:
        return None
    digest, phase, stopped = found.get("d", ""), found.get("p"), found.get("s")
    numbers = all(one is None or (type(one) is int and 0 <= one < 2**31) for one in (phase, stopped))
    return About(found["r"], digest, phase, stopped) if isinstance(digest, str) and numbers else None


def stopped_by(record: Sequence[ev.Recorded]) -> int | None:
    """The number of the last event that stopped the rollout."""
    stops = ev.Held | ev.Paused | ev.LeastBadChosen
    return next((one.number for one in reversed(record) if isinstance(one.event, stops)), None)


def buttons(view: dict[str, Any], state: RolloutState, stopped: int | None, page: str) -> dict[str, Any] | None:
    """An actions block; None where nothing is left to press."""
    possible = set(view["commands"])
    name = view["id"]
    row: list[dict[str, Any]] = []
    if "approve" in possible and state.asked_phase is not None:
        asked = About(name, view["plan_digest"], state.asked_phase)
        row.append(_button("Approve", Command.APPROVE, asked, "primary"))
    if "resume" in possible:
        row.append(_button("Resume…", Command.RESUME, About(name, stopped=stopped)))
    if "hold" in possible:
        row.append(_button("Hold", Command.HOLD, About(name)))
    if "rollback" in possible:
        row.append(_button("ROLL BACK", Command.ROLLBACK, About(name), "danger"))
    if page:
        row.append({"type": "button", "action_id": OPEN, "text": plain("Open in Pilotage", 75), "url": page})
    return {"type": "actions", "block_id": "pilotage", "elements": row} if row else None


def _button(text: str, command: Command, what: About, style: str = "") -> dict[str, Any]:
    found = {"type": "button", "action_id": _NAMES[command], "text": plain(text, 75), "value": what.value()}
    return found | ({"style": style} if style else {})
