"""What comes after a rollout: a week of follow-ups passes in seconds on the time-skipping server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from pilotage.core import events as ev
from pilotage.core.errors import NotFound, Refused
from pilotage.core.followups import follow_ups
from pilotage.core.model import Plan
from pilotage.core.state import Status
from pilotage.engine import Aftermath, Settled, aftermath_id
from pilotage.engine.temporal import TemporalEngine, worker
from pilotage.store import Store, queries
from tests.engine.test_long_rollouts import OwnActivities, OwnClock, environment, store  # noqa: F401
from tests.stage import PHASES, PLAN

DAY = 86400.0
WEEK = """
follow_ups:
  - {id: told, after: 0s, text: Tell stakeholders, who: on-call}
  - {id: fix-holds, after: 1h, text: The fix holds, when: promoted, check: fix-holds}
  - {id: effects, after: 4h, text: No delayed effects, check: no-delayed-effects}
  - {id: flag, after: 7d, text: Remove the flag, who: owner}
"""


def plan_of(folder: Path, more: str = WEEK) -> Plan:
    from pilotage import planfile

    for name in ("set", "read"):
        (folder / name).touch(0o755)
    text = PLAN.format(service="shop", phases=PHASES, hold="20s", then="rollback", more=more, port=1)
    return planfile.load(text, directory=folder)


class World:
    """An engine with a worker of its own, and one rollout that has ended."""

    def __init__(self, environment: WorkflowEnvironment, store: Store, plan: Plan, folder: Path) -> None:  # noqa: F811
        self.environment, self.store, self.plan = environment, store, plan
        self.engine = TemporalEngine(environment.client)
        self.activities = OwnActivities(store, folder, OwnClock())

    async def begin(self, status: Status) -> float:
        await self.store.run(queries.create_rollout, "r", self.plan, "", "ann", "", 0.0)
        crew = await self.activities._crew("r")
        await crew.set_weight(100 if status is Status.PROMOTED else 0, None)
        at = (await self.environment.get_current_time()).timestamp()
        last: ev.Event = ev.Promoted("all is well") if status is Status.PROMOTED else ev.RolledBack("errors", 0.2)
        await self.store.run(queries.append_event, ev.Recorded("r", 0, at, "pilotage", last))
        await self.engine.follow_up(Aftermath("r", self.plan, status, at, 1))
        return at

    async def record(self) -> list[ev.Recorded]:
        return await self.store.run(queries.events_of, "r")

    async def until(self, kind: type[ev.Event], item: str = "") -> ev.Recorded:
        """Lets the time pass, an hour at a time."""
        for _ in range(24 * 40):
            for one in await self.record():
                if isinstance(one.event, kind) and getattr(one.event, "item", "") == item:
                    return one
            await self.environment.sleep(3600)
        raise AssertionError([one.event for one in await self.record()])

    async def ended(self) -> None:
        await self.environment.client.get_workflow_handle(aftermath_id("r")).result()


@pytest.fixture
async def world(environment: WorkflowEnvironment, store: Store, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    one = World(environment, store, plan_of(tmp_path), tmp_path)
    async with worker(environment.client, one.activities):
        yield one


def kinds(record: list[ev.Recorded]) -> list[str]:
    return [one.event.kind for one in record]


async def test_a_week_of_follow_ups_passes(world: World) -> None:
    ended_at = await world.begin(Status.PROMOTED)
    due = await world.until(ev.FollowUpDue, "flag")
    assert due.at - ended_at == pytest.approx(7 * DAY, abs=5)
    record = await world.record()
    assert [one.number for one in record] == list(range(len(record)))
    states = {one.id: one for one in follow_ups(record)}
    assert (states["fix-holds"].status, states["effects"].status) == ("done", "done")
    assert "errors 0.00%" in states["fix-holds"].evidence
    told = [one for one in record if isinstance(one.event, ev.FollowUpDue) and one.event.item == "told"]
    assert [one.event.times for one in told] == [0, 1, 2]  # type: ignore[union-attr]
    assert [round(one.at - ended_at) // 3600 for one in told] == [0, 24, 72]
    for item in ("told", "flag"):
        assert "done" in await world.engine.settle("r", Settled(item, "ann", "seen to"))
    await world.ended()
    assert kinds(await world.record())[-1] == "aftermath_ended"
    assert not await world.store.run(queries.unsettled_rollouts)


async def test_what_a_person_settles_is_not_reminded_of_and_what_is_not_open_is_refused(world: World) -> None:
    await world.begin(Status.PROMOTED)
    await world.until(ev.FollowUpsPlanned)
    await world.engine.settle("r", Settled("flag", "ann", "gone already"))
    with pytest.raises(Refused, match="no open follow-up 'flag'"):
        await world.engine.settle("r", Settled("flag", "bob"))
    with pytest.raises(Refused, match=r"no open follow-up 'flga'.*Open: told"):
        await world.engine.settle("r", Settled("flga", "bob"))
    await world.until(ev.FollowUpDone, "effects")
    await world.environment.sleep(8 * DAY)
    record = await world.record()
    done = [one for one in record if isinstance(one.event, ev.FollowUpDone) and one.event.item == "flag"]
    assert [(one.by, one.event.evidence) for one in done] == [("ann", "gone already")]  # type: ignore[union-attr]
    assert not [one for one in record if isinstance(one.event, ev.FollowUpDue) and one.event.item == "flag"]


async def test_follow_ups_that_nobody_settles_end_by_themselves(world: World) -> None:
    await world.begin(Status.PROMOTED)
    last = (await world.until(ev.AftermathEnded)).event
    await world.ended()
    assert isinstance(last, ev.AftermathEnded)
    assert last.reason == "left to people, and not repeated: told, flag"
    with pytest.raises(NotFound):
        await world.engine.settle("r", Settled("told", "ann"))


async def test_after_a_rollback_the_metrics_are_watched_and_the_review_is_drafted(world: World, tmp_path: Path) -> None:
    await world.begin(Status.ROLLED_BACK)
    opened = (await world.until(ev.InvestigationOpened)).event
    confirmed = (await world.until(ev.RecoveryConfirmed)).event
    assert isinstance(opened, ev.InvestigationOpened)
    assert isinstance(confirmed, ev.RecoveryConfirmed)
    assert "errors 0.00%" in confirmed.reason
    assert Path(opened.where) == tmp_path / "reviews" / "r.md"
    assert "shop" in Path(opened.where).read_text()
    await world.until(ev.FollowUpDone, "effects")
    states = {one.id for one in follow_ups(await world.record())}
    assert states == {"told", "effects", "flag"}  # the fix-holds look belongs to a promoted rollout


async def test_metrics_that_do_not_come_back_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from pilotage.engine import aftercare

    async def nothing(*_: Any) -> Any:
        from pilotage.core.model import Reading

        return Reading(fault="the metrics source failed: gone")

    monkeypatch.setattr(aftercare.measure, "read", nothing)
    await world.begin(Status.ROLLED_BACK)
    doubtful = (await world.until(ev.RecoveryDoubtful)).event
    assert isinstance(doubtful, ev.RecoveryDoubtful)
    assert "gone" in doubtful.reason
    failed = (await world.until(ev.FollowUpFailed, "effects")).event
    assert isinstance(failed, ev.FollowUpFailed)
    assert "gone" in failed.evidence
