"""The live page's buttons: plain forms that work without JavaScript; with it the answer is put beside the button."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import structlog
from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pilotage.acting import Acting
from pilotage.core.errors import NotFound, PilotageError, Refused
from pilotage.core.people import Right
from pilotage.core.state import Command
from pilotage.engine import Outcome
from pilotage.server.pages.live.allowed import why_not
from pilotage.server.pages.live.boards import boards_of
from pilotage.server.pages.rollout import show
from pilotage.server.pages.shell import asked_by_script, page, pages_router, part
from pilotage.server.sessions import BySession
from pilotage.store import queries

log = structlog.get_logger()
router = pages_router()

ANSWER_WITHIN_S = 2.0
"""A command that takes longer is answered with what is under way; the page then shows how it goes."""
UNDER_WAY = {
    Command.ROLLBACK: "Going back. The traffic is being moved; this page shows when it is there.",
    Command.PROMOTE: "Promoting. This page shows how it goes.",
}
DONE = {
    Command.APPROVE: "Approved",
    Command.HOLD: "Held",
    Command.PAUSE: "Paused",
    Command.RESUME: "Resumed",
    Command.PROMOTE: "Phase passed",
    Command.ROLLBACK: "Rolled back",
    Command.REPORT_TROUBLE: "Noted",
}
Said = Annotated[str, Form(max_length=2000)]
_under_way: set[asyncio.Task[Outcome]] = set()
"""Commands whose answer nobody waits for any more: the loop itself keeps no hold on its tasks."""


@router.post("/rollouts/{rollout}/commands")
async def command(
    request: Request,
    acting: BySession,
    rollout: str,
    command: Annotated[Command, Form()],
    reason: Said = "",
    digest: Annotated[str, Form(max_length=80)] = "",
    phase: Annotated[int | None, Form(ge=0, le=1000)] = None,
    service: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """`digest` and `phase`: what an approval is for; `service`: what somebody has typed to promote before the time."""
    if command is Command.ANNOUNCE:
        raise Refused("that is said with `pilotage announce`")
    try:
        if command is Command.PROMOTE:
            await _check_typed(acting, rollout, service)
        text = await _carried_out(acting, rollout, command, reason.strip(), digest, phase)
    except NotFound:
        raise
    except PilotageError as error:
        return await _answered(request, acting, rollout, "bad", str(error), 409)
    return await _answered(request, acting, rollout, "good", text, command=command)


async def _check_typed(acting: Acting, rollout: str, typed: str) -> None:
    name = await acting.rollout(rollout)  # whether they may is asked, and noted, with the command itself
    service, _ = await acting.coordinator.store.run(queries.place_of, name)
    if typed.strip() != service:
        came = repr(typed.strip()) if typed.strip() else "nothing"
        raise Refused(f"nothing was done: promoting before the time needs the service's name, {service}; {came} came")


async def _carried_out(
    acting: Acting, rollout: str, command: Command, reason: str, digest: str, phase: int | None
) -> str:
    """What came of it, or that it is under way; the command goes on then."""
    doing = asyncio.create_task(acting.command(rollout, command, reason, digest, phase))
    _under_way.add(doing)
    doing.add_done_callback(_ended)
    done, _ = await asyncio.wait({doing}, timeout=ANSWER_WITHIN_S)
    if not done:
        return UNDER_WAY.get(command, f"{DONE[command]}: under way. This page shows when it is done.")
    outcome = doing.result()
    said = outcome.message.rstrip(".")
    for first in (command.value, DONE[command].lower()):
        said = said.removeprefix(f"{first}: ") if said != first else ""
    return f"{DONE[command]}: {said}." if said else f"{DONE[command]}."


def _ended(task: asyncio.Task[Outcome]) -> None:
    """Its error is the caller's while one waits, and in the audit log in any case."""
    _under_way.discard(task)
    if not task.cancelled() and task.exception() is not None:
        log.info("a command from a page was not done", error=str(task.exception()))


async def _answered(
    request: Request,
    acting: Acting,
    rollout: str,
    tone: str,
    text: str,
    status: int = 200,
    command: Command | None = None,
) -> Response:
    about: dict[str, Any] = {"tone": tone, "text": text, "rollout": rollout, "csrf": request.state.csrf}
    if asked_by_script(request):
        return HTMLResponse(part("live/answer.html", why=command is Command.ROLLBACK, **about), status)
    board = await boards_of(request.app).look(await acting.rollout(rollout))
    if tone == "good" and command is not Command.ROLLBACK:
        return RedirectResponse(f"/rollouts/{board.row.id}", 303)
    return show(request, acting, board, status, (tone, text, command is Command.ROLLBACK))


@router.post("/rollouts/{rollout}/why")
async def why(request: Request, acting: BySession, rollout: str, reason: Said = "") -> Response:
    """Why it was rolled back, said afterwards: to the incident channel where the plan has one, and to the record."""
    words = reason.strip()
    try:
        if not words:
            raise Refused("a reason has words")
        text = await _said_why(acting, rollout, words)
    except NotFound:
        raise
    except PilotageError as error:
        return await _answered(request, acting, rollout, "bad", str(error), 409)
    return await _answered(request, acting, rollout, "good", text)


async def _said_why(acting: Acting, rollout: str, words: str) -> str:
    name = await acting.rollout(rollout, Right.OPERATE)
    try:
        told = await acting.announce(name, f"Why it was rolled back: {words}", "incident")
    except Refused:
        await acting.note("rollback-reason", name, "done", words)
        return "Noted in the audit log. No channel of this plan tells of it."
    return f"Noted, and told through {', '.join(told['through'])}."


@router.get("/rollouts/{rollout}/promote")
async def promote(request: Request, acting: BySession, rollout: str) -> HTMLResponse:
    """The dialog as a page, for who has no JavaScript."""
    board = await boards_of(request.app).look(await acting.rollout(rollout))
    refused = why_not(board, acting.caller, acting.coordinator.settings.shared, Command.PROMOTE)
    return page(request, "promote.html", view=board.view, headline=board.headline, refused=refused)


@router.post("/rollouts/{rollout}/follow-ups/{item}")
async def settle(request: Request, acting: BySession, rollout: str, item: str, note: Said = "") -> Response:
    try:
        said = await acting.settle(rollout, item, note.strip())
    except NotFound:
        raise
    except PilotageError as error:
        return await _answered(request, acting, rollout, "bad", str(error), 409)
    return await _answered(request, acting, rollout, "good", f"Done: {said.rstrip('.')}.")
