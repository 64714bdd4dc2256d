"""`pilotage simulate`: a plan's judge before simulated traffic."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilotage.core.errors import PilotageError

if TYPE_CHECKING:
    from pilotage.core.model import Plan
    from pilotage.simulation.runner import Summary
    from pilotage.simulation.world import World

MOST_RUNS = 100_000
TABLE_RUNS = 400
RUNS = 2000
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
@click.option("--runs", type=click.IntRange(1, MOST_RUNS), help=f"Phases to simulate (default {RUNS}).")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--json", "json_out", is_flag=True, help="Print JSON for a program.")
def simulate(file: Path, runs: int | None, seed: int, json_out: bool, **wanted: Any) -> None:
    """Put a plan's judge before simulated traffic: false rollbacks, and how soon it finds a regression.

    x1 is a healthy canary. Without --errors and --latency a table of usual cases is made.
    """
    from pilotage import planfile
    from pilotage.simulation.runner import as_data
    from pilotage.simulation.runner import simulate as run

    plan = planfile.load_file(file)
    plan, phase, usual = _setting(plan, **{name: wanted.pop(name) for name in _SETTING})
    if wanted["onset"] >= plan.phases[phase].watch_s:
        raise PilotageError(f"--onset: expected less than the watch of {plan.phases[phase].watch_s:g}s")
    worlds = _worlds(usual, **wanted)
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


_SETTING = ("phase", "rate", "share", "watch", "base_errors")


def _setting(
    plan: Plan,
    phase: str | None,
    rate: float | None,
    share: float | None,
    watch: float | None,
    base_errors: float | None,
) -> tuple[Plan, int, World]:
    """The plan with the wanted watch and share, the phase's index, and the healthy world around it."""
    from pilotage.simulation.world import World

    index = _phase(plan, phase)
    watched = plan.phases[index]
    whole = share is None and watched.weight == 100  # the judge then compares with what was recorded before
    name = watched.name if share is None or share * 100 == watched.weight else f"{share * 100:g} %"
    share = watched.weight / 100 if share is None else share
    if not (0 < share < 1 or whole):
        given = f"{share:.0%}" if phase is None else f"{share:.0%} in phase {watched.name}"
        raise PilotageError(
            f"--share: expected more than 0% and less than 100%, got {given}: there has to be a control"
        )
    expected = plan.expected
    rate = rate if rate is not None else expected.requests_per_s if expected else 58.0
    if not 0 < rate <= 1e6:
        raise PilotageError(f"--rate: expected more than 0 and at most 1000000 requests per second, got {rate:g}")
    watch = watched.watch_s if watch is None else watch
    if not watched.tick_s <= watch <= 86400:
        raise PilotageError(f"--watch: expected one tick ({watched.tick_s:g}s) to 24h, got {watch:g}s")
    usual = base_errors if base_errors is not None else expected.errors if expected else 0.003
    phases = list(plan.phases)
    phases[index] = replace(watched, watch_s=watch, weight=share * 100, name=name)
    return replace(plan, phases=tuple(phases)), index, World(rate, share, watched.tick_s, usual)


def _phase(plan: Plan, wanted: str | None) -> int:
    if wanted is None:
        judged = [index for index, one in enumerate(plan.phases) if one.judged]
        return next((index for index in judged if plan.phases[index].weight < 100), judged[0])
    for index, one in enumerate(plan.phases):
        if wanted in (one.name, one.name.replace(" ", ""), str(index)):
            return index
    names = ", ".join(one.name for one in plan.phases)
    raise PilotageError(f"--phase: expected one of {names}, got {wanted!r}")


def _worlds(usual: World, errors: str | None, latency: str | None, bug: str | None, onset: float) -> dict[str, World]:
    if bug is not None:
        usual = replace(usual, bug=_bug(bug))
    if latency is None and errors in (None, "all"):
        return {
            "healthy": usual,
            "errors x2": replace(usual, errors_ratio=2.0, onset_s=onset),
            "errors x5": replace(usual, errors_ratio=5.0, onset_s=onset),
            "errors 20%": replace(usual, errors=0.2, onset_s=onset),
            "latency x2": replace(usual, latency_ratio=2.0, onset_s=onset),
            "slow tail of 2%": replace(usual, tail=0.02, onset_s=onset),
        }
    names = [f"errors {errors}"] if errors else []
    world = replace(_with_errors(usual, errors), onset_s=onset)
    if latency is not None:
        names.append(f"latency {latency}")
        world = _with_latency(world, latency)
    return {", ".join(names): world}


def _with_errors(usual: World, errors: str | None) -> World:
    if errors is None:
        return usual
    if times := re.fullmatch(r"x(\d{1,4}(?:\.\d{1,3})?)", errors):
        if usual.base_errors == 0 and float(times[1]) not in (0, 1):
            raise PilotageError(f"--errors: {errors} of no errors is none; expected 20%, or a --base-errors above 0%")
        if float(times[1]) > 0 and float(times[1]) * usual.base_errors <= 1:
            return replace(usual, errors_ratio=float(times[1]))
    elif (percent := re.fullmatch(r"(\d{1,3}(?:\.\d{1,4})?)\s?%", errors)) and float(percent[1]) <= 100:
        return replace(usual, errors=float(percent[1]) / 100)
    raise PilotageError(f"--errors: expected x1, x5, 20% or all (at most 100 % in the end), got {errors!r}")


def _with_latency(usual: World, latency: str) -> World:
    if latency == "tail":
        return replace(usual, tail=0.02)
    if (times := re.fullmatch(r"x(\d{1,3}(?:\.\d{1,3})?)", latency)) and float(times[1]) > 0:
        return replace(usual, latency_ratio=float(times[1]))
    if more := re.fullmatch(r"\+(\d{1,4})\s?%", latency):
        return replace(usual, latency_ratio=1 + float(more[1]) / 100)
    raise PilotageError(f"--latency: expected x2, +10% or tail, got {latency!r}")


def _bug(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,4})?)%:(\d{1,3}(?:\.\d{1,4})?)%", text)
    if match is None or float(match[1]) > 100 or float(match[2]) > 100:
        raise PilotageError(f"--bug: expected control's and the canary's rate such as 45%:0%, got {text!r}")
    return float(match[1]) / 100, float(match[2]) / 100


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
