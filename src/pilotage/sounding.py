"""What a plan's metrics give now: every selector asked twice, and what is missing said with what is there instead."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from pilotage.core.errors import PilotageError
from pilotage.core.histograms import quantiles
from pilotage.core.model import LatencyMetric, Plan, RatioMetric
from pilotage.core.signals import GuardMetric, TicketMetric
from pilotage.drivers import Ages, Context, Delays, Metrics, Point, registry
from pilotage.drivers.metrics.exposition import parse_selector
from pilotage.engine.measure import for_group, histogram
from pilotage.engine.signals import levels
from pilotage.engine.unborn import never_counts

Table = Mapping[tuple[str, str], list[Point] | str]
"""(source, selector) -> its series, or why there are none."""

APART_S, MOST_APART_S = 5.0, 120.0
MOST_VALUES = 12
OLD_TICKS = 3
"""A newest sample that is older is told."""
_WITH_GROUP = re.compile(r"([A-Za-z_:][\w:]*)\{([^{}]*\$group[^{}]*)\}")
_MATCHER = re.compile(r'\s*([A-Za-z_]\w*)\s*=~?\s*"[^"]*\$group[^"]*"\s*,?')


@dataclass(frozen=True)
class Row:
    """One metric of one group. `values` are for a program and a person; `missing` says what does not come, and why."""

    metric: str
    kind: str
    source: str
    group: str = ""
    name: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""


@dataclass(frozen=True)
class Sounding:
    """`sources` are their probes' answers, `faults` what they failed with; `notes` cost nothing but should be known."""

    sources: Mapping[str, str]
    faults: Mapping[str, str]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    apart_s: float = 0.0

    @property
    def good(self) -> bool:
        return not self.faults and not any(row.missing for row in self.rows)

    def as_data(self) -> dict[str, Any]:
        """For a program."""
        rows = [{key: value for key, value in asdict(one).items() if value != ""} for one in self.rows]
        told = {"sources": dict(self.sources), "faults": dict(self.faults), "metrics": rows, "notes": list(self.notes)}
        return {"ok": self.good, **told}


async def sound(plan: Plan, state: Path, apart_s: float | None, within_s: float) -> Sounding:
    """Two readings `apart_s` seconds apart (None: so that every source has had new numbers); each call of a source may
    take `within_s`."""
    context = Context(Path(plan.directory), state, plan.service, plan.environment)
    refs = plan.measures.sources
    sources = {name: cast(Metrics, registry.build("metrics", ref, context)) for name, ref in refs.items()}
    if apart_s is None:
        seldom = [one.every_s for one in sources.values() if isinstance(one, Delays)]
        apart_s = min(max([APART_S, *(1.1 * every_s for every_s in seldom)]), MOST_APART_S)
    try:
        probes = await asyncio.gather(*(_told(one.probe(), within_s) for one in sources.values()))
        faults = {name: why for name, (_, why) in zip(sources, probes, strict=True) if why}
        said = {name: str(line) for name, (line, why) in zip(sources, probes, strict=True) if not why}
        asked = {one: refs for one, refs in _wanted(plan).items() if one not in faults}
        first, begun = await _table(sources, asked, within_s), time.monotonic()
        await asyncio.sleep(apart_s)
        second = await _table(sources, asked, within_s)
        look = _Look(plan, faults, first, second, time.monotonic() - begun)
        rows = [await _explained(plan, sources, row, within_s) for row in look.rows()]
        notes = [f"{one} (left out by the preset)" for one in plan.measures.left_out]
        notes += [
            f"{name}: new numbers come every {one.every_s:g} s: readings {apart_s:g} s apart may be the same (--apart)"
            for name, one in sources.items()
            if isinstance(one, Delays) and one.every_s > apart_s
        ]
        notes += await _old(plan, sources, asked, second, within_s)
        return Sounding(said, faults, tuple(rows), tuple(notes), apart_s)
    finally:
        for one in sources.values():
            with suppress(Exception):
                await asyncio.wait_for(one.close(), 2)


async def _told(call: Any, within_s: float) -> tuple[Any, str]:
    """Its answer, or why there is none."""
    try:
        async with asyncio.timeout(within_s):
            return await call, ""
    except TimeoutError:
        return None, f"no answer within {within_s:g} s"
    except Exception as error:  # a driver may fail in any way; a person gets a sentence
        return None, str(error) if isinstance(error, PilotageError) else f"{type(error).__name__}: {error}"


