"""`check`: is the plan good, what can each phase see, and when may it start? Nothing is started or asked."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pilotage.core.quantities import duration

if TYPE_CHECKING:
    from pilotage.core.model import Plan
    from pilotage.core.preparing import StartRule

GOOD, WRONG = 0, 2


def register(cli: click.Group) -> None:
    cli.add_command(check)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "json_out", is_flag=True, help="Print JSON for a program.")
def check(file: Path, json_out: bool) -> None:
    """Check a plan FILE; nothing is started or asked."""
    from pilotage import planfile
    from pilotage.core.policy import false_alarm_budget
    from pilotage.core.power import NOTHING_EXPECTED, visible

    plan = planfile.load_file(file)
    now = datetime.now(UTC).timestamp()
    over = plan.preparation.start.closes_at is not None and plan.preparation.start.closes_at <= now
    bound, budget = false_alarm_budget(plan)
    seen = visible(plan)
    if json_out:
        answer = {"ok": not over, "digest": plan.digest, "service": plan.service, "false_alarms_at_most": bound}
        click.echo(json.dumps({**answer, "starts": starts(plan.preparation.start, now), "phases_see": seen}, indent=2))
    else:
        phases = ", ".join(f"{phase.name} for {phase.watch_s:g} s" for phase in plan.phases)
        verdict = "cannot start any more" if over else "is a good plan"
        click.echo(f"{file} {verdict}: {plan.service} {plan.previous} -> {plan.version}; {phases}. {plan.digest}")
        click.echo(f"Starts: {starts(plan.preparation.start, now)}. {_checklist(plan, file)}")
        click.echo(budget)
        click.echo("What each phase can see:")
        for line in [f"  {name}: {said}" for name, said in seen.items()] or [f"  {NOTHING_EXPECTED}"]:
            click.echo(line)
    sys.exit(WRONG if over else GOOD)


def starts(rule: StartRule, now: float) -> str:
    """When a rollout may start, seen from `now` (Unix seconds)."""
    if rule.opens_at is None or rule.closes_at is None:
        within = rule.within_s
        return "at any time" if within is None else f"within {duration(within)} of becoming known; later is overdue"
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(rule.zone)
    opens, closes = (datetime.fromtimestamp(at, zone) for at in (rule.opens_at, rule.closes_at))
    window = f"{opens:%Y-%m-%d %H:%M} to {closes:%Y-%m-%d %H:%M} {rule.zone}"
    if now < rule.opens_at:
        return f"in the window {window}, which opens in {_about(rule.opens_at - now)}"
    if now < rule.closes_at:
        return f"in the window {window}, which is open for {_about(rule.closes_at - now)} more"
    return f"in the window {window}, which passed {_about(now - rule.closes_at)} ago: name another one"


def _about(seconds: float) -> str:
    """Whole minutes are enough here."""
    return duration(max(60.0, seconds // 60 * 60))


def _checklist(plan: Plan, file: Path) -> str:
    items = plan.preparation.checklist
    if not items:
        return "It has no checklist of its own."
    people = sum(not one.check for one in items)
    return f"Checklist: {people} items for people, {len(items) - people} looked up (`pilotage checklist {file}`)."
