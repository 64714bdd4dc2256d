"""A login that has begun: what a browser keeps for us, signed, until the provider sends it back.

Each has a cookie of its own, so that several tabs may log in at once.
"""

from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass
from hashlib import sha256

WITHIN_S = 600.0


@dataclass(frozen=True)
class Pending:
    """`state` comes back in the address, `nonce` in the provider's token; `verifier` is PKCE's."""

    state: str
    nonce: str
    verifier: str
    next: str
    at: float

    @property
    def cookie(self) -> str:
        return cookie_of(self.state)


def new(next: str, at: float) -> Pending:
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Pending(state, nonce, verifier, next, at)


def cookie_of(state: str) -> str:
    return f"pilotage-login-{sha256(state.encode()).hexdigest()[:12]}"


def sealed(pending: Pending, key: bytes) -> str:
    body = urlsafe_b64encode(json.dumps(asdict(pending)).encode())
    return f"{body.decode()}.{hmac.new(key, body, sha256).hexdigest()}"


def opened(text: str, key: bytes, state: str, at: float) -> Pending | None:
    """None for one that is not ours, is not of this state, or began more than ten minutes ago."""
    body, _, seal = text.partition(".")
    if not hmac.compare_digest(seal.encode(), hmac.new(key, body.encode(), sha256).hexdigest().encode()):
        return None
    found = Pending(**json.loads(urlsafe_b64decode(body)))
    fresh = 0 <= at - found.at < WITHIN_S
    return found if fresh and hmac.compare_digest(found.state.encode(), state.encode()) else None
