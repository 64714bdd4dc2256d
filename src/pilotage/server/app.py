"""The HTTP API: a door to the coordinator, nothing decided here. Errors are problem+json."""

from __future__ import annotations

import hmac
from typing import Any, Literal

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field

import pilotage
from pilotage.codec import to_data
from pilotage.coordinator import Coordinator
from pilotage.core.errors import ChecklistOpen, NotFound, PilotageError, PlanError, PreflightFailed, Refused
from pilotage.core.explain import explanation_text
from pilotage.core.model import Audience
from pilotage.core.replay import replay_text, what_if_text
from pilotage.core.state import Command
from pilotage.server import followups, plans, watchdogs
from pilotage.server.health import Health


class StartRequest(BaseModel):
    """A plan as its author wrote it. `directory` is where its relative paths start."""

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=1_000_000)
    directory: str
    file: str = ""
    by: str = Field(max_length=128)
    reason: str = Field(default="", max_length=2000)
    overrides: list[str] = Field(default_factory=list, max_length=100)
    """Items of the checklist that are open, and to be passed over for `reason`."""


class WhatIfRequest(BaseModel):
    """Another plan for the samples of a rollout, as its author wrote it."""

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=1_000_000)
    directory: str
    file: str = ""


class CommandRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(max_length=128)
    reason: str = Field(default="", max_length=2000)


MARKDOWN = "text/markdown; charset=utf-8"


class AnnounceRequest(BaseModel):
    """`audience` empty: everybody whom the plan's channels tell."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(max_length=128)
    text: str = Field(max_length=2000)
    audience: Audience | Literal[""] = ""


STATUS_CODES: list[tuple[type[PilotageError], int]] = [
    (PlanError, 422),
    (PreflightFailed, 412),
    (ChecklistOpen, 412),
    (Refused, 409),
    (NotFound, 404),
]


def create_app(coordinator: Coordinator, health: Health, token: str) -> FastAPI:
    async def authorised(request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), token.encode()):
            raise Unauthorised("the token is missing or wrong; the CLI reads it from the state folder")

    app = FastAPI(title="Pilotage", version=pilotage.__version__)
    guard = [Depends(authorised)]

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", dependencies=guard)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/health", dependencies=guard)
    async def doctor() -> dict[str, Any]:
        return await health.report()

    @app.post("/v1/shutdown", dependencies=guard)
    async def shutdown() -> dict[str, str]:
        health.stop()
        return {"status": "stopping"}

    @app.get("/v1/rollouts", dependencies=guard)
    async def list_rollouts() -> list[dict[str, Any]]:
        return await coordinator.telling.summaries()

    @app.post("/v1/rollouts", dependencies=guard, status_code=201)
    async def start(request: StartRequest) -> dict[str, Any]:
        about = (request.plan, request.directory, request.file, request.by, request.reason)
        rollout = await coordinator.start(*about, request.overrides)
        late, advised = await coordinator.late_s(rollout), await coordinator.advised(rollout)
        return {"id": rollout, "late_s": late, "advised": advised}

    @app.get("/v1/rollouts/{rollout}", dependencies=guard)
    async def view(rollout: str) -> dict[str, Any]:
        return await coordinator.telling.view(rollout)

    @app.get("/v1/rollouts/{rollout}/events", dependencies=guard)
    async def events(rollout: str, first: int = 0) -> list[dict[str, Any]]:
        return await coordinator.telling.events(rollout, first)

    @app.get("/v1/rollouts/{rollout}/report", dependencies=guard)
    async def report(rollout: str, picture: str = "", format: Literal["markdown", "html"] = "markdown") -> Response:
        if format == "html":
            return Response(await coordinator.telling.report_page(rollout), media_type="text/html; charset=utf-8")
        return Response(await coordinator.telling.report(rollout, picture), media_type=MARKDOWN)

    @app.get("/v1/rollouts/{rollout}/review", dependencies=guard)
    async def review(rollout: str) -> Response:
        return Response(await coordinator.telling.review(rollout), media_type=MARKDOWN)

    @app.get("/v1/rollouts/{rollout}/picture", dependencies=guard)
    async def picture(rollout: str) -> Response:
        return Response(await coordinator.telling.picture(rollout), media_type="image/svg+xml")

    @app.get("/v1/rollouts/{rollout}/explain", dependencies=guard)
    async def explain(rollout: str) -> dict[str, Any]:
        rollout = await coordinator.telling.resolve(rollout)
        answer = await coordinator.telling.explain(rollout)
        return {"id": rollout, **to_data(answer), "text": explanation_text(answer)}

    @app.get("/v1/rollouts/{rollout}/replay", dependencies=guard)
    async def replay(rollout: str) -> dict[str, Any]:
        answer = await coordinator.telling.replay(rollout)
        return {**to_data(answer), "agrees": answer.agrees, "text": replay_text(answer)}

    @app.post("/v1/rollouts/{rollout}/replay", dependencies=guard)
    async def what_if(rollout: str, request: WhatIfRequest) -> dict[str, Any]:
        answer = await coordinator.telling.what_if(rollout, request.plan, request.directory, request.file)
        return {**to_data(answer), "text": what_if_text(answer)}

    @app.post("/v1/rollouts/{rollout}/announce", dependencies=guard)
    async def announce(rollout: str, request: AnnounceRequest) -> dict[str, Any]:
        return await coordinator.announce(rollout, request.by, request.text, request.audience)

    @app.post("/v1/rollouts/{rollout}/{command}", dependencies=guard)
    async def command(rollout: str, command: Command, request: CommandRequest) -> dict[str, Any]:
        outcome = await coordinator.command(rollout, command, request.by, request.reason)
        return {**to_data(outcome), "id": await coordinator.telling.resolve(rollout)}

    followups.add_routes(app, guard, coordinator)
    plans.add_routes(app, guard, coordinator)
    watchdogs.add_routes(app, guard, coordinator, health)

    @app.exception_handler(PilotageError)
    async def problem(request: Request, error: PilotageError) -> JSONResponse:
        status = next((code for kind, code in STATUS_CODES if isinstance(error, kind)), 500)
        if isinstance(error, Unauthorised):
            status = 401
        body: dict[str, Any] = {"type": type(error).__name__, "title": type(error).__name__, "detail": str(error)}
        if isinstance(error, PlanError):
            body["problems"] = to_data(list(error.problems))
        if isinstance(error, PreflightFailed | ChecklistOpen):
            body["problems"] = list(error.problems)
        return JSONResponse(body, status_code=status, media_type="application/problem+json")

    return app


class Unauthorised(PilotageError):
    pass
