"""Whether a message comes from whom a hook is for: a signature with the hook's secret, or the secret itself.

Signatures: Standard Webhooks (GitLab's signing token, too) and GitHub's. The secret: X-Gitlab-Token, a bearer token, or
the password of Basic, which is all that Alertmanager can send. Everything is compared in constant time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from contextlib import suppress

from pilotage.core.errors import PermanentError
from pilotage.webhooks.signing import PREFIX, key_of, signature

WINDOW_S = 300.0
"""A timestamp that is signed may be so far away from now."""
LEAST_SECRET = 16
MOST_SIGNATURES = 10


class NotProven(Exception):
    """Why, for our log only: the sender hears the same of every one."""


def proven(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> str:
    """What names this message, when it comes a second time; empty where nothing does. `headers` in lower case.

    What is not signed, such as X-GitHub-Delivery, names nothing: whoever plays a message again could change it.
    """
    if len(secret) < LEAST_SECRET:
        raise NotProven(f"its secret has fewer than {LEAST_SECRET} characters")
    if "webhook-signature" in headers:
        return _standard(secret, headers, body, now)
    if "x-hub-signature-256" in headers:
        expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        _same(headers["x-hub-signature-256"], expected, "X-Hub-Signature-256")
        return f"body {hashlib.sha256(body).hexdigest()}"
    if "x-gitlab-token" in headers:
        _same(headers["x-gitlab-token"], secret, "X-Gitlab-Token")
    elif "authorization" in headers:
        _same(_given(headers["authorization"]), secret, "Authorization")
    else:
        raise NotProven("it has neither a signature nor a token")
    key = headers.get("idempotency-key", "")
    return f"key {_hashed(key)}" if key else ""


def _standard(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> str:
    message, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers["webhook-signature"].split(" ")[:MOST_SIGNATURES]
    if not message or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise NotProven("it lacks webhook-id or webhook-timestamp")
    expected = [signature(key, message, timestamp, body).encode() for key in _keys(secret)]
    if not any([hmac.compare_digest(one.encode(), other) for one in given for other in expected]):  # noqa: C419 - all of them
        raise NotProven("webhook-signature is wrong")
    if abs(now - int(timestamp)) > WINDOW_S:
        raise NotProven(f"it was signed {abs(now - int(timestamp)):.0f} s away from now: are both clocks right?")
    return f"id {_hashed(message)}"


def _keys(secret: str) -> list[bytes]:
    """As the specification says; and the text itself, where it is no ``whsec_``."""
    keys = []
    with suppress(PermanentError):
        keys.append(key_of(secret))
    return keys if secret.startswith(PREFIX) else [*keys, secret.encode()]


def _given(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    return ""


def _same(given: str, expected: str, what: str) -> None:
    if not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
        raise NotProven(f"{what} is wrong")


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
