"""The API of plans by themselves: drafts, checks, comparisons, simulations. Nothing is started or changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from pilotage import drafting, importing, planfile
from pilotage.checking import checked
from pilotage.core import plancaution, plandiff, planwords
from pilotage.core.announcing import KINDS
from pilotage.core.brief import Brief, parse
from pilotage.core.documents import plan_document
from pilotage.core.errors import PlanError, TemporaryError, WrongRequest
from pilotage.core.planning import draft
from pilotage.planfile.schema import as_text
from pilotage.server.access import ByToken
from pilotage.server.api.describing import answer, told
from pilotage.server.api.models import tools as shapes
from pilotage.server.api.models.asked import PlanText
from pilotage.simulation.apart import simulated
from pilotage.simulation.wanted import Wanted
from pilotage.wording import check_templates, previews

P = ParamSpec("P")
R = TypeVar("R")
router = APIRouter(prefix="/v1", tags=["drafts and checks"])


@router.post("/plans/draft", operation_id="draftPlan", summary="From a brief to a plan", **told(shapes.Draft))
async def draft_plan(acting: ByToken, asked: shapes.DraftRequest) -> JSONResponse:
    """What is missing is said, and stands in the plan as REPLACE_ME."""
    return answer(await _beside(_drafted, asked))


def _drafted(asked: shapes.DraftRequest) -> dict[str, Any]:
    brief = _with_facts(parse(asked.brief), asked)
    drafted, doubtful = draft(brief, None), drafting.doubts(brief)
    document = plan_document(drafted.data, file="plan.yaml", notes=drafted.warnings, read="brief was")
    return {**drafting.as_data(brief, drafted, None, doubtful), "doubts": list(doubtful), "document": document}


def _with_facts(brief: Brief, asked: shapes.Known) -> Brief:
    try:
        return drafting.with_facts(brief, dict(asked.facts.items()), asked.on_call, "option")
    except drafting.NotThatFact as error:
        raise WrongRequest(f"{error.name}: {error}") from None


@router.post(
    "/plans/import", operation_id="importPlan", summary="From Argo Rollouts or Flagger", **told(shapes.Imported)
)
async def import_plan(acting: ByToken, asked: shapes.ImportRequest) -> JSONResponse:
    """What of the manifests has no equal in a plan is said. Nothing is asked of a cluster."""
    return answer(await _beside(_imported, asked))


def _imported(asked: shapes.ImportRequest) -> dict[str, Any]:
    texts = {one.name: one.text for one in asked.files}
    if len(texts) < len(asked.files):
        raise WrongRequest("files: expected a name of its own for each")
    imported = importing.import_texts(asked.format, texts, asked.name, asked.namespace)
    brief = imported.brief(_with_facts(Brief(text=""), asked))
    drafted, doubtful = imported.plan(brief, asked.known_bad), drafting.doubts(brief)
    document = plan_document(drafted.data, file="plan.yaml", notes=drafted.warnings, read="files were")
    ready = not (drafted.open or doubtful or imported.looks)
    found = importing.as_data(imported, brief, drafted, ready)
    return {**found, "doubts": list(doubtful), "document": document}


@router.post("/plans/check", operation_id="checkPlan", summary="Is it good?", **told(shapes.PlanChecked))
async def check(acting: ByToken, asked: PlanText) -> JSONResponse:
    """What each phase can see, and when it may start. Its drivers are not asked."""
    plan = await acting.read(asked.plan, asked.directory, asked.file)
    return answer((await asyncio.to_thread(checked, plan, acting.coordinator.clock.now())).as_data())


@router.post("/plans/document", operation_id="documentPlan", summary="For people", **told(shapes.Documented))
async def document(acting: ByToken, asked: PlanText) -> JSONResponse:
    """Checklist, phases, ways back, messages. Placeholders are named, every other mistake is refused."""
    acting.may_read(asked.directory)
    return answer(await _beside(_document, asked))


def _document(asked: PlanText) -> dict[str, Any]:
    found = planfile.outline(asked.plan, directory=Path(asked.directory), file=asked.file)
    text = plan_document(found.data, file=asked.file or "plan.yaml", digest=found.digest)
    places = [{"path": one.path, "expected": one.expected, "line": one.line} for one in found.open]
    return {"document": text, "digest": found.digest, "open": places}


@router.post("/plans/diff", operation_id="diffPlans", summary="What differs in meaning", **told(shapes.PlanDifference))
async def diff(acting: ByToken, asked: shapes.DiffRequest) -> JSONResponse:
    """And where the second is less careful than the first."""
    return answer(await _beside(_diff, asked))


def _diff(asked: shapes.DiffRequest) -> dict[str, Any]:
    trees = [planfile.read_text(text, name)[0] for text, name in ((asked.before, "before"), (asked.after, "after"))]
    before, after = (tree.plain() for tree in trees)
    changes, loosened = plandiff.diff(before, after), plancaution.less_careful(before, after)
    return planwords.as_data(changes, loosened, (planfile.digest_of(trees[0]), planfile.digest_of(trees[1])))


@router.get("/schema", operation_id="planSchema", summary="A plan file's JSON Schema", **told(dict[str, Any]))
async def schema(acting: ByToken) -> JSONResponse:
    """With the installed drivers: for an editor that completes and checks."""
    return answer(json.loads(await asyncio.to_thread(as_text)))


@router.post(
    "/plans/messages", operation_id="previewMessages", summary="As they would be sent", **told(list[shapes.Previewed])
)
async def messages(acting: ByToken, asked: shapes.PreviewRequest) -> JSONResponse:
    if asked.kind is not None and asked.kind not in KINDS:
        raise WrongRequest(f"kind: expected one of {', '.join(KINDS)}")
    plan = await acting.read(asked.plan, asked.directory, asked.file)
    if problems := await asyncio.to_thread(check_templates, plan):
        raise PlanError(tuple(problems))
    return answer(await _beside(lambda: [asdict(one) for one in previews(plan, asked.audience, asked.kind)]))


@router.post(
    "/plans/simulate",
    operation_id="simulate",
    summary="Its judge before simulated traffic",
    **told(dict[str, shapes.Simulated], 503),
)
async def simulate(acting: ByToken, request: Request, asked: shapes.SimulationRequest) -> JSONResponse:
    """False rollbacks, and how soon it finds a regression: a summary for each case. One at a time, in a process of its
    own, for a minute at most."""
    await acting.read(asked.plan, asked.directory, asked.file)
    share = None if asked.share is None else asked.share / 100
    setting = (asked.onset_s, asked.phase, asked.rate, share, asked.watch_s, asked.base_errors)
    wanted = Wanted(asked.errors, asked.latency, asked.bug, *setting)
    alone: asyncio.Lock = request.app.state.simulating
    if alone.locked():
        raise TemporaryError("another simulation runs: ask again when it is done, in a minute at most")
    async with alone:
        about = (asked.plan, asked.directory, asked.file)
        return answer(await simulated(*about, wanted, asked.runs, asked.seed))


async def _beside(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Off the loop: nobody else waits for it."""
    return await asyncio.to_thread(work, *args, **kwargs)
