"""`check`: is the plan good, what can each phase see, and when may it start? Nothing is started or asked."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pilotage.core.model import Plan

GOOD, WRONG = 0, 2


def register(cli: click.Group) -> None:
    cli.add_command(check)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "json_out", is_flag=True, help="Print JSON for a program.")
def check(file: Path, json_out: bool) -> None:
    """Check a plan FILE; nothing is started or asked."""
    from pilotage import planfile
    from pilotage.core.errors import PlanError
    from pilotage.core.policy import false_alarm_budget
    from pilotage.core.power import NOTHING_EXPECTED, visible
    from pilotage.planfile.starting import may_start
    from pilotage.wording import check_templates

    plan = planfile.load_file(file)
    if problems := check_templates(plan):
        raise PlanError(tuple(problems))  # each names its own file
    now = datetime.now(UTC).timestamp()
    _, starts = may_start(plan.preparation.start, now)
    over = plan.preparation.start.closes_at is not None and plan.preparation.start.closes_at <= now
    bound, budget = false_alarm_budget(plan)
    seen = visible(plan)
    if json_out:
        answer = {"ok": not over, "digest": plan.digest, "service": plan.service, "false_alarms_at_most": bound}
        answer |= {"starts": starts, "phases_see": seen, "not_measured": list(plan.measures.left_out)}
        click.echo(json.dumps(answer, indent=2))
    else:
        phases = ", ".join(f"{phase.name} for {phase.watch_s:g} s" for phase in plan.phases)
        verdict = "cannot start any more" if over else "is a good plan"
        click.echo(f"{file} {verdict}: {plan.service} {plan.previous} -> {plan.version}; {phases}. {plan.digest}")
        click.echo(f"Starts: {starts}. {_checklist(plan, file)}")
        for one in plan.measures.left_out:
            click.echo(f"Not measured: {one}.")
        click.echo(budget)
        click.echo("What each phase can see:")
        for line in [f"  {name}: {said}" for name, said in seen.items()] or [f"  {NOTHING_EXPECTED}"]:
            click.echo(line)
    sys.exit(WRONG if over else GOOD)


def _checklist(plan: Plan, file: Path) -> str:
    items = plan.preparation.checklist
    if not items:
        return "It has no checklist of its own."
    people = sum(not one.check for one in items)
    return f"Checklist: {people} items for people, {len(items) - people} looked up (`pilotage checklist {file}`)."
