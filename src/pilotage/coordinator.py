"""The use cases: everything a door (CLI, HTTP API, page, agent) can ask for, decided in one place."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from pilotage import planfile
from pilotage.aftercare import Aftercare
from pilotage.codec import to_data
from pilotage.core.announcing import gets
from pilotage.core.checklist import Mark
from pilotage.core.comparison import comparison
from pilotage.core.counters import Tally
from pilotage.core.errors import NotFound, PilotageError, Refused
from pilotage.core.events import Announced, ChecklistPassed, Recorded
from pilotage.core.explain import Explanation, explain
from pilotage.core.model import Plan, Sample, Verdict
from pilotage.core.picture import picture
from pilotage.core.replay import Replay, WhatIf, replay, what_if
from pilotage.core.report import outcome, report, report_page
from pilotage.core.review import review
from pilotage.core.sent import SentMessage
from pilotage.core.sentences import sentence
from pilotage.core.state import Command, RolloutState, Status, check_command, fold
from pilotage.desk import Busy, Desk
from pilotage.engine import Engine, Order, Outcome, Start
from pilotage.engine.clock import Clock, WallClock
from pilotage.gates import Gates
from pilotage.handover import snapshots
from pilotage.handover.snapshots import Snapshot
from pilotage.store import Store, known, messages, queries

log = structlog.get_logger()

UNKNOWN_KEPT_S = 86400.0
KEPT_TALLIES = 200
"""Rollouts whose totals are kept between two looks."""
EXIT_CODES = {Status.PROMOTED: 0, Status.ROLLED_BACK: 1, Status.FAILED: 4}


@dataclass(frozen=True)
class Coordinator:
    store: Store
    engine: Engine
    state: Path
    clock: Clock = field(default_factory=WallClock)
    _tallies: dict[str, Tally] = field(default_factory=dict)
    _busy: Busy = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        """What happens before a rollout."""
        return Desk(self.store, self.state, self.clock.now, self._busy)

    @property
    def aftercare(self) -> Aftercare:
        """What comes after a rollout."""
        return Aftercare(self.store, self.engine)

    @property
    def gates(self) -> Gates:
        """Freezes and locks."""
        return Gates(self.store, self.clock.now)

    async def start(
        self, plan_text: str, directory: str, file: str, by: str, reason: str = "", overrides: Sequence[str] = ()
    ) -> str:
        """Checks the plan and its checklist, asks every driver, takes the lock, starts; returns the rollout's id.

        Raises PlanError, PreflightFailed, ChecklistOpen or Refused; then nothing was started.
        """
        plan = await asyncio.to_thread(planfile.load, plan_text, directory=Path(directory), file=file)
        await self._refuse_if_active(plan)
        name = await self.store.run(known.register, plan, plan_text, file, by, self.clock.now(), starts=True)
        return await self.start_known(name, by, reason, overrides, file or name)

    async def start_known(
        self,
        name: str,
        by: str,
        reason: str,
        overrides: Sequence[str],
        called: str = "",
        scheduled: bool = False,
    ) -> str:
        """Starts a plan that is known already; `called` is the person's name for it.

        With `scheduled` CalledOff is raised when it is not to start by itself any more.
        """
        passed = await self.desk.let_through(name, by, overrides, reason, called)
        plan = await self.store.run(known.get, name)
        rollout = f"{plan.plan.service[:45]}-{datetime.now(UTC):%m%d-%H%M%S}-{secrets.token_hex(2)}"
        why = reason or plan.plan.summary
        async with self.desk.alone(plan.plan):
            await self._keep_snapshot(Snapshot(rollout, plan.plan, self.clock.now(), by))
            try:
                await self.store.run(known.begin, plan, rollout, passed, by, why, self.clock.now(), scheduled)
            except Exception:
                await asyncio.to_thread(snapshots.forget, self.state, rollout)
                raise
        await self.engine.start(Start(rollout, plan.plan, by, reason, checklist=passed))
        return rollout

    async def checklist(self, rollout: str) -> ChecklistPassed | None:
        """As it stood when the rollout began; None for one that was started without."""
        record = await self.store.run(queries.events_of, await self.resolve(rollout))
        return next((one.event for one in record if isinstance(one.event, ChecklistPassed)), None)

    async def late_s(self, rollout: str) -> float:
        """How long after its plan's deadline it was started."""
        passed = await self.store.run(known.passed_as, rollout)
        return passed.late_s if passed is not None else 0.0

    async def _refuse_if_active(self, plan: Plan) -> None:
        """Early, before any driver is asked; `create_rollout` holds the lock itself."""
        await self.store.run(queries.check_lock, plan)

    async def command(self, rollout: str, command: Command, by: str, reason: str = "") -> Outcome:
        """Carries the command out and answers with what came of it. Raises Refused or NotFound."""
        rollout = await self.resolve(rollout)
        state = fold(await self.store.run(queries.events_of, rollout))
        if state.status.ended:
            check_command(state.status, command)
            return Outcome(state.status, True, "already rolled back")
        return await self.engine.command(rollout, Order(command, by, reason))

    async def announce(self, rollout: str, by: str, text: str, audience: str) -> dict[str, Any]:
        """A person's own words, through the channels of that audience (empty: of all).

        Raises Refused without a name or words, or when no channel of the plan would get them.
        """
        row = await self.store.run(queries.get_rollout, await self.resolve(rollout))
        if not by.strip() or not text.strip():
            raise Refused("this is told in a person's name and words: --by NAME --text TEXT")
        told = [one for one in row.plan.notify if gets(one, Announced(text, audience))]
        if not told:
            there = ", ".join(dict.fromkeys(one.audience for one in row.plan.notify)) or "none"
            raise Refused(f"no channel of this plan tells {audience or 'anybody'} such words; its audiences: {there}")
        await self.engine.announce(row.id, by.strip(), text.strip(), audience)
        through = [f"{one.ref.driver} ({one.audience})" for one in told]
        return {"id": row.id, "message": "noted", "through": through}

    async def advised(self, rollout: str) -> list[str]:
        """What is advised and did not hold when it began: the item and what was seen, a line each."""
        passed = await self.store.run(known.passed_as, rollout)
        items = passed.items if passed is not None else ()
        seen = [one for one in items if not one.required and one.evidence and one.mark in (Mark.FAILED, Mark.OPEN)]
        return [f"{one.id}: {one.evidence}" for one in seen]

    async def resolve(self, rollout: str) -> str:
        """An id, or ``latest``: the newest active rollout, else the newest."""
        if rollout == "latest":
            return await self.store.run(queries.latest_rollout)
        return (await self.store.run(queries.get_rollout, rollout)).id

    async def view(self, rollout: str) -> dict[str, Any]:
        """One rollout as the live view, the status command and the API show it."""
        row = await self.store.run(queries.get_rollout, await self.resolve(rollout))
        record = await self.store.run(queries.events_of, row.id)
        counted = await self._counted(row.id, row.plan)
        state = fold(record)
        verdict = await self.store.run(queries.last_verdict, row.id, state.phase)
        return _view(row, record, counted, state, verdict)

    async def _counted(self, rollout: str, plan: Plan) -> Tally:
        """The totals so far: only what was sampled since the last look is read and added."""
        counted = self._tallies.setdefault(rollout, Tally(measures=plan.measures))
        for sample in await self.store.run(queries.samples_after, rollout, *counted.place):
            if (sample.phase, sample.tick) > counted.place:  # another look may have been quicker
                counted.take(sample)
        while len(self._tallies) > KEPT_TALLIES:
            del self._tallies[next(iter(self._tallies))]
        return counted

    async def summaries(self) -> list[dict[str, Any]]:
        rows = await self.store.run(queries.list_rollouts)
        return [await self._summary(row) for row in rows]

    async def _summary(self, row: queries.RolloutRow) -> dict[str, Any]:
        state = fold(await self.store.run(queries.events_of, row.id))
        return {
            "id": row.id,
            "service": row.plan.service,
            "environment": row.plan.environment,
            "version": row.plan.version,
            "status": state.status.value,
            "weight_in_force": state.weight,
            "reason": state.reason,
            "by": row.requested_by,
            "started_at": row.created_at,
        }

    async def events(self, rollout: str, first: int = 0) -> list[dict[str, Any]]:
        rollout = await self.resolve(rollout)
        record = await self.store.run(queries.events_of, rollout, first)
        return [{**to_data(one), "sentence": sentence(one.event)} for one in record]

    async def report(self, rollout: str, picture: str = "") -> str:
        """Markdown; `picture` is the address it links its picture by."""
        plan, record, samples, verdicts, sent = await self._told(rollout)
        return await asyncio.to_thread(report, plan, record, samples, verdicts, picture, sent)

    async def report_page(self, rollout: str) -> str:
        """One HTML file with everything in it."""
        return await asyncio.to_thread(report_page, *await self._told(rollout))

    async def review(self, rollout: str) -> str:
        """The review's draft, Markdown."""
        return await asyncio.to_thread(review, *await self._told(rollout))

    async def _told(
        self, rollout: str
    ) -> tuple[Plan, list[Recorded], list[Sample], dict[tuple[int, int], Verdict], list[SentMessage]]:
        """All that is known of a rollout, as its documents want it."""
        row, samples, verdicts = await self._judged(rollout)
        record = await self.store.run(queries.events_of, row.id)
        return row.plan, record, samples, verdicts, await self.store.run(messages.sent_of, row.id)

    async def _keep_snapshot(self, snapshot: Snapshot) -> None:
        """Nothing begins without it: going back must not need us. Raises PilotageError."""
        try:
            await asyncio.to_thread(snapshots.keep, self.state, snapshot)
        except OSError as error:
            raise PilotageError(f"{self.state} cannot be written ({error.strerror}): nothing was started") from None

    async def _renew_snapshots(self, active: Sequence[queries.RolloutRow]) -> None:
        """Those that are missing are written, and those left of rollouts that have ended removed.

        One of a rollout that this store does not know is kept for a day: another store may have been meant.
        """
        for row in active:
            try:
                await self._keep_snapshot(Snapshot(row.id, row.plan, row.created_at, row.requested_by))
            except PilotageError as error:
                log.error("going back without us would not be possible by id", rollout=row.id, error=str(error))
        known_ids = {row.id for row in active}
        for path in await asyncio.to_thread(snapshots.every, self.state):
            if path.stem in known_ids:
                continue
            try:
                await self.store.run(queries.get_rollout, path.stem)
            except NotFound:
                if self.clock.now() - path.stat().st_mtime < UNKNOWN_KEPT_S:
                    log.warning("a snapshot of a rollout that is not known here is kept", file=str(path))
                    continue
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def recover(self) -> None:
        """Starts again what the engine no longer knows: from the last phase the record names, or what comes after."""
        active = await self.store.run(queries.list_rollouts, active_only=True, limit=10_000)
        await self._renew_snapshots(active)
        for row in active:
            if await self.engine.is_running(row.id):
                continue
            record = await self.store.run(queries.events_of, row.id)
            state = fold(record)
            if state.status.ended:
                await self.store.run(queries.end_rollout, row.id)
                await asyncio.to_thread(snapshots.forget, self.state, row.id)
                continue
            log.warning("the engine does not know this rollout; starting it again", rollout=row.id, phase=state.phase)
            try:
                passed = await self.store.run(known.passed_as, row.id)
                back = (state.reason or "rolling back") if state.status is Status.ROLLING_BACK else ""
                about = (row.id, row.plan, row.requested_by, "", state.phase, state.next_number)
                await self.engine.start(Start(*about, checklist=passed, turning_back=back))
            except NotFound as error:
                log.error("could not start it again", rollout=row.id, error=str(error))
        await self.aftercare.recover()

    async def replay(self, rollout: str) -> Replay:
        """The stored samples before the judge again, under the rollout's own plan."""
        row, samples, verdicts = await self._judged(rollout)
        return await asyncio.to_thread(replay, row.plan, samples, verdicts)

    async def what_if(self, rollout: str, plan_text: str, directory: str, file: str) -> WhatIf:
        """The same under another plan. Raises PlanError, or Refused when it cannot be compared."""
        other = await asyncio.to_thread(planfile.load, plan_text, directory=Path(directory), file=file)
        row, samples, verdicts = await self._judged(rollout)
        return await asyncio.to_thread(what_if, row.plan, other, samples, verdicts)

    async def explain(self, rollout: str) -> Explanation:
        row, samples, verdicts = await self._judged(rollout)
        record = await self.store.run(queries.events_of, row.id)
        return await asyncio.to_thread(explain, row.id, row.plan, record, samples, verdicts)

    async def picture(self, rollout: str) -> str:
        """SVG."""
        row, _, verdicts = await self._judged(rollout)
        record = await self.store.run(queries.events_of, row.id)
        return await asyncio.to_thread(picture, row.plan, verdicts, outcome(row.plan, record))

    async def _judged(self, rollout: str) -> tuple[queries.RolloutRow, list[Sample], dict[tuple[int, int], Verdict]]:
        row = await self.store.run(queries.get_rollout, await self.resolve(rollout))
        samples, verdicts = await self.store.run(queries.judged_of, row.id)
        return row, samples, verdicts


