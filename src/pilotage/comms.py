"""Messages: follows each rollout's events by cursor, renders, sends, tries again. Order is kept, nothing is lost."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import cast

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateNotFound

from pilotage.core.events import Recorded
from pilotage.core.model import Plan
from pilotage.core.report import sentence
from pilotage.drivers import Context, Message, Notifier, registry
from pilotage.store import Store, known, queries

log = structlog.get_logger()

EVERY_S = 0.5
SEND_WITHIN_S = 10.0
REMEMBERED_S = 2 * 86400.0
"""What ended before a restart, and was not told, is told then; but nobody wants last week's news."""

_templates = Environment(
    loader=PackageLoader("pilotage", "templates/announce"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701
)


class Comms:
    def __init__(self, store: Store, state: Path) -> None:
        self._store = store
        self._state = state
        self._failures: dict[tuple[str, int], int] = {}
        self._not_before: dict[tuple[str, int], float] = {}
        self._plans: dict[str, Plan] = {}

    async def follow(self) -> None:
        """Until cancelled. Rollouts, and plans that wait, are followed until their last message is out."""
        waiting = {row.rollout for row in await self._store.run(queries.backlog)}
        waiting |= await self._store.run(queries.untold, time.time() - REMEMBERED_S)  # cut off before it was sent
        while True:
            active = await self._store.run(queries.active_rollouts) | await self._store.run(known.open_names)
            for rollout in (active | waiting) - self._plans.keys():
                self._plans[rollout] = await self._store.run(known.plan_of, rollout)
            waiting.clear()
            for rollout, plan in list(self._plans.items()):
                done = [await self._advance(plan, rollout, channel) for channel in range(len(plan.notify))]
                if rollout not in active and all(done):
                    del self._plans[rollout]
            await asyncio.sleep(EVERY_S)

    async def _advance(self, plan: Plan, rollout: str, channel: int) -> bool:
        place = (rollout, channel)
        now = asyncio.get_running_loop().time()
        if now < self._not_before.get(place, 0):
            return False
        first = await self._store.run(queries.delivery, rollout, channel)
        for recorded in await self._store.run(queries.events_of, rollout, first):
            if recorded.number != first:
                return False  # an earlier event is still being written
            try:
                await self._send(plan, channel, recorded)
            except Exception as error:
                failures = self._failures[place] = self._failures.get(place, 0) + 1
                self._not_before[place] = now + min(60.0, 2.0**failures)
                await self._store.run(queries.note_delivery, rollout, channel, first, failures, str(error)[:500])
                log.warning("message not delivered; will try again", rollout=rollout, channel=channel)
                return False
            first += 1
            self._failures.pop(place, None)
            await self._store.run(queries.note_delivery, rollout, channel, first, 0, "")
        return True

    async def _send(self, plan: Plan, channel: int, recorded: Recorded) -> None:
        message = render(plan, recorded)
        if message is None:
            return
        ref = plan.notify[channel].ref
        context = Context(Path(plan.directory), self._state, plan.service, plan.environment)
        notifier = cast(Notifier, registry.build("notify", ref, context))
        try:
            await asyncio.wait_for(notifier.send(message), SEND_WITHIN_S)
        finally:
            await notifier.close()


def render(plan: Plan, recorded: Recorded) -> Message | None:
    """The announcement of an event, or None: only kinds with a template are announced."""
    kind = recorded.event.kind
    try:
        template = _templates.get_template(f"{kind}.md.j2")
    except TemplateNotFound:
        return None
    text = template.render(
        plan=plan,
        rollout=recorded.rollout,
        by=recorded.by,
        sentence=sentence(recorded.event),
        reason=getattr(recorded.event, "reason", ""),
    )
    title, _, body = text.strip().partition("\n")
    facts = {"service": plan.service, "environment": plan.environment, "version": plan.version, "at": recorded.at}
    return Message(
        id=f"{recorded.rollout}/{recorded.number}",
        rollout=recorded.rollout,
        kind=kind,
        title=title.lstrip("# ").strip(),
        text=body.strip(),
        facts=facts,
    )
