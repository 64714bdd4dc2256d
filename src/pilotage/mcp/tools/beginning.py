"""request_approval and start_rollout: an agent asks, a person approves, the agent starts that very plan."""

from __future__ import annotations

import shlex

from mcp.server.mcpserver.exceptions import ToolError

from pilotage.core.people import Scope
from pilotage.mcp import answers, asked, outside
from pilotage.mcp.door import Problem
from pilotage.mcp.guest import Guest
from pilotage.mcp.plantext import read
from pilotage.mcp.tools import Tool

NOT_YET = 412


async def request_approval(guest: Guest, given: asked.RequestApproval) -> answers.Requested:
    found = await read(guest, given)
    plan = str((await guest.door.post("plans", body={**found.body, "reason": given.note}))["id"])
    told = await guest.door.post("plans", plan, "request-approval", body={"reason": given.note})
    page, command = f"{guest.door.entrance.address}/plans/{plan}", f"pilotage approve {shlex.quote(plan)}"
    return answers.Requested(
        say=f"A person has to approve {plan} now: at {page}, or with `{command}`. I cannot.",
        plan=await guest.handle("plan", plan),
        digest=told["digest"],
        approve_page=page,
        approve_command=command,
        next="Show the person the plan and both ways to approve it, wait for their word, then `start_rollout`.",
    )


async def start_rollout(guest: Guest, given: asked.StartRollout) -> answers.Started:
    plan = await guest.named("plan", given.plan)
    known = await guest.door.get("plans", plan)
    if known["digest"] != given.digest:
        raise ToolError(
            f"digest: expected that of the plan as it is now, {known['digest']}, got {given.digest}. Show the person "
            "the plan as it is, and ask for a new approval"
        )
    try:
        begun = await guest.door.post("plans", plan, "start", body={"reason": given.reason})
    except Problem as problem:
        if problem.status != NOT_YET:
            raise
        way = f"`pilotage approve {shlex.quote(plan)}`, or {guest.door.entrance.address}/plans/{plan}"
        raise ToolError(f"{problem}\nA person sees to what is open, and approves: {way}. You cannot") from None
    name = str(begun["id"])
    return answers.Started(
        say=f"{name} has begun.",
        rollout=await guest.handle("rollout", name),
        id=name,
        next="Look with `rollout_status`; it goes on, holds or goes back by itself. `rollback` at any moment.",
    )


async def report_user_trouble(guest: Guest, given: asked.Trouble) -> answers.Done:
    name = await guest.named("rollout", given.rollout)
    body = {"reason": given.text, "on_behalf": given.on_behalf}
    return await done(guest, name, await guest.door.post("rollouts", name, "report-trouble", body=body))


async def done(guest: Guest, name: str, told: dict[str, object]) -> answers.Done:
    status, held = str(told["status"]), bool(told["done"])
    return answers.Done(
        say=f"{name}: done, it is {status} now." if held else f"{name}: not done yet, it is {status}; look again.",
        rollout=await guest.handle("rollout", name),
        id=name,
        status=status,
        done=held,
        outside_text=answers.DoneText(message=outside.one(told["message"])),
    )


TOOLS = (
    Tool(
        "request_approval",
        "Ask a person to approve a plan",
        "Make a plan known and ask a person to approve its start. You cannot approve it: show the person the page and "
        "the command in the answer, and wait.",
        asked.RequestApproval,
        answers.Requested,
        request_approval,
        Scope.WRITE,
        repeatable=True,
    ),
    Tool(
        "start_rollout",
        "Start an approved plan",
        "Start the plan that a person has approved, exactly as they approved it. Refused without their approval.",
        asked.StartRollout,
        answers.Started,
        start_rollout,
        Scope.WRITE,
        destroys=True,
    ),
    Tool(
        "report_user_trouble",
        "Report trouble of users",
        "Note that users say it is worse. Enough of these in a phase hold the rollout and ask a person.",
        asked.Trouble,
        answers.Done,
        report_user_trouble,
        Scope.WRITE,
    ),
)
