"""Guards and tickets of a reading: asked beside the request counters, so that their faults stay their own."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pilotage.core.model import Measures, Reading
from pilotage.core.signals import GuardLevels, GuardMetric, Level
from pilotage.drivers import History, Metrics, Past, Point
from pilotage.telemetry import driver_call

INSTANCE_LABELS = ("pod", "instance")
"""The pod first: what a node's agent says about many pods has the agent as its instance."""
MOST_INSTANCES = 50


@dataclass(frozen=True)
class Signals:
    """What one moment's reading has beside the request counters."""

    guards: tuple[GuardLevels, ...] = ()
    tickets: float | None = None
    tickets_fault: str = ""

    def within(self, reading: Reading) -> Reading:
        return replace(reading, guards=self.guards, tickets=self.tickets, tickets_fault=self.tickets_fault)


Table = Mapping[str, Sequence[Point]] | str
"""A source's answers by selector, or why there are none."""


async def read(measures: Measures, sources: Mapping[str, Metrics], timeout_s: float) -> Signals:
    """All of them now. A source that fails or is late costs its own signals only."""
    wanted = _wanted(measures)
    tables = await asyncio.gather(*[_ask(measures, sources, name, wanted[name], timeout_s) for name in wanted])
    return _signals(measures, dict(zip(wanted, tables, strict=True)))


async def read_past(
    measures: Measures, sources: Mapping[str, Metrics], timeout_s: float, seconds: float, step_s: float
) -> list[tuple[float, Signals]]:
    """(instant, signals) of the past, the oldest first, from the sources that keep it and answer."""
    wanted = {name: one for name, one in _wanted(measures).items() if isinstance(sources[name], History)}
    pasts = await asyncio.gather(
        *[_ask_past(sources[name], wanted[name], timeout_s, seconds, step_s) for name in wanted]
    )
    kept = {name: past for name, past in zip(wanted, pasts, strict=True) if past}
    moments = zip(*kept.values(), strict=False)
    return [
        (
            each[0].at,
            _signals(
                measures,
                {
                    name: dict(zip(wanted[name], moment.answers, strict=True))
                    for name, moment in zip(kept, each, strict=True)
                },
            ),
        )
        for each in moments
    ]


def _wanted(measures: Measures) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = defaultdict(list)
    for guard in measures.guards:
        for group in (measures.canary, measures.control):
            wanted[guard.source].append(_asked(guard, group))
    if measures.tickets:
        wanted[measures.tickets.source].append(measures.tickets.total)
    return wanted


def _asked(guard: GuardMetric, group: str) -> str:
    return guard.value.replace("$group", group)


def driver_of(measures: Measures, source: str) -> str:
    """The name of a source's driver."""
    found = measures.sources.get(source)
    return "unknown" if found is None else found.driver


async def _ask(
    measures: Measures, sources: Mapping[str, Metrics], name: str, selectors: Sequence[str], timeout_s: float
) -> Table:
    try:
        with driver_call(driver_of(measures, name), "read", source=name):
            async with asyncio.timeout(timeout_s):
                return dict(zip(selectors, await sources[name].read(selectors), strict=True))
    except TimeoutError:
        return f"has no answer: its source was not there within {timeout_s:g} s"
    except Exception as error:
        return f"has no answer: {error or type(error).__name__}"


async def _ask_past(
    source: Metrics, selectors: Sequence[str], timeout_s: float, seconds: float, step_s: float
) -> list[Past]:
    """The past only sharpens the comparison; a source that fails here is asked again at the next tick anyway."""
    assert isinstance(source, History)
    try:
        async with asyncio.timeout(timeout_s):
            return await source.read_past(selectors, seconds, step_s)
    except Exception:
        return []


def _signals(measures: Measures, tables: Mapping[str, Table]) -> Signals:
    guards = []
    for guard in measures.guards:
        table = tables.get(guard.source, "was not read")
        if isinstance(table, str):
            guards.append(GuardLevels(guard.name, fault=table))
            continue
        canary, control = (levels(guard, table[_asked(guard, one)]) for one in (measures.canary, measures.control))
        guards.append(GuardLevels(guard.name, canary, control))
    if measures.tickets is None:
        return Signals(tuple(guards))
    table = tables.get(measures.tickets.source, "was not read")
    if isinstance(table, str):
        return Signals(tuple(guards), None, table)
    points = table[measures.tickets.total]
    if not points:
        return Signals(tuple(guards), None, f"has no series for {measures.tickets.total}")
    return Signals(tuple(guards), sum(point.value for point in points))


def levels(guard: GuardMetric, points: Sequence[Point]) -> tuple[Level, ...]:
    labels = (guard.by,) if guard.by else INSTANCE_LABELS
    summed: dict[str, float] = defaultdict(float)
    for point in points:
        name = next((point.labels[label] for label in labels if point.labels.get(label)), "")
        summed[name] += point.value
    if len(summed) > MOST_INSTANCES:
        return (Level("", sum(summed.values()), len(summed)),)
    return tuple(Level(name, summed[name]) for name in sorted(summed))
