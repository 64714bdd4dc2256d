"""`announce`: every message as it would be sent, or a person's own words to those who are told."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import click

from pilotage.cli.client import Api, whoami
from pilotage.cli.output import as_json, say
from pilotage.core.announcing import KINDS
from pilotage.core.model import AUDIENCES


def register(cli: click.Group) -> None:
    """Adds the command of this file."""
    cli.add_command(announce)


@click.command()
@click.argument("target", metavar="PLAN|ID")
@click.option("--preview", is_flag=True, help="Show every message of a plan file as it would be sent; send nothing.")
@click.option("--text", help="Your own words, for a rollout by its ID; the first line says it all.")
@click.option("--audience", type=click.Choice(AUDIENCES), help="To these only (default: all that the plan tells).")
@click.option("--kind", type=click.Choice(KINDS), metavar="KIND", help="With --preview: this kind of message only.")
@as_json
def announce(
    target: str, preview: bool, text: str | None, audience: str | None, kind: str | None, json_out: bool
) -> None:
    """Tell those whom a rollout's plan tells something in your own words, or see what will be told.

    \b
    pilotage announce plan.yaml --preview
    pilotage announce ID --text "Checkout works again in Europe"
    """
    if preview == (text is not None):
        raise click.UsageError("Either --preview, with a plan file, or --text, with a rollout's ID (or `latest`).")
    if preview:
        _preview(Path(target), audience, kind, json_out)
        return
    if kind is not None:
        raise click.UsageError("--kind belongs to --preview; words of your own are of the kind announced.")
    body = {"by": whoami(), "text": text, "audience": audience or ""}
    answer = Api().post(f"/v1/rollouts/{target}/announce", body)
    said = f"{answer['id']}: {answer['message']}; through {', '.join(answer['through'])}"
    say(json_out, answer, said)


def _preview(file: Path, audience: str | None, kind: str | None, json_out: bool) -> None:
    from pilotage import planfile
    from pilotage.core.errors import PlanError
    from pilotage.wording import check_templates, previews

    plan = planfile.load_file(file)
    if problems := check_templates(plan):
        raise PlanError(tuple(problems))
    messages = [asdict(one) for one in previews(plan, cast(Any, audience), kind)]
    if json_out:
        click.echo(json.dumps(messages, indent=2))
        return
    place = None
    for one in messages:
        if place != (place := (one["channel"], one["driver"], one["audience"])):
            click.echo(f"== {one['driver'] or 'no channel of this plan'}, for {one['audience']}\n")
        click.echo(f"[{one['kind']}] {one['title']}\n{one['text']}\n")
    if not messages:
        click.echo("Nothing of that is sent.")
