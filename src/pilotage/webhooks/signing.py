"""Signatures as Standard Webhooks 1.0 says: HMAC-SHA256 over ``id.timestamp.body``.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from pilotage.core.errors import PermanentError

PREFIX = "whsec_"
LEAST, MOST = 24, 64
"""Bytes of a key, as the specification wants it."""


def key_of(secret: str) -> bytes:
    """The key in base64, with or without ``whsec_`` before it. Raises PermanentError without the value."""
    try:
        bare = secret.strip().removeprefix(PREFIX).rstrip("=")
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not LEAST <= len(key) <= MOST:
        raise PermanentError(
            f"the secret of a webhook is {LEAST} to {MOST} random bytes as base64, whsec_ before it or not: "
            'echo "whsec_$(openssl rand -base64 32)"'
        )
    return key


def signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """``v1,`` and the base64 of the HMAC."""
    digest = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(key: bytes, message: str, at: float, body: bytes) -> dict[str, str]:
    """`at` is the instant of this attempt: a receiver refuses one that is too old."""
    timestamp = str(int(at))
    return {
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(key, message, timestamp, body),
    }
