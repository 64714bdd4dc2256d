"""Sessions of the page: a cookie that says who somebody is, and a second value that only our own pages know (CSRF)."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import secrets
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from pilotage.acting import Acting
from pilotage.core.errors import Forbidden, PilotageError
from pilotage.core.people import Kind
from pilotage.server.access import Access, access_of
from pilotage.store import people

LOCAL_SESSION_S = 12 * 3600.0
READS = ("GET", "HEAD", "OPTIONS")


class NobodyYet(PilotageError):
    """A page was asked for by somebody who has no session."""


def cookie_name(access: Access) -> str:
    """With the prefix that keeps other hosts of the domain from setting it, where there is TLS."""
    return "__Host-pilotage" if access.settings.url.startswith("https://") else "pilotage"


def csrf_of(cookie: str) -> str:
    """The value that a form of our own pages sends back: whoever has it has seen a page of this session."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


async def by_session(request: Request) -> Acting:
    """The dependency of every page. Raises NobodyYet, and Forbidden for a change that comes from elsewhere."""
    access = access_of(request)
    cookie = request.cookies.get(cookie_name(access), "")
    at, login = access.coordinator.clock.now(), access.settings.login
    idle_s = login.idle if login is not None else LOCAL_SESSION_S
    found = await access.coordinator.store.run(people.find_session, cookie, at, idle_s) if cookie else None
    if found is None or (found.kind == "local" and access.settings.shared):
        raise NobodyYet("log in first")
    if request.method not in READS:
        await _check_origin(request, cookie)
    request.state.csrf = csrf_of(cookie)
    caller = access.person(found.name, frozenset(found.groups), found.kind, found.key[:12])
    request.state.caller = caller
    return Acting(access.coordinator, caller)


BySession = Annotated[Acting, Depends(by_session)]


async def _check_origin(request: Request, cookie: str) -> None:
    given = request.headers.get("x-csrf-token", "")
    if not given and request.headers.get("content-type", "").split(";")[0] == "application/x-www-form-urlencoded":
        given = str((await request.form()).get("csrf", ""))
    if not hmac.compare_digest(given.encode(), csrf_of(cookie).encode()):
        raise Forbidden("this did not come from a page of Pilotage itself: open the page again, and repeat it there")


async def begin(
    access: Access, response: Response, name: str, groups: tuple[str, ...], kind: Kind, lasts_s: float
) -> None:
    """A new session; `response` carries its cookie."""
    cookie, at = secrets.token_urlsafe(32), access.coordinator.clock.now()
    await access.coordinator.store.run(people.begin_session, cookie, name, groups, kind, at, at + lasts_s)
    secure = access.settings.url.startswith("https://")
    response.set_cookie(
        cookie_name(access), cookie, max_age=int(lasts_s), httponly=True, secure=secure, samesite="lax", path="/"
    )


async def let_in(request: Request) -> Response:
    """What somebody without a session gets: in local mode a session and the same page, else the login."""
    access = access_of(request)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if access.settings.shared:
        return RedirectResponse(f"/login?next={quote(here)}", 303)
    response = RedirectResponse(here, 303)
    await begin(access, response, _user(), (), "local", LOCAL_SESSION_S)
    return response


def _user() -> str:
    """Whose coordinator this is."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
