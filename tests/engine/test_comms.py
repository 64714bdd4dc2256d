"""A person's own words on their way: from the API to the engine, or refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient

from pilotage.coordinator import Coordinator
from pilotage.core.events import Checked, ChecklistPassed
from pilotage.core.model import Plan, WayBack
from pilotage.core.state import Status
from pilotage.engine import Engine, Outcome
from pilotage.server.app import create_app
from pilotage.server.health import Health
from pilotage.store import Store, known, open_store, queries
from tests.comms.world import console
from tests.core.worlds import plan as bare_plan


class Noting:
    """An engine that only notes what it is asked."""

    def __init__(self) -> None:
        self.announced: list[tuple[str, str, str, str]] = []

    async def announce(self, rollout: str, by: str, text: str, audience: str) -> Outcome:
        self.announced.append((rollout, by, text, audience))
        return Outcome(Status.PROMOTED, True, "noted")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    channels = (console("a"), console("b", audience="status-page"), console("c", audience="pager"))
    return replace(bare_plan(), rollback=WayBack(()), notify=channels, directory=str(tmp_path))


async def ask(store: Store, tmp_path: Path, engine: Noting, **body: str) -> tuple[int, dict[str, Any]]:
    coordinator = Coordinator(store, cast(Engine, engine), tmp_path)
    health = Health(coordinator, store, tmp_path, "nowhere", lambda: 0)
    at = "http://127.0.0.1"
    app = TestClient(create_app(coordinator, health, "t"), base_url=at, headers={"Authorization": "Bearer t"})
    answer = app.post("/v1/rollouts/shop-1/announce", json={"by": "ann", **body})
    return answer.status_code, answer.json()


async def test_words_reach_the_engine_and_its_answer_says_through_what(
    store: Store, plan: Plan, tmp_path: Path
) -> None:
    engine = Noting()
    await store.run(queries.create_rollout, "shop-1", plan, "", "ann", "why", 0.0)
    _, everybody = await ask(store, tmp_path, engine, text=" it works ")
    _, some = await ask(store, tmp_path, engine, text="wake up", audience="pager")
    assert engine.announced == [("shop-1", "ann", "it works", ""), ("shop-1", "ann", "wake up", "pager")]
    assert everybody["through"] == ["console (incident)", "console (status-page)"]
    assert (some["through"], some["message"], some["id"]) == (["console (pager)"], "noted", "shop-1")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"text": "x", "audience": "stakeholders"}, 409, "no channel of this plan tells stakeholders such words; its"),
        ({"text": "  "}, 409, "in a person's name and words"),
        ({"text": "x", "by": " "}, 409, "in a person's name and words"),
        ({"text": "x", "audience": "all"}, 422, ""),
        ({"text": "x" * 2001}, 422, ""),
    ],
)
async def test_words_that_nobody_would_get_or_nobody_says_are_refused(
    store: Store, plan: Plan, tmp_path: Path, body: dict[str, str], status: int, said: str
) -> None:
    engine = Noting()
    await store.run(queries.create_rollout, "shop-1", plan, "", "ann", "why", 0.0)
    code, answer = await ask(store, tmp_path, engine, **body)
    assert (code, engine.announced) == (status, [])
    assert said in str(answer)


async def test_what_is_advised_and_did_not_hold_is_said_of_a_start(store: Store, plan: Plan, tmp_path: Path) -> None:
    items = (
        Checked("channels", "team", "Channels", "failed", False, evidence="slack (incident): no answer"),
        Checked("unseen", "team", "Unseen", "open", False, evidence="ci did not answer"),
        Checked("told", "team", "Told", "open", False),
        Checked("fine", "team", "Fine", "done", False, evidence="fine"),
        Checked("version", "technical", "Version", "overridden", True, evidence="because"),
    )
    name = await store.run(known.register, plan, "", "plan.yaml", "ann", 0.0)
    waiting = await store.run(known.get, name)
    await store.run(known.begin, waiting, "shop-1", ChecklistPassed(items), "ann", "why", 0.0)
    coordinator = Coordinator(store, cast(Engine, Noting()), tmp_path)
    said = ["channels: slack (incident): no answer", "unseen: ci did not answer"]
    assert await coordinator.advised("shop-1") == said
