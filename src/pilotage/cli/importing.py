"""`import`: from Argo Rollouts' or Flagger's files to a plan, and what of them has no equal in one."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from pilotage.cli.output import as_json
from pilotage.cli.plan import (
    NOT_READY,
    READY,
    fact_options,
    refuse_to_overwrite,
    safe,
    say_open,
    with_answers,
    with_options,
    write,
)

if TYPE_CHECKING:
    from pilotage.importing import Format, Imported


def register(cli: click.Group) -> None:
    cli.add_command(import_files)


@click.command("import")
@click.argument("format", type=click.Choice(("argo", "flagger")))
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan here, PLAN.md beside it."
)
@click.option("--name", default="", help="Which Rollout or Canary, where the files have several.")
@click.option("--namespace", default="", help="Of the objects, where the files say none.")
@click.option("--known-bad", type=click.Choice(("yes", "no")), help="Whether the running version is the sick one.")
@fact_options("strategy", "flag")
@click.option("--on-call", metavar="TEXT", help='Who is on call, such as "Ann Example @ann".')
@click.option("--no-input", is_flag=True, help="Ask nothing, even on a terminal.")
@as_json
def import_files(
    format: str,
    files: tuple[Path, ...],
    output: Path | None,
    name: str,
    namespace: str,
    known_bad: str | None,
    on_call: str | None,
    no_input: bool,
    json_out: bool,
    **given: str | None,
) -> None:
    """Make a plan of an Argo Rollout or a Flagger Canary with its templates, and say what has no equal in it.

    Nothing is asked of a cluster. Exit codes: 0 the plan is complete; 2 the files are wrong, or something is missing
    or has to be looked at, and is said.
    """
    from pilotage.core.brief import Brief
    from pilotage.drafting import doubts
    from pilotage.importing import as_data
    from pilotage.importing import import_files as read

    if output is not None:
        refuse_to_overwrite(output)
    if namespace and not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", namespace):
        raise click.UsageError(f"--namespace: expected a namespace such as payments, got {namespace[:60]!r}")
    imported = read(cast("Format", format), files, name, namespace)
    asking = not (no_input or json_out) and sys.stdin.isatty() and sys.stderr.isatty()

    brief = imported.brief(with_options(Brief(text=""), given, on_call))
    if asking:
        brief = with_answers(brief, None)
    sick = {"yes": True, "no": False}.get(known_bad or "", _asked() if asking and known_bad is None else None)
    drafted = imported.plan(brief, sick)
    if output is not None:
        write(output, drafted, read="files were")
    doubtful = doubts(brief)
    ready = not (drafted.open or doubtful or imported.looks)
    if json_out:
        click.echo(json.dumps(as_data(imported, brief, drafted, ready), indent=2))
    elif output is None:
        click.echo(drafted.text, nl=False)
    if not json_out:
        _tell(imported, doubtful)
        say_open(drafted, output)
    sys.exit(READY if ready else NOT_READY)


def _asked() -> bool | None:
    asked = "Is the running version the sick one (a hot-fix)? (yes or no)"
    answer = click.prompt(asked, default="", show_default=False, err=True).strip().lower()
    return {"y": True, "yes": True, "n": False, "no": False}.get(answer)


def _tell(imported: Imported, doubtful: tuple[str, ...]) -> None:
    from pilotage.importing import told

    for one in (*told(imported.notes), *doubtful):
        click.echo(safe(one), err=True)
    for one in imported.others:
        click.echo(safe(f"not read: {one}"), err=True)
