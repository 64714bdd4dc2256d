"""Which buttons a reader gets: what the rollout accepts now and what the reader may do; else why not, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

    @property
    def enabled(self) -> bool:
        return not self.why


def buttons(board: Board, caller: Caller, shared: bool) -> dict[str, Button]:
    """By command, dashes as underscores."""
    return {
        one.value.replace("-", "_"): Button(one.value, label, why_not(board, caller, shared, one))
        for one, label in LABELS.items()
    }


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
