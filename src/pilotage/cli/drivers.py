"""`pilotage drivers`: which are installed, what one wants to know and can do, and a call by hand (`try`)."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from pilotage.cli.trying import try_
from pilotage.core.errors import NotFound
from pilotage.core.words import printable

if TYPE_CHECKING:
    from pilotage.drivers.about import About, Option

OURS = "pilotage"
_json = click.option("--json", "json_out", is_flag=True, help="Print JSON for a program.")


def register(cli: click.Group) -> None:
    """Adds the command of this file, with its own."""
    drivers.add_command(show)
    drivers.add_command(try_)
    cli.add_command(drivers)


class _Drivers(click.Group):
    """What is none of its commands is the name of a driver."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else [show.name or "", *args])


@click.group(cls=_Drivers, invoke_without_command=True, subcommand_metavar="[NAME | try NAME ...]")
@_json
@click.pass_context
def drivers(context: click.Context, json_out: bool) -> None:
    """The installed drivers by port; with a NAME (or PORT/NAME) its options, and an example to paste.

    \b
    pilotage drivers
    pilotage drivers traffic/envoy
    pilotage drivers try plan.yaml proxy read
    """
    if context.invoked_subcommand is not None:
        return
    from pilotage.drivers.about import every

    found = every()
    if json_out:
        click.echo(json.dumps([_data(one) for one in found], indent=2))
        return
    port, width = "", max(len(one.name) for one in found)
    for one in found:
        if one.port != port:
            click.echo(f"{one.port}:" if not port else f"\n{one.port}:")
            port = one.port
        _echo(_line(one), f"  {one.name:<{width}} ", " " * (width + 3))


@click.command(hidden=True)
@click.argument("name", metavar="NAME")
@_json
def show(name: str, json_out: bool) -> None:
    """The options of the driver NAME (or PORT/NAME), and an example to paste."""
    from pilotage.drivers.about import about

    found = [about(port, one) for port, one in resolve(name)]
    json_out = json_out or bool(click.get_current_context().parent.params["json_out"])  # type: ignore[union-attr]
    if json_out:
        click.echo(json.dumps([_data(one) for one in found], indent=2))
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        _print(one)


def resolve(name: str) -> list[tuple[str, str]]:
    """The installed drivers that NAME or PORT/NAME means, one for each port. Raises NotFound."""
    from pilotage.drivers import PORTS, registry
    from pilotage.planfile.reader import did_you_mean

    port, _, short = name.rpartition("/")
    found = [(one, short) for one in PORTS if port in ("", one) and short in registry.names(one)]
    if found:
        return found
    known = [f"{one}/{other}" for one in PORTS for other in registry.names(one)]
    near = did_you_mean(name, [*known, *dict.fromkeys(one.split("/")[1] for one in known)])
    raise NotFound(printable(f"no driver {name[:80]} is installed. {near or '`pilotage drivers` lists them.'}"))


def _line(one: About) -> str:
    origin = "" if one.package == OURS else f" (from {one.package or 'an unknown package'})"
    return f"cannot be loaded: {one.broken}{origin}" if one.broken else f"{one.line}{origin}"


def _data(one: About) -> dict[str, Any]:
    return {**dataclasses.asdict(one), "example": "" if one.broken else example(one)}


def _print(one: About) -> None:
    from pilotage.drivers.about import OFFERS

    _echo(f"{one.port}/{one.name}: {_line(one)}")
    if one.broken:
        return
    click.echo()
    rows = list(_rows(one.options))
    column = max((len(name) for name, _ in rows), default=0) + 2
    for name, option in rows:
        for number, line in enumerate(filter(None, (option.meaning, _form(option)))):
            _echo(line, " " * column if number else f"{name:<{column}}", " " * column)
    if not rows:
        click.echo("It has no options.")
    offers = f"Offers besides: {'; '.join(one.offers) or 'nothing'}." if one.port in OFFERS else ""
    for paragraph in filter(None, (one.note, offers)):
        click.echo()
        _echo(paragraph)
    click.echo(f"\n{example(one)}", nl=False)


def _rows(options: Iterable[Option], depth: int = 0) -> Iterator[tuple[str, Option]]:
    """Each option after the one that it stands in, and further to the right."""
    for option in options:
        yield f"{'  ' * depth}{option.name}", option
        yield from _rows(option.options, depth + 1)


def _form(option: Option) -> str:
    """Its type, and what it is where a plan does not give it."""
    if option.required:
        return f"{option.type}, required"
    if option.default is None:
        return f"{option.type}, optional"
    default = option.default
    shown = f"{default:g}" if isinstance(default, float) else json.dumps(default, ensure_ascii=False)
    return f"{option.type}, default {shown}"


def _echo(text: str, first: str = "", rest: str = "") -> None:
    """One line; on a terminal that is narrower as many as it takes, cut between words. In a pipe a line stays one."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    wrapped = textwrap.wrap(
        printable(text),
        columns,
        initial_indent=printable(first),
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo("\n".join(wrapped))


def example(one: About) -> str:
    """The part of a plan that names it, as YAML; `pilotage check` asks for each placeholder."""
    from pilotage.core.planning.entries import Entry, write
    from pilotage.drivers.about import REPLACE_ME

    wanted = [option for option in one.options if option.required] or list(one.options[:1])
    options = {option.name: option.sample for option in wanted}
    named = {"driver": one.name, **options}
    sections: dict[str, Any] = {
        "traffic": [{"name": one.name, **named}],
        "deploy": [{"name": one.name, **named}],
        "metrics": {"sources": {one.name: named}},
        "notify": [named],
        "logs": {"canary": named, "control": named},
        "checks": [{"id": one.name, "part": "technical", "text": REPLACE_ME, "check": one.name, **options}],
        "tracker": named,
        "pool": {"servers": [REPLACE_ME], "watch": "5m", "pool": named},
    }
    if one.port == "deploy" and one.name == "git-revert":
        return write([Entry("rollback", {"methods": ["traffic", "revert"], "revert": named})])
    if one.port == "deploy" and one.name == "servers":  # made of this section, with the plan's deploy drivers
        return write([Entry("rolling", {"servers": [REPLACE_ME], "watch": "5m"})])
    section = {"checks": "checklist", "pool": "rolling"}.get(one.port, one.port)
    return write([Entry(section, sections[one.port])])
