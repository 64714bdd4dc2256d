"""Hooks in: what CI, alert managers and ticket systems say, each verified with its own hook's secret."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from pilotage.codec import to_data
from pilotage.core.errors import DriverError, Unauthorised
from pilotage.server.access import access_of
from pilotage.server.api.describing import told as described
from pilotage.server.api.models.asked import NAME
from pilotage.server.guards_rate import address_of
from pilotage.server.hooks.acts import Acts, Did, NotYet, Turns
from pilotage.server.hooks.alerts import alerts, report
from pilotage.server.hooks.built import build
from pilotage.server.hooks.proof import NotProven, proven
from pilotage.server.hooks.reading import NothingToDo, NotUnderstood, TooLong, bounded, parsed
from pilotage.server.problems import told
from pilotage.settings.hooks import Hook
from pilotage.store import heard

log = structlog.get_logger()
router = APIRouter(prefix="/v1/hooks", tags=["hooks"])
AGAIN_S = 5
Name = Annotated[str, Path(max_length=63, pattern=NAME, description="as the settings call it")]
_NOBODYS = secrets.token_hex(32)
"""What messages to hooks that do not exist are verified with: they are answered as those with a wrong signature."""


class Heard(BaseModel):
    """What a message did; nothing with 202."""

    done: list[dict[str, str]] = Field(
        description="service, environment, object (the rollout or plan), did (what was done to it), text"
    )
    message: str = Field(description="one sentence")


_EXAMPLES = {
    "built": {"value": {"service": "shop", "version": "2.0.1", "ok": True, "url": "https://ci.shop.example/7"}},
    "firing": {"value": {"service": "shop", "environment": "production", "text": "payments fail", "id": "a1"}},
    "reports": {"value": {"service": "shop", "environment": "production", "text": "cannot pay", "count": 14}},
}
_ANSWERS = described(Heard, 413, 503, success={"description": "Something was done"})
_ANSWERS["responses"][202] = {"model": Heard, "description": "Understood, and there is nothing to do"}
_BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object"}, "examples": _EXAMPLES}}}


@router.post(
    "/{name}",
    operation_id="hear",
    summary="Another tool says something: docs/hooks.md has what each may say",
    openapi_extra={"requestBody": _BODY, "security": []},
    **_ANSWERS,
)
async def hear(name: Name, request: Request) -> Response:
    try:
        body = await bounded(request)
    except TooLong as error:
        return told(413, "TooLarge", str(error))
    coordinator = access_of(request).coordinator
    hook = coordinator.settings.hooks.get(name)
    message = await _proven(hook, name, request, body)
    if hook is None:
        raise _unknown()
    acts = Acts(coordinator, name, hook, _turns(request))
    access_of(request).count(request, acts.acting.caller)
    try:
        async with acts.turns.turn(f"{name} {message}" if message else secrets.token_hex(8)):
            if message in await coordinator.store.run(heard.those_of, name, [message]):
                raise NothingToDo("this message has been heard before")
            done = await _done(acts, parsed(body))
            if message:
                await coordinator.store.run(heard.remember, name, [message], coordinator.clock.now())
    except NothingToDo as nothing:
        return JSONResponse({"done": [], "message": f"nothing to do: {nothing.why}"}, 202)
    except NotUnderstood as error:
        return told(422, "NotUnderstood", str(error), to_data(list(error.problems)))
    except NotYet as error:
        return told(503, "NotYet", str(error), headers={"Retry-After": str(AGAIN_S)})
    said = "; ".join(f"{one.object}: {one.did}" for one in done)
    log.info("a hook has acted", hook=name, done=said)
    return JSONResponse({"done": [asdict(one) for one in done], "message": said})


async def _done(acts: Acts, body: dict[str, Any]) -> list[Did]:
    hook = acts.hook
    if hook.kind == "built":
        return await acts.built(build(body, hook.only, hook.service))
    if hook.kind == "reports":
        return await acts.told([report(body, hook.service, hook.environment)])
    return await acts.told(alerts(body, hook.service, hook.environment))


async def _proven(hook: Hook | None, name: str, request: Request, body: bytes) -> str:
    """What names this message. Raises TooMany, and Unauthorised in the same words whatever is wrong."""
    access = access_of(request)
    now = access.coordinator.clock.now()
    try:
        secret = await hook.secret.reveal() if hook is not None else _NOBODYS
        return proven(secret, request.headers, body, now)
    except (NotProven, DriverError) as error:
        why = str(error) if hook is not None else "there is no hook of that name"
        log.warning("a message to a hook is not believed", hook=name, why=why)
        access.limits.login(address_of(request.scope), access.settings.limits)
        raise _unknown() from None


def _unknown() -> Unauthorised:
    return Unauthorised("there is no such hook, or its secret has not signed this; the coordinator's log says which")


def _turns(request: Request) -> Turns:
    state = request.app.state
    if not hasattr(state, "hook_turns"):
        state.hook_turns = Turns()
    found: Turns = state.hook_turns
    return found