def _view(
    row: queries.RolloutRow,
    record: list[Recorded],
    counted: Tally,
    state: RolloutState,
    verdict: Verdict | None,
) -> dict[str, Any]:
    plan = row.plan
    phase = plan.phases[state.phase]
    table = comparison(plan, counted)
    share = next((one for one in verdict.findings if one.metric == "share"), None) if verdict else None
    ended = state.status.ended
    exit_code = EXIT_CODES.get(state.status) if ended else 3 if state.needs_person else None
    progress = 1.0 if state.status is Status.PROMOTED else verdict.progress if verdict else 0.0
    return {
        "id": row.id,
        "service": plan.service,
        "environment": plan.environment,
        "version": plan.version,
        "previous": plan.previous,
        "severity": plan.severity.value,
        "summary": plan.summary,
        "strategy": plan.strategy.value,
        "plan_digest": plan.digest,
        "status": state.status.value,
        "phase": state.phase,
        "phase_name": phase.name,
        "phases": [{"name": one.name, "weight": one.weight, "watch_s": one.watch_s} for one in plan.phases],
        "weight_wanted": 0.0 if state.status in (Status.ROLLING_BACK, Status.ROLLED_BACK) else phase.weight,
        "weight_in_force": state.weight,
        "share_known": phase.share_known,
        "share_observed": share.canary if share else None,
        "reason": state.reason,
        "needs_person": state.needs_person,
        "commands": [one.value for one in Command if one.decides and _accepts(state.status, one)],
        "progress": progress,
        "time_left_s": None if ended else max(0.0, phase.watch_s * (1 - progress)),
        "verdict": {"action": verdict.action.value, "reason": verdict.reason} if verdict else None,
        "findings": to_data(list(verdict.findings)) if verdict else [],
        "comparison": {"columns": list(table.columns), "rows": [list(one) for one in table.rows]},
        "timeline": [{"at": one.at, "by": one.by, "sentence": sentence(one.event)} for one in record[-12:]],
        "started_at": row.created_at,
        "ended_at": record[-1].at if ended else None,
        "exit_code": exit_code,
    }


def _accepts(status: Status, command: Command) -> bool:
    try:
        check_command(status, command)
    except Refused:
        return False
    return not status.ended
