"""Sessions of the page: a cookie that says who somebody is, and a second value that only our own pages know (CSRF)."""

from __future__ import annotations

import hashlib
import hmac
import pwd
import secrets
from os import getuid
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from pilotage.acting import Acting
from pilotage.core.errors import Forbidden, PilotageError, Unauthorised
from pilotage.core.people import Caller, Kind
from pilotage.server.access import Access, access_of
from pilotage.server.refusals import refusal
from pilotage.store import people
from pilotage.store.people import Session

LOCAL_SESSION_S = 12 * 3600.0
READS = ("GET", "HEAD", "OPTIONS")
FORWARDED = ("forwarded", "x-forwarded-for", "via")


class NobodyYet(PilotageError):
    """A page was asked for by somebody who has no session."""


def cookie_name(access: Access) -> str:
    return access.cookie


def csrf_of(cookie: str) -> str:
    """The value that a form of our own pages sends back: whoever has it has seen a page of this session."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


async def by_session(request: Request) -> Acting:
    """The dependency of every page. Raises NobodyYet, and Forbidden for a change that comes from elsewhere."""
    access = access_of(request)
    cookie = request.cookies.get(access.cookie, "")
    found = await _in_force(request, access, cookie)
    if request.method not in READS:
        await _check_form(request, cookie)
    request.state.csrf = csrf_of(cookie)
    caller = await _caller(access, found)
    access.count(request, caller)
    request.state.caller = caller
    return Acting(access.coordinator, caller)


BySession = Annotated[Acting, Depends(by_session)]


async def _in_force(request: Request, access: Access, cookie: str) -> Session:
    """Raises NobodyYet."""
    at, login = access.coordinator.clock.now(), access.settings.login
    idle_s = login.idle if login is not None else LOCAL_SESSION_S
    found = await access.coordinator.store.run(people.find_session, cookie, at, idle_s) if cookie else None
    if found is None or (found.kind == "local") == access.settings.shared:
        raise NobodyYet("log in first")
    if found.kind == "local" and await _is_owner(request) is False:
        raise NobodyYet("this cookie belongs to another user of this machine")
    return found


async def _caller(access: Access, found: Session) -> Caller:
    """One that began with a token is worth what the token is worth now. Raises NobodyYet when that is nothing."""
    if not found.token:
        return access.person(found.name, frozenset(found.groups), found.kind, found.key[:12])
    try:
        return access.bearer(access.in_force(await access.coordinator.store.run(people.get_token, found.token)))
    except Unauthorised as error:
        raise NobodyYet(str(error)) from None


async def _check_form(request: Request, cookie: str) -> None:
    given = request.headers.get("x-csrf-token", "")
    if not given and request.headers.get("content-type", "").split(";")[0] == "application/x-www-form-urlencoded":
        given = str((await request.form()).get("csrf", ""))
    if not hmac.compare_digest(given.encode(), csrf_of(cookie).encode()):
        raise Forbidden("this did not come from a page of Pilotage itself: open the page again, and repeat it there")


async def begin(
    access: Access,
    response: Response,
    name: str,
    groups: tuple[str, ...],
    kind: Kind,
    lasts_s: float,
    token: str = "",
    replaces: str = "",
) -> None:
    """A new session under a new cookie, which `response` carries. `replaces`: the cookie that the browser came with."""
    cookie, at = secrets.token_urlsafe(32), access.coordinator.clock.now()
    if replaces:
        await access.coordinator.store.run(people.end_session, replaces, at)
    about = (cookie, name, groups, kind, at, at + lasts_s, token)
    await access.coordinator.store.run(people.begin_session, *about)
    secure = access.settings.url.startswith("https://")
    response.set_cookie(access.cookie, cookie, int(lasts_s), path="/", secure=secure, httponly=True, samesite="lax")


async def end(request: Request, response: Response) -> None:
    """The session that this request came with."""
    access = access_of(request)
    cookie = request.cookies.get(access.cookie, "")
    await access.coordinator.store.run(people.end_session, cookie, access.coordinator.clock.now())
    secure = access.settings.url.startswith("https://")
    response.delete_cookie(access.cookie, path="/", secure=secure, httponly=True, samesite="lax")


async def let_in(request: Request) -> Response:
    """What somebody without a session gets: in local mode a session and the same page, else the login."""
    access = access_of(request)
    reads = request.method in READS
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "") if reads else "/"
    where = f"/login?next={quote(here, safe='')}" if access.settings.shared else here
    if "hx-request" in request.headers or "text/event-stream" in request.headers.get("accept", ""):
        # Neither follows a redirect to a page: htmx would put the login into the middle of another page.
        again = {"HX-Redirect": "/" if not reads else where} if "hx-request" in request.headers else None
        return refusal(request.scope, 401, "Unauthorised", "log in first: your session has ended", again)
    if access.settings.shared:
        return RedirectResponse(where, 303)
    if await _is_owner(request) is not True:
        return refusal(
            request.scope,
            403,
            "Forbidden",
            f"without a login this page is for {owner()} alone, who runs Pilotage here, and it cannot be told that you "
            "are them. `pilotage open`, typed by them on this machine, opens it",
        )
    response = RedirectResponse(here, 303)
    await begin(access, response, owner(), (), "local", LOCAL_SESSION_S)
    return response


async def _is_owner(request: Request) -> bool | None:
    """Whether whoever runs the coordinator is at the other end; None when nobody can tell. What another program passes
    on is nobody's."""
    if any(name in request.headers for name in FORWARDED):
        return False
    scope = request.scope
    return await access_of(request).neighbours.is_ours(scope.get("client"), scope.get("server"))


def owner() -> str:
    """Whose coordinator this is: by the process, not by what its environment says."""
    try:
        return pwd.getpwuid(getuid()).pw_name
    except KeyError:
        return f"user {getuid()}"
