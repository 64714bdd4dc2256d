"""Who comes in: by a token in the header (the API), or by a session's cookie (the page)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from pilotage.acting import Acting
from pilotage.coordinator import Coordinator
from pilotage.core.errors import Unauthorised
from pilotage.core.people import Caller, Grant, Kind, Role
from pilotage.settings import Settings
from pilotage.store import people

LOCAL = (Grant(Role.ADMIN),)
"""Whoever may read the state folder could change the database as well."""


@dataclass(frozen=True)
class Access:
    coordinator: Coordinator
    token: str = field(repr=False)
    """The one in the state folder, for the command line on this machine."""

    @property
    def settings(self) -> Settings:
        return self.coordinator.settings

    def grants(self, name: str, groups: frozenset[str]) -> tuple[Grant, ...]:
        """What the roles in the settings give that person now."""
        return tuple(one.grant for one in self.settings.roles if one.gives(name, groups))

    async def by_token(self, request: Request) -> Caller:
        """Raises Unauthorised."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not given:
            raise Unauthorised("a token is missing: Authorization: Bearer TOKEN; `pilotage token create` makes one")
        if hmac.compare_digest(given.encode(), self.token.encode()):
            return Caller("", "local", LOCAL)
        at = self.coordinator.clock.now()
        found = await self.coordinator.store.run(people.find_token, given, at)
        if found is None:
            raise Unauthorised("this token is not known here; the command line reads its own from the state folder")
        if found.revoked_at is not None:
            raise Unauthorised(f"this token ({found.id}) was revoked by {found.revoked_by}")
        if found.expires_at <= at:
            raise Unauthorised(f"this token ({found.id}) has expired: `pilotage token create` makes a new one")
        grants = self.grants(found.name, frozenset(found.groups)) if found.kind == "person" else found.grants
        return Caller(found.name, found.kind, grants, frozenset(found.scopes), found.id)

    def person(self, name: str, groups: frozenset[str], kind: Kind, credential: str) -> Caller:
        """Who has logged in, or sits at this machine in local mode."""
        return Caller(name, kind, LOCAL if kind == "local" else self.grants(name, groups), None, credential)


def access_of(request: Request) -> Access:
    found: Access = request.app.state.access
    return found


async def by_token(request: Request) -> Acting:
    """The dependency of the API's routes."""
    access = access_of(request)
    caller = await access.by_token(request)
    request.state.caller = caller
    return Acting(access.coordinator, caller)


ByToken = Annotated[Acting, Depends(by_token)]
