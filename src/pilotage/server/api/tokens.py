"""The API of tokens and sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from pilotage.codec import to_data
from pilotage.core.errors import Forbidden
from pilotage.core.people import Grant, Scope
from pilotage.credentials import Wanted
from pilotage.server.access import ByToken, access_of
from pilotage.server.api.describing import answer, told
from pilotage.server.api.models import people as shapes
from pilotage.server.api.models.asked import NAME
from pilotage.server.api.paging import LINK, MOST, Cursor, Limit, sliced
from pilotage.server.sessions import owner

router = APIRouter(prefix="/v1", tags=["tokens"])


Id = Annotated[str, Path(max_length=32, pattern=NAME, description="a token's id")]


@router.get("/tokens", operation_id="listTokens", summary="Tokens", **told(list[shapes.Token], success=LINK))
async def tokens(acting: ByToken, request: Request, limit: Limit = MOST, cursor: Cursor = "") -> JSONResponse:
    """One's own; an admin's: all. Never a secret."""
    rows = [to_data(one) for one in await acting.tokens()]
    return sliced(request, rows, limit, cursor, lambda row: str(row["id"]))


@router.get("/me", operation_id="me", summary="Who asks", **told(shapes.Me))
async def me(acting: ByToken, request: Request) -> JSONResponse:
    """Whose credential this is, and what it may at most now. `shared`: people log in here."""
    caller, shared = acting.caller, access_of(request).settings.shared
    scopes = sorted(caller.scopes_at_most(), key=list(Scope).index)
    grants = [to_data(one) for one in caller.grants]
    return answer({"name": caller.name, "kind": caller.kind, "scopes": scopes, "grants": grants, "shared": shared})


@router.post("/tokens", operation_id="createToken", summary="Make one", **told(shapes.NewToken, 409, status=201))
async def create(acting: ByToken, request: shapes.TokenRequest) -> JSONResponse:
    """`secret` is shown in this answer only: it is kept nowhere, so there is no Idempotency-Key."""
    grants = tuple(Grant(one.role, one.service, one.environment) for one in request.grants)
    about = (request.kind, tuple(request.scopes), request.lasts_s, request.name, grants, request.note)
    token, secret = await acting.named(request.by).make_token(Wanted(*about))
    return answer({**to_data(token), "secret": secret}, 201)


@router.post("/tokens/{token}/revoke", operation_id="revokeToken", summary="Take it back", **told(shapes.Token, 404))
async def revoke(acting: ByToken, token: Id) -> JSONResponse:
    return answer(to_data(await acting.revoke_token(token)))


@router.post(
    "/sessions/end", operation_id="endSessions", summary="End somebody's sessions", **told(shapes.SignedOut, 404, 409)
)
async def sign_out(acting: ByToken, request: shapes.SignOutRequest) -> JSONResponse:
    """All sessions of the page of that person."""
    return answer({"name": request.name or acting.by, "ended": await acting.sign_out(request.name)})


@router.post("/open", operation_id="openPages", summary="Open the pages without a login", **told(shapes.Opened, 409))
async def open_page(acting: ByToken, request: Request) -> JSONResponse:
    """A path that opens the page once, within a minute: for whoever runs a coordinator without a login, or for the
    person whose token it is. `url`: of the page; empty where it has the address that was asked."""
    access, caller = access_of(request), acting.caller
    if access.settings.shared and caller.kind == "local":
        return answer({"url": access.settings.url, "path": "/"})  # this machine's own token is nobody in particular
    async with acting.noted("open", "page"):
        if caller.kind != ("person" if access.settings.shared else "local"):
            raise Forbidden(f"{caller.name} is no person: its token is for the API only")
        if caller.kind == "local":
            caller = access.person(owner(), frozenset(), "local", "")
    return answer({"url": access.settings.url, "path": f"/login/open?key={access.keys.make(caller)}"})
