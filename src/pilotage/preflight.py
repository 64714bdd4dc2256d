"""Before the first request moves: every driver is asked whether it could do its work. Nothing is changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pilotage.core.model import LatencyMetric, Plan, RatioMetric, Strategy
from pilotage.drivers import Delays, Driver, Metrics, Paces, Steps
from pilotage.drivers.secrets import asked_anew
from pilotage.engine import signals
from pilotage.engine.acting import is_in_force
from pilotage.engine.crew import Crew
from pilotage.engine.measure import for_group, histogram
from pilotage.engine.unborn import never_counts
from pilotage.wording import check_templates

PROBE_S = 10.0
MOST_PACE = 1.6
"""Ticks between two samples of a source."""


@dataclass(frozen=True)
class Answers:
    """What stands against a start, a sentence each; nothing where all is well. `asked` counts the drivers."""

    drivers: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    asked: int = 0
    read: bool = False
    """The metrics were looked at: every driver answered."""
    wording: tuple[str, ...] = ()
    """What is wrong in the team's message templates."""

    @property
    def problems(self) -> tuple[str, ...]:
        return self.drivers + self.metrics + self.wording


async def preflight(plan: Plan, state: Path) -> Answers:
    """Asks every driver; the metrics are read only when all of them answer. Message templates are tried out, too."""
    wrong = await asyncio.to_thread(check_templates, plan)
    return replace(await _asked(plan, state), wording=tuple(map(str, wrong)))


async def _asked(plan: Plan, state: Path) -> Answers:
    try:
        crew = Crew(plan, state)
    except Exception as error:
        return Answers((f"a driver cannot be used where the coordinator runs: {type(error).__name__}: {error}",))
    try:
        everyone = crew.everyone()
        answers = await asyncio.gather(*(_ask(name, driver) for name, driver in everyone))
        silent = tuple(answer for answer in answers if answer)
        if silent:
            return Answers(silent, (), len(everyone))
        weights = [_weight_is_zero(crew, one.name) for one in plan.targets if one.kind == "traffic"]
        weights += [_weights_are_steps(crew, one.name) for one in plan.targets if one.kind == "traffic"]
        measures = [plan.measures.errors] + ([plan.measures.bug] if plan.measures.bug else [])
        series = [_has_series(plan, crew.sources[one.source], one) for one in measures]
        series += [_has_histogram(plan, crew, one) for one in (plan.measures.latency,) if one]
        moved = tuple(answer for answer in await asyncio.gather(*weights) if answer)
        without = list(dict.fromkeys(answer for answer in await asyncio.gather(*series) if answer))
        seldom = _seldom(crew) or await _really_seldom(crew)
        return Answers(moved, tuple(seldom + without + await _signals(crew)), len(everyone), True)
    finally:
        await crew.close()


async def _ask(name: str, driver: Driver) -> str:
    try:
        with asked_anew():
            await asyncio.wait_for(driver.probe(), PROBE_S)
    except TimeoutError:
        return f"{name}: did not answer within {PROBE_S:g} s"
    except Exception as error:
        return f"{name}: {str(error).removeprefix(f'{name}: ') or type(error).__name__}"
    return ""


async def _weight_is_zero(crew: Crew, target: str) -> str:
    try:
        weight = await asyncio.wait_for(crew.traffic(target).read_weight(), PROBE_S)
    except Exception as error:
        return f"{target}: the weight in force cannot be read: {error or type(error).__name__}"
    if weight == 0:
        return ""
    if weight == 100 and crew.plan.strategy is Strategy.BLUE_GREEN:
        return f"{target}: the idle colour has all traffic. Is it the live one? Then exchange blue_green.live and idle."
    return (
        f"{target}: already sends {weight:g} % to the canary. Set it to 0 first, so that a rollout starts from stable."
    )


def _seldom(crew: Crew) -> list[str]:
    """Ticks without anything new would look like a service without requests. A level may stay as it is meanwhile."""
    tick_s, measures = min(phase.tick_s for phase in crew.plan.phases), crew.plan.measures
    counted = {one.source for one in (measures.errors, measures.latency, measures.bug) if one is not None}
    counted |= {one.source for one in measures.guards if one.kind == "counter"}
    return [
        f"metrics source {name}: gives new numbers every {one.every_s:g} s, but a tick is {tick_s:g} s: write "
        f"`tick: {one.every_s:g}s` or more"
        for name, one in crew.sources.items()
        if name in counted and isinstance(one, Delays) and one.every_s > tick_s
    ]


