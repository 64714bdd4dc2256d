"""Who comes in: by a token in the header (the API), or by a session's cookie (the page)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from pilotage.acting import Acting
from pilotage.coordinator import Coordinator
from pilotage.core.errors import Unauthorised
from pilotage.core.people import Caller, Grant, Kind, Role
from pilotage.server.guards_rate import Limits, address_of
from pilotage.server.neighbours import Neighbours
from pilotage.server.onetime import OneTimeKeys
from pilotage.settings import Settings
from pilotage.store import people
from pilotage.store.people import Token

LOCAL = (Grant(Role.ADMIN),)
"""Whoever may read the state folder could change the database as well."""

AT_ONCE = ("roles", "limits", "agents")


@dataclass
class Live:
    """What of the settings counts at once when the file is read anew (SIGHUP): roles, limits, and what agents may."""

    settings: Settings

    def take(self, new: Settings) -> bool:
        """Whether that was all that is new."""
        self.settings = self.settings.model_copy(update={one: getattr(new, one) for one in AT_ONCE})
        return self.settings == new


@dataclass(eq=False)
class Access:
    coordinator: Coordinator
    token: str = field(repr=False)
    """The one in the state folder, for the command line on this machine."""
    limits: Limits = field(default_factory=Limits)
    neighbours: Neighbours = field(default_factory=Neighbours)
    keys: OneTimeKeys = field(default_factory=OneTimeKeys)
    seal: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Signs what a browser keeps for us during a login."""
    live: Live = field(init=False)

    def __post_init__(self) -> None:
        self.live = Live(self.coordinator.settings)

    @property
    def settings(self) -> Settings:
        return self.live.settings

    @property
    def cookie(self) -> str:
        """The session's cookie: with TLS under the prefix that keeps other hosts of the domain from setting it, else by
        the coordinator, as browsers do not tell the ports of a machine apart."""
        if self.settings.url.startswith("https://"):
            return "__Host-pilotage"
        return f"pilotage-{hashlib.sha256(str(self.coordinator.state).encode()).hexdigest()[:8]}"

    def grants(self, name: str, groups: frozenset[str]) -> tuple[Grant, ...]:
        """What the roles in the settings give that person now."""
        return tuple(one.grant for one in self.settings.roles if one.gives(name, groups))

    async def by_token(self, request: Request) -> Caller:
        """Raises Unauthorised, and TooMany."""
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not given:
            self.limits.stranger(address_of(request.scope), self.settings.limits)
            raise Unauthorised("a token is missing: Authorization: Bearer TOKEN; `pilotage token create` makes one")
        if hmac.compare_digest(given.encode(), self.token.encode()):
            caller = Caller("", "local", LOCAL)
        else:
            try:
                caller = self.bearer(await self.known_token(given))
            except Unauthorised:
                self.limits.login(address_of(request.scope), self.settings.limits)
                raise
        self.count(request, caller)
        return caller

    async def known_token(self, secret: str) -> Token:
        """Raises Unauthorised for one that is not in force."""
        at = self.coordinator.clock.now()
        found = await self.coordinator.store.run(people.find_token, secret, at)
        if found is None:
            raise Unauthorised("this token is not known here; the command line reads its own from the state folder")
        return self.in_force(found)

    def in_force(self, found: Token) -> Token:
        if found.revoked_at is not None:
            raise Unauthorised(f"this token ({found.id}) was revoked by {found.revoked_by}")
        if found.expires_at <= self.coordinator.clock.now():
            raise Unauthorised(f"this token ({found.id}) has expired: `pilotage token create` makes a new one")
        return found

    def bearer(self, found: Token) -> Caller:
        """Whoever holds this token, with what they may now."""
        groups = frozenset(found.groups)
        grants = self.grants(found.name, groups) if found.kind == "person" else found.grants
        scopes = frozenset(found.scopes)
        if found.kind == "agent":
            scopes = self.settings.agents.leave(scopes)
        return Caller(found.name, found.kind, grants, scopes, found.id, groups)

    def person(self, name: str, groups: frozenset[str], kind: Kind, credential: str) -> Caller:
        """Who has logged in, or sits at this machine in local mode."""
        grants = LOCAL if kind == "local" else self.grants(name, groups)
        return Caller(name, kind, grants, None, credential, groups)

    def count(self, request: Request, caller: Caller) -> None:
        """Raises TooMany for who asks too often. A person's tokens and sessions have one bucket; whoever has the state
        folder could end the whole process, and is not counted."""
        if caller.kind != "local":
            who = f"{caller.name} ({caller.kind})"
            self.limits.known(who, request.method, request.url.path, self.settings.limits)


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
