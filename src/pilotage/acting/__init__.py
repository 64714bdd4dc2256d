"""What somebody may do, and under which name: every door (CLI by the API, page, chat, agent) acts through here.

Each of these checks the caller's right first, signs with the caller's name, and writes the audit log: what was done,
and what was tried and refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.acting.credentials import Tokens
from pilotage.acting.gates import Gates
from pilotage.acting.rollouts import NEEDS, Rollouts
from pilotage.acting.webhooks import Webhooks

__all__ = ["NEEDS", "Acting"]


@dataclass(frozen=True)
class Acting(Rollouts, Gates, Tokens, Webhooks):
    """`caller` acting on `coordinator`: all that anybody may ask for."""
