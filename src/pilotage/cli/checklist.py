"""Before a rollout: `checklist`, `tick`, `rehearse`, `plans`, `forget`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pilotage.cli.client import Api, ApiError, whoami
from pilotage.cli.output import as_json, say
from pilotage.core.checklist import how, typed
from pilotage.core.errors import NotFound
from pilotage.core.words import printable

NOTHING_OPEN, PERSON_NEEDED = 0, 3
NOT_FOUND = 404
MARKS = {"open": "[ ]", "done": "[x]", "failed": "[!]", "overridden": "[-]"}
PARTS = {
    "preparation": "Preparation",
    "technical": "Technical readiness",
    "team": "Team readiness",
    "monitoring": "Monitoring",
}

_plan = click.argument("plan", metavar="PLAN")
_by = click.option("--by", default=None, metavar="NAME", help="Who says so (default: you).")


def register(cli: click.Group) -> None:
    for command in (checklist, tick, rehearse, plans, forget):
        cli.add_command(command)


def plan_id(api: Api, plan: str, register: bool = True) -> str:
    """PLAN is a plan file, which becomes known unless `register` is False, or the id of a known one."""
    file = Path(plan)
    if not file.is_file():
        if file.suffix in (".yaml", ".yml") or "/" in plan:
            raise NotFound(f"there is no plan file {plan}")
        return plan
    from pilotage import planfile
    from pilotage.core.checklist import plan_id as id_of

    name = id_of(planfile.load_file(file))
    if register:
        body = {"plan": file.read_text(encoding="utf-8"), "directory": str(file.absolute().parent), "file": plan}
        api.post("/v1/plans", {**body, "by": whoami()})
    return name


@click.command()
@_plan
@as_json
def checklist(plan: str, json_out: bool) -> None:
    """What must hold before a PLAN (a file, or an id) may start: looked up now, or ticked by a person.

    With the id of a rollout: how it stood when that began. Exit codes: 0 nothing required is open, 3 something is.
    """
    api = Api()
    try:
        view = api.get(f"/v1/plans/{plan_id(api, plan)}")
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise
        _as_it_began(api, plan, json_out, error)
        return
    if json_out:
        click.echo(json.dumps(view, indent=2))
    else:
        for line in checklist_lines(view, plan, plan if Path(plan).is_file() else view["path"]):
            click.echo(printable(line))
    sys.exit(PERSON_NEEDED if view["open"] else NOTHING_OPEN)


def _as_it_began(api: Api, rollout: str, json_out: bool, unknown: ApiError) -> None:
    try:
        passed = api.get(f"/v1/rollouts/{rollout}/checklist")
    except ApiError:
        raise unknown from None
    if json_out:
        click.echo(json.dumps(passed, indent=2))
        return
    click.echo(f"{passed['id']}: the checklist as it stood when the rollout began")
    for line in _parts(passed["items"], "", ""):
        click.echo(printable(line))
    if not passed["items"]:
        click.echo("It began without one.")


def checklist_lines(view: dict[str, Any], plan: str, file: str) -> list[str]:
    """The four parts, with marks, who or what, and the command that closes an open item."""
    overdue = f". {view['overdue'].upper()}" if view["overdue"] else ""
    lines = [f"{view['id']}: {view['service']} {view['previous']} -> {view['version']} in {view['environment']}"]
    lines.append(f"{view['severity']}, {view['starts']}{overdue}")
    lines += [f"By itself when its window opens, asked for by {view['scheduled_by']}"] if view["scheduled_by"] else []
    lines += [f"Note: {note}" for note in view["notes"]]
    lines += _parts(view["items"], plan, file)
    count = view["open"]
    what = "1 required item is open" if count == 1 else f"{count} required items are open"
    start = "" if view["rollout"] else f": `pilotage run {typed(file)}`"
    lines += ["", f"{what}." if count else f"Nothing required is open{start}."]
    if view["to_tick"]:
        lines.append(f"When you have seen to it: `pilotage tick {typed(plan)} {' '.join(view['to_tick'])}`")
    return lines


def _parts(items: list[dict[str, Any]], plan: str, file: str) -> list[str]:
    lines = []
    for part, title in PARTS.items():
        rows = [one for one in items if one["part"] == part]
        lines += ["", title] if rows else []
        for one in rows:
            lines += _item_lines(one, plan, file)
    return lines


def _item_lines(one: dict[str, Any], plan: str, file: str) -> list[str]:
    advised = "" if one["required"] else " (advised)"
    lines = [f"  {MARKS[one['mark']]} {one['id']:<20} {one['text']}{advised}"]
    if one["by"]:
        when = datetime.fromtimestamp(one["at"], UTC).strftime("%m-%d %H:%M UTC")
        lines.append(f"      {one['by']}, {when}" + (f": {one['evidence']}" if one["evidence"] else ""))
    elif one["evidence"]:
        lines.append(f"      {one['evidence']}")
    if one["mark"] in ("open", "failed") and one.get("check") and one["required"]:
        way = how(one["id"], one["check"], plan, one["evidence"], file)
        lines += [f"      {way}"] if way else []
    return lines


@click.command()
@_plan
@click.argument("items", nargs=-1, required=True, metavar="ITEM...")
@_by
@click.option("--note", default="", help="Kept with the tick.")
@click.option("--undo", is_flag=True, help="Take the tick back.")
@as_json
def tick(plan: str, items: tuple[str, ...], by: str | None, note: str, undo: bool, json_out: bool) -> None:
    """Tick items of a PLAN's checklist, by name. What Pilotage looks up itself is not ticked."""
    api = Api()
    name = plan_id(api, plan)
    body = {"items": list(items), "by": whoami() if by is None else by, "reason": note, "undo": undo}
    answer = api.post(f"/v1/plans/{name}/tick", body)
    if json_out:
        click.echo(json.dumps(answer, indent=2))
        return
    what = "the tick is taken back" if undo else "ticked"
    click.echo(printable(f"{', '.join(answer['items'])}: {what} by {answer['by']}."))
    left = ", ".join(answer["left"])
    rest = f"Still to tick: {left}." if left else "Nothing is left to tick"
    click.echo(rest if left else f"{rest}: `pilotage checklist {typed(plan)}` looks up the rest.")


