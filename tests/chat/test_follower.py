"""The follower on a record made by hand, with a clock of its own, before a Slack that does what it documents."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pilotage.chat import Follower, told_by_app
from pilotage.chat.follower import CALM_S, EDIT_S, MOST_EDITS, NAME
from pilotage.comms import Comms
from pilotage.core import events as ev
from pilotage.core.model import Action, Channel, DriverRef, Reading, Sample, Verdict
from pilotage.settings import Settings
from pilotage.settings.chat import Slack
from pilotage.store import Store, chats, queries
from pilotage.telling import Telling
from tests.chat import team
from tests.chat.contract import CHANNEL, Workspace
from tests.comms.world import World
from tests.drivers.served import Given, Request

STARTED, HELD = ev.RolloutStarted("why"), ev.Held(0, "no data for 30 s")
BACK = (ev.RollbackStarted(0, "errors 4 %"), ev.RolledBack("errors 4 %", 0.2))


@dataclass
class Chat:
    workspace: Workspace
    world: World
    follower: Follower

    async def looks(self, seconds: float = 0.0) -> None:
        """As often as it would in that time, half a second apart; once at least."""
        await self.follower.look()
        for _ in range(int(seconds * 2)):
            self.world.clock.time += 0.5
            await self.follower.look()

    async def restart(self) -> None:
        self.follower = follower(self.workspace, self.world)
        await self.looks()

    async def rollout(self, name: str = "shop-1", *happened: ev.Event) -> None:
        await self.world.rollout(name, self.world.plan())
        await self.world.happened(name, *(happened or (STARTED,)))

    async def row(self, name: str = "shop-1") -> chats.Chat:
        return await self.world.store.run(chats.get, NAME, name)

    async def behind(self) -> list[chats.Behind]:
        return await self.world.store.run(chats.behind, NAME)


def settings(workspace: Workspace, **slack: Any) -> Slack:
    found = Settings.model_validate_json(json.dumps(team.settings(workspace, **slack))).slack
    assert found is not None
    return found


def follower(workspace: Workspace, world: World, **slack: Any) -> Follower:
    about = (settings(workspace, **slack), "https://pilotage.shop.example")
    return Follower(world.store, Telling(world.store, {}), *about, world.clock.now, world.clock.sleep)


@pytest.fixture
async def chat(workspace: Workspace, store: Store, tmp_path: Path) -> Chat:
    world = World(store, tmp_path)
    workspace.now = world.clock.now
    found = Chat(workspace, world, follower(workspace, world))
    await found.looks()
    return found


def refusing(method: str, *answers: Given) -> Any:
    """These answers, one after the other, for calls of that method; then Slack's own."""
    left = list(answers)
    return lambda request: left.pop(0) if request.path == f"/{method}" and left else None


async def test_nothing_new_asks_slack_nothing(chat: Chat) -> None:
    await chat.rollout("shop-1", STARTED, *BACK)
    await chat.looks(10)
    asked = len(chat.workspace.requests)
    await chat.looks(120)
    assert len(chat.workspace.requests) == asked


async def test_many_events_are_one_edit_and_stand_in_order_in_the_thread(chat: Chat) -> None:
    await chat.rollout()
    await chat.looks()
    await chat.world.happened("shop-1", HELD, ev.HoldCleared(0, "data again"), HELD, *BACK)
    await chat.looks(EDIT_S + 1)
    assert len(chat.workspace.edits) == 1
    assert [one.removeprefix("shop-1 2: ") for one in chat.workspace.thread()] == [
        "rollout started in test",
        "held at 10 %",
        "hold cleared: data again",
        "held at 10 %",
        "rolling back to 1",
        "rolled back to 1",
    ]
    assert "◀ rolled back" in chat.workspace.words()
    assert len(chat.workspace.posts) == 3, "many events are told in one answer"


async def test_two_edits_are_three_seconds_apart_and_numbers_alone_wait_longer(chat: Chat) -> None:
    await chat.rollout("shop-1", STARTED, ev.PhaseStarted(0, "10 %", 10.0), ev.WatchStarted(0, 600.0))
    await chat.looks()
    at: list[float] = []
    for tick in range(60):
        said = Verdict(Action.WATCH, f"errors {tick} of 2,310", progress=tick / 100)
        await chat.world.store.run(
            queries.add_sample, "shop-1", Sample(0, tick, chat.world.clock.now(), Reading()), said
        )
        before = len(chat.workspace.edits)
        await chat.looks(1)
        at += [chat.world.clock.now()] * (len(chat.workspace.edits) - before)
    assert 2 <= len(at) <= 60 / CALM_S + 1
    await chat.world.happened("shop-1", HELD)
    begun = chat.world.clock.now()
    while "‖ held" not in chat.workspace.words():
        await chat.looks(0.5)
    assert chat.world.clock.now() - begun <= EDIT_S + 1


