"""`pilotage followups`: what is still to be looked at after rollouts, and noting it as done."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from pilotage.cli.client import Api, whoami
from pilotage.cli.output import as_json
from pilotage.core.words import printable

MARKS = {"planned": "[ ]", "due": "[ ]", "done": "[x]", "failed": "[!]"}


@click.command()
@click.argument("rollout", default="", metavar="[ID]")
@click.option("--done", "items", multiple=True, metavar="ITEM", help="Note this one as done; may be given again.")
@click.option("--note", default="", help="Kept with it.")
@click.option("--by", default=None, metavar="NAME", help="Who says so (default: you).")
@as_json
def followups(rollout: str, items: tuple[str, ...], note: str, by: str | None, json_out: bool) -> None:
    """What is still to be looked at after rollouts; with an ID (or `latest`) all follow-ups of that one.

    Some are looked at by Pilotage itself, of others somebody is reminded. Exit code: 0.
    """
    api = Api()
    if items and not rollout:
        raise click.UsageError("--done needs the rollout's ID (or `latest`).")
    said = []
    for item in items:
        body = {"by": whoami() if by is None else by, "note": note}
        said.append(api.post(f"/v1/rollouts/{rollout}/followups/{item}/done", body)["message"])
    rows = api.every(f"/v1/rollouts/{rollout}/followups" if rollout else "/v1/followups")
    if json_out:
        click.echo(json.dumps(rows, indent=2))
        return
    for line in [*said, *_lines(rows, named=not rollout)]:
        click.echo(printable(line))


def _lines(rows: list[dict[str, Any]], named: bool) -> list[str]:
    lines = []
    for row in rows:
        when = datetime.fromtimestamp(row["due_at"], UTC).strftime("%m-%d %H:%M UTC")
        which = f"{row['rollout']} " if named else ""
        how = f", looked at by itself ({row['check']})" if row["check"] else ", a ticket" if row["ticket"] else ""
        who = f", {row['who']}" if row["who"] else ""
        lines.append(f"{MARKS[row['status']]} {which}{row['id']}: {row['text']} ({row['status']}, {when}{who}{how})")
        told = ", ".join(one for one in (row["where"], row["evidence"]) if one)
        if told:
            lines.append(f"      {told}")
        if row["status"] in ("due", "failed"):
            lines.append(f"      `pilotage followups {row['rollout']} --done {row['id']}`")
    return lines or ["No follow-up is open." if named else "This rollout has no follow-ups (yet)."]
