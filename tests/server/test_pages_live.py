"""One rollout's page: what it says, what it sends, and what its buttons do."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from pilotage.core import events as ev
from pilotage.core.errors import Refused
from pilotage.core.people import Role
from pilotage.core.state import Command, Status
from pilotage.engine import Outcome
from pilotage.server.pages.live.boards import boards_of
from pilotage.settings import Settings
from pilotage.settings.people import Assignment, Login
from pilotage.store import audit
from tests.server.browsing import Browser, browser
from tests.server.ticking import DIGEST, Ticking
from tests.server.world import World, world


@pytest.fixture
async def rollout(service: World) -> Ticking:
    found = await Ticking(service).begin()
    for _ in range(8):
        await found.tick()
    return found


async def page(world: World, name: str) -> str:
    async with browser(world) as somebody:
        return await somebody.get(f"/rollouts/{name}")


async def test_one_big_sentence_says_whether_it_is_good_what_share_and_what_next(
    service: World, rollout: Ticking
) -> None:
    text = " ".join(re.sub(r"<[^>]+>", " ", await page(service, rollout.name)).split())
    assert "Watching 10 % of the traffic on 2.4.1: nothing against it so far" in text
    assert "it waits for an approval of 50 %" in text
    assert "wanted 10 % in force 10 % observed 1" in text


async def test_each_status_has_its_sentence_and_the_hold_says_when_it_goes_back(
    service: World, rollout: Ticking
) -> None:
    await rollout.tell(ev.Held(1, "errors are above 0.5%"))
    text = await page(service, rollout.name)
    assert "errors are above 0.5%" in text
    until = int(service.clock.now() + rollout.plan.hold.deadline_s)
    assert f'data-until="{until}"' in text
    assert "it goes back by itself, unless it clears" in text
    await rollout.end()
    assert "All traffic is on 2.4.0 again in 0.42 s: asked for by bob." in await page(service, rollout.name)


async def test_the_table_has_the_verdicts_mark_beside_each_metric(service: World, rollout: Ticking) -> None:
    text = await page(service, rollout.name)
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>\s*<td class="nowrap">(.*?)</td>', text, re.DOTALL)
    said = {name: re.sub(r"<[^>]+>", "", mark).strip() for name, mark in rows}
    assert said["error rate"] == "✓met"
    assert said["null pointer"] == "✓met"
    assert set(said) == {"requests", "error rate", "p50", "p95", "p99", "null pointer", "db connections"}


async def test_a_charts_numbers_are_a_table_too(service: World, rollout: Ticking) -> None:
    text = await page(service, rollout.name)
    figures = re.findall(r'data-figure="([^"]+)"', text)
    assert figures == ["errors", "bug", "p95", "p50", "p99", "rps", "guard db connections"]
    assert text.count('aria-label="Numbers of') == len(figures)
    assert "decides at 100" in text


async def test_new_errors_have_an_example_and_messages_and_follow_ups_are_there(
    service: World, rollout: Ticking
) -> None:
    await rollout.new_error()
    await rollout.message("payment 2.4.1: 10 % has passed")
    await rollout.end()
    text = await page(service, rollout.name)
    assert "NullPointerException in Checkout.total" in text
    assert "at Checkout.total:41" in text
    assert "payment 2.4.1: 10 % has passed" in text
    assert "Watch the error rate for another 30 minutes" in text


async def test_a_long_timeline_shows_its_newest_lines_and_pages_of_the_rest(service: World, rollout: Ticking) -> None:
    for number in range(120):
        await rollout.tell(ev.TroubleReported(1, f"report {number}"))
    async with browser(service) as somebody:
        text = await somebody.get(f"/rollouts/{rollout.name}")
        lines = _events(text)
        assert len(lines) == 50
        while older := re.search(r'href="(/rollouts/[^"]+/timeline\?before=\d+)"', text):
            text = await somebody.get(older[1])
            lines += _events(text)
    assert lines == list(reversed(range(125)))


def _events(text: str) -> list[int]:
    return [int(one) for one in re.findall(r'id="event-(\d+)"', text)]


# ------------------------------------------------------------------ what is sent to open pages


async def test_a_page_is_sent_only_what_is_new_since_the_version_it_shows(service: World, rollout: Ticking) -> None:
    async with browser(service) as somebody:
        place = _place(await somebody.get(f"/rollouts/{rollout.name}"))
        assert json.loads(await somebody.get(f"/rollouts/{rollout.name}/news?since={place}"))["html"] == {}
        await rollout.tick()
        news = json.loads(await somebody.get(f"/rollouts/{rollout.name}/news?since={place}"))
        assert "timeline" not in news["html"]
        assert {"findings", "table", "numbers"} <= set(news["html"])
        assert not news["charts"]["whole"]
        assert [len(one["at"]) for one in news["charts"]["lines"].values() if one["unit"] == "/s"] == [1]
        whole = json.loads(await somebody.get(f"/rollouts/{rollout.name}/news?since=other-3"))
        assert whole["charts"]["whole"]
        assert len(whole["html"]) == 8


async def test_no_two_readers_make_it_render_twice(
    service: World, rollout: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []
    boards = boards_of(service.app)
    async with boards.open(rollout.name) as first, boards.open(rollout.name) as second:
        assert first is second
        place = first.place
        original = first._render
        monkeypatch.setattr(first, "_render", lambda *what: (rendered.append(1), original(*what))[1])
        waiting = [asyncio.create_task(first.changed(place, 20)) for _ in range(100)]
        await rollout.tick()
        assert all(await asyncio.gather(*waiting))
        texts = {id(first._told.get(1)) for _ in range(100) if first.since(place)}
        assert len(texts) == 1
        assert len(rendered) <= 2


async def test_a_board_that_nobody_has_open_follows_nothing(service: World, rollout: Ticking) -> None:
    boards = boards_of(service.app)
    async with boards.open(rollout.name):
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0.01)
        if not service.app.state.hub.followers:
            break
    assert service.app.state.hub.followers == 0


def _place(text: str) -> str:
    found = re.search(r'data-place="([^"]+)"', text)
    assert found
    return found[1]


# ------------------------------------------------------------------ buttons


async def press(somebody: Browser, rollout: Ticking, script: bool = False, **fields: str) -> tuple[int, str]:
    await somebody.get(f"/rollouts/{rollout.name}")
    answer = await somebody.post(f"/rollouts/{rollout.name}/commands", script, **fields)
    return answer.status_code, answer.text


@pytest.mark.parametrize("script", [True, False])
async def test_one_press_goes_back_and_says_what_came_of_it(service: World, rollout: Ticking, script: bool) -> None:
    service.engine.outcomes = [Outcome(Status.ROLLED_BACK, True, "rolled back: 2.4.0 has all traffic again")]
    async with browser(service) as somebody:
        status, text = await press(somebody, rollout, script, command="rollback")
    assert status == 200
    assert "Rolled back: 2.4.0 has all traffic again." in text
    assert 'action="/rollouts/payment-0921-030412-9f3c/why"' in text
    (order,) = service.engine.orders
    assert order[1].command is Command.ROLLBACK
    assert text.startswith("<!doctype html>") is not script


async def test_a_rollback_that_takes_long_is_answered_at_once_and_goes_on(
    service: World, rollout: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def slow(*_: object) -> Outcome:
        begun.set()
        await ended.wait()
        return Outcome(Status.ROLLED_BACK, True, "")

    monkeypatch.setattr(service.engine, "command", slow)
    monkeypatch.setattr("pilotage.server.pages.commands.ANSWER_WITHIN_S", 0.05)
    async with browser(service) as somebody:
        _, text = await press(somebody, rollout, True, command="rollback")
        assert "Going back." in text
        assert begun.is_set()
        ended.set()


async def test_what_is_refused_says_why(service: World, rollout: Ticking) -> None:
    service.engine.outcomes = [Refused("cannot resume while the rollout is watching. Now possible: hold.")]
    async with browser(service) as somebody:
        status, text = await press(somebody, rollout, True, command="resume")
    assert status == 409
    assert "Now possible: hold." in text


@pytest.mark.parametrize(("typed", "status"), [("payment", 200), ("paymnt", 409), ("", 409)])
async def test_promoting_needs_the_services_name_and_the_server_checks_it(
    service: World, rollout: Ticking, typed: str, status: int
) -> None:
    service.engine.outcomes = [Outcome(Status.SHIFTING, True, "promote: the rollout is shifting")]
    async with browser(service) as somebody:
        got, text = await press(somebody, rollout, True, command="promote", service=typed)
    assert got == status
    assert len(service.engine.orders) == (status == 200)
    assert ("needs the service&#39;s name, payment" in text) == (status == 409)


async def test_an_approval_names_the_phase_and_the_digest(service: World, rollout: Ticking) -> None:
    await rollout.ask_for_approval()
    service.engine.outcomes = [Outcome(Status.SHIFTING, True, "")]
    async with browser(service) as somebody:
        text = await somebody.get(f"/rollouts/{rollout.name}")
        assert "Approve phase 50 %" in text
        assert f'name="digest" value="{DIGEST}"' in text
        wrong = await somebody.post(
            f"/rollouts/{rollout.name}/commands", True, command="approve", digest="sha256:0", phase="2"
        )
        assert wrong.status_code == 409
        right = await somebody.post(
            f"/rollouts/{rollout.name}/commands", True, command="approve", digest=DIGEST, phase="2"
        )
        assert right.status_code == 200, right.text
    assert [one.phase for _, one in service.engine.orders] == [2]


async def test_trouble_is_reported_with_words(service: World, rollout: Ticking) -> None:
    service.engine.outcomes = [Outcome(Status.WATCHING, True, "")]
    async with browser(service) as somebody:
        await press(somebody, rollout, command="report-trouble", reason="the cart is empty")
    assert service.engine.orders[0][1].reason == "the cart is empty"


async def test_a_reason_can_be_said_afterwards_and_stands_in_the_audit_log(service: World, rollout: Ticking) -> None:
    await rollout.end()
    async with browser(service) as somebody:
        answer = await somebody.post(f"/rollouts/{rollout.name}/why", True, reason="orders were lost")
    assert "Noted in the audit log" in answer.text
    found = await service.store.run(audit.following, 1, 500)
    assert [one.entry.detail for one in found if one.entry.what == "rollback-reason"] == ["orders were lost"]


async def test_a_follow_up_is_settled_with_a_note(service: World, rollout: Ticking) -> None:
    await rollout.end()
    async with browser(service) as somebody:
        answer = await somebody.post(f"/rollouts/{rollout.name}/follow-ups/watch", True, note="looks calm")
    assert "watch is noted as done" in answer.text


async def test_reports_can_be_read_and_taken_along(service: World, rollout: Ticking) -> None:
    await rollout.end()
    async with browser(service) as somebody:
        page = await somebody.client.get(f"/rollouts/{rollout.name}/report")
        assert "sandbox" in page.headers["content-security-policy"]
        assert "payment" in page.text
        taken = await somebody.client.get(f"/rollouts/{rollout.name}/report.md")
        assert taken.headers["content-disposition"].endswith(f'{rollout.name}-report.md"')
        assert (await somebody.client.get(f"/rollouts/{rollout.name}/review.md")).status_code == 200


# ------------------------------------------------------------------ who may what

TEAM = Settings(
    url="http://127.0.0.1:8000",
    login=Login(),
    roles=(
        Assignment(role=Role.VIEWER, who=("vera",)),
        Assignment(role=Role.APPROVER, who=("ann",), service="payment"),
        Assignment(role=Role.APPROVER, who=("bob",), service="payment"),
        Assignment(role=Role.VIEWER, who=("olga",), service="search"),
    ),
)


@pytest.fixture
async def team(tmp_path: object) -> World:  # type: ignore[misc]
    async with world(tmp_path, TEAM) as one:  # type: ignore[arg-type]
        yield one


async def test_a_viewer_sees_why_each_button_is_closed_and_the_server_refuses(team: World) -> None:
    rollout = await Ticking(team).begin()
    async with browser(team, "vera") as vera:
        text = await vera.get(f"/rollouts/{rollout.name}")
        assert 'id="button-rollback" name="command" value="rollback" aria-disabled="true"' in text
        assert "needs the role operator" in text
        status, _ = await press(vera, rollout, True, command="rollback")
    assert status == 409
    assert team.engine.orders == []


async def test_who_started_it_is_told_that_somebody_else_approves(team: World) -> None:
    rollout = await Ticking(team).begin("ann")
    await rollout.ask_for_approval()
    async with browser(team, "ann") as ann, browser(team, "bob") as bob:
        assert "somebody else has to approve it" in await ann.get(f"/rollouts/{rollout.name}")
        assert "somebody else has to approve it" not in await bob.get(f"/rollouts/{rollout.name}")


async def test_what_somebody_may_not_see_is_not_there(team: World) -> None:
    rollout = await Ticking(team).begin()
    async with browser(team, "olga") as olga:
        assert rollout.name not in await olga.get("/")
        for path in ("", "/news", "/stream", "/yours", "/timeline", "/report"):
            await olga.get(f"/rollouts/{rollout.name}{path}", 404)
