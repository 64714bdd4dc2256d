"""A second person's yes: what waits for one, asking for it, giving and refusing it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from pilotage.cli.checklist import plan_id
from pilotage.cli.client import Api, ApiError, whoami
from pilotage.cli.output import as_json, say
from pilotage.core.words import printable

FAILED = 4
NOT_FOUND = 404

_plan = click.argument("plan", metavar="PLAN")
_reason = click.option("--reason", default="", help="Kept in the record.")


def register(cli: click.Group) -> None:
    for command in (approvals, request_approval, approve, refuse):
        cli.add_command(command)


@click.command()
@as_json
def approvals(json_out: bool) -> None:
    """What waits for somebody's approval: starts of plans, and phases of rollouts."""
    api = Api()
    starts = api.every("/v1/approvals")
    phases = [api.get(f"/v1/rollouts/{row['id']}") for row in api.every("/v1/rollouts?status=awaiting%20approval")]
    phases = [one for one in phases if one["asked_phase"] is not None]
    if json_out:
        asked = [{name: one[name] for name in ("id", "plan_digest", "asked_phase", "reason")} for one in phases]
        click.echo(json.dumps({"starts": starts, "phases": asked}, indent=2))
        return
    lines = [_start(one) for one in starts] + [_phase(one) for one in phases]
    for line in lines or ["Nothing waits for an approval."]:
        click.echo(printable(line))


def _start(one: dict[str, Any]) -> str:
    note = f": {one['note']}" if one["note"] else ""
    about = f"{one['subject']}: the start in {one['environment']}, asked for by {one['requested_by']}{note}"
    return f"{about}. `pilotage approve {one['subject']}` or `pilotage refuse {one['subject']}`"


def _phase(view: dict[str, Any]) -> str:
    return f"{view['id']}: {view['reason']}. `pilotage approve {view['id']}`"


@click.command("request-approval")
@_plan
@click.option("--note", default="", help="What the approver reads.")
@as_json
def request_approval(plan: str, note: str, json_out: bool) -> None:
    """Ask somebody else to approve the start of a PLAN (a file, or the id of a known one)."""
    api = Api()
    name = plan_id(api, plan)
    asked = api.post(f"/v1/plans/{name}/request-approval", {"by": whoami(), "reason": note})
    said = f"{name}: an approval is asked for. Somebody else gives it: `pilotage approve {name}`"
    say(json_out, asked, said)


@click.command()
@click.argument("what", default="latest", metavar="[ID|PLAN]")
@_reason
@as_json
def approve(what: str, reason: str, json_out: bool) -> None:
    """Let a phase that waits for an approval begin, or the start of a PLAN (a file, or the id of a known one).

    It counts for what you see here: the plan as it is now, and the phase that waits.
    """
    api = Api()
    view = None if Path(what).is_file() else _rollout(api, what)
    if view is None:
        _answer(api, what, True, reason, json_out)
        return
    body = {"by": whoami(), "reason": reason, "digest": view["plan_digest"], "phase": view["asked_phase"]}
    outcome = api.post(f"/v1/rollouts/{view['id']}/approve", body)
    say(json_out, outcome, f"{outcome['id']}: {outcome['message']}")
    if not outcome["done"]:
        sys.exit(FAILED)


@click.command()
@_plan
@_reason
@as_json
def refuse(plan: str, reason: str, json_out: bool) -> None:
    """Say no to the start of a PLAN (a file, or the id of a known one) that somebody asks an approval for."""
    _answer(Api(), plan, False, reason, json_out)


def _rollout(api: Api, name: str) -> dict[str, Any] | None:
    """None: there is none of that name, so it is a plan's."""
    try:
        view: dict[str, Any] = api.get(f"/v1/rollouts/{name}")
    except ApiError as error:
        if error.status != NOT_FOUND or name == "latest":
            raise
        return None
    return view


def _answer(api: Api, plan: str, yes: bool, reason: str, json_out: bool) -> None:
    """For the plan as it is read here: a file's own digest, else the known plan's."""
    if Path(plan).is_file():
        from pilotage import planfile
        from pilotage.core.checklist import plan_id as id_of

        read = planfile.load_file(Path(plan), secrets=False)
        name, digest, about = id_of(read), read.digest, f"{read.service} {read.previous} -> {read.version}"
    else:
        known = api.get(f"/v1/plans/{plan}")
        name, digest = known["id"], known["digest"]
        about = f"{known['service']} {known['previous']} -> {known['version']} in {known['environment']}"
    body = {"by": whoami(), "reason": reason, "digest": digest, "yes": yes}
    given = api.post(f"/v1/plans/{name}/approve", body)
    if json_out:
        click.echo(json.dumps(given, indent=2))
        return
    said = "approved" if yes else "refused"
    click.echo(printable(f"{name} is {said} by {given['approver']}: {about} ({digest})"))
