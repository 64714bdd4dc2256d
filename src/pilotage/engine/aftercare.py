"""What the aftermath asks of the world: looks at metrics, logs and the status page; tickets; the review's draft."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from temporalio import activity
from temporalio.exceptions import ApplicationError

from pilotage.core import recovery
from pilotage.core.errors import PermanentError, PilotageError
from pilotage.core.model import Baseline, DriverRef, Plan
from pilotage.core.preparing import AFTER_CHECKS, FollowUp
from pilotage.core.recovery import Look, Window
from pilotage.core.review import review
from pilotage.core.state import Status
from pilotage.core.tally import baseline_of
from pilotage.drivers import Check, Context, Notifier, Resolves, Ticket, Tracker, registry
from pilotage.drivers.secrets import hide
from pilotage.engine import measure
from pilotage.engine.clock import Clock
from pilotage.engine.crew import Crew
from pilotage.engine.recentlogs import recent_errors
from pilotage.engine.tasks import AskTask, FollowUpTask, Seen
from pilotage.store import Store, logs, messages, queries

READ_TIMEOUT_S = 5.0
LOOK_S = 60.0
"""A follow-up that looks at the metrics watches them so long."""
LOOK_TICK_S = 10.0
WITHIN_S = 30.0
MOST_CHARACTERS = 400

CrewOf = Callable[[str], Awaitable[Crew]]


class Aftercare:
    """`crew_of` gives a rollout's drivers, `dismiss` lets them go."""

    def __init__(
        self, store: Store, state: Path, clock: Clock, crew_of: CrewOf, dismiss: Callable[[str], Awaitable[None]]
    ) -> None:
        self._store = store
        self._state = state
        self._clock = clock
        self._crew_of = crew_of
        self._dismiss = dismiss

    def all(self) -> list[object]:
        return [self.confirm, self.look_after, self.open_ticket, self.open_review, self.settle_rollout]

    @activity.defn
    async def confirm(self, task: AskTask) -> Seen:
        """After a rollback: watches until the metrics are what they were, for the plan's time at least and at most."""
        crew = await self._crew_of(task.rollout)
        plan, back = crew.plan, crew.plan.rollback
        baseline = await self._baseline(task.rollout, plan)
        window = Window(back.confirm_s / 2)
        tick_s = min(plan.phases[0].tick_s, back.confirm_s / 4)
        began, look = self._clock.now(), Look(None, "the metrics were not read")
        while (passed := self._clock.now() - began) < back.confirm_within_s:
            await self._sleep(tick_s)
            window.take(self._clock.now(), await measure.read(plan.measures, crew.sources, READ_TIMEOUT_S))
            look = recovery.back(plan, baseline, window)
            if look.holds and passed + tick_s >= back.confirm_s:
                break
        return _seen(look, plan)

    @activity.defn
    async def look_after(self, task: FollowUpTask) -> Seen:
        """What a follow-up's check sees now. A look that fails could not tell."""
        crew = await self._crew_of(task.rollout)
        item = _item(crew.plan, task.item)
        beating = asyncio.create_task(_beat())
        try:
            look = await self._look(crew, item, task)
        except Exception as error:
            look = Look(None, str(error) if isinstance(error, PilotageError) else f"{type(error).__name__}")
        finally:
            beating.cancel()
        return _seen(look, crew.plan)

    async def _look(self, crew: Crew, item: FollowUp, task: FollowUpTask) -> Look:
        plan = crew.plan
        group: recovery.Group = "canary" if task.status is Status.PROMOTED else "control"
        match item.check:
            case "fix-holds":
                return recovery.fix_holds(plan, await self._window(crew), group)
            case "no-delayed-effects":
                baseline = await self._baseline(task.rollout, plan)
                return recovery.no_worse(plan, baseline, await self._window(crew), group)
            case "logs":
                known = await self._store.run(logs.load, task.rollout)
                return await recent_errors(crew, group, known, self._clock.now())
            case "status-page":
                return await self._status_page(plan, task.rollout)
        assert item.check not in AFTER_CHECKS
        driver = cast(Check, registry.build("checks", DriverRef(item.check, item.options), self._context(plan)))
        try:
            evidence = await asyncio.wait_for(driver.look(), WITHIN_S)
        finally:
            await driver.close()
        return Look(evidence.holds, evidence.text)

    async def _window(self, crew: Crew) -> Window:
        """A minute of both groups, from now on."""
        window, end = Window(2 * LOOK_S), self._clock.now() + LOOK_S
        while True:
            reading = await measure.read(crew.plan.measures, crew.sources, READ_TIMEOUT_S)
            window.take(self._clock.now(), reading)
            if self._clock.now() >= end:
                return window
            await self._sleep(LOOK_TICK_S)

    async def _status_page(self, plan: Plan, rollout: str) -> Look:
        """Whether the posts of this rollout say that it is over, on every channel that can tell."""
        said: list[Look] = []
        threads = await self._store.run(messages.threads, rollout)
        for number, channel in enumerate(plan.notify):
            notifier = cast(Notifier, registry.build("notify", channel.ref, self._context(plan)))
            try:
                if isinstance(notifier, Resolves) and threads.get(number):
                    evidence = await asyncio.wait_for(notifier.resolved(threads[number]), WITHIN_S)
                    said.append(Look(evidence.holds, evidence.text))
            finally:
                await notifier.close()
        if not said:
            return Look(None, "no channel of the plan is a status page on which something was posted")
        worst = next((one for one in said if one.holds is False), None) or next(
            (one for one in said if one.holds is None), said[0]
        )
        return Look(worst.holds, "; ".join(one.text for one in said))

    @activity.defn
    async def open_ticket(self, task: FollowUpTask) -> str:
        """The ticket's address or number."""
        crew = await self._crew_of(task.rollout)
        plan, item = crew.plan, _item(crew.plan, task.item)
        if plan.tracker is None:
            raise ApplicationError("the plan names no tracker", non_retryable=True)
        ticket = Ticket(
            key=f"{task.rollout}/{item.id}",
            title=f"{plan.service} {plan.version}: {item.text}",
            text=f"{item.text}\n\n{plan.summary} ({plan.severity.value}, {plan.environment}): {task.status.value}.\n"
            f"Rollout {task.rollout}; `pilotage report {task.rollout}` has the record.",
            who=item.who,
        )
        tracker = cast(Tracker, registry.build("tracker", plan.tracker, self._context(plan)))
        try:
            return _short(await asyncio.wait_for(tracker.open(ticket), WITHIN_S), plan)
        except Exception as error:
            said = _short(str(error) or type(error).__name__, plan)
            final = isinstance(error, PermanentError)
            raise ApplicationError(said, type=type(error).__name__, non_retryable=final) from None
        finally:
            await tracker.close()

    @activity.defn
    async def open_review(self, task: FollowUpTask) -> str:
        """Writes the review's draft where the coordinator keeps its things; its path."""
        return str(await self._write_review(task.rollout))

    async def _write_review(self, rollout: str) -> Path:
        folder = self._state / "reviews"
        path = folder / f"{rollout}.md"
        text = await self._review(rollout)

        def write() -> None:
            folder.mkdir(mode=0o700, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o600)

        await asyncio.to_thread(write)
        return path

    async def _review(self, rollout: str) -> str:
        row = await self._store.run(queries.get_rollout, rollout)
        record = await self._store.run(queries.events_of, rollout)
        samples, verdicts = await self._store.run(queries.judged_of, rollout)
        sent = await self._store.run(messages.sent_of, rollout)
        return await asyncio.to_thread(review, row.plan, record, samples, verdicts, sent)

    @activity.defn
    async def settle_rollout(self, rollout: str) -> None:
        await self._store.run(queries.settle_rollout, rollout)
        await self._dismiss(rollout)

    # -------------------------------------------------------------- helpers

    async def _baseline(self, rollout: str, plan: Plan) -> Baseline:
        """What control did before any traffic moved."""
        first = next((number for number, phase in enumerate(plan.phases) if phase.judged), 0)
        samples = await self._store.run(queries.samples_of, rollout)
        before = [one for one in samples if one.phase < first or one.tick < 0]
        return baseline_of(before or samples, plan)

    async def _sleep(self, seconds: float) -> None:
        end = self._clock.now() + seconds
        while (left := end - self._clock.now()) > 0:
            activity.heartbeat()
            await self._clock.sleep(min(left, 1.0))
        activity.heartbeat()

    def _context(self, plan: Plan) -> Context:
        return Context(Path(plan.directory), self._state, plan.service, plan.environment)


def _item(plan: Plan, name: str) -> FollowUp:
    return next(one for one in plan.preparation.follow_ups if one.id == name)


def _seen(look: Look, plan: Plan) -> Seen:
    return Seen(look.holds, _short(look.text, plan), look.sick)


def _short(text: str, plan: Plan) -> str:
    """One line for the record: what a check prints may hold anything, secrets too."""
    said = " ".join(hide(text, [ref.options for ref in plan.refs]).split())
    return said if len(said) <= MOST_CHARACTERS else said[: MOST_CHARACTERS - 3] + "..."


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(1.0)