def _wanted(plan: Plan) -> dict[str, list[str]]:
    """Every selector by source, with both groups' names."""
    of, found = plan.measures, dict[str, dict[str, None]]()
    templates = [(one.source, text) for one in (of.errors, of.bug) if one for text in (one.total, one.bad)]
    templates += [(of.latency.source, of.latency.histogram)] if of.latency else []
    templates += [(one.source, one.value) for one in of.guards]
    for source, text in templates:
        for group in (of.canary, of.control):
            found.setdefault(source, {})[for_group(text, group)] = None
    if of.tickets:
        found.setdefault(of.tickets.source, {})[of.tickets.total] = None
    return {source: list(texts) for source, texts in found.items()}


async def _table(sources: Mapping[str, Metrics], asked: Mapping[str, list[str]], within_s: float) -> Table:
    """All at once; where that fails one by one, so that the fault is told of the selector that has it."""
    found: dict[tuple[str, str], list[Point] | str] = {}

    async def one(source: str, texts: list[str]) -> None:
        answers, why = await _told(sources[source].read(texts), within_s)
        if not why:
            found.update({(source, text): points for text, points in zip(texts, answers, strict=True)})
            return
        for text in texts if len(texts) > 1 else ():
            await one(source, [text])
        if len(texts) == 1:
            found[source, texts[0]] = why

    await asyncio.gather(*(one(source, texts) for source, texts in asked.items()))
    return found


class _Missing(Exception):
    """Its text says what does not come."""


class _Look:
    """Both readings, made into rows."""

    def __init__(self, plan: Plan, faults: Mapping[str, str], first: Table, second: Table, seconds: float) -> None:
        self._of, self._faults, self._seconds = plan.measures, faults, seconds
        self._first, self._second = first, second

    def rows(self) -> Iterable[Row]:
        of = self._of
        ratios = [("errors", "requests", of.errors)] + ([(of.bug.name, "bug", of.bug)] if of.bug else [])
        for name, kind, metric in ratios:
            yield from self._both(name, kind, metric.source, partial(self._ratio, metric))
        if (latency := of.latency) is not None:
            yield from self._both("latency", "latency", latency.source, partial(self._times, latency))
        for guard in of.guards:
            yield from self._both(guard.name, "guard", guard.source, partial(self._guard, guard))
        if (tickets := of.tickets) is not None:
            yield self._row("tickets", "tickets", tickets.source, "", "", partial(self._tickets, tickets))

    def _both(self, metric: str, kind: str, source: str, values: Callable[[str], Mapping[str, Any]]) -> Iterable[Row]:
        for group, name in (("canary", self._of.canary), ("control", self._of.control)):
            yield self._row(metric, kind, source, group, name, values)

    def _row(
        self, metric: str, kind: str, source: str, group: str, name: str, values: Callable[[str], Mapping[str, Any]]
    ) -> Row:
        if source in self._faults:
            return Row(metric, kind, source, group, name, missing=f"the source {source} failed")
        try:
            return Row(metric, kind, source, group, name, values(name))
        except _Missing as missing:
            return Row(metric, kind, source, group, name, missing=str(missing))

    def _points(self, source: str, selector: str, first: bool = False) -> list[Point]:
        """Empty where there are no series. Raises _Missing when the source failed for it."""
        found = (self._first if first else self._second)[source, selector]
        if isinstance(found, str):
            raise _Missing(found)
        return found

    def _ratio(self, metric: RatioMetric, group: str) -> Mapping[str, Any]:
        total, bad = for_group(metric.total, group), for_group(metric.bad, group)
        now, failed = self._points(metric.source, total), self._points(metric.source, bad)
        if not now:
            raise _Missing("no series")
        for selector, points in ((total, now), (bad, failed)):
            if len({one.labels["le"] for one in points if "le" in one.labels}) > 1:
                raise _Missing(f"{selector} gives all the buckets of a histogram, and no count")
        whole, part = _sum(now), _sum(failed)
        if not whole >= 0 or not part >= 0:
            raise _Missing("its value is not a number")
        if part > whole:
            raise _Missing(f"it counts more bad ones ({part:g}) than there are in all ({whole:g})")
        found: dict[str, Any] = {"total": whole, "bad": part, "series": len(now)}
        if not failed:
            found["bad_series"] = 0
        before = self._points(metric.source, total, first=True)
        rise = whole - _sum(before) if before else None
        found["per_s"] = None if rise is None or rise < 0 else rise / self._seconds
        return found

    def _times(self, metric: LatencyMetric, group: str) -> Mapping[str, Any]:
        points = self._points(metric.source, for_group(metric.histogram, group))
        if not points:
            raise _Missing("no series")
        found = histogram(points, 0.001 if metric.unit == "ms" else 1.0)
        if found is None:
            raise _Missing("no histogram: series with le labels up to +Inf are expected")
        values = quantiles(found, (0.5, 0.95, 0.99))
        if not values:
            raise _Missing("the histogram is empty")
        return {"requests": sum(found.counts), **dict(zip(("p50_s", "p95_s", "p99_s"), values, strict=True))}

    def _guard(self, guard: GuardMetric, group: str) -> Mapping[str, Any]:
        selector = for_group(guard.value, group)
        now = {one.name: one for one in levels(guard, self._points(guard.source, selector))}
        if not now:
            raise _Missing("no series")
        each = {name: one.value for name, one in now.items()}
        if guard.kind == "counter":
            before = {one.name: one.value for one in levels(guard, self._points(guard.source, selector, first=True))}
            each = {name: (value - before[name]) / self._seconds for name, value in each.items() if name in before}
        count = sum(one.instances for one in now.values())
        total = sum(each.values())
        value: float | None = total / count if guard.per == "instance" else total
        if guard.per == "request":
            rate = self._ratio(self._of.errors, group).get("per_s")
            value = total / rate if rate else None
        return {"value": value, "unit": guard.unit, "per": guard.per, "instances": count, "each": each}

    def _tickets(self, metric: TicketMetric, _: str) -> Mapping[str, Any]:
        points = self._points(metric.source, metric.total)
        if not points:
            raise _Missing(f"no series for {metric.total}")
        return {"total": _sum(points)}


