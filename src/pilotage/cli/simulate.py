"""`pilotage simulate`: a plan's judge before simulated traffic."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilotage.cli.output import as_json
from pilotage.core.errors import PilotageError, WrongRequest

if TYPE_CHECKING:
    from pilotage.simulation.runner import Summary

MOST_RUNS = 100_000
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Percent(click.ParamType[float]):
    """``10%`` is 0.1."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s?%", value)
        if match is None or not 0 <= float(match[1]) <= 100:
            self.fail(f"expected a percentage from 0% to 100%, got {value!r}", param, ctx)
        return float(match[1]) / 100


class Duration(click.ParamType[float]):
    """``5m`` is 300.0 seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s?(s|m|h)", value)
        if match is None:
            self.fail(f"expected a duration such as 90s, 5m or 1h, got {value!r}", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--errors", help="The canary's errors: x1 (healthy), x5 (times control's), 20% (absolute) or all.")
@click.option("--latency", help="The canary's latency: x2, +10%, or tail (2 % of requests take 1 to 2.5 s).")
@click.option("--bug", help="The bug's rate in control and canary, such as 45%:0%.")
@click.option("--onset", type=Duration(), default=0.0, help="When it begins, counted from the phase's start.")
@click.option("--phase", help="The phase by name or number (default: the first that is judged).")
@click.option(
    "--rate", type=float, help="Requests per second of both versions (default: the plan's `expect`, else 58)."
)
@click.option("--share", type=Percent(), help="The canary's share (default: the phase's).")
@click.option("--watch", type=Duration(), help="How long the phase is watched (default: the phase's).")
@click.option("--base-errors", type=Percent(), help="Control's errors (default: the plan's `expect`, else 0.3%).")
@click.option("--runs", type=click.IntRange(1, MOST_RUNS), help="Phases to simulate (default 2000).")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@as_json
def simulate(file: Path, runs: int | None, seed: int, json_out: bool, **wanted: Any) -> None:
    """Put a plan's judge before simulated traffic: false rollbacks, and how soon it finds a regression.

    x1 is a healthy canary. Without --errors and --latency a table of usual cases is made.
    """
    from pilotage import planfile
    from pilotage.simulation.runner import as_data
    from pilotage.simulation.runner import simulate as run
    from pilotage.simulation.wanted import RUNS, TABLE_RUNS, Wanted, setting

    plan = planfile.load_file(file)
    try:
        plan, phase, usual, worlds = setting(plan, Wanted(**wanted))
    except WrongRequest as error:
        raise PilotageError(f"--{error}") from None
    runs = runs or (RUNS if len(worlds) == 1 else TABLE_RUNS)
    results: dict[str, Summary] = {}
    with _progress(json_out, runs * len(worlds)) as advance:
        for place, (name, world) in enumerate(worlds.items()):
            results[name] = run(plan, phase, world, runs, seed, partial(_advance, advance, place * runs))
    if json_out:
        data = {name: as_data(one) for name, one in results.items()}
        click.echo(json.dumps(next(iter(data.values())) if len(data) == 1 else data, indent=2))
        return
    watched = plan.phases[phase]
    click.echo(
        f"{watched.name} for {watched.watch_s / 60:g} min, {usual.rate:g} requests/s, {usual.base_errors:.2%} usual "
        f"errors, {runs} phases each:"
    )
    for line in _table(results):
        click.echo(line)


def _advance(advance: Callable[[int], None], base: int, done: int) -> None:
    advance(base + done)


def _table(results: dict[str, Summary]) -> Iterator[str]:
    yield f"{'canary':<18} {'rolled back':>22} {'held':>7} {'found':>7} {'median':>8} {'p90':>8} {'harmed':>8}"
    for name, one in results.items():
        back = f"{one.rolled_back:.1%} ({one.rolled_back_low:.1%}-{one.rolled_back_high:.1%})"
        healthy = name in ("healthy", "errors x1")
        times = ["-", "-"] if healthy else [_seconds(one.median_s), _seconds(one.p90_s)]
        found = "-" if healthy else f"{one.found:.1%}"
        yield f"{name:<18} {back:>22} {one.held:>7.1%} {found:>7} {times[0]:>8} {times[1]:>8} {one.harmed_requests:>8g}"
    yield "found: held or rolled back, with the time from the onset; held: still so when the watch was over (a hold"
    yield "that does not clear meets the plan's policy); harmed: requests failed or slowed beyond the usual, a phase"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:g} s"


@contextmanager
def _progress(json_out: bool, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    if json_out or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating", total=total)
        yield lambda done: bar.update(task, completed=done)
