"""API tokens: who may make which, for how long, and who may take them back."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pilotage.core.errors import Forbidden, Refused
from pilotage.core.people import NEVER_BY_AGENTS, SCOPE_OF, Caller, Grant, Right, Scope, narrowed
from pilotage.core.quantities import duration
from pilotage.settings import Settings
from pilotage.store import Store, people
from pilotage.store.people import Token

LONGEST_S = 366 * 86400.0
LEAST_S = 60.0
_MACHINE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FOR_AGENTS = frozenset(SCOPE_OF[right] for right in Right if right not in NEVER_BY_AGENTS)


@dataclass(frozen=True)
class Wanted:
    """`name`: of the machine or agent; a person makes tokens for themselves, and may leave it out."""

    kind: Literal["person", "token", "agent"]
    scopes: tuple[Scope, ...]
    lasts_s: float
    name: str = ""
    grants: tuple[Grant, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Credentials:
    store: Store
    now: Callable[[], float]
    settings: Settings

    async def make(self, caller: Caller, wanted: Wanted) -> tuple[Token, str]:
        """The token, and its secret, which is shown once. Raises Refused and Forbidden."""
        if caller.kind not in ("person", "local"):
            raise Forbidden(f"{caller.name} is no person: only people make tokens")
        if not wanted.scopes:
            raise Refused(f"a token needs a scope at least; those that there are: {', '.join(Scope)}")
        if not LEAST_S <= wanted.lasts_s <= LONGEST_S:
            raise Refused(f"a token lasts a minute to a year, not {duration(wanted.lasts_s)}")
        name = await (self._person(caller, wanted) if wanted.kind == "person" else self._machine(caller, wanted))
        at = self.now()
        ends = at + wanted.lasts_s
        await self._not_longer_than_its_maker(caller, ends)
        groups = tuple(sorted(caller.groups)) if wanted.kind == "person" and name == caller.name else ()
        scopes = tuple(sorted(set(wanted.scopes), key=list(Scope).index))
        about = (secrets.token_hex(6), name, wanted.kind, groups, wanted.grants, scopes, wanted.note)
        token = Token(*about, caller.name, at, ends)
        return token, await self.store.run(people.add_token, token)

    async def _person(self, caller: Caller, wanted: Wanted) -> str:
        if not self.settings.shared:
            raise Refused("nobody logs in here, so a person needs no token: whoever owns this coordinator may do all")
        if wanted.grants:
            raise Refused("a person's rights come from roles: in the settings; only machines and agents are given some")
        if caller.kind == "local":
            name = wanted.name.strip()
            if not name or len(name) > 128 or not name.isprintable():
                raise Refused("for whom? --name says the person's name, as roles: in the settings has it")
            return name
        if wanted.name not in ("", caller.name):
            raise Forbidden(f"{caller.name} may make tokens for {caller.name} only, and not for {wanted.name}")
        self._scopes_within(caller, wanted)
        return caller.name

    async def _machine(self, caller: Caller, wanted: Wanted) -> str:
        caller.check(Right.ADMINISTER)
        if not _MACHINE.fullmatch(wanted.name):
            raise Refused("a machine's or agent's name is a word of small letters, digits and hyphens, such as ci-main")
        known = {one.casefold() for role in self.settings.roles for one in role.who}
        if wanted.name in known or await self.store.run(people.is_person, wanted.name):
            raise Refused(f"{wanted.name} is a person's name here: in the record nobody could tell them apart")
        if not wanted.grants:
            raise Refused("a machine or agent needs a role at least, such as --role operator:payment:production")
        for grant in wanted.grants:
            if not narrowed(caller.grants, grant):
                raise Forbidden(f"{caller.name} cannot give more than they have: {grant.role} of {grant.service}")
        if wanted.kind == "agent" and not set(wanted.scopes) <= _FOR_AGENTS:
            raise Refused(f"an agent never approves nor administers; its scopes are among {', '.join(_FOR_AGENTS)}")
        if caller.scopes is not None:
            self._scopes_within(caller, wanted)
        return wanted.name

    def _scopes_within(self, caller: Caller, wanted: Wanted) -> None:
        more = [one for one in wanted.scopes if one not in caller.scopes_at_most()]
        if more:
            raise Forbidden(f"{caller.name} may not {', '.join(more)} here, so a token of theirs may not either")

    async def _not_longer_than_its_maker(self, caller: Caller, ends: float) -> None:
        """Else a token that has leaked would renew itself for ever."""
        if caller.scopes is None:
            return
        maker = await self.store.run(people.get_token, caller.credential)
        if ends > maker.expires_at:
            left = duration(maker.expires_at - self.now())
            raise Refused(f"a token that a token makes ends with it, in {left}: log in to make one that lasts longer")

    async def seen_by(self, caller: Caller) -> list[Token]:
        """One's own; an admin's: all. The newest first."""
        if caller.may(Right.ADMINISTER):
            return await self.store.run(people.all_tokens)
        return await self.store.run(people.tokens_of, caller.name, caller.kind)

    async def revoke(self, caller: Caller, name: str) -> Token:
        """Raises NotFound for one that the caller may not see."""
        token = await self.store.run(people.get_token, name)
        if (token.name, token.kind) != (caller.name, caller.kind):
            caller.check(Right.ADMINISTER)
        await self.store.run(people.revoke_token, name, caller.name, self.now())
        return await self.store.run(people.get_token, name)

    async def sign_out(self, caller: Caller, name: str) -> int:
        """Ends all sessions of that person; how many there were."""
        if name != caller.name:
            caller.check(Right.ADMINISTER)
        return await self.store.run(people.end_sessions_of, name, self.now())
