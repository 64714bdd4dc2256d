"""API tokens, and sessions that end."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.acting.noting import Noting
from pilotage.credentials import Credentials, Wanted
from pilotage.store.people import Token


@dataclass(frozen=True)
class Tokens(Noting):
    @property
    def _credentials(self) -> Credentials:
        return Credentials(self.coordinator.store, self.coordinator.clock.now, self.coordinator.settings)

    async def make_token(self, wanted: Wanted) -> tuple[Token, str]:
        """The token, and its secret, which is shown once."""
        detail = f"{wanted.kind}: {', '.join(wanted.scopes)}; {wanted.note}"
        async with self.noted("create-token", wanted.name or self.by, detail) as names:
            token, secret = await self._credentials.make(self.caller, wanted)
            names.append(f"{token.name} ({token.id})")
        return token, secret

    async def tokens(self) -> list[Token]:
        """Those that the caller may see, the newest first."""
        return await self._credentials.seen_by(self.caller)

    async def revoke_token(self, name: str) -> Token:
        async with self.noted("revoke-token", name) as names:
            token = await self._credentials.revoke(self.caller, name)
            names.append(f"{token.name} ({token.id})")
        return token

    async def sign_out(self, name: str = "") -> int:
        """Ends all sessions of that person, or one's own; how many there were."""
        async with self.noted("sign-out", name or self.by):
            return await self._credentials.sign_out(self.caller, name or self.by)