async def _really_seldom(crew: Crew) -> list[str]:
    """The same by what has come lately: canary and control are scraped at different moments, and with less than one
    sample in a tick and a half the one that was not looks silent while the other serves."""
    plan, measures = crew.plan, crew.plan.measures
    tick_s = min(phase.tick_s for phase in plan.phases)
    found = []
    for ratio in [measures.errors] + ([measures.bug] if measures.bug else []):
        driver, selector = crew.sources[ratio.source], for_group(ratio.total, measures.control)
        if not isinstance(driver, Paces):
            continue
        try:
            (pace,) = await asyncio.wait_for(driver.paces([selector]), PROBE_S)
        except Exception as error:
            found.append(f"metrics source {ratio.source}: {error or type(error).__name__}")
            continue
        if pace is not None and pace > MOST_PACE * tick_s:
            found.append(
                f"metrics source {ratio.source}: {selector} has a new sample every {pace:.0f} s, but a tick is "
                f"{tick_s:g} s: write `every_s: {pace:.0f}` in the source and `tick: {pace:.0f}s`, or scrape more often"
            )
    return list(dict.fromkeys(found))


async def _weights_are_steps(crew: Crew, target: str) -> str:
    """A weight that a splitter cannot set is refused before anything has moved, not in the middle."""
    splitter = crew.traffic(target)
    if not isinstance(splitter, Steps):
        return ""
    wanted = {step.weight for phase in crew.plan.phases for step in phase.steps if step.target == target}
    for weight in sorted(one for one in wanted if one is not None):
        try:
            nearest = await asyncio.wait_for(splitter.nearest(weight), PROBE_S)
        except Exception as error:
            return f"{target}: {str(error).removeprefix(f'{target}: ') or type(error).__name__}"
        if not is_in_force(nearest, weight):
            return f"{target}: {weight:g} % cannot be set there, the nearest is {nearest:g} %: change the phase"
    return ""


async def _signals(crew: Crew) -> list[str]:
    """Guards and tickets that could never be judged: said before, not at the end of the first watch."""
    measures = crew.plan.measures
    found = await signals.read(measures, crew.sources, PROBE_S)
    said = []
    for one, asked in zip(found.guards, measures.guards, strict=True):
        if one.fault or (asked.worse_than_control is not None and not one.control):
            why = one.fault or f"has no series for {for_group(asked.value, measures.control)}"
            said.append(f"guard {one.name}: {asked.source} {why}")
    if measures.tickets and found.tickets is None:
        said.append(f"tickets: {measures.tickets.source} {found.tickets_fault}")
    return said


async def _has_series(plan: Plan, source: Driver, metric: RatioMetric) -> str:
    control = for_group(metric.total, plan.measures.control)
    bad = for_group(metric.bad, plan.measures.control)
    try:
        async with asyncio.timeout(PROBE_S):
            total, errors = await cast(Metrics, source).read([control, bad])
            never = (
                "" if errors or not total else await never_counts(cast(Metrics, source), metric, plan.measures.control)
            )
    except TimeoutError:
        return f"metrics source {metric.source}: did not answer within {PROBE_S:g} s"
    except Exception as error:
        return f"metrics source {metric.source}: {error or type(error).__name__}"
    if not total:
        return f"{metric.name}: {metric.source} has no series for {control}. Is the selector right, does stable serve?"
    return f"{metric.name}: {metric.source} {never}" if never else ""


async def _has_histogram(plan: Plan, crew: Crew, metric: LatencyMetric) -> str:
    """Latency that could never be judged: said before, not at the end of the first watch."""
    control = for_group(metric.histogram, plan.measures.control)
    try:
        async with asyncio.timeout(PROBE_S):
            (points,) = await crew.sources[metric.source].read([control])
    except TimeoutError:
        return f"metrics source {metric.source}: did not answer within {PROBE_S:g} s"
    except Exception as error:
        return f"metrics source {metric.source}: {error or type(error).__name__}"
    if not points:
        return f"latency: {metric.source} has no series for {control}. Is the selector right? Or leave latency out"
    if histogram(points, 1.0) is None:
        return f"latency: {control} gives no histogram: series with le labels up to +Inf are expected"
    return ""
