"""The API of tokens and sessions."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from pilotage.codec import to_data
from pilotage.core.errors import Forbidden
from pilotage.core.people import Grant, Role, Scope
from pilotage.credentials import Wanted
from pilotage.server.access import ByToken, access_of
from pilotage.server.sessions import owner
from pilotage.store.people import Token

router = APIRouter(prefix="/v1", tags=["tokens"])


class GrantRequest(BaseModel):
    """A role of a machine or an agent; ``*`` means every service or environment."""

    model_config = ConfigDict(extra="forbid")

    role: Role
    service: str = Field(default="*", min_length=1, max_length=64)
    environment: str = Field(default="*", min_length=1, max_length=64)


class TokenRequest(BaseModel):
    """`kind`: ``person`` for oneself, ``token`` for a machine, ``agent`` for one that may never approve."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["person", "token", "agent"]
    scopes: list[Scope] = Field(min_length=1, max_length=5)
    lasts_s: float = Field(gt=0, le=366 * 86400, allow_inf_nan=False, description="at most a year, in seconds")
    name: str = Field(default="", max_length=128, description="of the machine or agent")
    grants: list[GrantRequest] = Field(default_factory=list, max_length=100)
    note: str = Field(default="", max_length=200)
    by: str = Field(default="", max_length=128, description="who makes it; counts on this machine only")


class SignOutRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", max_length=128, description="whose sessions; empty: one's own")


@router.get("/tokens")
async def tokens(acting: ByToken) -> list[dict[str, Any]]:
    """One's own; an admin's: all. Never a secret."""
    return [_told(one) for one in await acting.tokens()]


@router.post("/tokens", status_code=201)
async def create(acting: ByToken, request: TokenRequest) -> dict[str, Any]:
    """`secret` is shown in this answer only."""
    grants = tuple(Grant(one.role, one.service, one.environment) for one in request.grants)
    about = (request.kind, tuple(request.scopes), request.lasts_s, request.name, grants, request.note)
    token, secret = await acting.named(request.by).make_token(Wanted(*about))
    return {**_told(token), "secret": secret}


@router.post("/tokens/{token}/revoke")
async def revoke(acting: ByToken, token: str) -> dict[str, Any]:
    return _told(await acting.revoke_token(token))


@router.post("/sessions/end")
async def sign_out(acting: ByToken, request: SignOutRequest) -> dict[str, Any]:
    """Ends all sessions of the page of that person."""
    return {"name": request.name or acting.by, "ended": await acting.sign_out(request.name)}


@router.post("/open")
async def open_page(acting: ByToken, request: Request) -> dict[str, str]:
    """A path that opens the page once, within a minute: for whoever runs a coordinator without a login, or for the
    person whose token it is. `url`: of the page; empty where it has the address that was asked."""
    access, caller = access_of(request), acting.caller
    if access.settings.shared and caller.kind == "local":
        return {"url": access.settings.url, "path": "/"}  # this machine's own token is nobody in particular
    async with acting.noted("open", "page"):
        if caller.kind != ("person" if access.settings.shared else "local"):
            raise Forbidden(f"{caller.name} is no person: its token is for the API only")
        if caller.kind == "local":
            caller = access.person(owner(), frozenset(), "local", "")
    return {"url": access.settings.url, "path": f"/login/open?key={access.keys.make(caller)}"}


def _told(token: Token) -> dict[str, Any]:
    return dict(to_data(token))
