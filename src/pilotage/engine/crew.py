"""The drivers of a rollout, built once per worker and rollout."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import cast

from pilotage.core.model import Plan
from pilotage.drivers import Context, Deployer, Driver, Metrics, Traffic, registry


class Crew:
    """Everything a plan names, ready to be called. `close` when the rollout has ended."""

    def __init__(self, plan: Plan, state: Path) -> None:
        context = Context(Path(plan.directory), state, plan.service, plan.environment)
        self.plan = plan
        self._targets = {target.name: registry.build(target.kind, target.ref, context) for target in plan.targets}
        self.sources = {
            name: cast(Metrics, registry.build("metrics", ref, context)) for name, ref in plan.measures.sources.items()
        }

    def traffic(self, target: str) -> Traffic:
        return cast(Traffic, self._targets[target])

    def deployer(self, target: str) -> Deployer:
        return cast(Deployer, self._targets[target])

    def everyone(self) -> list[tuple[str, Driver]]:
        return [*self._targets.items(), *self.sources.items()]

    async def close(self) -> None:
        for _, driver in self.everyone():
            with suppress(Exception):
                await asyncio.wait_for(driver.close(), 5)
