"""`pilotage webhooks`: whom Pilotage tells, how far each is, a test, and telling it again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from pilotage.cli.client import Api, whoami
from pilotage.cli.output import as_json, say
from pilotage.core.words import printable


def register(cli: click.Group) -> None:
    cli.add_command(webhooks)


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def webhooks(context: click.Context, json_out: bool) -> None:
    """The webhooks of the settings: what each has not taken yet, and why."""
    if context.invoked_subcommand is not None:
        return
    rows = Api().get("/v1/webhooks")
    say(json_out, rows, "\n".join(map(line, rows)) or "The settings name no webhooks: docs/hooks.md.")


@webhooks.command()
@click.argument("name")
@as_json
def test(name: str, json_out: bool) -> None:
    """Send the webhook NAME one message of the type ping, now."""
    told = Api().post(f"/v1/webhooks/{name}/test", {"by": whoami()})
    say(json_out, told, f"{told['name']} took it with {told['status']}, after {told['took_s']:.2f} s.")


@webhooks.command()
@click.argument("name")
@click.option("--from", "first", type=int, required=True, metavar="NUMBER", help="Of an entry of the audit log.")
@as_json
def replay(name: str, first: int, json_out: bool) -> None:
    """Tell the webhook NAME all events again, from one on. They have the same ids as before."""
    told = Api().post(f"/v1/webhooks/{name}/replay", {"by": whoami(), "first": first})
    say(json_out, told, f"{told['name']} is told {told['waiting']} events from entry {first} on.")


def line(row: dict[str, Any]) -> str:
    """One webhook, for a person."""
    said = f"{row['name']} at {row['host'] or '(no address)'}: {row['waiting']} events wait"
    if row["attempts"]:
        since = datetime.fromtimestamp(row["since"], UTC).strftime("%Y-%m-%d %H:%M UTC")
        said += f"; {row['attempts']} attempts since {since}: {row['error']}"
    return printable(said)
