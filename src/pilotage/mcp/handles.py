"""Handles: how a tool names a plan or a rollout. Bound to whoever was given it, and kept nowhere.

A handle is the name and a MAC of it under the caller's own token: nobody makes one up, and another caller's is none.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Literal

Kind = Literal["plan", "rollout"]
_SHAPE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,79})~([a-z2-7]{24})")
LONGEST = 105


class NoHandle(ValueError):
    """Made up, another caller's, or of the other kind: which of these is not told."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(
            f"this is no {kind}'s handle of yours: expected one as a tool has answered it to you. "
            + ("`rollout_status` and `history` give rollouts'." if kind == "rollout" else "")
            + ("`request_approval` and `history` give plans'." if kind == "plan" else "")
        )


def handle(kind: Kind, name: str, seal: bytes) -> str:
    return f"{name}~{_mac(kind, name, seal)}"


def name_in(kind: Kind, given: str, seal: bytes) -> str:
    """Raises NoHandle."""
    found = _SHAPE.fullmatch(given)
    if found is None or not hmac.compare_digest(found[2], _mac(kind, found[1], seal)):
        raise NoHandle(kind)
    return found[1]


def _mac(kind: Kind, name: str, seal: bytes) -> str:
    code = hmac.new(seal, f"pilotage {kind}\n{name}".encode(), hashlib.sha256).digest()
    return base64.b32encode(code[:15]).decode().lower()
