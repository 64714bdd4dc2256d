"""What is told of credentials, and of how deliveries went."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from pilotage.core.people import Role, Scope
from pilotage.server.api.models.asked import Asked
from pilotage.server.api.models.rollouts import INSTANT


class GrantRequest(Asked):
    """A role of a machine or an agent; ``*`` means every service or environment."""

    role: Role
    service: str = Field(default="*", min_length=1, max_length=64)
    environment: str = Field(default="*", min_length=1, max_length=64)


class TokenRequest(Asked):
    """`kind`: ``person`` for oneself, ``token`` for a machine, ``agent`` for one that may never approve."""

    kind: Literal["person", "token", "agent"]
    scopes: list[Scope] = Field(min_length=1, max_length=5)
    lasts_s: float = Field(gt=0, le=366 * 86400, allow_inf_nan=False, description="at most a year, in seconds")
    name: str = Field(default="", max_length=128, description="of the machine or agent", examples=["ci"])
    grants: list[GrantRequest] = Field(default_factory=list, max_length=100)
    note: str = Field(default="", max_length=200)
    by: str = Field(default="", max_length=128, description="who makes it; counts on this machine only")


class SignOutRequest(Asked):
    name: str = Field(default="", max_length=128, description="whose sessions; empty: one's own")


class Grant(BaseModel):
    role: Role
    service: str
    environment: str


class Token(BaseModel):
    id: str
    name: str = Field(description="what the record says")
    kind: str
    groups: list[str]
    grants: list[Grant]
    scopes: list[Scope]
    note: str
    created_by: str
    created_at: float = Field(description=INSTANT)
    expires_at: float = Field(description=INSTANT)
    used_at: float | None = Field(description=INSTANT)
    revoked_at: float | None = Field(description=INSTANT)
    revoked_by: str


class Me(BaseModel):
    name: str = Field(description="what the record says; empty: whoever has the state folder")
    kind: Literal["local", "person", "token", "agent", "hook"]
    scopes: list[Scope] = Field(description="what they may somewhere, all considered")
    grants: list[Grant]
    shared: bool = Field(description="people log in here")


class NewToken(Token):
    secret: str = Field(description="shown in this answer only")


class SignedOut(BaseModel):
    name: str
    ended: int = Field(description="sessions")


class Opened(BaseModel):
    url: str = Field(description="of the pages; empty: the address that was asked")
    path: str = Field(description="opens them once, within a minute")
