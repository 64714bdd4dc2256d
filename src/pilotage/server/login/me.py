"""/me: who I am here, what I may, my tokens, and the end of all my sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from pilotage.core.errors import Forbidden, PilotageError
from pilotage.core.people import Scope
from pilotage.credentials import Wanted
from pilotage.server.access import access_of
from pilotage.server.pages.shell import page, pages_router
from pilotage.server.sessions import BySession, end
from pilotage.store.people import Token

router = pages_router()
DAYS = (1, 7, 30, 90, 365)


async def _shown(request: Request, acting: BySession, status: int = 200, said: str = "", secret: str = "") -> Response:
    mine = [one for one in await acting.tokens() if (one.name, one.kind) == (acting.by, acting.caller.kind)]
    now = acting.coordinator.clock.now()
    return page(
        request,
        "me.html",
        status,
        tokens=[_row(one, now) for one in mine],
        grants=acting.caller.grants,
        scopes=[one.value for one in Scope if one in acting.caller.scopes_at_most()],
        shared=access_of(request).settings.shared,
        days=DAYS,
        said=said,
        secret=secret,
    )


def _row(token: Token, now: float) -> dict[str, object]:
    ends = "revoked" if token.revoked_at is not None else "expired" if token.expires_at <= now else ""
    return {
        "id": token.id,
        "note": token.note,
        "scopes": ", ".join(token.scopes),
        "state": ends,
        "ends": token.expires_at,
    }


@router.get("/me")
async def me(request: Request, acting: BySession) -> Response:
    return await _shown(request, acting)


@router.post("/me/tokens")
async def make(
    request: Request,
    acting: BySession,
    days: Annotated[int, Form(ge=1, le=365)],
    scope: Annotated[list[Scope], Form(max_length=5)] = [],  # noqa: B006
    note: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """The secret is on this one answer, and on no other page."""
    try:
        _, secret = await acting.make_token(Wanted("person", tuple(scope), days * 86400.0, note=note))
    except PilotageError as error:
        return await _shown(request, acting, 403 if isinstance(error, Forbidden) else 409, str(error))
    return await _shown(request, acting, secret=secret)


@router.post("/me/tokens/{token}/revoke")
async def revoke(acting: BySession, token: str) -> Response:
    await acting.revoke_token(token)
    return RedirectResponse("/me", 303)


@router.post("/me/sign-out")
async def sign_out(request: Request, acting: BySession) -> Response:
    """All sessions, on every machine, this one among them."""
    await acting.sign_out()
    answer = RedirectResponse("/login?out=1", 303)
    await end(request, answer)
    return answer