async def test_many_rollouts_stay_below_slacks_limit(chat: Chat) -> None:
    for number in range(30):
        await chat.rollout(f"shop-{number}")
    await chat.looks()
    for n in range(4):
        for number in range(30):
            await chat.world.happened(f"shop-{number}", HELD if n % 2 == 0 else ev.HoldCleared(0, "data again"))
        chat.world.clock.time += 5 - 30  # thirty events took thirty seconds of this clock
        await chat.looks(5)
    assert len(chat.workspace.edits) <= MOST_EDITS
    assert chat.workspace.limited == 0
    chat.workspace.edits.clear()
    await chat.looks(90)
    assert all("watching" in chat.workspace.words(one) for one in chat.workspace.messages())


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_retry_after_is_kept(chat: Chat, method: str) -> None:
    await chat.rollout()
    if method == "chat.update":
        await chat.looks(EDIT_S)
        await chat.world.happened("shop-1", HELD)
    chat.workspace.instead = refusing(method, (429, {"Retry-After": "90"}, {"ok": False, "error": "ratelimited"}))
    await chat.looks()
    asked = len(chat.workspace.requests)
    await chat.looks(89)
    assert len(chat.workspace.requests) == asked
    assert "it may be asked again after 90 s" in (await chat.behind())[0].last_error
    await chat.looks(2 + EDIT_S)
    assert (await chat.behind(), len(chat.workspace.messages())) == ([], 1)
    assert len(chat.workspace.thread()) == len(set(chat.workspace.thread()))


async def test_whoever_is_down_is_asked_less_and_less_and_then_told_everything(chat: Chat) -> None:
    chat.workspace.instead = lambda request: (500, {}, "down")
    await chat.rollout("shop-1", STARTED, HELD, *BACK)
    await chat.looks(600)
    assert len(chat.workspace.requests) < 20
    chat.workspace.instead = None
    await chat.looks(90)
    assert [len(chat.workspace.messages()), len(chat.workspace.thread())] == [1, 4]
    assert await chat.behind() == []


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_an_answer_that_is_lost_posts_nothing_twice(chat: Chat, lost: int) -> None:
    """The first, second or third call is done, and nobody hears of it."""
    calls: list[Request] = []

    def lose(request: Request) -> None:
        calls.append(request)
        chat.workspace.lose = int(len(calls) == lost)

    chat.workspace.instead = lose
    await chat.rollout("shop-1", STARTED, HELD)
    await chat.looks(10)
    await chat.world.happened("shop-1", *BACK)
    await chat.looks(10)
    assert len(chat.workspace.messages()) == 1
    assert [one.split(": ")[1].split(" ")[0] for one in chat.workspace.thread()] == [
        "rollout",
        "held",
        "rolling",
        "rolled",
    ]


async def test_after_a_restart_it_goes_on_where_it_was(chat: Chat) -> None:
    await chat.rollout()
    await chat.looks()
    await chat.world.happened("shop-1", HELD)
    await chat.follower.look()
    await chat.world.happened("shop-1", *BACK)
    await chat.restart()
    await chat.looks(10)
    assert (len(chat.workspace.messages()), len(chat.workspace.thread())) == (1, 4)
    assert "◀ rolled back" in chat.workspace.words()


async def test_a_last_edit_that_a_kill_has_cut_off_is_made_after_it(chat: Chat) -> None:
    await chat.rollout()
    await chat.looks()
    await chat.world.happened("shop-1", *BACK)
    chat.world.clock.time = (await chat.world.store.run(queries.events_of, "shop-1"))[0].at
    await chat.follower.look()  # tells the thread; the edit has to wait
    assert "rolled back" not in chat.workspace.words()
    await chat.restart()
    assert "◀ rolled back" in chat.workspace.words()


async def test_what_ran_before_the_app_was_set_up_gets_a_message_and_no_old_news(
    workspace: Workspace, store: Store, tmp_path: Path
) -> None:
    world = World(store, tmp_path)
    workspace.now = world.clock.now
    found = Chat(workspace, world, follower(workspace, world))
    await found.rollout("old-1", STARTED, *BACK)
    await found.rollout("shop-1", STARTED, HELD)
    await found.looks(5)
    assert (len(workspace.messages()), workspace.thread()) == (1, [])
    assert "‖ held" in workspace.words()
    await world.happened("shop-1", *BACK)
    await found.looks(5)
    assert [one.split(" ")[2] for one in workspace.thread()] == ["rolling", "rolled"]


async def test_after_a_week_without_the_app_only_what_is_new_or_runs_is_told(chat: Chat) -> None:
    await chat.rollout("old-1", STARTED, *BACK)
    await chat.rollout("old-2", STARTED)
    chat.world.clock.time += 7 * 86400
    await chat.rollout("new-1", STARTED, *BACK)
    await chat.restart()
    await chat.looks(5)
    said = sorted(chat.workspace.words(one).split(" ")[0] for one in chat.workspace.messages())
    assert said == ["new-1", "old-2"]


async def test_only_the_services_that_the_settings_name_are_told(
    workspace: Workspace, store: Store, tmp_path: Path
) -> None:
    world = World(store, tmp_path)
    workspace.now = world.clock.now
    found = Chat(workspace, world, follower(workspace, world, services=["shop"]))
    await found.looks()
    await found.rollout("shop")
    await found.rollout("cart")
    await found.looks(2)
    assert ["shop 1" in workspace.words(one) for one in workspace.messages()] == [True]


