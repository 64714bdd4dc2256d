"""`plan`: from a brief to a plan file and its document. `document`: the document anew from a plan file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilotage.cli.output import as_json
from pilotage.core.errors import PilotageError
from pilotage.core.givable import FACTS, LONGEST_BRIEF

if TYPE_CHECKING:
    from pilotage.core.brief import Brief
    from pilotage.core.planning import PlanDraft
    from pilotage.core.proposals import Repository

READY, NOT_READY = 0, 2


def register(cli: click.Group) -> None:
    cli.add_command(plan)
    cli.add_command(document)


def fact_options(*left_out: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option for each fact but those that are left out."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, text in reversed(FACTS.items()):
            if name not in left_out:
                command = click.option(f"--{name}", metavar="TEXT", help=text)(command)
        return command

    return decorate


@click.command()
@click.argument("brief", required=False)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan here, PLAN.md beside it."
)
@fact_options()
@click.option("--on-call", metavar="TEXT", help='Who is on call, such as "Ann Example @ann".')
@click.option(
    "--repository",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Where to look for deploy scripts, flags, CI and tags (default: here). Nothing in it is run.",
)
@click.option("--no-repository", is_flag=True, help="Do not look at any repository.")
@click.option("--no-input", is_flag=True, help="Ask nothing, even on a terminal.")
@click.option(
    "--model",
    metavar="PROVIDER:NAME",
    help="Let a model look into the repository and fill in what is open, such as anthropic:sonnet; or `default`.",
)
@as_json
def plan(
    brief: str | None,
    output: Path | None,
    on_call: str | None,
    repository: Path,
    no_repository: bool,
    no_input: bool,
    model: str | None,
    json_out: bool,
    **given: str | None,
) -> None:
    """Write a plan from a short BRIEF in plain words: English, German or Spanish; `-` reads it from a pipe.

    Exit codes: 0 the plan is complete; 2 something is missing, contradictory or suspicious, and is said.
    """
    from pilotage.core.brief import parse
    from pilotage.core.planning import draft
    from pilotage.drafting import as_data, doubts

    if output is not None:
        refuse_to_overwrite(output)
    asking = not (no_input or json_out) and sys.stdin.isatty() and sys.stderr.isatty()
    parsed = with_options(parse(_text(brief, asking, bool(any(given.values())))), given, on_call)
    seen = None if no_repository else _look(repository, output, parsed)
    filled = None
    if model is not None:
        from pilotage.cli.planmodel import fill_in

        filled = fill_in(model, parsed, seen, (output or Path("plan.yaml")).absolute().parent, asking)
        parsed = filled.sheet.with_facts()
    if asking:
        parsed = with_answers(parsed, seen)
    parsed, drafted = filled.completed(parsed) if filled is not None else (parsed, draft(parsed, seen))
    doubtful = doubts(parsed)
    if output is not None:
        write(output, drafted)
    if json_out:
        data = as_data(parsed, drafted, seen, doubtful)
        click.echo(json.dumps(data if filled is None else {**data, "model": filled.as_data()}, indent=2))
    elif output is None:
        click.echo(drafted.text, nl=False)
    _say(drafted, doubtful, output, quiet=json_out)
    sys.exit(NOT_READY if drafted.open or doubtful else READY)


def _text(brief: str | None, asking: bool, has_options: bool) -> str:
    if brief == "-" or (brief is None and not sys.stdin.isatty() and not has_options):
        return sys.stdin.buffer.read(LONGEST_BRIEF).decode("utf-8", errors="replace")
    if brief is None and asking and not has_options:
        return str(
            click.prompt("What is to be brought out, and why? One line", default="", show_default=False, err=True)
        )
    return brief or ""


def with_options(brief: Brief, given: dict[str, str | None], on_call: str | None) -> Brief:
    from pilotage.drafting import NotThatFact, with_facts

    try:
        return with_facts(brief, given, on_call, "option")
    except NotThatFact as error:
        raise click.UsageError(f"--{error.name}: {error}") from None


def with_answers(brief: Brief, seen: Repository | None) -> Brief:
    """Asks for what is missing; an empty answer leaves it open."""
    from pilotage.core.brief.given import given as with_fact
    from pilotage.core.brief.questions import QUESTIONS
    from pilotage.core.planning.draft import versions
    from pilotage.drafting import with_on_call

    for conflict in brief.conflicts:
        click.echo(f"conflict: {conflict}", err=True)
    for name in brief.missing:
        if name in ("version", "previous") and seen is not None:
            found = dict(zip(("version", "previous"), versions(brief, seen), strict=True))[name]
            if found is not None:
                continue
        while answer := click.prompt(QUESTIONS.get(name, name), default="", show_default=False, err=True).strip():
            try:
                brief = with_fact(brief, name, answer, "answer")
                break
            except ValueError as error:
                click.echo(f"  {error} (nothing to leave it open)", err=True)
    if not any(one.value.role == "on-call" for one in brief.contacts):
        asked = "Who is on call for this, and how are they reached?"
        if answer := click.prompt(asked, default="", show_default=False, err=True).strip():
            brief = with_on_call(brief, answer, "answer")
    return brief


def _look(folder: Path, output: Path | None, brief: Brief) -> Repository:
    """Paths in a plan start at its own folder, so that is where the look starts when it lies in the repository."""
    from pilotage.repository import look

    if output is not None and folder.resolve() in (place := output.absolute().parent.resolve()).parents:
        folder = place
    elif output is not None and output.absolute().parent.resolve() != folder.resolve():
        click.echo(
            f"look at: paths in the plan start at its own folder, {folder} is another one: set them right", err=True
        )
    return look(folder, hint=brief.text)


def _say(drafted: PlanDraft, doubtful: tuple[str, ...], output: Path | None, quiet: bool) -> None:
    for one in doubtful:
        click.echo(safe(one), err=True)
    if not quiet:
        say_open(drafted, output)


def say_open(drafted: PlanDraft, output: Path | None) -> None:
    """What is still missing, what was written, and what comes next."""
    for path in drafted.open:
        click.echo(f"missing: {path}", err=True)
    if output is None:
        return
    click.echo(f"{output} and {document_of(output)} are written.")
    if drafted.open:
        count = len(drafted.open)
        todo = (
            f"fill in the {count} place{'s' if count > 1 else ''} that say REPLACE_ME, then `pilotage check {output}`"
        )
        click.echo(f"Next: {todo}. Editors complete it: `pilotage schema -o plan.schema.json`.", err=True)
    else:
        click.echo(f"Next: `pilotage check {output}`, then `pilotage checklist {output}`.", err=True)


def safe(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


def refuse_to_overwrite(output: Path) -> None:
    for path in (output, document_of(output)):
        if path.exists():
            raise PilotageError(f"{path} exists already; name another file, or remove it first")


def document_of(output: Path) -> Path:
    return output.with_suffix(".md") if output.suffix != ".md" else output.with_suffix(".document.md")


def write(output: Path, drafted: PlanDraft, read: str = "brief was") -> None:
    from pilotage.core.documents import plan_document

    text = plan_document(drafted.data, file=output.name, notes=drafted.warnings, read=read)
    output.write_text(drafted.text, encoding="utf-8")
    document_of(output).write_text(text, encoding="utf-8")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it here.")
def document(file: Path, output: Path | None) -> None:
    """The plan FILE as a document for people: checklist, phases, ways back, messages. Open places are named."""
    from pilotage import planfile
    from pilotage.core.documents import plan_document

    outline = planfile.outline_file(file)
    text = plan_document(outline.data, file=file.name, digest=outline.digest)
    if output is None:
        click.echo(text, nl=False)
        return
    output.write_text(text, encoding="utf-8")
    click.echo(f"{output} is written.")
