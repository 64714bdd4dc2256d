"""What comes from Slack: whether it is from there (docs.slack.dev/authentication/verifying-requests-from-slack), and
where an answer may go."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

WINDOW_S = 300.0
"""A request that is older, or from the future, is not from Slack."""
_HOOKS = "hooks.slack.com"


def why_not(secret: str, timestamp: str, signature: str, body: bytes, at: float) -> str:
    """Empty for a body that Slack has signed within the window; else what is wrong, without the secret."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12 and signature):
        return "it lacks X-Slack-Request-Timestamp or X-Slack-Signature"
    if not hmac.compare_digest(signed(secret, timestamp, body).encode(), signature.encode()):
        return "its signature is wrong: is the signing secret that of this app?"
    if abs(at - int(timestamp)) > WINDOW_S:
        return f"it was signed {abs(at - int(timestamp)):.0f} s away from now: are both clocks right?"
    return ""


def signed(secret: str, timestamp: str, body: bytes) -> str:
    """What stands in X-Slack-Signature."""
    basis = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), basis, hashlib.sha256).hexdigest()


def may_answer_to(url: str, api: str) -> bool:
    """A response_url of Slack's own hosts, or of the host that the settings name: nothing else is ever called."""
    try:
        there, ours = urlsplit(url), urlsplit(api)
        ports = (there.port, ours.port)
    except ValueError:
        return False
    if "@" in there.netloc or not url.isprintable() or " " in url:
        return False
    if (there.scheme, there.hostname, ports[0]) == (ours.scheme, ours.hostname, ports[1]):
        return True
    hosts = (_HOOKS, f"hooks.{ours.hostname}") if ours.scheme == "https" else (_HOOKS,)
    return there.scheme == "https" and there.hostname in hosts and ports[0] in (None, 443)
