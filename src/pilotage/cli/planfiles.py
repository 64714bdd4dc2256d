"""`schema` and `diff`: plan files by themselves, without a coordinator."""

from __future__ import annotations

from pathlib import Path

import click


def register(cli: click.Group) -> None:
    """Adds the command of this file."""
    cli.add_command(schema)


@click.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it here.")
def schema(output: Path | None) -> None:
    """The plan file's JSON Schema, with the installed drivers: for an editor that completes and checks."""
    from pilotage.planfile.schema import as_text

    if output is None:
        click.echo(as_text(), nl=False)
        return
    output.write_text(as_text(), encoding="utf-8")
    click.echo(f"{output} is written. First line of a plan: # yaml-language-server: $schema={output.name}", err=True)
