"""Who people are, what they may do, and what needs a second one."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from pilotage.core.people import Grant, Role
from pilotage.drivers.secrets import Secret
from pilotage.settings.base import Duration, Section, is_loopback


class Oidc(Section):
    """An OpenID provider that people log in with (authorization code with PKCE)."""

    issuer: str = Field(pattern=r"^https?://", description="the provider's address, as its discovery document says it")
    client_id: str = Field(min_length=1, description="what the provider calls Pilotage")
    client_secret: Secret | None = Field(default=None, description="its secret, for a confidential client")
    scopes: tuple[str, ...] = Field(default=("openid", "email", "profile"), description="what is asked for")
    name: str = Field(default="email", description="the claim that is the person's name in the record")
    groups: str = Field(default="groups", description="the claim with the person's groups")

    @model_validator(mode="after")
    def _over_tls(self) -> Self:
        if self.issuer.startswith("http://") and not is_loopback(urlsplit(self.issuer).hostname or ""):
            raise ValueError("issuer: with https://, as it says who people are")
        if "openid" not in self.scopes:
            raise ValueError("scopes: with openid among them")
        return self


class Login(Section):
    """Without `oidc` people and machines come in with API tokens only."""

    oidc: Oidc | None = None
    session: Duration = Field(default=12 * 3600.0, gt=0, le=30 * 86400, description="how long a login lasts")
    idle: Duration = Field(default=2 * 3600.0, gt=0, description="how long it lasts without being used")


class Assignment(Section):
    """One role for some people: names, ``group:NAME``, or ``*`` for everybody who can log in."""

    who: tuple[str, ...] = Field(min_length=1, description="names, group:NAME, or *")
    role: Role = Field(description="viewer, operator, approver or admin")
    service: str = Field(default="*", min_length=1, description="one service, or * for all")
    environment: str = Field(default="*", min_length=1, description="one environment, or * for all")

    @property
    def grant(self) -> Grant:
        return Grant(self.role, self.service, self.environment)

    def gives(self, name: str, groups: frozenset[str]) -> bool:
        """`name` is what the provider says: one that reads like a group, or like everybody, is neither."""
        for one in self.who:
            if one == "*":
                return True
            group = one.removeprefix("group:")
            if group in groups if group != one else one.casefold() == name.casefold():
                return True
        return False


class Approvals(Section):
    """Which plans need a second person before they start, and how long an approval counts."""

    environments: tuple[str, ...] = Field(
        default=(), description="a plan for one of these has to be approved; * for all"
    )
    valid: Duration = Field(default=24 * 3600.0, gt=0, description="how long an approval may be used")

    @model_validator(mode="after")
    def _names(self) -> Self:
        if any(not one.strip() for one in self.environments):
            raise ValueError("names of environments that are not empty")
        return self

    def asks(self, environment: str) -> bool:
        return environment in self.environments or "*" in self.environments
