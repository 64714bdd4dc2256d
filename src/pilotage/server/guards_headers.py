"""Headers of every answer: what a browser may do with it. A route that has set one itself keeps its own."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilotage.server.access import Access
from pilotage.server.refusals import refusal

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with that a browser sends `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = "max-age=31536000"


class Headers:
    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._add(scope["path"], MutableHeaders(scope=message))
            await send(message)

        try:
            await self.app(scope, receive, with_headers)
        except Exception:
            if not begun:  # else it would go out without these headers
                answer = refusal(scope, 500, "Failed", "Pilotage itself failed; its log says more")
                await answer(scope, receive, with_headers)
            raise

    def _add(self, path: str, headers: MutableHeaders) -> None:
        for name, value in ALWAYS.items():
            headers.setdefault(name, value)
        if not path.startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")
        if self.access.settings.url.startswith("https://"):
            headers.setdefault("Strict-Transport-Security", HSTS)
