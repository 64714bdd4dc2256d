"""create_plan and check_plan: nothing is written, started or asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.exceptions import ToolError

from pilotage.core.errors import PlanError
from pilotage.core.people import Scope
from pilotage.mcp import answers, asked, outside
from pilotage.mcp.door import Problem
from pilotage.mcp.guest import Guest
from pilotage.mcp.plantext import Read, read
from pilotage.mcp.tools import Tool

if TYPE_CHECKING:
    from pathlib import Path

WRONG_PLAN = 422


async def create_plan(guest: Guest, given: asked.CreatePlan) -> answers.Drafted:
    data = await (_draft_here(guest.folder, given) if guest.folder else _draft_there(guest, given))
    missing = outside.several(data["missing"])
    seen = data["repository"]
    ready = bool(data["ready"])
    next_step = "Write the plan to a file, look through it with the person, then `check_plan`."
    if missing:
        next_step = (
            "Ask the person for what is missing, give it as `facts` or fill it in where the plan says REPLACE_ME."
        )
    return answers.Drafted(
        say="The plan is complete." if ready else f"The plan is drafted; {_open(missing, data)}.",
        ready=ready,
        missing=missing,
        looked_at_repository=seen is not None,
        next=next_step,
        outside_text=answers.DraftText(
            plan=outside.visible(data["plan"]),
            conflicts=outside.several(
                f"{one['name']}: {' and '.join(one['found'])}; taken: {one['taken']} ({one['why']})"
                for one in data["conflicts"]
            ),
            suspicious=outside.several(f"{one['kind']}: {one['text']}" for one in data["suspicious"]),
            doubts=outside.several([*data["doubts"], *data["warnings"]]),
            proposals=[_proposed(one) for one in (seen or {}).get("proposals", [])[: outside.MOST]],
        ),
    )


def _open(missing: Sequence[str], data: dict[str, Any]) -> str:
    parts = [f"{len(missing)} places are missing"] if missing else []
    parts += [f"{len(data['conflicts'])} contradictions"] if data["conflicts"] else []
    parts += [f"{len(data['suspicious'])} suspicious signs in the brief"] if data["suspicious"] else []
    return ", ".join(parts) or "something in it looks wrong"


async def _draft_here(folder: Path, given: asked.CreatePlan) -> dict[str, Any]:
    """As `pilotage plan` does: with a look at the repository of the working folder, in which nothing is run."""
    return await asyncio.to_thread(_drafted, folder, given)


def _drafted(folder: Path, given: asked.CreatePlan) -> dict[str, Any]:
    from pilotage import drafting
    from pilotage.repository import look

    seen = look(folder, hint=given.brief)
    try:
        facts: dict[str, str | None] = {str(name): value for name, value in given.facts.items()}
        found = drafting.drafted(given.brief, facts, given.on_call or None, seen)
    except drafting.NotThatFact as error:
        raise ToolError(f"facts.{error.name}: {outside.one(error)}. Correct it, or leave it out") from None
    return {**drafting.as_data(found.brief, found.draft, seen, found.doubts), "doubts": list(found.doubts)}


async def _draft_there(guest: Guest, given: asked.CreatePlan) -> dict[str, Any]:
    body = {"brief": given.brief, "facts": dict(given.facts), "on_call": given.on_call or None}
    data: dict[str, Any] = await guest.door.post("plans", "draft", body=body, once=False)
    return data


def _proposed(one: dict[str, Any]) -> answers.Proposed:
    traces = [
        answers.Place(file=outside.one(trace["file"]), line=trace["line"], text=outside.one(trace["text"], 200))
        for trace in one["traces"][: outside.MOST]
    ]
    about = {name: outside.one(one[name]) for name in ("port", "name", "driver", "note")}
    return answers.Proposed(**about, confidence=one["confidence"], found_in=traces)


async def check_plan(guest: Guest, given: asked.PlanText) -> answers.Checked:
    found = await read(guest, given)
    try:
        data = await (asyncio.to_thread(_check, found) if guest.folder else _check_there(guest, found))
    except PlanError as error:
        return _wrong([vars_of(one) for one in error.problems])
    except Problem as problem:
        if problem.status != WRONG_PLAN or not all(isinstance(one, dict) for one in problem.problems):
            raise
        return _wrong(problem.problems)
    good = bool(data["ok"])
    return answers.Checked(
        say="The plan is good." if good else "The plan cannot start any more: its window has passed.",
        good=good,
        digest=data["digest"],
        false_alarms_at_most=data["false_alarms_at_most"],
        next="`request_approval`, when the person wants it." if good else "Ask the person for another window.",
        outside_text=answers.CheckText(
            problems=[],
            phases_see={outside.one(name): outside.one(said) for name, said in data["phases_see"].items()},
            not_measured=outside.several(data["not_measured"]),
            starts=outside.one(data["starts"]),
        ),
    )


def _check(found: Read) -> dict[str, Any]:
    from pathlib import Path

    from pilotage import planfile
    from pilotage.checking import checked

    plan = planfile.load(found.text, directory=Path(found.directory), file=found.file, secrets=False)
    return checked(plan, time.time()).as_data()


async def _check_there(guest: Guest, found: Read) -> dict[str, Any]:
    data: dict[str, Any] = await guest.door.post("plans", "check", body=found.body, once=False)
    return data


def vars_of(problem: Any) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("path", "expected", "got", "line")}


def _wrong(problems: Sequence[dict[str, Any]]) -> answers.Checked:
    places = [
        answers.WrongPlace(
            path=outside.one(one.get("path")),
            line=one.get("line"),
            expected=outside.one(one.get("expected")),
            got=outside.one(one.get("got")),
        )
        for one in problems[: outside.MOST]
    ]
    return answers.Checked(
        say=f"The plan has {len(problems)} mistakes." if len(problems) != 1 else "The plan has one mistake.",
        good=False,
        digest="",
        false_alarms_at_most=None,
        next="Correct each place as `expected` says, and check it again. What only a person can know, ask for.",
        outside_text=answers.CheckText(problems=places, phases_see={}, not_measured=[], starts=""),
    )


TOOLS = (
    Tool(
        "create_plan",
        "Draft a plan",
        "Draft a plan for a hot-fix from a short brief. Writes nothing and changes nothing: it answers the plan's "
        "text, what is missing, and from which file and line of the repository each proposal comes.",
        asked.CreatePlan,
        answers.Drafted,
        create_plan,
        Scope.READ,
        reads=True,
    ),
    Tool(
        "check_plan",
        "Check a plan",
        "Is the plan good, what can each phase see, and when may it start? Nothing is started or asked. Over HTTP it "
        "needs a token with the scope rollout:write, as a plan names files of the coordinator's machine.",
        asked.PlanText,
        answers.Checked,
        check_plan,
        Scope.READ,
        reads=True,
    ),
)
