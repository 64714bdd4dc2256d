"""A plan's drivers, each built when it is first needed: one that cannot be used here does not stop the others."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from pilotage.core.errors import PermanentError
from pilotage.core.model import DriverRef, Plan
from pilotage.drivers import Check, Context, Deployer, Driver, Traffic, registry

# httpx brings a command line of its own, and with it half a second of imports; told that it is not there, it does
# without.
if "httpx" not in sys.modules:
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


class DirectHands:
    """`state`: where the journals of running commands are kept. `close` at the end."""

    def __init__(self, plan: Plan, state: Path) -> None:
        self.plan = plan
        self._context = Context(Path(plan.directory), state, plan.service, plan.environment)
        self._targets = {one.name: one for one in plan.all_targets}
        self._built: dict[str, Driver] = {}

    @property
    def splitters(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.plan.targets if one.kind == "traffic")

    @property
    def needed(self) -> tuple[str, ...]:
        """All that the ways back act on, in their order."""
        return tuple(dict.fromkeys(step.target for way in self.plan.rollback.ways for step in way.steps))

    def traffic(self, target: str) -> Traffic:
        return cast(Traffic, self.driver(target))

    def deployer(self, target: str) -> Deployer:
        return cast(Deployer, self.driver(target))

    def driver(self, target: str) -> Driver:
        """Raises PermanentError when it cannot be built here."""
        if target not in self._built:
            one = self._targets[target]
            self._built[target] = _build(target, one.kind, one.ref, self._context)
        return self._built[target]

    def probe(self) -> Check | None:
        """What looks whether there is something to go back to. Raises PermanentError when it cannot be built here."""
        ref = self.plan.rollback.probe
        return None if ref is None else cast(Check, _build("the probe", "checks", ref, self._context))

    async def close(self) -> None:
        for driver in self._built.values():
            with suppress(Exception):
                await asyncio.wait_for(driver.close(), 2)


def _build(name: str, port: str, ref: DriverRef, context: Context) -> Driver:
    try:
        return registry.build(port, ref, context)
    except ValidationError as error:
        said = error.errors(include_input=False, include_url=False)
        why = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'options'}: {one['msg']}" for one in said)
    except KeyError:
        why = "it is not installed here"
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    raise PermanentError(f"{name}: the driver {ref.driver} cannot be used on this host: {why}")
