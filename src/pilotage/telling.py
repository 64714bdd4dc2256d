"""What is told of rollouts: the live view, the record, reports, reviews, explanations, replays. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pilotage import planfile
from pilotage.codec import to_data
from pilotage.core.comparison import comparison
from pilotage.core.errors import Refused
from pilotage.core.events import Recorded
from pilotage.core.explain import Explanation, explain
from pilotage.core.logreport import CanaryErrors, example_lines
from pilotage.core.model import Plan, Sample, Verdict
from pilotage.core.picture import picture
from pilotage.core.replay import Replay, WhatIf, replay, what_if
from pilotage.core.report import outcome, report, report_page
from pilotage.core.review import review
from pilotage.core.sent import SentMessage
from pilotage.core.sentences import sentence
from pilotage.core.series import Series
from pilotage.core.state import Command, RolloutState, Status, check_command, fold
from pilotage.core.tally import Tally
from pilotage.deliveries import Deliveries, Filters, Known
from pilotage.listing import Listing
from pilotage.store import Store, messages, queries

KEPT_TALLIES = 200
"""Rollouts whose totals are kept between two looks."""
READ_AT_ONCE = 200
"""Samples: a long rollout's first look must not keep others from the store."""
MOST_ERRORS = 50
EXIT_CODES = {Status.PROMOTED: 0, Status.ROLLED_BACK: 1, Status.FAILED: 4}


@dataclass(frozen=True)
class Drawn:
    """What the live page draws of one rollout, as far as its samples were read."""

    series: Series
    errors: CanaryErrors = field(default_factory=CanaryErrors)


@dataclass(frozen=True)
class Telling:
    store: Store
    tallies: dict[str, Tally]
    """Totals of the rollouts last looked at; they belong to whoever makes this."""
    drawn: dict[str, Drawn] = field(default_factory=dict)
    """As `tallies`."""
    states: dict[str, RolloutState] = field(default_factory=dict)
    """As `Listing` keeps them."""
    delivered: Known = field(default_factory=dict)
    """As `tallies`: what became of the rollouts that have ended."""

    async def resolve(self, rollout: str) -> str:
        """An id, or ``latest``: the newest active rollout, else the newest."""
        if rollout == "latest":
            return await self.store.run(queries.latest_rollout)
        return (await self.store.run(queries.get_rollout, rollout)).id

    async def view(self, rollout: str) -> dict[str, Any]:
        """One rollout as the live view, the status command and the API show it."""
        row = await self.store.run(queries.get_rollout, await self.resolve(rollout))
        record = await self.store.run(queries.events_of, row.id)
        return await self.view_of(row, record, fold(record))

    async def view_of(self, row: queries.RolloutRow, record: list[Recorded], state: RolloutState) -> dict[str, Any]:
        """The same for who has read its events already, and knows the state they lead to."""
        counted = await self._counted(row.id, row.plan)
        verdict = await self.store.run(queries.last_verdict, row.id, state.phase)
        return _view(row, record, counted, state, verdict)

    async def _counted(self, rollout: str, plan: Plan) -> Tally:
        """The totals so far: only what was sampled since the last look is read and added."""
        counted = self.tallies.setdefault(rollout, Tally(measures=plan.measures))
        for sample in await self.store.run(queries.samples_after, rollout, *counted.place):
            if (sample.phase, sample.tick) > counted.place:  # another look may have been quicker
                counted.take(sample)
        while len(self.tallies) > KEPT_TALLIES:
            del self.tallies[next(iter(self.tallies))]
        return counted

    async def series(self, rollout: str, after: float | None = None) -> dict[str, Any]:
        """The charts of the live page (core.series), bounded; `after`: only what is later than that instant."""
        row = await self.store.run(queries.get_rollout, await self.resolve(rollout))
        drawn = await self._drawn(row.id, row.plan)
        return {"id": row.id, **to_data(drawn.series.charts(after))}

    async def new_errors(self, rollout: str) -> list[dict[str, Any]]:
        """The errors in the canary's log that control has not shown, each with an example; secrets are masked."""
        row = await self.store.run(queries.get_rollout, await self.resolve(rollout))
        found = (await self._drawn(row.id, row.plan)).errors.found()
        return [
            {
                "number": one.signature.number,
                "title": one.signature.title,
                "example": list(example_lines(one.signature)),
                "critical": one.signature.critical,
                "entries": one.canary,
                "since": one.since,
            }
            for one in found
            if not one.known
        ][:MOST_ERRORS]

    async def _drawn(self, rollout: str, plan: Plan) -> Drawn:
        """As `_counted`."""
        drawn = self.drawn.setdefault(rollout, Drawn(Series(plan)))
        while found := await self.store.run(queries.judged_after, rollout, *drawn.series.place, READ_AT_ONCE):
            for sample, verdict in found:
                if (sample.phase, sample.tick) > drawn.series.place:
                    drawn.series.take(sample, verdict)
                    drawn.errors.take(sample)
            if len(found) < READ_AT_ONCE:
                break
        while len(self.drawn) > KEPT_TALLIES:
            del self.drawn[next(iter(self.drawn))]
        return drawn

    async def history(self, filters: Filters, now: float, sees: Callable[[str, str], bool]) -> dict[str, Any]:
        """DORA's figures over the last days, altogether and by service and environment, with weekly trends."""
        return await Deliveries(self.store, self.delivered).told(filters, now, sees)

    async def summaries(self) -> list[dict[str, Any]]:
        """The newest fifty; `Listing` has them all, and filters."""
        return (await Listing(self.store, self.states).rollouts())[0]

    async def events(self, rollout: str, first: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        rollout = await self.resolve(rollout)
        record = await self.store.run(queries.events_of, rollout, first, limit)
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
        "asked_phase": state.asked_phase,
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
