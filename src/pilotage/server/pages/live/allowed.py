"""Which buttons a reader gets: what the rollout accepts now and what the reader may do; else why not, in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pilotage.acting import NEEDS
from pilotage.core.errors import Forbidden, Refused
from pilotage.core.people import Caller
from pilotage.core.state import Command, Status, check_command
from pilotage.server.pages.live.board import Board

LABELS: Mapping[Command, str] = {
    Command.ROLLBACK: "ROLL BACK",
    Command.APPROVE: "Approve",
    Command.HOLD: "Hold",
    Command.PAUSE: "Pause",
    Command.RESUME: "Resume",
    Command.PROMOTE: "Promote now",
    Command.REPORT_TROUBLE: "Report trouble",
}


@dataclass(frozen=True)
class Button:
    """`why`: empty when it may be pressed."""

    command: str
    label: str
    why: str
    why_id: str = ""


def buttons(board: Board, caller: Caller, shared: bool) -> dict[str, Button]:
    """By command, dashes as underscores."""
    found = [Button(one.value, label, why_not(board, caller, shared, one)) for one, label in LABELS.items()]
    reasons = list(dict.fromkeys(one.why for one in found))
    return {
        one.command.replace("-", "_"): replace(one, why_id=f"why-{reasons.index(one.why)}" if one.why else "")
        for one in found
    }


def reasons(shown: Iterable[Button]) -> list[tuple[str, str, str]]:
    """Of the buttons that are shown: the reason's id, which buttons it is for, the reason. Each reason once."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in shown:
        if one.why:
            found.setdefault((one.why_id, one.why), []).append(one.label.capitalize())
    return [(name, ", ".join(labels), why) for (name, why), labels in found.items()]


def why_not(board: Board, caller: Caller, shared: bool, command: Command) -> str:
    view, plan = board.view, board.row.plan
    try:
        if Status(view["status"]).ended:
            return f"The rollout has ended: {view['status']}."
        check_command(Status(view["status"]), command)
        caller.check(NEEDS[command], plan.service, plan.environment)
    except Refused:
        return f"Not while it is {view['status']}."
    except Forbidden as error:
        return f"{str(error).split('. ')[0].rstrip('.')}."
    if command is Command.APPROVE and shared and caller.name == board.row.requested_by:
        return "You started this rollout, so somebody else has to approve it."
    return ""
