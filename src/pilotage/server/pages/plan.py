"""One plan before it starts: its document, its checklist to tick, its approvals, and what can be done with it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from pilotage import planfile
from pilotage.acting import Acting
from pilotage.core import plancaution, plandiff, planwords
from pilotage.core.checklist import NEVER_OVERRIDDEN, Mark
from pilotage.core.errors import (
    ChecklistOpen,
    Forbidden,
    NotFound,
    PilotageError,
    PreflightFailed,
    Refused,
)
from pilotage.core.people import Right
from pilotage.server.pages.planpage import document
from pilotage.server.pages.rights import why_not
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession
from pilotage.store import approvals as approval_table
from pilotage.store import known
from pilotage.store.approvals import Approval
from pilotage.store.known import KnownPlan
from pilotage.wording import previews

router = pages_router()
Note = Annotated[str, Form(max_length=2000)]
Items = Annotated[list[str], Form(max_length=100)]
SHOWN = 100
"""Entries of the record, the newest first."""
PARTS = {"preparation": "Preparation", "technical": "Technical readiness", "team": "Team", "monitoring": "Monitoring"}


@router.get("/plans/{plan}")
async def view(request: Request, acting: BySession, plan: str, look: bool = False, whole: bool = False) -> Response:
    """`look`: also without JavaScript what Pilotage itself looks up is there, and is waited for. `whole`: all of the
    record."""
    return await _shown(request, acting, plan, look=look, whole=whole)


@router.get("/plans/{plan}/checklist")
async def checklist(request: Request, acting: BySession, plan: str) -> Response:
    """The part of the page that asks drivers, which may take a while."""
    return await _shown(request, acting, plan, look=True, template="plan/checklist.html")


@router.get("/plans/{plan}/yaml")
async def yaml(acting: BySession, plan: str) -> Response:
    found = await acting.plan(plan)
    disposition = f'attachment; filename="{found.id}.yaml"'
    return Response(
        found.plan_text, media_type="text/yaml; charset=utf-8", headers={"Content-Disposition": disposition}
    )


@router.get("/plans/{plan}/messages")
async def messages(request: Request, acting: BySession, plan: str) -> Response:
    """Every message as it would be sent."""
    found = await acting.plan(plan)
    try:
        told, wrong = await asyncio.to_thread(lambda: list(previews(found.plan))), ""
    except PilotageError as error:
        told, wrong = [], str(error)
    return page(request, "plan/messages.html", plan=found.plan, id=found.id, messages=told, wrong=wrong)


@router.get("/plans/{plan}/compare")
async def compare(
    request: Request, acting: BySession, plan: str, other: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """What differs in meaning from another plan for the same change, and where this one is less careful."""
    found = await acting.plan(plan)
    versions = await acting.coordinator.store.run(known.versions_of, found.id)
    chosen = next((one for one in versions if one.id == other), versions[0] if versions else None)
    told = await asyncio.to_thread(_compared, await acting.plan(chosen.id), found) if chosen else None
    return page(request, "plan/compare.html", plan=found, versions=versions, chosen=chosen, told=told)


def _compared(before: KnownPlan, after: KnownPlan) -> dict[str, Any]:
    trees = [planfile.read(one.plan_text)[0] for one in (before, after)]
    old, new = (tree.plain() for tree in trees)
    changes, loosened = plandiff.diff(old, new), plancaution.less_careful(old, new)
    careless = {one.path for one in loosened}
    rows = [
        {"sentence": planwords.sentence(one), "careless": any(_within(one.path, path) for path in careless)}
        for one in changes
    ]
    digests = (planfile.digest_of(trees[0]), planfile.digest_of(trees[1]))
    return {"rows": rows, **planwords.as_data(changes, loosened, digests)}


def _within(path: str, other: str) -> bool:
    """One is the other, or a part of it."""
    longer, shorter = (path, other) if len(path) >= len(other) else (other, path)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))


# ------------------------------------------------------------------ what can be done with it


@router.post("/plans/{plan}/tick")
async def tick(
    request: Request, acting: BySession, plan: str, item: Items, note: Note = "", undo: Annotated[bool, Form()] = False
) -> Response:
    return await _done(request, acting, plan, acting.tick(plan, item, note.strip(), undo), "checklist")


@router.post("/plans/{plan}/rehearse")
async def rehearse(request: Request, acting: BySession, plan: str) -> Response:
    return await _done(request, acting, plan, acting.rehearse(plan), "checklist")


@router.post("/plans/{plan}/request-approval")
async def request_approval(request: Request, acting: BySession, plan: str, note: Note = "") -> Response:
    return await _done(request, acting, plan, acting.request_approval(plan, note.strip()), "approval")


@router.post("/plans/{plan}/approve")
async def approve(
    request: Request,
    acting: BySession,
    plan: str,
    digest: Annotated[str, Form(max_length=80)],
    answer: Annotated[Literal["yes", "no"], Form()],
    note: Note = "",
) -> Response:
    """`digest`: of the plan as it was on the page that was answered."""
    given = acting.approve_plan(plan, digest, answer == "yes", note.strip())
    return await _done(request, acting, plan, given, "approval")


@router.post("/plans/{plan}/start")
async def start(
    request: Request,
    acting: BySession,
    plan: str,
    override: Annotated[list[str], Form(max_length=100)] = [],  # noqa: B006
    reason: Note = "",
    service: Annotated[str, Form(max_length=64)] = "",
    when: Annotated[Literal["now", "window"], Form()] = "now",
) -> Response:
    """What passes over an open item is confirmed with the service's name."""
    try:
        found = await acting.plan(plan)
        if override and service.strip() != found.plan.service:
            raise Refused(f"type the service's name, {found.plan.service}, to pass over {', '.join(override)}")
        if when == "window":
            await acting.schedule(plan, override, reason.strip())
            return RedirectResponse(f"/plans/{found.id}#start", 303)
        rollout = await acting.start_known(plan, reason.strip(), override)
    except PilotageError as error:
        return await _again(request, acting, plan, error, "start", override, reason)
    return RedirectResponse(f"/rollouts/{rollout}", 303)


