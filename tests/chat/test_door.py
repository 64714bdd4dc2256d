"""Slack's door, in process: what does not come from Slack, comes again, or is too much, does nothing."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from pilotage.coordinator import Coordinator
from pilotage.core.state import Status
from pilotage.engine import Engine, Order, Outcome
from pilotage.server.app import create_app
from pilotage.server.health import Health
from pilotage.server.slack import MOST_BYTES
from pilotage.settings import Settings
from pilotage.store import Store, audit, queries
from tests.chat import team
from tests.chat.contract import Workspace
from tests.chat.team import ANN, STRANGER, VIC
from tests.comms.world import OwnClock, World


@dataclass
class Noting:
    """An engine that only notes what it is told to do."""

    orders: list[tuple[str, Order]] = field(default_factory=list)
    breaks: bool = False

    async def command(self, rollout: str, order: Order) -> Outcome:
        self.orders.append((rollout, order))
        if self.breaks:
            raise RuntimeError("token=abcdefgh12345")
        return Outcome(Status.ROLLED_BACK, True, "rolled back: 1 has all traffic again")


@dataclass
class Door:
    workspace: Workspace
    app: FastAPI
    store: Store
    clock: OwnClock
    engine: Noting

    async def raw(self, door: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """The answer, once all that comes of it is done."""
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="https://pilotage.shop.example"
        ) as client:
            answer = await client.post(f"/slack/{door}", content=body, headers=headers)
        while self.app.state.slack._at_work:
            await asyncio.wait(self.app.state.slack._at_work)
        return answer

    async def send(self, door: str, form: dict[str, str], at: float = 0.0, secret: str = "") -> httpx.Response:
        body = urlencode(form).encode()
        return await self.raw(door, body, self.workspace.signed(body, self.clock.now() + at, secret))

    async def typed(self, user: str, text: str) -> str:
        """What that person is told."""
        assert (await self.send("commands", self.workspace.typed(user, text))).status_code == 200
        return self.workspace.told(user)[-1]

    async def noted(self) -> list[tuple[str, str, str]]:
        found = await self.store.run(audit.newest)
        return [(one.entry.by, one.entry.what, one.entry.outcome) for one in found if one.entry.kind == "person"]


@pytest.fixture
async def door(workspace: Workspace, store: Store, tmp_path: Path) -> Door:
    world, engine = World(store, tmp_path), Noting()
    settings = Settings.model_validate_json(json.dumps(team.settings(workspace)))
    coordinator = Coordinator(store, cast(Engine, engine), tmp_path, cast(Any, world.clock), settings)
    app = create_app(coordinator, Health(coordinator, store, tmp_path, "nowhere", lambda: 0), "t")
    await world.rollout("shop", world.plan())
    return Door(workspace, app, store, world.clock, engine)


async def test_what_slack_signs_is_done_and_answered(door: Door) -> None:
    assert await door.typed(ANN, "rollback shop it is worse") == "shop: rolled back: 1 has all traffic again"
    (rollout, order), *_ = door.engine.orders
    assert (rollout, order.by, order.reason) == ("shop", "ann", "it is worse")
    assert await door.noted() == [("ann", "rollback", "done")]


@pytest.mark.parametrize(("at", "secret"), [(0, "0" * 32), (-301, ""), (301, ""), (-86400, "")])
async def test_a_wrong_signature_or_one_of_another_time_is_refused(door: Door, at: float, secret: str) -> None:
    answer = await door.send("commands", door.workspace.typed(ANN, "rollback shop"), at, secret)
    assert answer.status_code == 401
    assert door.workspace.signing not in answer.text
    assert (door.engine.orders, door.workspace.whispers) == ([], [])


async def test_a_body_that_was_changed_on_the_way_is_refused(door: Door) -> None:
    body = urlencode(door.workspace.typed(VIC, "rollback shop")).encode()
    headers = door.workspace.signed(body, door.clock.now())
    assert (await door.raw("commands", body.replace(VIC.encode(), ANN.encode()), headers)).status_code == 401
    assert (await door.raw("commands", body, {})).status_code == 401
    assert door.engine.orders == []


async def test_the_same_request_again_does_nothing_more(door: Door) -> None:
    form = door.workspace.typed(ANN, "rollback shop")
    for _ in range(3):
        assert (await door.send("commands", form)).status_code == 200
    assert (len(door.engine.orders), len(door.workspace.whispers)) == (1, 1)


async def test_a_request_that_comes_again_after_a_restart_does_nothing_more(door: Door, tmp_path: Path) -> None:
    form = door.workspace.typed(ANN, "rollback shop")
    await door.send("commands", form)
    coordinator = door.app.state.access.coordinator
    again = create_app(coordinator, Health(coordinator, door.store, tmp_path, "nowhere", lambda: 0), "t")
    assert (await Door(door.workspace, again, door.store, door.clock, door.engine).send("commands", form)).is_success
    assert len(door.engine.orders) == 1


async def test_a_service_is_found_however_many_have_ended_since(door: Door) -> None:
    world = World(door.store, Path("."), door.clock)
    for number in range(60):
        await world.rollout(f"later-{number}", world.plan())
        await door.store.run(queries.end_rollout, f"later-{number}")
    assert await door.typed(ANN, "rollback") == "shop: rolled back: 1 has all traffic again"


async def test_who_is_not_known_is_told_what_to_do_and_that_is_noted(door: Door) -> None:
    said = f"not known here: ask an admin to add {STRANGER} under slack: users: in the settings"
    assert await door.typed(STRANGER, "rollback shop") == f"You are {said}."
    assert await door.noted() == [(f"{STRANGER} in Slack", "rollback", f"denied: {said}")]
    assert door.engine.orders == []


@pytest.mark.parametrize("user", ["", "local", "ann", "U" * 500, "<!channel>"])
async def test_no_name_of_somebody_else_helps(door: Door, user: str) -> None:
    assert "You are not known here" in await door.typed(user, "rollback shop")
    assert door.engine.orders == []


async def test_a_viewer_looks_and_does_nothing(door: Door) -> None:
    assert "shop 2 in test is starting, 0 % in force (shop)" in await door.typed(VIC, "status")
    assert "vic may not hold shop in test or roll it back" in await door.typed(VIC, "rollback")
    assert door.engine.orders == []
    assert [one[:2] for one in await door.noted()] == [("vic", "rollback")]


async def test_whoever_may_not_see_a_rollout_learns_nothing_of_it(door: Door, workspace: Workspace) -> None:
    roles = {"roles": [{"who": ["vic"], "role": "viewer", "service": "other"}]}
    settings = Settings.model_validate_json(json.dumps(team.settings(workspace) | roles))
    door.app.state.access.live.take(settings)
    assert await door.typed(VIC, "status") == "nothing is running"
    unseen, unknown = await door.typed(VIC, "status shop"), await door.typed(VIC, "status shap")
    assert unseen == unknown.replace("shap", "shop")


async def test_too_much_is_not_read(door: Door) -> None:
    body = b"payload=" + b"x" * MOST_BYTES
    answer = await door.raw("actions", body, door.workspace.signed(body, door.clock.now()))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload={",
        b"payload=[]",
        b"payload=7",
        b"payload=" + b"[" * 100_000,
        b"payload=" + b'{"a":' * 40_000,
        b"payload=" + b"9" * 100_000,
        b"payload=%ff%fe",
        b"\xff\xfe",
        b"&".join(b"a%d=1" % n for n in range(1000)),
    ],
)
async def test_a_signed_body_that_is_none_of_slacks_is_refused(door: Door, body: bytes) -> None:
    answer = await door.raw("actions", body, door.workspace.signed(body, door.clock.now()))
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "block_actions"},
        {"type": "block_actions", "user": {"id": ANN}, "actions": "x"},
        {"type": "block_actions", "user": {"id": ANN}, "actions": [7]},
        {"type": "block_actions", "user": [], "actions": [{"action_id": "pilotage_rollback", "value": {"r": "shop"}}]},
        {"type": "block_actions", "user": {"id": ANN}, "actions": [{"action_id": "drop", "value": '{"r":"shop"}'}]},
        {"type": "view_submission", "user": {"id": ANN}, "view": {"callback_id": "pilotage_resume"}},
        {"type": "view_submission", "user": {"id": ANN}, "view": {"callback_id": "pilotage_resume", "state": [1]}},
        {"type": "message_action", "callback_id": "x"},
    ],
)
async def test_a_payload_of_another_shape_does_nothing(door: Door, payload: dict[str, Any]) -> None:
    assert (await door.send("actions", {"payload": json.dumps(payload)})).status_code == 200
    assert door.engine.orders == []


async def test_an_answer_goes_nowhere_but_to_slack(door: Door) -> None:
    form = door.workspace.typed(ANN, "status") | {
        "response_url": f"{door.workspace.url.replace('127.0.0.1', 'localhost')}/x"
    }
    await door.send("commands", form)
    assert door.workspace.requests == []


async def test_what_fails_inside_is_told_without_its_words(door: Door) -> None:
    door.engine.breaks = True
    said = await door.typed(ANN, "rollback shop")
    assert "Pilotage failed (RuntimeError)" in said
    assert "abcdefgh" not in said


async def test_a_secret_that_is_missing_is_said_as_such(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEAM_SLACK_SIGNING")
    assert (await door.send("commands", door.workspace.typed(ANN, "status"))).status_code == 503


async def test_without_a_slack_app_there_is_no_such_door(store: Store, tmp_path: Path) -> None:
    coordinator = Coordinator(store, cast(Engine, Noting()), tmp_path)
    app = create_app(coordinator, Health(coordinator, store, tmp_path, "nowhere", lambda: 0), "t")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        assert (await client.post("/slack/commands", content=b"")).status_code == 404


@pytest.mark.parametrize(
    ("slack", "said"),
    [
        ({"channel": "#hot-fixes"}, "the channel's id, such as C024BE91L"),
        ({"users": {"ann": "ann"}}, "Slack's ids of people, such as U024BE7LH"),
        ({"users": {ANN: " "}}, "a name for each id"),
        ({"token": "xoxb-1234567890-planted"}, "a reference"),
        ({"api": "http://slack.com/api"}, "https://"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(workspace: Workspace, slack: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        Settings.model_validate_json(json.dumps(team.settings(workspace, **slack)))
    assert "planted" not in str(caught.value)
