"""Where the server listens: at the address of the settings, and for this machine's command line always on loopback."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from pilotage.core.errors import Refused
from pilotage.settings import Settings, is_loopback

ANSWERED_WITHIN_S = 10
"""Requests that are under way at the end are waited for so long."""
EVERYWHERE_4 = "0.0.0.0"  # noqa: S104 - only compared


@dataclass(frozen=True)
class Listeners:
    """`local`: where the command line of this machine reaches it, without TLS; None: at the same socket."""

    public: socket.socket
    local: socket.socket | None

    @property
    def url(self) -> str:
        host, port = (self.local or self.public).getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{_reached(host)}:{port}"


def listen(settings: Settings, port: int = 0) -> Listeners:
    """`port` other than 0 counts more than the settings'. Raises Refused when it cannot be listened there."""
    public = _bound(settings.host, port or settings.port)
    reachable = is_loopback(settings.host) or settings.host == EVERYWHERE_4
    if reachable and settings.tls is None:
        return Listeners(public, None)
    return Listeners(public, _bound("127.0.0.1", 0))


def configs(app: ASGIApp, settings: Settings) -> tuple[uvicorn.Config, uvicorn.Config]:
    """For the public socket, and for the one of this machine."""
    common: dict[str, Any] = {"log_level": "warning", "lifespan": "off", "access_log": False, "ws": "none"}
    common |= {"server_header": False, "timeout_graceful_shutdown": ANSWERED_WITHIN_S}
    forwarded: dict[str, Any] = {"proxy_headers": bool(settings.proxies), "forwarded_allow_ips": list(settings.proxies)}
    tls: dict[str, Any] = {}
    if settings.tls is not None:
        tls = {"ssl_certfile": str(settings.tls.certificate), "ssl_keyfile": str(settings.tls.key)}
    # uvicorn alone would believe X-Forwarded headers from 127.0.0.1, or from what an environment variable names.
    return uvicorn.Config(app, **common, **forwarded, **tls), uvicorn.Config(app, **common, proxy_headers=False)


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Refused(f"nothing can listen at {host} port {port}: {error.strerror or error}") from None
    return listener


def _reached(host: str) -> str:
    return "127.0.0.1" if host == EVERYWHERE_4 else host
