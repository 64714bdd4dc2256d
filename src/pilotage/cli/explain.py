"""`explain` and `replay`: why it did that, and whether it would do it again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pilotage.cli.client import Api
from pilotage.cli.output import as_json, say

DIFFERS = 1

_rollout = click.argument("rollout", default="latest", metavar="[ID]")


def register(cli: click.Group) -> None:
    """Adds the commands of this file."""
    for command in (explain, replay):
        cli.add_command(command)


@click.command()
@_rollout
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture (SVG) here.")
@as_json
def explain(rollout: str, output: Path | None, json_out: bool) -> None:
    """Why it went back, holds or was promoted, or what it waits for."""
    api = Api()
    answer = api.get(f"/v1/rollouts/{rollout}/explain")
    if output is not None:
        output.write_text(api.get(f"/v1/rollouts/{answer['id']}/picture"), encoding="utf-8")
    _say(answer, json_out)
    if output is not None:
        click.echo(f"{output} is written.", err=True)


@click.command()
@_rollout
@click.option(
    "--plan", "plan", type=click.Path(dir_okay=False, path_type=Path), help="Judge under this plan's policy instead."
)
@as_json
def replay(rollout: str, plan: Path | None, json_out: bool) -> None:
    """The stored samples before the judge again: the same verdicts, or what another policy would have said.

    Exit codes: 0 the same (or another policy was tried), 1 a verdict differs, 2 the other plan does not fit.
    """
    api = Api()
    if plan is None:
        answer = api.get(f"/v1/rollouts/{rollout}/replay")
        _say(answer, json_out)
        sys.exit(0 if answer["agrees"] else DIFFERS)
    from pilotage import planfile

    planfile.load_file(plan)
    body = {"plan": plan.read_text(encoding="utf-8"), "directory": str(plan.absolute().parent), "file": str(plan)}
    _say(api.post(f"/v1/rollouts/{rollout}/replay", body), json_out)


def _say(answer: dict[str, Any], json_out: bool) -> None:
    text = answer.pop("text")
    say(json_out, answer, text)
