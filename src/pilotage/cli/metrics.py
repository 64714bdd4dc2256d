"""`pilotage metrics try`: what a plan's metrics give now, before a rollout depends on them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilotage.cli.output import as_json
from pilotage.core.words import amount, latency, printable
from pilotage.paths import state_folder

if TYPE_CHECKING:
    from pilotage.core.model import Plan
    from pilotage.sounding import Row, Sounding

ALL, MISSING = 0, 1
WITHIN_S = 30.0
MOST_INSTANCES = 6


def register(cli: click.Group) -> None:
    metrics.add_command(try_)
    cli.add_command(metrics)


@click.group()
def metrics() -> None:
    """What a plan's metrics give."""


@metrics.command("try", short_help="Read everything that a plan measures, now.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--apart",
    type=float,
    metavar="SECONDS",
    help="Between the two readings (for rates); 5, or more where a source has new numbers more seldom.",
)
@click.option("--within", default=WITHIN_S, show_default=True, metavar="SECONDS", help="What a source's call may take.")
@as_json
def try_(file: Path, apart: float | None, within: float, json_out: bool) -> None:
    """Read every metric of the plan FILE for both groups, twice; nothing is changed, no rollout started.

    \b
    pilotage metrics try plan.yaml
    pilotage metrics try plan.yaml --apart 30 --json

    What does not come is said, with the values that the label has instead. Exit codes: 0 everything comes, 1 something
    is missing, 2 the plan is wrong.
    """
    import asyncio

    from pilotage import planfile
    from pilotage.drivers.secrets import hide
    from pilotage.sounding import sound

    if (apart is not None and not apart > 0) or not within > 0:
        raise click.UsageError("--apart and --within: expected seconds, more than 0")
    plan = planfile.load_file(file, secrets=False)  # a driver says so when its own is missing
    found = asyncio.run(sound(plan, state_folder(), apart, within))
    secrets = [ref.options for ref in plan.measures.sources.values()]
    if json_out:
        click.echo(hide(json.dumps(found.as_data(), indent=2, ensure_ascii=False), secrets))
    else:
        for line in _lines(found, plan):
            click.echo(printable(hide(line, secrets)))
    sys.exit(ALL if found.good else MISSING)


def _lines(found: Sounding, plan: Plan) -> Iterator[str]:
    of = plan.measures
    groups = f"canary {of.canary or '(none)'}, control {of.control or '(none)'}"
    yield f"{plan.service} in {plan.environment}: {groups}; read twice, {found.apart_s:g} s apart."
    for name, line in found.sources.items():
        yield f"source {name}: {line}"
    for name, why in found.faults.items():
        yield f"source {name}: FAILED: {why}"
    last = ""
    for row in found.rows:
        if row.metric != last:
            yield f"{row.metric} (from {row.source}):"
            last = row.metric
        yield f"  {row.group or 'all':<8} {f'MISSING: {row.missing}' if row.missing else _values(row)}"
    for note in found.notes:
        yield f"note: {note}"
    missing = sum(bool(row.missing) for row in found.rows)
    yield "Everything comes." if found.good else f"Missing: {missing} of {len(found.rows)}."


def _values(row: Row) -> str:
    values = row.values
    if row.kind in ("requests", "bug"):
        share = f" ({values['bad'] / values['total']:.2%})" if values["total"] else ""
        rate = "a counter began anew" if values["per_s"] is None else f"{values['per_s']:.3g} per second"
        return f"{values['total']:,.0f} in all, {values['bad']:,.0f} bad{share}, {rate}"
    if row.kind == "latency":
        times = ", ".join(f"{name} {latency(values[f'{name}_s'])}" for name in ("p50", "p95", "p99"))
        return f"{times} (of {values['requests']:,.0f} so far)"
    if row.kind == "tickets":
        return f"{values['total']:,.0f} so far"
    return _guard(values)


def _guard(values: Any) -> str:
    value, unit = values["value"], values["unit"]
    shown = "no requests to divide by" if value is None else amount(value, unit)
    how = {"instance": "the mean", "total": "in all", "request": "per request"}[values["per"]]
    each = [f"{name or '(no instance)'} {amount(one, unit)}" for name, one in values["each"].items()]
    more = f" and {len(each) - MOST_INSTANCES} more" if len(each) > MOST_INSTANCES else ""
    return f"{shown}, {how} ({values['instances']} instances: {', '.join(each[:MOST_INSTANCES])}{more})"
