"""`schema` and `diff`: plan files by themselves, without a coordinator."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from pilotage.cli.output import as_json

DIFFER = 1


def register(cli: click.Group) -> None:
    """Adds the commands of this file."""
    cli.add_command(schema)
    cli.add_command(diff)


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


@click.command()
@click.argument("a", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("b", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def diff(a: Path, b: Path, json_out: bool) -> None:
    """What differs in meaning between the plan files A and B, and where B is less careful.

    They may have placeholders and mistakes. Exit codes: 0 the same, 1 they differ, 2 one cannot be read.
    """
    from pilotage import planfile
    from pilotage.core import plancaution, plandiff, planwords

    trees = []
    for file in (a, b):
        tree, twice = planfile.read_file(file)
        trees.append(tree)
        for problem in twice:
            click.echo(f"{file}: {problem} The first counts here.", err=True)
    before, after = (tree.plain() for tree in trees)
    digests = (planfile.digest_of(trees[0]), planfile.digest_of(trees[1]))
    changes = plandiff.diff(before, after)
    loosened = plancaution.less_careful(before, after)
    if json_out:
        click.echo(json.dumps(planwords.as_data(changes, loosened, digests), indent=2))
    else:
        click.echo("\n".join(planwords.lines(changes, loosened, digests)))
    sys.exit(DIFFER if changes else 0)
