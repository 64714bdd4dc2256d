"""What a follow-up sees: the logs of the last hour, the status page, a check of the team's own; and tickets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from pilotage import planfile
from pilotage.core.signatures import Signature
from pilotage.core.state import Status
from pilotage.engine.activities import Activities
from pilotage.engine.clock import WallClock
from pilotage.engine.tasks import FollowUpTask, Seen
from pilotage.logs.saved import LogState, Saved, SavedSignature
from pilotage.store import Store, logs, messages, queries
from pilotage.store.messages import Sent
from tests.drivers import served, statuspage
from tests.stage import PHASES, PLAN


class World:
    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.activities = Activities(store, folder / "state", WallClock())
        for name in ("set", "read"):
            (folder / name).touch(0o755)

    async def ended(self, more: str) -> None:
        text = PLAN.format(service="shop", phases=PHASES, hold="20s", then="rollback", more=more, port=1)
        plan = planfile.load(text, directory=self.folder)
        await self.store.run(queries.create_rollout, "r", plan, text, "ann", "", 0.0)

    async def look(self, item: str = "1", status: Status = Status.PROMOTED) -> Seen:
        task = FollowUpTask("r", item, status)
        seen: Seen = await ActivityEnvironment().run(self.activities._aftercare.look_after, task)
        return seen

    async def ticket(self) -> str:
        task = FollowUpTask("r", "1", Status.ROLLED_BACK)
        return str(await ActivityEnvironment().run(self.activities._aftercare.open_ticket, task))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = Store(f"sqlite:///{tmp_path / 'p.db'}")
    store.migrate()
    one = World(store, tmp_path)
    yield one
    await one.activities.close()
    store.close()


# ------------------------------------------------------------------ logs

LOGS = (
    "logs: {canary: {driver: files, paths: [new.log]}, control: {driver: files, paths: [old.log]}}\n"
    "follow_ups: [{after: 1h, text: No new errors, check: logs}]\n"
)


def entry(second: int, text: str) -> str:
    return f"2026-11-25 03:{second // 60:02d}:{second % 60:02d} ERROR {text}\n"


async def known(world: World, *texts: str) -> None:
    """What the rollout's listener had learnt."""
    from pilotage.core.signatures import Miner
    from pilotage.logs.search import fastest

    miner = Miner()
    miner.mine("".join(entry(5 * n, text) for n, text in enumerate(texts)).encode(), fastest())
    signatures: list[Signature] = list(miner.signatures.values())
    saved = Saved(tuple(SavedSignature(one, False) for one in signatures), LogState())
    await world.store.run(logs.save, "r", saved)


async def test_known_errors_in_the_last_hours_log_are_no_news(world: World) -> None:
    await world.ended(LOGS)
    await known(world, "card declined by the bank")
    (world.folder / "new.log").write_text("".join(entry(10 * n, "card declined by the bank") for n in range(9)))
    seen = await world.look()
    assert seen.holds is True
    assert seen.text.startswith("no new error in the last hour's log")


async def test_a_new_error_that_comes_again_and_again_is_told_with_its_words(world: World) -> None:
    await world.ended(LOGS)
    await known(world, "card declined by the bank")
    (world.folder / "new.log").write_text("".join(entry(10 * n, "invoice queue is stuck") for n in range(9)))
    seen = await world.look()
    assert seen.holds is False
    assert "invoice queue is stuck" in seen.text


async def test_after_a_rollback_it_is_the_old_versions_log(world: World) -> None:
    await world.ended(LOGS)
    await known(world, "card declined by the bank")
    (world.folder / "new.log").write_text("".join(entry(10 * n, "invoice queue is stuck") for n in range(9)))
    (world.folder / "old.log").write_text(entry(0, "card declined by the bank"))
    assert (await world.look(status=Status.ROLLED_BACK)).holds is True


async def test_a_log_that_is_silent_or_was_never_learnt_says_nothing(world: World) -> None:
    await world.ended(LOGS)
    assert (await world.look()).holds is None
    await known(world, "card declined by the bank")
    (world.folder / "new.log").write_text("")
    assert await world.look() == Seen(None, "nothing was logged in the last hour")


# ------------------------------------------------------------------ the status page


@pytest.mark.parametrize(("status", "holds"), [("resolved", True), ("monitoring", False)])
async def test_the_status_page_is_asked_whether_it_says_resolved(
    world: World, monkeypatch: pytest.MonkeyPatch, status: str, holds: bool
) -> None:
    with served.serve(statuspage.Statuspage()) as page:
        monkeypatch.setenv("STATUS_TOKEN", page.token)
        page.incidents.append({"id": "inc1", "name": "Checkout", "status": status, "metadata": {}})
        channel = (
            f'{{driver: statuspage, page: {statuspage.PAGE}, token: {{env: STATUS_TOKEN}}, api: "{page.url}",'
            " audience: status-page}"
        )
        await world.ended(f"notify: [{channel}]\nfollow_ups: [{{after: 1h, text: Resolved, check: status-page}}]")
        await world.store.run(messages.open_channels, "r", 1)
        sent = Sent(3, "status-page", "statuspage", "promoted", "complete", 1.0)
        await world.store.run(messages.sent, "r", 0, sent, "inc1")
        assert (await world.look()).holds is holds


async def test_without_a_status_page_nobody_can_tell(world: World) -> None:
    await world.ended("follow_ups: [{after: 1h, text: Resolved, check: status-page}]")
    assert (await world.look()).holds is None


# ------------------------------------------------------------------ a check of the team's own, and tickets


def script(world: World, name: str, text: str) -> None:
    (world.folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (world.folder / name).chmod(0o755)


async def test_a_check_that_cannot_be_called_could_not_tell(world: World) -> None:
    await world.ended("follow_ups: [{after: 1h, text: Fine, check: command, command: [./gone]}]")
    seen = await world.look()
    assert seen.holds is not True
    assert "gone" in seen.text


async def test_a_ticket_is_opened_once_and_says_what_it_is_about(world: World) -> None:
    script(world, "ticket", 'echo "$1" >> opened; echo https://tickets.example/PAY-7')
    tracker = 'tracker: {driver: command, command: [./ticket, "{title}"]}\n'
    await world.ended(tracker + "follow_ups: [{after: 1d, text: Find the cause, ticket: true}]")
    assert await world.ticket() == "https://tickets.example/PAY-7"
    assert await world.ticket() == "https://tickets.example/PAY-7"
    assert (world.folder / "opened").read_text() == "shop 2.0: Find the cause\n"


async def test_a_tracker_that_fails_is_tried_again_and_its_words_have_no_secrets(world: World) -> None:
    script(world, "ticket", 'echo "login failed: password=hunter2-planted" >&2; exit 1')
    tracker = 'tracker: {driver: command, command: [./ticket, "{title}"]}\n'
    await world.ended(tracker + "follow_ups: [{after: 1d, text: Find the cause, ticket: true}]")
    with pytest.raises(ApplicationError) as caught:
        await world.ticket()
    assert caught.value.non_retryable is False
    assert "login failed" in str(caught.value)
    assert "hunter2" not in json.dumps(_all(caught.value))


def _all(error: BaseException) -> list[str]:
    return [str(error), repr(error.__cause__), repr(error.__context__ if not error.__suppress_context__ else None)]
