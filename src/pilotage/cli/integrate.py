"""`integrate`: puts a package for a coding agent or a CI into a repository."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from pilotage.cli.output import as_json
from pilotage.core.words import printable

DONE, LEFT = 0, 3
NAMES = ("claude", "plugin", "codex", "copilot", "agents", "github", "gitlab")


def register(cli: click.Group) -> None:
    cli.add_command(integrate)


@click.command()
@click.argument("targets", nargs=-1, required=True, type=click.Choice(NAMES), metavar="TARGET...")
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="The repository's folder (default: here).",
)
@click.option(
    "--allow",
    type=click.Choice(("read", "rollback", "rollout")),
    default="rollout",
    show_default=True,
    help="What the agent's MCP server is started for: looking; and going back; and starting what a person approved.",
)
@click.option("--force", is_flag=True, help="Replace our own files; those that others use as well are never touched.")
@as_json
def integrate(targets: tuple[str, ...], into: Path, allow: str, force: bool, json_out: bool) -> None:
    """Put the package of each TARGET into a repository: claude, plugin, codex, copilot, agents, github or gitlab.

    What is there already stays. Exit codes: 0 all is in place; 3 a file was kept, and what belongs into it is said.
    """
    from pilotage.integrations import TARGETS, place
    from pilotage.integrations.tools import Allow

    done = {name: place(TARGETS[name], into, Allow(allow), force) for name in dict.fromkeys(targets)}
    kept = [one for some in done.values() for one in some if one.did == "kept"]
    if json_out:
        rows = [{"target": name, "file": one.path, "did": one.did} for name, some in done.items() for one in some]
        click.echo(json.dumps(rows, indent=2))
        sys.exit(LEFT if kept else DONE)
    for name, some in done.items():
        click.echo(TARGETS[name].what)
        for one in some:
            click.echo(printable(f"  {one.did:<8} {one.path}"))
    for one in kept:
        if one.shared:
            click.echo(f"\n{one.path} is there already. Add to it:\n\n{one.text}", err=True)
        else:
            click.echo(f"\n{one.path} is there already, and another one. `--force` replaces it.", err=True)
    for told in dict.fromkeys(TARGETS[name].next for name in done):
        click.echo(f"Next: {told}.")
    sys.exit(LEFT if kept else DONE)
