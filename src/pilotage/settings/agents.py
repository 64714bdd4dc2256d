"""What agents may here, beyond what no agent ever may."""

from __future__ import annotations

from pydantic import Field

from pilotage.core.people import Scope
from pilotage.settings.base import Section

BACK = frozenset({Scope.READ, Scope.ROLLBACK})


class Agents(Section):
    """Both count at once when the file is read anew (SIGHUP)."""

    mcp: bool = Field(default=False, description="whether agents are served at /mcp, each with a token of its own")
    only_back: bool = Field(
        default=False, description="the emergency stop: agents may look, hold and roll back, and nothing else"
    )

    def leave(self, scopes: frozenset[Scope]) -> frozenset[Scope]:
        """What of an agent's scopes counts now."""
        return scopes & BACK if self.only_back else scopes
