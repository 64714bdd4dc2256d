"""hold and rollback: what an agent may always do with a rollout that it sees."""

from __future__ import annotations

from pilotage.core.people import Scope
from pilotage.mcp import answers, asked
from pilotage.mcp.guest import Guest
from pilotage.mcp.tools import Tool
from pilotage.mcp.tools.beginning import done


async def hold(guest: Guest, given: asked.Back) -> answers.Done:
    return await _command(guest, given, "hold")


async def rollback(guest: Guest, given: asked.Back) -> answers.Done:
    return await _command(guest, given, "rollback")


async def _command(guest: Guest, given: asked.Back, command: str) -> answers.Done:
    """A rollback has no key: it may always be repeated, and waits for nothing."""
    name = await guest.named("rollout", given.rollout)
    once = command != "rollback"
    told = await guest.door.post("rollouts", name, command, body={"reason": given.reason}, once=once)
    return await done(guest, name, told)


TOOLS = (
    Tool(
        "hold",
        "Hold a rollout",
        "Keep the traffic where it is and ask a person; the plan's hold deadline applies. Only a person lets it go on.",
        asked.Back,
        answers.Done,
        hold,
        Scope.ROLLBACK,
    ),
    Tool(
        "rollback",
        "Roll back",
        "Send all traffic back to the old version now, whatever state the rollout is in. It may be repeated.",
        asked.Back,
        answers.Done,
        rollback,
        Scope.ROLLBACK,
        destroys=True,
        repeatable=True,
    ),
)