@click.command()
@_plan
@as_json
def rehearse(plan: str, json_out: bool) -> None:
    """Practise the way back of a PLAN: what is in force is set and read back, timed. No traffic moves."""
    api = Api()
    answer = api.post(f"/v1/plans/{plan_id(api, plan)}/rehearse", {"by": whoami()})
    if json_out:
        click.echo(json.dumps(answer, indent=2))
        return
    for one in answer["targets"]:
        click.echo(f"{one['target']}: 0 % set and read back in {one['seconds']:.2f} s")
    click.echo("The way back works; no traffic was moved. This counts for a day.")


@click.command()
@as_json
def plans(json_out: bool) -> None:
    """Plans that Pilotage knows and that are not started yet."""
    rows = Api().every("/v1/plans")
    if json_out:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        said = [row["overdue"].upper()] if row["overdue"] else []
        said += [row["starts"]]
        said += [f"by itself, asked for by {row['scheduled_by']}"] if row["scheduled_by"] else []
        said += [f"to tick: {', '.join(row['to_tick'])}"] if row["to_tick"] else []
        about = f"{row['id']:<32} {row['severity']}  {row['version']} in {row['environment']}: {'; '.join(said)}"
        click.echo(printable(about))
    if not rows:
        click.echo("No plan waits. `pilotage checklist plan.yaml` makes one known.")


def scheduled_text(answer: dict[str, Any]) -> str:
    """What `run --at-window` prints."""
    lines = [f"{answer['id']} starts by itself {answer['starts']}."]
    if answer["to_tick"]:
        lines.append(f"Until then, tick: `pilotage tick {answer['id']} {' '.join(answer['to_tick'])}`")
    lines.append(f"Look: `pilotage checklist {answer['id']}`. Call it off: `pilotage forget {answer['id']}`.")
    return "\n".join(lines)


@click.command()
@_plan
@click.option("--reason", default="", help="Kept in the record.")
@as_json
def forget(plan: str, reason: str, json_out: bool) -> None:
    """Forget a PLAN that will not be started: it is no longer overdue, and not started by itself."""
    api = Api()
    name = plan_id(api, plan, register=False)
    answer = api.post(f"/v1/plans/{name}/forget", {"by": whoami(), "reason": reason})
    say(json_out, answer, f"{name} is forgotten. Its record is kept.")
