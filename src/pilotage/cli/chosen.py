"""Which driver is to be called by hand: one given by options, or what a plan calls by a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilotage.core.errors import NotFound, PlanError
from pilotage.core.words import printable

if TYPE_CHECKING:
    from pilotage.core.model import DriverRef, Plan

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Chosen:
    """The driver to be called. `plan` is None for one given by options; `label` is what a person calls it."""

    port: str
    ref: DriverRef
    label: str
    directory: Path
    plan: Plan | None = None
    version: str = UNKNOWN
    previous: str = UNKNOWN

    def may_be(self, service: str, environment: str) -> bool:
        """Given by options it may belong to any service."""
        return self.plan is None or (self.plan.service, self.plan.environment) == (service, environment)


def of_options(name: str, options: tuple[str, ...]) -> Chosen:
    from pilotage.driverbook import resolve
    from pilotage.planfile.options import driver
    from pilotage.planfile.reader import Reader

    found = resolve(name)
    if len(found) > 1:
        raise NotFound(f"{name} is a driver of several ports: say which, {' or '.join('/'.join(one) for one in found)}")
    ((port, short),) = found
    label = f"{port}/{short}"
    reader = Reader()
    ref = driver(reader, _written(short, options), label, port)
    if ref is None or reader.problems:
        raise PlanError(tuple(replace(one, line=None) for one in reader.problems))
    return Chosen(port, ref, label, Path.cwd())


def _written(name: str, options: tuple[str, ...]) -> Any:
    """The options as a plan would say them. Raises click.UsageError."""
    from pilotage.planfile.document import Node, NotReadable, read

    entries = {"driver": Node(name, 1, name)}
    for one in options:
        key, equals, value = one.partition("=")
        if not equals or not key or key == "driver":
            raise click.UsageError(f"-o: expected KEY=VALUE, such as -o timeout_s=5, got {printable(key[:40])!r}")
        if key in entries:
            raise click.UsageError(f"-o: expected {key[:40]} once; a list is written {key[:40]}=[one, two]")
        try:
            entries[key] = read(value)[0] if value.strip() else Node("", 1, "")
        except NotReadable as error:
            problem = replace(error.problem, path=f"-o {key[:40]}", line=None)
            raise click.UsageError(str(problem)) from None
    return Node(entries, 1, key_lines=dict.fromkeys(entries, 1))


def of_plan(file: Path, target: str) -> Chosen:
    from pilotage import planfile
    from pilotage.planfile.reader import did_you_mean

    plan = planfile.load_file(file, secrets=False)  # the driver says so when its own is missing
    named = _named(plan)
    found = [(port, name, ref) for port, name, ref in named if target in (name, f"{port}/{name}")]
    if len(found) != 1:
        known = [f"{port}/{name}" for port, name, _ in named]
        hint = did_you_mean(target, [*known, *(name for _, name, _ in named)])
        what = "nothing" if not found else "several"
        raise NotFound(
            f"{file} calls {what} {printable(target[:60])}: expected one of {', '.join(known)}. {hint}".rstrip()
        )
    ((port, name, ref),) = found
    return Chosen(port, ref, f"{name} ({port}/{ref.driver})", Path(plan.directory), plan, plan.version, plan.previous)


def _named(plan: Plan) -> list[tuple[str, str, DriverRef]]:
    """Everything a plan calls by a driver: port, name, driver. Channels go by their driver's name, or by number."""
    from pilotage.core.model import DriverRef
    from pilotage.core.preparing import BUILT_IN

    found: list[tuple[str, str, DriverRef]] = [(one.kind, one.name, one.ref) for one in plan.targets]
    found += [(one.kind, one.name, one.ref) for one in plan.rollback.targets]
    pools = [one.ref.options["pool"] for one in plan.targets if isinstance(one.ref.options.get("pool"), Mapping)]
    for pool in pools[:1]:  # one pool for all batches
        found.append(("pool", "pool", DriverRef(pool["driver"], {k: v for k, v in pool.items() if k != "driver"})))
    found += [("metrics", name, ref) for name, ref in plan.measures.sources.items()]
    drivers = [one.ref.driver for one in plan.notify]
    for number, channel in enumerate(plan.notify, start=1):
        once = drivers.count(channel.ref.driver) == 1
        found.append(("notify", channel.ref.driver if once else f"{channel.ref.driver}-{number}", channel.ref))
    checks = [one for one in plan.preparation.checklist if one.check and one.check not in BUILT_IN]
    found += [("checks", one.id, DriverRef(one.check, one.options)) for one in checks]
    found += [("checks", "probe", plan.rollback.probe)] if plan.rollback.probe else []
    found += [("tracker", "tracker", plan.tracker)] if plan.tracker else []
    if plan.logs is not None:
        sources = {"canary": plan.logs.canary, "control": plan.logs.control, "both": plan.logs.both}
        found += [("logs", name, ref) for name, ref in sources.items() if ref is not None]
    unique = {(port, name): ref for port, name, ref in found}
    return [(port, name, ref) for (port, name), ref in unique.items()]
