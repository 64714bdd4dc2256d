"""`check`: is the plan good, what can each phase see, and when may it start? Nothing is started or asked."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilotage.cli.output import as_json

if TYPE_CHECKING:
    from pilotage.core.model import Plan

GOOD, WRONG = 0, 2


def register(cli: click.Group) -> None:
    cli.add_command(check)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def check(file: Path, json_out: bool) -> None:
    """Check a plan FILE; nothing is started or asked."""
    from pilotage import planfile
    from pilotage.checking import checked
    from pilotage.core.power import NOTHING_EXPECTED

    plan = planfile.load_file(file)
    found = checked(plan, datetime.now(UTC).timestamp())
    if json_out:
        click.echo(json.dumps(found.as_data(), indent=2))
    else:
        phases = ", ".join(f"{phase.name} for {phase.watch_s:g} s" for phase in plan.phases)
        verdict = "is a good plan" if found.ok else "cannot start any more"
        click.echo(f"{file} {verdict}: {plan.service} {plan.previous} -> {plan.version}; {phases}. {plan.digest}")
        click.echo(f"Starts: {found.starts}. {_checklist(plan, file)}")
        for one in found.not_measured:
            click.echo(f"Not measured: {one}.")
        click.echo(found.budget)
        click.echo("What each phase can see:")
        for line in [f"  {name}: {said}" for name, said in found.phases_see.items()] or [f"  {NOTHING_EXPECTED}"]:
            click.echo(line)
    sys.exit(GOOD if found.ok else WRONG)


def _checklist(plan: Plan, file: Path) -> str:
    items = plan.preparation.checklist
    if not items:
        return "It has no checklist of its own."
    people = sum(not one.check for one in items)
    return f"Checklist: {people} items for people, {len(items) - people} looked up (`pilotage checklist {file}`)."
