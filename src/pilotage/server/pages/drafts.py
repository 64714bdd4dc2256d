"""A new plan: a brief becomes a draft, the draft is filled in, checked and registered. Nothing is started."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from pilotage.acting import Acting
from pilotage.core.errors import Forbidden, PilotageError, PlanError, Problem
from pilotage.core.givable import FACTS
from pilotage.core.model import Plan
from pilotage.core.people import Right
from pilotage.core.policy import false_alarm_budget
from pilotage.core.power import visible
from pilotage.drafting import Drafted, NotThatFact, drafted
from pilotage.planfile.compile import A_PLACEHOLDER
from pilotage.planfile.starting import may_start
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession
from pilotage.wording import check_templates

router = pages_router()
ON_CALL = "on-call"
Text = Annotated[str, Form(max_length=1_000_000)]


@router.get("/plans/new")
async def empty(request: Request, acting: BySession) -> Response:
    return await _shown(request, acting)


@router.post("/plans/new")
async def draft(request: Request, acting: BySession, brief: Text = "") -> Response:
    """The draft of a plan, to be filled in below."""
    form = await request.form()
    facts = {name: said for name in (*FACTS, ON_CALL) if (said := str(form.get(name, "")).strip()[:2000])}
    given: dict[str, str | None] = {name: said for name, said in facts.items() if name != ON_CALL}
    if not brief.strip() and not facts:
        return await _shown(
            request, acting, 422, wrong={"brief": "a line or two on what is to be brought out, and why"}
        )
    try:
        found = await asyncio.to_thread(drafted, brief, given, facts.get(ON_CALL))
    except NotThatFact as error:
        return await _shown(request, acting, 422, brief=brief, facts=facts, wrong={error.name: str(error)})
    return await _shown(request, acting, brief=brief, facts=facts, plan=found.draft.text, found=found)


@router.post("/plans/check")
async def check(
    request: Request,
    acting: BySession,
    plan: Text,
    directory: Annotated[str, Form(max_length=4096)] = "",
    brief: Text = "",
    then: Annotated[Literal["check", "register"], Form()] = "check",
) -> Response:
    """Checks what stands in the text area, and registers it when that was asked."""
    text, folder = plan.replace("\r\n", "\n"), directory.strip()
    kept: dict[str, Any] = {"brief": brief, "plan": text, "directory": folder}
    try:
        if not folder.startswith("/"):
            expected = "the absolute path of a folder on the coordinator's machine"
            raise PlanError((Problem("folder", expected, folder or "nothing"),))
        if then == "register":
            name = await acting.register(text, folder, "")
            return RedirectResponse(f"/plans/{name}", 303)
        read: Plan = await acting.read(text, folder, "")
        if problems := await asyncio.to_thread(check_templates, read):
            raise PlanError(tuple(problems))
    except PlanError as error:
        return await _shown(request, acting, 422, problems=error.problems, **kept)
    except PilotageError as error:
        return await _shown(request, acting, 403 if isinstance(error, Forbidden) else 409, refused=str(error), **kept)
    return await _shown(request, acting, good=_good(read, acting.coordinator.clock.now()), **kept)


def _good(plan: Plan, now: float) -> dict[str, Any]:
    """What `pilotage check` says of a plan without mistakes."""
    return {
        "plan": plan,
        "starts": may_start(plan.preparation.start, now)[1],
        "false_alarms": false_alarm_budget(plan)[1],
        "sees": visible(plan),
    }


async def _shown(
    request: Request,
    acting: Acting,
    status: int = 200,
    *,
    brief: str = "",
    facts: dict[str, str] | None = None,
    plan: str = "",
    directory: str = "",
    found: Drafted | None = None,
    problems: Sequence[Problem] = (),
    refused: str = "",
    good: dict[str, Any] | None = None,
    wrong: dict[str, str] | None = None,
) -> Response:
    folders = [str(one) for one in acting.coordinator.settings.folders]
    return page(
        request,
        "plan_new.html",
        status,
        brief=brief,
        facts=facts or {},
        fields={**FACTS, ON_CALL: 'Who is on call, such as "Ann Example @ann".'},
        plan=plan,
        lines=plan.splitlines(),
        directory=directory or await _usual_folder(acting, folders),
        folders=folders if acting.coordinator.settings.shared else [],
        found=found,
        problems=[one for one in problems if not one.got.startswith(A_PLACEHOLDER)],
        unfilled=[one for one in problems if one.got.startswith(A_PLACEHOLDER)],
        refused=refused,
        good=good,
        wrong=wrong or {},
        may_write=acting.caller.may_somewhere(Right.OPERATE),
    )


async def _usual_folder(acting: Acting, folders: Sequence[str]) -> str:
    """The first that the settings allow; without any the one of the newest plan that the reader may see."""
    if acting.coordinator.settings.shared:
        return folders[0] if folders else ""
    return await acting.coordinator.desk.newest_folder()
