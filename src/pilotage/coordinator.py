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
from pilotage.core.announcing import gets
from pilotage.core.checklist import Mark
from pilotage.core.errors import NotFound, PilotageError, Refused
from pilotage.core.events import Announced, ChecklistPassed
from pilotage.core.model import Plan
from pilotage.core.state import Command, RolloutState, Status, check_command, fold
from pilotage.core.tally import Tally
from pilotage.deliveries import Known
from pilotage.desk import Busy, Desk
from pilotage.engine import Engine, Order, Outcome, Start
from pilotage.engine.clock import Clock, WallClock
from pilotage.gates import Gates
from pilotage.handover import snapshots
from pilotage.handover.snapshots import Snapshot
from pilotage.listing import Listing
from pilotage.settings import Settings
from pilotage.store import Store, known, queries
from pilotage.telling import Drawn, Telling

log = structlog.get_logger()

UNKNOWN_KEPT_S = 86400.0


@dataclass(frozen=True)
class Coordinator:
    store: Store
    engine: Engine
    state: Path
    clock: Clock = field(default_factory=WallClock)
    settings: Settings = field(default_factory=Settings)
    _tallies: dict[str, Tally] = field(default_factory=dict)
    _drawn: dict[str, Drawn] = field(default_factory=dict)
    _delivered: Known = field(default_factory=dict)
    _busy: Busy = field(default_factory=dict)
    _states: dict[str, RolloutState] = field(default_factory=dict)

    @property
    def desk(self) -> Desk:
        """What happens before a rollout."""
        return Desk(self.store, self.state, self.clock.now, self._busy, self.settings.approvals)

    @property
    def aftercare(self) -> Aftercare:
        """What comes after a rollout."""
        return Aftercare(self.store, self.engine)

    @property
    def telling(self) -> Telling:
        """What rollouts have to show."""
        return Telling(self.store, self._tallies, self._drawn, self._states, self._delivered)

    @property
    def listing(self) -> Listing:
        """Rollouts, a page at a time."""
        return Listing(self.store, self._states)

    @property
    def gates(self) -> Gates:
        """Freezes and locks."""
        return Gates(self.store, self.clock.now)

    async def start(
        self,
        plan: Plan,
        plan_text: str,
        file: str,
        by: str,
        reason: str = "",
        overrides: Sequence[str] = (),
        by_agent: bool = False,
    ) -> str:
        """Looks its checklist up, asks every driver, takes the lock, starts; returns the rollout's id. `plan_text` is
        what `plan` was read from.

        Raises PreflightFailed, ChecklistOpen or Refused; then nothing was started.
        """
        await self._refuse_if_active(plan)
        told = (plan, plan_text, file, by, self.clock.now())
        name = await self.store.run(known.register, *told, starts=True, stays=by_agent)
        return await self.start_known(name, by, reason, overrides, file or name, by_agent=by_agent)

    async def read(self, plan_text: str, directory: str, file: str) -> Plan:
        """Raises PlanError."""
        return await asyncio.to_thread(planfile.load, plan_text, directory=Path(directory), file=file)

    async def start_known(
        self,
        name: str,
        by: str,
        reason: str,
        overrides: Sequence[str],
        called: str = "",
        scheduled: bool = False,
        by_agent: bool = False,
    ) -> str:
        """Starts a plan that is known already; `called` is the person's name for it. What an agent starts a person has
        approved.

        With `scheduled` CalledOff is raised when it is not to start by itself any more.
        """
        passed = await self.desk.let_through(name, by, overrides, reason, called, by_agent)
        plan = await self.store.run(known.get, name)
        approval = await self._approval(plan, by_agent)
        rollout = f"{plan.plan.service[:45]}-{datetime.now(UTC):%m%d-%H%M%S}-{secrets.token_hex(2)}"
        why = reason or plan.plan.summary
        async with self.desk.alone(plan.plan):
            await self._keep_snapshot(Snapshot(rollout, plan.plan, self.clock.now(), by))
            try:
                await self.store.run(known.begin, plan, rollout, passed, by, why, self.clock.now(), scheduled, approval)
            except Exception:
                await asyncio.to_thread(snapshots.forget, self.state, rollout)
                raise
        await self.engine.start(Start(rollout, plan.plan, by, reason, checklist=passed))
        return rollout

    async def _approval(self, plan: known.KnownPlan, by_agent: bool) -> str:
        """The id of the one that this start uses up; empty where none is needed. Raises Refused without it."""
        asked = self.desk.approvals.asked_of(plan.plan, by_agent).preparation.checklist
        if not any(one.check == "approved" for one in asked):
            return ""
        found = await self.desk.approvals.usable(plan.id, plan.plan.digest)
        if found is None:
            raise Refused(f"nobody has approved {plan.id} as it is now")
        return found.id

    async def checklist(self, rollout: str) -> ChecklistPassed | None:
        """As it stood when the rollout began; None for one that was started without."""
        record = await self.store.run(queries.events_of, await self.telling.resolve(rollout))
        return next((one.event for one in record if isinstance(one.event, ChecklistPassed)), None)

    async def late_s(self, rollout: str) -> float:
        """How long after its plan's deadline it was started."""
        passed = await self.store.run(known.passed_as, rollout)
        return passed.late_s if passed is not None else 0.0

    async def _refuse_if_active(self, plan: Plan) -> None:
        """Early, before any driver is asked; `create_rollout` holds the lock itself."""
        await self.store.run(queries.check_lock, plan)

    async def command(
        self, rollout: str, command: Command, by: str, reason: str = "", phase: int | None = None
    ) -> Outcome:
        """Carries the command out and answers with what came of it. Raises Refused or NotFound.

        `phase`: the one that is approved; when another one waits by then, that is refused.
        """
        rollout = await self.telling.resolve(rollout)
        state = fold(await self.store.run(queries.events_of, rollout))
        if state.status.ended:
            check_command(state.status, command)
            return Outcome(state.status, True, "already rolled back")
        return await self.engine.command(rollout, Order(command, by, reason, phase))

    async def announce(self, rollout: str, by: str, text: str, audience: str) -> dict[str, Any]:
        """A person's own words, through the channels of that audience (empty: of all).

        Raises Refused without a name or words, or when no channel of the plan would get them.
        """
        row = await self.store.run(queries.get_rollout, await self.telling.resolve(rollout))
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