@router.post("/plans/{plan}/forget")
async def forget(request: Request, acting: BySession, plan: str, reason: Note = "") -> Response:
    return await _done(request, acting, plan, acting.forget(plan, reason.strip()), "")


async def _done(request: Request, acting: Acting, plan: str, doing: Any, where: str) -> Response:
    try:
        await doing
    except PilotageError as error:
        return await _again(request, acting, plan, error, where)
    return RedirectResponse(f"/plans/{plan}" + (f"#{where}" if where else ""), 303)


async def _again(
    request: Request,
    acting: Acting,
    plan: str,
    error: PilotageError,
    where: str,
    overrides: list[str] | None = None,
    reason: str = "",
) -> Response:
    """The same page, with what went wrong where it was done."""
    if isinstance(error, NotFound):
        raise error
    status = 403 if isinstance(error, Forbidden) else 412 if isinstance(error, ChecklistOpen | PreflightFailed) else 409
    said = {"where": where, "text": str(error).splitlines()[0], "problems": _problems(error)}
    stopping = error.items if isinstance(error, ChecklistOpen) else ()
    kept: dict[str, Any] = {"said": said, "overrides": overrides, "reason": reason, "stopping": stopping}
    return await _shown(request, acting, plan, status, **kept)


def _problems(error: PilotageError) -> list[str]:
    if isinstance(error, ChecklistOpen):
        return list(error.seen or error.problems)
    return list(error.problems) if isinstance(error, PreflightFailed) else []


async def _shown(
    request: Request,
    acting: Acting,
    plan: str,
    status: int = 200,
    *,
    look: bool = False,
    whole: bool = False,
    template: str = "plan.html",
    said: dict[str, Any] | None = None,
    overrides: list[str] | None = None,
    reason: str = "",
    stopping: tuple[str, ...] = (),
) -> Response:
    found = await acting.plan(plan)
    facts = await acting.coordinator.desk.view(found.id, look)
    service, environment = found.plan.service, found.plan.environment
    approvals = await acting.coordinator.store.run(approval_table.of, found.id)
    about = (found.plan_text, found.plan.digest, found.file.rpartition("/")[2] or "plan.yaml")
    return page(
        request,
        template,
        status,
        plan=facts,
        of=found.plan,
        parts=_parts(facts["items"], acting.caller.name),
        passable=[one for one in facts["items"] if _passable(one, look, stopping)],
        looked=look,
        why_operate=why_not(acting, Right.OPERATE, service, environment),
        why_override=why_not(acting, Right.OVERRIDE, service, environment),
        approval=await _approval(acting, found, approvals),
        approvals=approvals,
        needs_approval=any(one["check"] == "approved" for one in facts["items"]),
        window=found.plan.preparation.start.opens_at is not None,
        document=await asyncio.to_thread(document, *about, 3) if template == "plan.html" else None,
        yaml=found.plan_text.splitlines(),
        record=facts["timeline"][::-1][: None if whole else SHOWN],
        versions=await acting.coordinator.store.run(known.versions_of, found.id),
        said=said,
        overrides=overrides or [],
        reason=reason,
    )


def _parts(items: list[dict[str, Any]], caller: str) -> list[tuple[str, list[dict[str, Any]]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in items:
        found.setdefault(one["part"], []).append({**one, "mine": one["by"] == caller})
    return [(name, found[part]) for part, name in PARTS.items() if part in found]


def _passable(item: dict[str, Any], looked: bool, stopping: tuple[str, ...]) -> bool:
    """What a reason may be given for: it is required, is not one of those that no reason makes unnecessary, and does
    not hold as far as is known - ticked by nobody, looked up just now, or what has just stopped a start."""
    known = looked or not item["check"] or item["id"] in stopping
    return bool(item["required"] and item["mark"] != Mark.DONE and item["check"] not in NEVER_OVERRIDDEN and known)


async def _approval(acting: Acting, plan: KnownPlan, found: list[Approval]) -> dict[str, Any]:
    """What there is to say of the newest: asked for, given, refused, used, or too old."""
    now = acting.coordinator.clock.now()
    usable = await acting.coordinator.desk.approvals.usable(plan.id, plan.plan.digest)
    waits = next((one for one in found if one.given_at is None), None)
    newest = found[0] if found else None
    state = "given" if usable else "waits" if waits else "none"
    if not usable and not waits and newest is not None and newest.given_at is not None:
        state = "refused" if newest.refused else "used" if newest.used_at is not None else "expired"
    shown = usable or waits or newest
    why = await acting.why_no_answer(waits) if waits is not None else ""
    return {"state": state, "shown": shown, "waits": waits, "why": why, "now": now}
