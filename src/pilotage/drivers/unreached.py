"""What a failed connection means, whatever library it comes from: certificates, names, nobody there."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import one_line

_TRUST = "A company's own authority is trusted where SSL_CERT_FILE names its certificate (where the coordinator runs)"


def unreached(
    error: Exception, who: str, url: str, option: str, trust: str = _TRUST
) -> PermanentError | TemporaryError:
    """What a failure of the connection means, whatever library it comes from; `option` holds the address.

    `trust` says how to have a certificate trusted.
    """
    if broke_off(error):
        return TemporaryError(f"{who} ended the connection before it was encrypted: does it start just now?")
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(cause):
            why = one_line(str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or cause), 100)
            return PermanentError(f"no encrypted connection to {who} ({why}): is `{option}` right? {trust}")
        if isinstance(cause, socket.gaierror):
            host = one_line(urlsplit(url).hostname or url, 100)
            return TemporaryError(f"{who} is not found: this machine knows no host {host}. Is `{option}` right?")
        if isinstance(cause, ConnectionRefusedError):
            return TemporaryError(
                f"{who} does not answer: nothing listens at {one_line(url, 100)} (connection refused)"
            )
    return TemporaryError(f"{who} does not answer ({type(error).__name__})")


def broke_off(error: Exception) -> bool:
    """Whether the other side went away in the TLS handshake, as a load balancer does whose servers start anew."""
    ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    return any(
        isinstance(cause, ended) or (isinstance(cause, ssl.SSLError) and "UNEXPECTED_EOF" in str(cause))
        for cause in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """It, and what it came from, inmost last; the members of a group too."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        waiting += list(one.exceptions) if isinstance(one, BaseExceptionGroup) else []
