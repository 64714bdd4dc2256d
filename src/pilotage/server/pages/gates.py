"""Freezes and locks: what keeps new rollouts from starting, made and lifted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from pilotage.acting import Acting
from pilotage.core.errors import Forbidden, NotFound, PilotageError, Refused
from pilotage.core.people import ANY, Right
from pilotage.server.pages.rights import why_not
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession

router = pages_router()
Name = Annotated[str, Form(max_length=64)]
Reason = Annotated[str, Form(max_length=2000)]
Instant = Annotated[str, Form(max_length=40)]


@router.get("/freezes")
async def freezes(request: Request, acting: BySession) -> Response:
    return await _shown(request, acting)


@router.post("/freezes")
async def freeze(
    request: Request,
    acting: BySession,
    service: Name = "",
    environment: Name = "",
    reason: Reason = "",
    begins: Instant = "",
    ends: Instant = "",
    zone: Name = "UTC",
) -> Response:
    given = {"service": service, "environment": environment, "reason": reason}
    given |= {"begins": begins, "ends": ends, "zone": zone}
    try:
        times = instant("from", begins, zone), instant("until", ends, zone)
        await acting.freeze(service.strip(), environment.strip(), reason.strip(), *times)
    except PilotageError as error:
        return await _shown(request, acting, error, "freeze", given)
    return RedirectResponse("/freezes", 303)


@router.post("/freezes/{freeze}/lift")
async def lift(request: Request, acting: BySession, freeze: str, reason: Reason = "") -> Response:
    try:
        await acting.unfreeze(freeze, reason.strip())
    except PilotageError as error:
        return await _shown(request, acting, error, "freezes")
    return RedirectResponse("/freezes", 303)


@router.post("/locks")
async def lock(
    request: Request, acting: BySession, service: Name = "", environment: Name = "", reason: Reason = ""
) -> Response:
    try:
        if not service.strip() or not environment.strip():
            raise Refused("a lock is of one service in one environment: name both")
        await acting.lock(service.strip(), environment.strip(), reason.strip())
    except PilotageError as error:
        given = {"service": service, "environment": environment, "reason": reason}
        return await _shown(request, acting, error, "lock", given)
    return RedirectResponse("/freezes#locks", 303)


@router.post("/locks/release")
async def unlock(
    request: Request, acting: BySession, service: Name, environment: Name, reason: Reason = ""
) -> Response:
    try:
        await acting.unlock(service, environment, reason.strip())
    except PilotageError as error:
        return await _shown(request, acting, error, "locks")
    return RedirectResponse("/freezes#locks", 303)


def instant(name: str, text: str, zone: str) -> float | None:
    """Unix seconds of what a form's date and time say in that zone; None: nothing. Raises Refused."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
        return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone.strip() or "UTC"))).timestamp()
    except (ValueError, OSError, KeyError, OverflowError):
        expected = "a time such as 2026-12-24 18:00, and a zone such as Europe/Berlin"
        raise Refused(f"{name}: expected {expected}; got {text!r} in {zone!r}") from None


async def _shown(
    request: Request,
    acting: Acting,
    error: PilotageError | None = None,
    where: str = "",
    given: dict[str, str] | None = None,
) -> Response:
    if isinstance(error, NotFound):
        raise error
    now = acting.coordinator.clock.now()
    all_freezes = await acting.coordinator.gates.freezes(True)
    locks = await acting.coordinator.gates.locks(True)
    told: list[dict[str, Any]] = [
        {
            "freeze": one,
            "what": " in ".join(part for part in (one.service or "Every service", one.environment) if part),
            "state": "lifted" if one.lifted_at else "over" if one.ends and one.ends <= now else _begun(one.begins, now),
            "why": why_not(acting, Right.OVERRIDE, one.service or ANY, one.environment or ANY),
        }
        for one in all_freezes
    ]
    seen = [one for one in locks if acting.sees(one.service, one.environment)]
    held = [(one, why_not(acting, Right.OVERRIDE, one.service, one.environment)) for one in seen if not one.released_at]
    return page(
        request,
        "freezes.html",
        200 if error is None else 403 if isinstance(error, Forbidden) else 409,
        in_force=[one for one in told if one["state"] in ("in force", "to come")],
        past=[one for one in told if one["state"] in ("lifted", "over")],
        held=held,
        released=[one for one in seen if one.released_at],
        may_write=acting.caller.may_somewhere(Right.OPERATE),
        said={"where": where, "text": str(error), "problems": []} if error is not None else None,
        given=given or {},
    )


def _begun(begins: float, now: float) -> str:
    return "in force" if begins <= now else "to come"