def _sum(points: Iterable[Point]) -> float:
    return sum(one.value for one in points)


# ------------------------------------------------------------------ what is there instead, and how old it is


async def _explained(plan: Plan, sources: Mapping[str, Metrics], row: Row, within_s: float) -> Row:
    """A row without series says what its label has; a bad-counter without any, whether it is called so at all."""
    templates = _templates(plan, row)
    if row.missing == "no series":
        there = await _instead(sources[row.source], templates[0], row.name, within_s)
        text = f'no series for group {row.group} "{row.name}" ({for_group(templates[0], row.name)}); {there}'
        return Row(row.metric, row.kind, row.source, row.group, row.name, missing=text)
    if row.values.get("bad_series") == 0:
        metric = plan.measures.bug if row.kind == "bug" and plan.measures.bug else plan.measures.errors
        never, why = await _told(never_counts(sources[row.source], metric, row.name), within_s)
        if why or never:
            return Row(row.metric, row.kind, row.source, row.group, row.name, row.values, why or f"it {never}")
    return row


def _templates(plan: Plan, row: Row) -> list[str]:
    of = plan.measures
    if row.kind == "latency" and of.latency:
        return [of.latency.histogram]
    if row.kind == "guard":
        return [one.value for one in of.guards if one.name == row.metric]
    metric = of.bug if row.kind == "bug" and of.bug else of.errors
    return [metric.total, metric.bad]


async def _instead(source: Metrics, template: str, name: str, within_s: float) -> str:
    """The values that the group's label has; or that there is nothing of that name."""
    found = _WITH_GROUP.search(template)
    matcher = _MATCHER.search(found[2]) if found else None
    if found is None or matcher is None:
        return "does the selector ask for the right thing?"
    rest, label = _MATCHER.sub("", found[2]).strip(" ,"), matcher[1]
    for selector, where in ((f"{found[1] or ''}{{{rest}}}", ""), (found[1] or "", f" (without {rest})")):
        with suppress(ValueError):
            parse_selector(selector)
            points, why = await _told(source.read([selector]), within_s)
            values = sorted({one.labels.get(label, "") for one in points[0]}) if not why and points else []
            if values:
                shown = ", ".join(one or "(none)" for one in values[:MOST_VALUES])
                more = f" and {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
                return f"its label {label}{where} has: {shown}{more}"
        if not rest:
            break
    return f"there are no series called {found[1] or rest} at all"


async def _old(
    plan: Plan, sources: Mapping[str, Metrics], asked: Mapping[str, list[str]], now: Table, within_s: float
) -> list[str]:
    """Between two samples nothing rises: a rule that is evaluated rarely looks like a service that nobody uses."""
    tick_s = plan.phases[0].tick_s
    notes = []
    for source, texts in asked.items():
        driver, there = sources[source], [text for text in texts if isinstance(now[source, text], list)]
        if not isinstance(driver, Ages) or not there:
            continue
        ages, why = await _told(driver.ages(there), within_s)
        for text, age in zip(there, ages or (), strict=not why):
            if age is not None and age > OLD_TICKS * tick_s:
                notes.append(
                    f"{text}: its newest sample is {age:.0f} s old. Ticks of {tick_s:g} s see nothing new in "
                    f"between: is a rule evaluated, or a target scraped, so rarely? Then every_s and tick should say so"
                )
    return notes