async def test_a_message_that_somebody_removed_is_posted_anew(chat: Chat) -> None:
    await chat.rollout()
    await chat.looks()
    chat.workspace.posts.clear()
    await chat.world.happened("shop-1", HELD)
    await chat.looks(70)
    assert len(chat.workspace.messages()) == 1
    assert "‖ held" in chat.workspace.words()
    assert chat.workspace.thread() == ["shop-1 2: held at 10 %"]


async def test_a_message_that_may_not_be_edited_keeps_its_thread(chat: Chat) -> None:
    await chat.rollout()
    await chat.looks()
    no = (200, {}, {"ok": False, "error": "cant_update_message"})
    chat.workspace.instead = lambda request: no if request.path == "/chat.update" else None
    await chat.world.happened("shop-1", HELD)
    await chat.looks(30)
    await chat.world.happened("shop-1", *BACK)
    await chat.looks(30)
    assert (len(chat.workspace.messages()), len(chat.workspace.thread())) == (1, 4)
    assert sum(one.path == "/chat.update" for one in chat.workspace.requests) == 1


async def test_another_channel_in_the_settings_begins_a_message_there(chat: Chat) -> None:
    await chat.rollout()
    await chat.looks()
    await chat.world.store.run(chats.posted, NAME, "shop-1", "C0000OTHER", "1700000000.000100", "x")
    await chat.looks(EDIT_S)
    assert len(chat.workspace.messages()) == 2
    assert (await chat.row()).channel == CHANNEL


async def test_without_the_scope_to_look_it_posts_again_rather_than_not_at_all(chat: Chat) -> None:
    chat.workspace.scopes = {"chat:write"}
    chat.workspace.instead = refusing("chat.postMessage", (500, {}, "down"))
    await chat.rollout()
    await chat.looks(5)
    assert (len(chat.workspace.messages()), len(chat.workspace.thread())) == (1, 1)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("channel_not_found", "is the channel's id right"),
        ("not_in_channel", "invite the app to the channel"),
        ("invalid_auth", "is the token right?"),
        ("msg_too_long", "Slack refuses: msg_too_long"),
        ("is_archived", "name another one"),
        ("<b>new</b>", "See docs.slack.dev"),
    ],
)
async def test_a_refusal_is_told_and_tried_again_once_a_minute(chat: Chat, error: str, said: str) -> None:
    chat.workspace.instead = lambda request: (200, {}, {"ok": False, "error": error})
    await chat.rollout()
    await chat.looks(150)
    told = await chat.behind()
    assert (told[0].rollout, told[0].events) == ("shop-1", 1)
    assert said in told[0].last_error
    assert "somebody has to put it right" in told[0].last_error
    assert sum(one.path == "/chat.postMessage" for one in chat.workspace.requests) <= 3
    chat.workspace.instead = None
    await chat.looks(60)
    assert (await chat.behind(), len(chat.workspace.thread())) == ([], 1)


async def test_one_rollout_that_slack_refuses_stops_no_other(chat: Chat) -> None:
    no = (200, {}, {"ok": False, "error": "invalid_blocks"})
    chat.workspace.instead = lambda request: no if "bad-1" in json.dumps(request.body) else None
    for name in ("bad-1", "shop-1"):
        await chat.rollout(name)
    await chat.looks(5)
    assert len(chat.workspace.messages()) == 1
    assert [one.rollout for one in await chat.behind()] == ["bad-1"]


async def test_no_token_is_in_what_is_told_of_an_error(chat: Chat) -> None:
    chat.workspace.instead = lambda request: (400, {}, {"message": f"what is {chat.workspace.token}?"})
    await chat.rollout()
    await chat.looks()
    assert chat.workspace.token not in str(await chat.behind())


async def test_a_plans_own_channel_in_the_same_place_is_left_to_the_app(chat: Chat, tmp_path: Path) -> None:
    app, world = settings(chat.workspace), chat.world
    same = {"token": team.SECRETS["token"], "channel": CHANNEL, "api": chat.workspace.url}
    plan = world.plan(
        Channel(DriverRef("slack", same)),
        Channel(DriverRef("slack", same), audience="stakeholders"),
        Channel(DriverRef("slack", {**same, "channel": "C0000OTHER"})),
        Channel(DriverRef("console", {"path": "said.log"})),
    )
    assert [told_by_app(app, plan, one) for one in plan.notify] == [True, False, False, False]
    assert not told_by_app(settings(chat.workspace, services=["cart"]), plan, plan.notify[0])
    await world.rollout("shop-1", replace(plan, notify=(plan.notify[0], plan.notify[3])))
    await world.happened("shop-1", STARTED, *BACK)
    comms = Comms(
        world.store, tmp_path, world.clock.now, world.clock.sleep, elsewhere=lambda *it: told_by_app(app, *it)
    )
    await world.told(comms)
    await chat.looks(5)
    assert (await world.sent("shop-1", 0), len(await world.sent("shop-1", 1))) == ([], 2)
    assert (len(chat.workspace.messages()), len(chat.workspace.thread())) == (1, 3)
