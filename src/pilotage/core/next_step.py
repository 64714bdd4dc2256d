"""What a person does next, by where a rollout stands and by what turned it."""

from __future__ import annotations

from pilotage.core.errors import Refused
from pilotage.core.model import Finding
from pilotage.core.state import Command, RolloutState, Status, check_command


def next_step(rollout: str, state: RolloutState, turn: Finding | None) -> str:
    """One line; `turn` is the finding by which the judge turned the rollout, None when something else did."""
    report = f"`pilotage report {rollout} -o report.md`"
    if state.needs_person:
        return _choices(rollout, state)
    match state.status:
        case Status.ROLLED_BACK:
            if turn is None:
                return f"When the cause is out of the way, run the plan again. The record: {report}"
            return f"{repair(turn)} The record: {report}"
        case Status.ROLLING_BACK:
            return f"Nothing: it goes on until the splitter itself says that it is back. `pilotage watch {rollout}`"
        case Status.PROMOTED:
            return f"Nothing. The record: {report}"
        case Status.WATCHING | Status.STARTING | Status.SHIFTING:
            return f"Nothing: it goes on by itself. Send it back at any time: `pilotage rollback {rollout}`"
    return _choices(rollout, state)


def _choices(rollout: str, state: RolloutState) -> str:
    if state.status in (Status.ROLLING_BACK, Status.FAILED):
        return f"Look at `pilotage doctor`, and where the traffic is: `pilotage status {rollout}`"
    idle = (Command.PAUSE, Command.HOLD)
    wanted = [one for one in Command if one.decides and one not in idle and _accepts(state.status, one)]
    return "Decide: " + ", ".join(f"`pilotage {one.value} {rollout}`" for one in wanted)


_NEW = "then start a new rollout."
_AGAIN = "then run the plan again."
_REPAIRS = {
    "errors-shared": f"Both versions fail: look for what they share, {_AGAIN}",
    "errors": f"Find the new version's errors in its logs, fix them, {_NEW}",
    "latency": f"Find out why the new version is slower, {_NEW}",
    "bug": f"The fix does not do its work: correct it, {_NEW}",
    "traffic-low": f"Plan a larger share or a longer watch, {_AGAIN}",
    "traffic-share": f"Compare the splitter's weight with what it sends, {_AGAIN}",
    "traffic-silent": f"Find out why no request arrives, {_AGAIN}",
    "data": f"See to it that the metrics answer, {_AGAIN}",
}
"""By what a finding shows (policy.py), else by that name's first part."""


def repair(turn: Finding) -> str:
    """What to do about what turned it, before the next try."""
    first = turn.shows.split("-")[0]
    return _REPAIRS.get(turn.shows) or _REPAIRS.get(first) or f"When the cause is out of the way, {_AGAIN[5:]}"


def _accepts(status: Status, command: Command) -> bool:
    try:
        check_command(status, command)
    except Refused:
        return False
    return True
