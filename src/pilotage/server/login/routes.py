"""/login, and how one leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from pilotage.acting import Acting
from pilotage.core.errors import Forbidden, PermanentError, TooMany, Unauthorised
from pilotage.core.people import Caller
from pilotage.server.access import Access, access_of
from pilotage.server.guards_rate import address_of
from pilotage.server.login import pending
from pilotage.server.login.errors import ProviderError
from pilotage.server.login.identity import identity
from pilotage.server.login.shell import inside, plain, sorry
from pilotage.server.sessions import LOCAL_SESSION_S, BySession, begin, end
from pilotage.store import people

if TYPE_CHECKING:
    from pilotage.server.login.provider import Provider

log = structlog.get_logger()
router = APIRouter(include_in_schema=False)
NO_PROVIDER = "people log in with a token here: the settings name no provider, under login.oidc"
ASIDE = "The login provider did not answer as it has to (the log says more). A token of yours works without it"


def provider_of(request: Request, access: Access) -> Provider | None:
    """Kept, so that it is asked for its document once in a while only."""
    login = access.settings.login
    if login is None or login.oidc is None:
        return None
    from pilotage.server.login.provider import Provider  # half a second that a coordinator without one need not take

    kept: Provider | None = getattr(request.app.state, "provider", None)
    if kept is None or kept.rules != login.oidc:
        kept = request.app.state.provider = Provider(login.oidc, access.settings.url)
    return kept


@router.get("/login")
async def login(request: Request, next: str = "/", out: bool = False) -> Response:
    access = access_of(request)
    if not access.settings.shared:
        return RedirectResponse("/", 303)
    provider = provider_of(request, access)
    name = urlsplit(provider.rules.issuer).hostname if provider else ""
    goodbye = await provider.goodbye(access.coordinator.clock.now()) if provider and out else ""
    return plain("login.html", next=inside(next), provider=name, out=out, goodbye=goodbye)


@router.get("/login/start")
async def start(request: Request, next: str = "/") -> Response:
    """To the provider. A link leads here, not a form: a page may send forms to its own server only (CSP)."""
    access = access_of(request)
    if too_many := _too_many(request, access):
        return too_many
    provider, at = provider_of(request, access), access.coordinator.clock.now()
    if provider is None:
        return sorry(NO_PROVIDER, 404)
    begun = pending.new(inside(next), at)
    try:
        answer = RedirectResponse(await provider.address(begun, at), 303)
    except ProviderError as error:
        log.warning("the login provider failed", reason=str(error))
        return sorry(ASIDE, 502)
    secure = access.settings.url.startswith("https://")
    kept, lasts_s = pending.sealed(begun, access.seal), int(pending.WITHIN_S)
    answer.set_cookie(begun.cookie, kept, lasts_s, path="/login", secure=secure, httponly=True, samesite="lax")
    return answer


@router.get("/login/callback")
async def callback(request: Request, state: str = "", code: str = "", error: str = "", iss: str = "") -> Response:
    access = access_of(request)
    provider = provider_of(request, access)
    if too_many := _too_many(request, access):
        return too_many
    if provider is None:
        return sorry(NO_PROVIDER, 404)
    name = pending.cookie_of(state)
    begun = pending.opened(request.cookies.get(name, ""), access.seal, state, access.coordinator.clock.now())
    if begun is None:
        return sorry("This login did not begin in this browser, or took longer than ten minutes", 400)
    answer = await _arrived(request, access, provider, begun, code, error, iss)
    answer.delete_cookie(name, path="/login")
    return answer


async def _arrived(
    request: Request, access: Access, provider: Provider, begun: pending.Pending, code: str, error: str, iss: str
) -> Response:
    if iss and iss != provider.rules.issuer:
        return await _denied(access, "the answer came from another provider", 400)
    if error or not code:
        said = "did not let you in" if error in ("access_denied", "") else f"said {error[:64]}"
        return await _denied(access, f"Your login provider {said}", 403)
    try:
        claims = await provider.claims(code, begun, access.coordinator.clock.now())
        who = identity(claims, provider.rules)
    except (ProviderError, PermanentError) as failure:
        log.warning("a login failed", reason=str(failure))
        return await _denied(access, ASIDE, 502, str(failure))
    except Forbidden as refused:
        return await _denied(access, str(refused), 403)
    answer = RedirectResponse(begun.next, 303)
    await access.coordinator.store.run(people.regroup, who.name, who.groups)
    caller = access.person(who.name, frozenset(who.groups), "person", "")
    await _enter(request, access, answer, caller, _lasts(access))
    return answer


@router.post("/login/token")
async def by_token(
    request: Request, token: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/"
) -> Response:
    """An API token of a person becomes a session, which may what the token may, as long as that is in force."""
    access = access_of(request)
    if too_many := _too_many(request, access):
        return too_many
    if not access.settings.shared:
        return RedirectResponse("/", 303)
    try:
        found = await access.known_token(token.strip()[:200])
    except Unauthorised as error:
        return await _denied(access, str(error), 401)
    if found.kind != "person":
        return await _denied(access, f"{found.name} is a machine: its token is for the API only", 403)
    answer = RedirectResponse(inside(next), 303)
    left = found.expires_at - access.coordinator.clock.now()
    await _enter(request, access, answer, access.bearer(found), min(_lasts(access), left), found.id)
    return answer


@router.get("/login/open")
async def by_key(request: Request, key: str = "") -> Response:
    """Where `pilotage open` leads."""
    access = access_of(request)
    if too_many := _too_many(request, access):
        return too_many
    caller = access.keys.take(key)
    if caller is None:
        return sorry("This address opened the page once, or is older than a minute: type pilotage open again", 401)
    answer = RedirectResponse("/", 303)
    if caller.kind == "local":
        await _enter(request, access, answer, caller, LOCAL_SESSION_S)
    else:
        found = await access.coordinator.store.run(people.get_token, caller.credential)
        left = access.in_force(found).expires_at - access.coordinator.clock.now()
        await _enter(request, access, answer, caller, min(_lasts(access), left), found.id)
    return answer


@router.post("/logout")
async def logout(request: Request, acting: BySession) -> Response:
    answer = RedirectResponse("/login?out=1", 303)
    await acting.note("logout", acting.by)
    await end(request, answer)
    return answer


async def _enter(
    request: Request, access: Access, answer: Response, caller: Caller, lasts_s: float, token: str = ""
) -> None:
    """Ends the session that the browser came with: nobody keeps a cookie from before a login."""
    before = request.cookies.get(access.cookie, "")
    groups = tuple(sorted(caller.groups))
    await begin(access, answer, caller.name, groups, caller.kind, lasts_s, token, replaces=before)
    await Acting(access.coordinator, caller).note("login", caller.name, detail=f"token {token}" if token else "")


async def _denied(access: Access, says: str, status: int, why: str = "") -> Response:
    nobody = Acting(access.coordinator, Caller("", "person", ()))
    await nobody.note("login", "nobody", f"refused: {why or says}")
    return sorry(says, status)


def _lasts(access: Access) -> float:
    login = access.settings.login
    return login.session if login is not None else LOCAL_SESSION_S


def _too_many(request: Request, access: Access) -> Response | None:
    try:
        access.limits.login(address_of(request.scope), access.settings.limits)
    except TooMany as error:
        answer = sorry(str(error), 429)
        answer.headers["Retry-After"] = f"{error.after_s:g}"
        return answer
    return None
