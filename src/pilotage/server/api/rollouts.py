"""The API of rollouts: start, look, command."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from pilotage.codec import to_data
from pilotage.core.explain import explanation_text
from pilotage.core.model import Audience
from pilotage.core.replay import replay_text, what_if_text
from pilotage.core.state import Command
from pilotage.server.access import ByToken

MARKDOWN = "text/markdown; charset=utf-8"
router = APIRouter(prefix="/v1/rollouts", tags=["rollouts"])


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=128, description="who says so; counts without a login only")
    reason: str = Field(default="", max_length=2000)


class StartRequest(_Request):
    """A plan as its author wrote it. `directory` is where its relative paths start."""

    plan: str = Field(max_length=1_000_000)
    directory: str = Field(max_length=4096)
    file: str = Field(default="", max_length=4096)
    overrides: list[str] = Field(default_factory=list, max_length=100)
    """Items of the checklist that are open, and to be passed over for `reason`."""


class WhatIfRequest(BaseModel):
    """Another plan for the samples of a rollout, as its author wrote it."""

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=1_000_000)
    directory: str = Field(max_length=4096)
    file: str = Field(default="", max_length=4096)


class CommandRequest(_Request):
    """`digest` and `phase`: what an approval is given for, as the rollout's view says it."""

    digest: str = Field(default="", max_length=80)
    phase: int | None = Field(default=None, ge=0, le=1000)


class AnnounceRequest(BaseModel):
    """`audience` empty: everybody whom the plan's channels tell."""

    model_config = ConfigDict(extra="forbid")

    by: str = Field(default="", max_length=128)
    text: str = Field(max_length=2000)
    audience: Audience | Literal[""] = ""


@router.get("")
async def list_rollouts(acting: ByToken) -> list[dict[str, Any]]:
    found = await acting.coordinator.telling.summaries()
    return [one for one in found if acting.sees(one["service"], one["environment"])]


@router.post("", status_code=201)
async def start(acting: ByToken, request: StartRequest) -> dict[str, Any]:
    about = (request.plan, request.directory, request.file, request.reason)
    rollout = await acting.named(request.by).start(*about, request.overrides)
    late, advised = await acting.coordinator.late_s(rollout), await acting.coordinator.advised(rollout)
    return {"id": rollout, "late_s": late, "advised": advised}


@router.get("/{rollout}")
async def view(acting: ByToken, rollout: str) -> dict[str, Any]:
    return await acting.coordinator.telling.view(await acting.rollout(rollout))


@router.get("/{rollout}/events")
async def events(acting: ByToken, rollout: str, first: int = 0) -> list[dict[str, Any]]:
    return await acting.coordinator.telling.events(await acting.rollout(rollout), first)


@router.get("/{rollout}/report")
async def report(
    acting: ByToken, rollout: str, picture: str = "", format: Literal["markdown", "html"] = "markdown"
) -> Response:
    name = await acting.rollout(rollout)
    if format == "html":
        return Response(await acting.coordinator.telling.report_page(name), media_type="text/html; charset=utf-8")
    return Response(await acting.coordinator.telling.report(name, picture), media_type=MARKDOWN)


@router.get("/{rollout}/review")
async def review(acting: ByToken, rollout: str) -> Response:
    return Response(await acting.coordinator.telling.review(await acting.rollout(rollout)), media_type=MARKDOWN)


@router.get("/{rollout}/picture")
async def picture(acting: ByToken, rollout: str) -> Response:
    found = await acting.coordinator.telling.picture(await acting.rollout(rollout))
    return Response(found, media_type="image/svg+xml")


@router.get("/{rollout}/explain")
async def explain(acting: ByToken, rollout: str) -> dict[str, Any]:
    name = await acting.rollout(rollout)
    answer = await acting.coordinator.telling.explain(name)
    return {"id": name, **to_data(answer), "text": explanation_text(answer)}


@router.get("/{rollout}/replay")
async def replay(acting: ByToken, rollout: str) -> dict[str, Any]:
    answer = await acting.coordinator.telling.replay(await acting.rollout(rollout))
    return {**to_data(answer), "agrees": answer.agrees, "text": replay_text(answer)}


@router.post("/{rollout}/replay")
async def what_if(acting: ByToken, rollout: str, request: WhatIfRequest) -> dict[str, Any]:
    name = await acting.rollout(rollout)
    await acting.read(request.plan, request.directory, request.file)
    answer = await acting.coordinator.telling.what_if(name, request.plan, request.directory, request.file)
    return {**to_data(answer), "text": what_if_text(answer)}


@router.get("/{rollout}/checklist")
async def passed(acting: ByToken, rollout: str) -> dict[str, Any]:
    name = await acting.rollout(rollout)
    found = await acting.coordinator.checklist(name)
    return {"id": name, "items": [], **(to_data(found) if found is not None else {})}


@router.post("/{rollout}/announce")
async def announce(acting: ByToken, rollout: str, request: AnnounceRequest) -> dict[str, Any]:
    return await acting.named(request.by).announce(rollout, request.text, request.audience)


@router.post("/{rollout}/{command}")
async def command(acting: ByToken, rollout: str, command: Command, request: CommandRequest) -> dict[str, Any]:
    about = (request.reason, request.digest, request.phase)
    outcome = await acting.named(request.by).command(rollout, command, *about)
    return {**to_data(outcome), "id": await acting.coordinator.telling.resolve(rollout)}
