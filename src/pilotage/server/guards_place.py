"""Host and Origin: what was asked for is this server, and who asked is no page of another site.

A name that somebody else's DNS points here (DNS rebinding) is not ours; nor is a form on another site.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pilotage.server.access import Access
from pilotage.server.refusals import is_api, refusal
from pilotage.settings import is_loopback

PROBES = ("/healthz", "/readyz", "/metrics")
"""Asked by whatever watches the server, by its address; they tell nothing without a token, or nothing at all."""
READS = ("GET", "HEAD", "OPTIONS")


class Places:
    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope) if scope["type"] == "http" else None
        await (refused or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if path not in PROBES and not self._is_ours(host):
            return refusal(
                scope,
                421,
                "ForeignHost",
                f"this is no server for the host {host[:100]!r}; people reach it at {self._address()}. "
                "Other names for it belong under hosts: in its settings",
            )
        return self._foreign(scope, headers, host)

    def _is_ours(self, host: str) -> bool:
        name = hostname(host)
        settings = self.access.settings
        known = {hostname(urlsplit(settings.url).netloc), *(one.lower() for one in settings.hosts)} - {""}
        return name in known or (bool(name) and is_loopback(name))

    def _foreign(self, scope: Scope, headers: Headers, host: str) -> Response | None:
        """The API answers no other site's page at all; pages are changed from pages of ours only."""
        path, api = scope["path"], is_api(scope["path"])
        if not api and scope["method"] in READS:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        ours = origin is not None and self._is_own(origin, host)
        if (origin is not None and not ours) or (origin is None and site not in (None, "same-origin", "none")):
            where = f"a page of {origin[:100]!r}" if origin is not None else "a page of another site"
            return refusal(scope, 403, "ForeignOrigin", f"this came from {where}; Pilotage listens to its own only")
        if path.startswith("/login") and origin is None and site is None:
            return refusal(scope, 403, "ForeignOrigin", "a login comes from a browser, which says which page it was on")
        return None

    def _is_own(self, origin: str, host: str) -> bool:
        """Of the address that people use; and of this machine's, if it was asked for by such a name."""
        try:
            parts, url = urlsplit(origin), urlsplit(self.access.settings.url)
        except ValueError:
            return False
        if url.netloc and (parts.scheme, parts.netloc.lower()) == (url.scheme, url.netloc.lower()):
            return True
        return parts.scheme == "http" and parts.netloc.lower() == host.lower() and is_loopback(hostname(host))

    def _address(self) -> str:
        return self.access.settings.url or "localhost and 127.0.0.1"


def hostname(host: str) -> str:
    """Without the port: ``[::1]:80`` is ``::1``. Empty for what is no host."""
    before, _, port = host.rpartition(":")
    name = before if port.isdigit() else host
    if name.startswith("[") and name.endswith("]"):
        return name[1:-1].lower()
    return "" if set(name) & set("[]:/@\\ ") else name.lower().rstrip(".")
