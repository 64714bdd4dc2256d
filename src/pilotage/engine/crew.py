"""The drivers of a rollout, built once per worker and rollout."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import cast

from pilotage.core.model import Plan
from pilotage.drivers import Check, Context, Delays, Deployer, Driver, Logs, Metrics, Traffic, registry

GONE_WITHIN_S = 2.0
"""A rollback does not wait longer to hear whether what gets the traffic is there."""


def driver_of(plan: Plan, target: str) -> str:
    """The name of the driver that does a target's steps."""
    return next((one.ref.driver for one in plan.all_targets if one.name == target), "unknown")


class Crew:
    """Everything a plan names, ready to be called. `close` when the rollout has ended."""

    def __init__(self, plan: Plan, state: Path) -> None:
        context = Context(Path(plan.directory), state, plan.service, plan.environment)
        self.plan = plan
        self._targets = {one.name: registry.build(one.kind, one.ref, context) for one in plan.all_targets}
        self.sources = {
            name: cast(Metrics, registry.build("metrics", ref, context)) for name, ref in plan.measures.sources.items()
        }

        self._context = context
        self.logs = self._build_logs()
        """By group: ``canary`` and ``control``, or ``both``."""

    @property
    def behind_s(self) -> float:
        """For so long after a shift the newest numbers of the requests still tell of the time before it. Guards and
        tickets that come later are judged later: nobody waits for them."""
        measures = self.plan.measures
        names = {one.source for one in (measures.errors, measures.latency, measures.bug) if one is not None}
        return max((one.behind_s for name in names if isinstance(one := self.sources[name], Delays)), default=0.0)

    def _build_logs(self) -> dict[str, Logs]:
        setup = self.plan.logs
        refs = {} if setup is None else {"canary": setup.canary, "control": setup.control, "both": setup.both}
        return {
            name: cast(Logs, registry.build("logs", ref, self._context))
            for name, ref in refs.items()
            if ref is not None
        }

    async def renew_logs(self) -> None:
        """Log sources that begin anew: they are told where to go on."""
        for source in self.logs.values():
            with suppress(Exception):
                await asyncio.wait_for(source.close(), 5)
        self.logs = self._build_logs()

    def traffic(self, target: str) -> Traffic:
        return cast(Traffic, self._targets[target])

    def deployer(self, target: str) -> Deployer:
        return cast(Deployer, self._targets[target])

    def everyone(self) -> list[tuple[str, Driver]]:
        """All that must be ready before the first request moves; the canary's log may be born later."""
        logs = [(f"{name}'s log", source) for name, source in self.logs.items() if name != "canary"]
        return [*self._targets.items(), *self.sources.items(), *logs]

    async def gone(self) -> str:
        """Why what gets the traffic back is surely gone; empty when it is there, or nobody can tell in time."""
        ref = self.plan.rollback.probe
        if ref is None:
            return ""
        try:
            async with asyncio.timeout(GONE_WITHIN_S):
                evidence = await cast(Check, registry.build("checks", ref, self._context)).look()
        except Exception:
            return ""
        return "" if evidence.holds is not False else f"what gets the traffic back is gone: {evidence.text}"

    async def close(self) -> None:
        for driver in [*self._targets.values(), *self.sources.values(), *self.logs.values()]:
            with suppress(Exception):
                await asyncio.wait_for(driver.close(), 5)
