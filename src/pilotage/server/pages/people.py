"""Who may do what here: the roles in force, and tokens of people, machines and agents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from pilotage.acting import Acting
from pilotage.core.errors import Forbidden, NotFound, PilotageError
from pilotage.core.people import ANY, Grant, Right, Role, Scope
from pilotage.credentials import Wanted
from pilotage.server.access import access_of
from pilotage.server.pages.rights import why_not
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession

router = pages_router()
DAYS = (1, 7, 30, 90, 365)
SCOPES = {
    Scope.READ: "look",
    Scope.WRITE: "start, hold, go on, tick, tell",
    Scope.ROLLBACK: "hold and roll back",
    Scope.APPROVE: "approve, promote, pass over items",
    Scope.ADMIN: "make tokens, stop the coordinator",
}
Name = Annotated[str, Form(max_length=128)]
Place = Annotated[str, Form(max_length=64)]


@router.get("/people")
async def people(request: Request, acting: BySession) -> Response:
    return await _shown(request, acting)


@router.post("/people/tokens")
async def make(
    request: Request,
    acting: BySession,
    kind: Annotated[Literal["token", "agent"], Form()],
    role: Annotated[Role, Form()],
    days: Annotated[int, Form(ge=1, le=365)],
    scope: Annotated[list[Scope], Form(max_length=5)] = [],  # noqa: B006
    name: Name = "",
    service: Place = "",
    environment: Place = "",
    note: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """The secret is on this one answer, and on no other page."""
    grant = Grant(role, service.strip() or ANY, environment.strip() or ANY)
    wanted = Wanted(kind, tuple(scope), days * 86400.0, name.strip(), (grant,), note.strip())
    try:
        token, secret = await acting.make_token(wanted)
    except PilotageError as error:
        return await _shown(request, acting, error=error, given=wanted)
    return await _shown(request, acting, made=(token, secret))


@router.post("/people/tokens/{token}/revoke")
async def revoke(acting: BySession, token: str) -> Response:
    await acting.revoke_token(token)
    return RedirectResponse("/people#tokens", 303)


@router.post("/people/sign-out")
async def sign_out(request: Request, acting: BySession, name: Name) -> Response:
    try:
        ended = await acting.sign_out(name.strip())
    except PilotageError as error:
        return await _shown(request, acting, error=error, where="sessions")
    return await _shown(request, acting, ended=(name.strip(), ended))


async def _shown(
    request: Request,
    acting: Acting,
    *,
    error: PilotageError | None = None,
    where: str = "token",
    given: Wanted | None = None,
    made: Any = None,
    ended: tuple[str, int] | None = None,
) -> Response:
    if isinstance(error, NotFound):
        raise error
    settings, now = access_of(request).settings, acting.coordinator.clock.now()
    found = await acting.tokens()
    tokens = [
        {
            "token": one,
            "state": "revoked" if one.revoked_at is not None else "expired" if one.expires_at <= now else "",
            "grants": [_said(grant) for grant in one.grants],
        }
        for one in found
    ]
    return page(
        request,
        "people.html",
        200 if error is None else 403 if isinstance(error, Forbidden) else 409,
        shared=settings.shared,
        why_admin=why_not(acting, Right.ADMINISTER),
        sees_all=acting.caller.may(Right.VIEW),
        mine=[_said(one) for one in acting.caller.grants],
        roles=[(one.role.value, ", ".join(one.who), _place(one.grant)) for one in settings.roles],
        needs_approval=", ".join(settings.approvals.environments),
        in_force=[one for one in tokens if not one["state"]],
        past=[one for one in tokens if one["state"]],
        scopes=[(one.value, SCOPES[one]) for one in Scope],
        all_roles=[one.value for one in Role],
        days=DAYS,
        said={"where": where, "text": str(error), "problems": []} if error is not None else None,
        given=given,
        made=made,
        ended=ended,
    )


def _place(grant: Grant) -> str:
    service = "every service" if grant.service == ANY else grant.service
    return f"{service} in {'every environment' if grant.environment == ANY else grant.environment}"


def _said(grant: Grant) -> str:
    return f"{grant.role.value} of {_place(grant)}"
