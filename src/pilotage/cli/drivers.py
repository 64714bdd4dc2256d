"""`pilotage drivers`: which are installed, what one wants to know and can do, and a call by hand (`try`)."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from pilotage.cli.output import as_json
from pilotage.cli.trying import try_
from pilotage.core.words import printable

if TYPE_CHECKING:
    from pilotage.drivers.about import About, Option

OURS = "pilotage"


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
@as_json
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
    from pilotage.driverbook import as_data
    from pilotage.drivers.about import every

    found = every()
    if json_out:
        click.echo(json.dumps([as_data(one) for one in found], indent=2))
        return
    port, width = "", max(len(one.name) for one in found)
    for one in found:
        if one.port != port:
            click.echo(f"{one.port}:" if not port else f"\n{one.port}:")
            port = one.port
        _echo(_line(one), f"  {one.name:<{width}} ", " " * (width + 3))


@click.command(hidden=True)
@click.argument("name", metavar="NAME")
@as_json
def show(name: str, json_out: bool) -> None:
    """The options of the driver NAME (or PORT/NAME), and an example to paste."""
    from pilotage.driverbook import as_data, resolve
    from pilotage.drivers.about import about

    found = [about(port, one) for port, one in resolve(name)]
    json_out = json_out or bool(click.get_current_context().parent.params["json_out"])  # type: ignore[union-attr]
    if json_out:
        click.echo(json.dumps([as_data(one) for one in found], indent=2))
        return
    for number, one in enumerate(found):
        if number:
            click.echo()
        _print(one)


def _line(one: About) -> str:
    origin = "" if one.package == OURS else f" (from {one.package or 'an unknown package'})"
    return f"cannot be loaded: {one.broken}{origin}" if one.broken else f"{one.line}{origin}"


def _print(one: About) -> None:
    from pilotage.driverbook import example
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
