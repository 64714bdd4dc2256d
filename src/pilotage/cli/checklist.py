"""Before a rollout: `checklist`, `tick`, `rehearse`, `plans`, `forget`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pilotage.cli.client import Api, whoami
from pilotage.core.words import printable

NOTHING_OPEN, PERSON_NEEDED = 0, 3
MARKS = {"open": "[ ]", "done": "[x]", "failed": "[!]", "overridden": "[-]"}
PARTS = {
    "preparation": "Preparation",
    "technical": "Technical readiness",
    "team": "Team readiness",
    "monitoring": "Monitoring",
}

_plan = click.argument("plan", metavar="PLAN")
_json = click.option("--json", "json_out", is_flag=True, help="Print JSON for a program.")
_by = click.option("--by", default=None, metavar="NAME", help="Who says so (default: you).")


def register(cli: click.Group) -> None:
    for command in (checklist, tick, rehearse, plans, forget):
        cli.add_command(command)


def plan_id(api: Api, plan: str) -> str:
    """PLAN is a plan file, which becomes known, or the id of a known one."""
    from pilotage.core.errors import NotFound

    file = Path(plan)
    if not file.is_file():
        if file.suffix in (".yaml", ".yml") or "/" in plan:
            raise NotFound(f"there is no plan file {plan}")
        return plan
    from pilotage import planfile

    planfile.load_file(file)
    body = {"plan": file.read_text(encoding="utf-8"), "directory": str(file.absolute().parent), "file": plan}
    return str(api.post("/v1/plans", {**body, "by": whoami()})["id"])


@click.command()
@_plan
@_json
def checklist(plan: str, json_out: bool) -> None:
    """What must hold before a PLAN (a file, or an id) may start: looked up now, or ticked by a person.

    Exit codes: 0 nothing required is open, 3 something is.
    """
    api = Api()
    view = api.get(f"/v1/plans/{plan_id(api, plan)}")
    if json_out:
        click.echo(json.dumps(view, indent=2))
    else:
        for line in checklist_lines(view, plan):
            click.echo(printable(line))
    sys.exit(PERSON_NEEDED if view["open"] else NOTHING_OPEN)


def checklist_lines(view: dict[str, Any], plan: str) -> list[str]:
    """The four parts, with marks, who or what, and the command that closes an open item."""
    overdue = f", {view['overdue'].upper()}" if view["overdue"] else ""
    lines = [f"{view['id']}: {view['service']} {view['previous']} -> {view['version']} in {view['environment']}"]
    lines.append(f"{view['severity']}, starts {view['starts']}{overdue}")
    lines += [f"! {note}" for note in view["notes"]]
    for part, title in PARTS.items():
        rows = [one for one in view["items"] if one["part"] == part]
        lines += ["", title] if rows else []
        for one in rows:
            lines += _item_lines(one, plan)
    count = view["open"]
    what = "1 required item is open" if count == 1 else f"{count} required items are open"
    lines += ["", f"{what}." if count else f"Nothing required is open: `pilotage run {plan}`."]
    people = [one["id"] for one in view["items"] if one["required"] and not one["check"] and one["mark"] == "open"]
    if people:
        lines.append(f"When you have seen to it: `pilotage tick {plan} {' '.join(people)} --by NAME`")
    return lines


def _item_lines(one: dict[str, Any], plan: str) -> list[str]:
    advised = "" if one["required"] else " (advised)"
    lines = [f"  {MARKS[one['mark']]} {one['id']:<24} {one['text']}{advised}"]
    if one["by"]:
        when = datetime.fromtimestamp(one["at"], UTC).strftime("%m-%d %H:%M UTC")
        lines.append(f"      {one['by']}, {when}" + (f": {one['evidence']}" if one["evidence"] else ""))
    elif one["evidence"]:
        lines.append(f"      {one['evidence']}")
    if one["mark"] in ("open", "failed") and one["required"] and (way := _how(one, plan)):
        lines.append(f"      {way}")
    return lines


def _how(one: dict[str, Any], plan: str) -> str:
    from pilotage.core.checklist import how

    return "" if not one["check"] else how(one["id"], one["check"], plan)


@click.command()
@_plan
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@_by
@click.option("--note", default="", help="Kept with the tick.")
@click.option("--undo", is_flag=True, help="Take the tick back.")
@_json
def tick(plan: str, items: tuple[str, ...], by: str | None, note: str, undo: bool, json_out: bool) -> None:
    """Tick items of a PLAN's checklist, by name. What Pilotage looks up itself is not ticked."""
    api = Api()
    name = plan_id(api, plan)
    body = {"items": list(items), "by": whoami() if by is None else by, "reason": note, "undo": undo}
    answer = api.post(f"/v1/plans/{name}/tick", body)
    if json_out:
        click.echo(json.dumps(answer, indent=2))
        return
    click.echo(f"{', '.join(items)}: {'no longer ticked' if undo else 'ticked'} by {body['by']}.")
    left = ", ".join(answer["left"])
    click.echo(f"Still to tick: {left}." if left else f"Nothing is left to tick: `pilotage checklist {plan}`.")


@click.command()
@_plan
@_json
def rehearse(plan: str, json_out: bool) -> None:
    """Practise the way back of a PLAN: what is in force is set and read back, timed. No traffic moves."""
    api = Api()
    answer = api.post(f"/v1/plans/{plan_id(api, plan)}/rehearse", {"by": whoami()})
    if json_out:
        click.echo(json.dumps(answer, indent=2))
        return
    for one in answer["targets"]:
        click.echo(f"{one['target']}: 0 % set and read back in {one['seconds']:.2f} s")
    click.echo("The way back works. It is kept as evidence for a day.")


@click.command()
@_json
def plans(json_out: bool) -> None:
    """Plans that Pilotage knows and that are not started yet."""
    rows = Api().get("/v1/plans")
    if json_out:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        said = [f"starts {row['starts']}"]
        said += [f"by itself, asked by {row['scheduled_by']}"] if row["scheduled_by"] else []
        said += [row["overdue"].upper()] if row["overdue"] else []
        click.echo(f"{row['id']:<32} {row['severity']}  {row['version']} in {row['environment']}; {', '.join(said)}")
    if not rows:
        click.echo("No plan waits. `pilotage checklist plan.yaml` makes one known.")


@click.command()
@_plan
@click.option("--reason", default="", help="Kept in the record.")
@_json
def forget(plan: str, reason: str, json_out: bool) -> None:
    """Forget a PLAN that will not be started: it is no longer overdue, and not started by itself."""
    api = Api()
    name = plan_id(api, plan)
    answer = api.post(f"/v1/plans/{name}/forget", {"by": whoami(), "reason": reason})
    click.echo(json.dumps(answer, indent=2) if json_out else f"{name} is forgotten. Its record is kept.")
