"""``metrics.guards`` and ``metrics.tickets``: health and tickets beside the requests."""

from __future__ import annotations

import re
from typing import cast

from pilotage.core import quantities
from pilotage.core.model import DriverRef, RatioMetric
from pilotage.core.signals import GuardMetric, Kind, Per, TicketMetric
from pilotage.planfile.document import Node
from pilotage.planfile.presets import PRESETS, Template
from pilotage.planfile.reader import Reader, did_you_mean
from pilotage.planfile.sources import Sources, is_plain, keeps_past, language

KINDS = ("gauge", "counter")
PERS = ("instance", "total", "request")
UNITS = ("share", "bytes", "cores", "seconds")
MOST_GUARDS = 20
MOST_AMOUNT = 1e15
TRIGGER = 1.5
FLOORS = {"share": 0.05, "bytes": 32 * 1024.0**2, "cores": 0.05, "seconds": 0.01}
OF_LIMIT = 0.05
PER_REQUEST = 0.02
"""A request's share of a floor meant for a second of some 50 requests."""
_OWN = ("name", "source", "value", "kind", "per", "worse_than_control", "limit", "floor", "unit", "by")
_PRESET = ("preset", "source", "select", "only", "worse_than_control", "limits", "by")
_MATCHER = re.compile(r'[A-Za-z_][A-Za-z0-9_]*\s*=~?\s*"[^"]*\$group[^"]*"')
LABEL_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,99}"


def source_name(reader: Reader, node: Node | None, path: str, sources: Sources) -> str | None:
    name = reader.text(node, path, "a name from metrics.sources")
    if node is None or name is None or name in sources:
        return name
    reader.wrong(path, node, f"one of {', '.join(sources) or 'metrics.sources'}", hint=did_you_mean(name, sources))
    return None


def tickets(reader: Reader, node: Node | None, sources: Sources) -> TicketMetric | None:
    path = "metrics.tickets"
    found = reader.mapping(node, path, ("source", "total"), ("source", "total"))
    source = source_name(reader, found.get("source"), f"{path}.source", sources)
    total = reader.text(found.get("total"), f"{path}.total", "a selector", limit=1000)
    if total is not None and "$group" in total:
        hint = "Who opens a ticket cannot be told apart by group."
        reader.wrong(f"{path}.total", found["total"], "a selector of the whole service, without $group", hint=hint)
        return None
    if source is None or total is None or not understood(reader, found["total"], f"{path}.total", sources[source]):
        return None
    return TicketMetric(source, total)


def needs_a_baseline(reader: Reader, node: Node, source: DriverRef) -> None:
    """Where the source knows no past there is nothing to compare the tickets with but a baseline phase."""
    if not keeps_past(source):
        hint = "Tickets are compared with the time before; a prometheus source would know its last half hour."
        wanted = f"a baseline phase, such as 5m, as the {source.driver} source of metrics.tickets knows no past"
        reader.wrong("baseline", node, wanted, hint=hint)


def guards(reader: Reader, node: Node | None, sources: Sources, errors: RatioMetric | None) -> tuple[GuardMetric, ...]:
    """Every row is a guard, or a preset that expands to several."""
    found: list[GuardMetric] = []
    for path, row in reader.items(node, "metrics.guards", "guards such as {preset: process, source: prom}"):
        is_preset = isinstance(row.value, dict) and "preset" in row.value
        for guard in (_preset if is_preset else _own)(reader, row, path, sources, errors):
            if any(one.name == guard.name for one in found):
                hint = "Give one of them another name, or name what you want of a preset under only."
                reader.wrong(path, row, "guards with names of their own", f'"{guard.name}" again', hint)
            found.append(guard)
    if len(found) > MOST_GUARDS:
        reader.wrong("metrics.guards", node, f"at most {MOST_GUARDS} guards", f"{len(found)}")
    return tuple(found)


def _own(reader: Reader, row: Node, path: str, sources: Sources, errors: RatioMetric | None) -> list[GuardMetric]:
    found = reader.mapping(row, path, _OWN, ("name", "source", "value"))
    name = reader.text(found.get("name"), f"{path}.name", "one line of at most 60 characters", limit=60)
    source = source_name(reader, found.get("source"), f"{path}.source", sources)
    value = reader.text(found.get("value"), f"{path}.value", "a selector", limit=1000)
    kind = reader.one_of(found.get("kind"), f"{path}.kind", KINDS) or "gauge"
    per = reader.one_of(found.get("per"), f"{path}.per", PERS) or "instance"
    unit = reader.one_of(found.get("unit"), f"{path}.unit", UNITS) or ""
    by = reader.text(found.get("by"), f"{path}.by", "a label's name", LABEL_NAME) or ""
    trigger = _trigger(reader, found.get("worse_than_control"), f"{path}.worse_than_control")
    limit = amount(reader, found.get("limit"), f"{path}.limit")
    floor = amount(reader, found.get("floor"), f"{path}.floor")
    if "worse_than_control" in found and trigger is None and limit is None and "limit" not in found:
        hint = "Without both it could never fire."
        reader.wrong(f"{path}.limit", row, "a limit, as it is not compared with control", "nothing", hint)
    if value is not None and "$group" not in value:
        hint = "Without it the canary and the control would be the same series."
        reader.wrong(f"{path}.value", found["value"], "a selector with $group", hint=hint)
        return []
    if name is None or source is None or value is None:
        return []
    if not understood(reader, found["value"], f"{path}.value", sources[source]):
        return []
    if kind == "counter" and language(sources[source]) == "promql":
        if not is_plain(value):
            hint = "Write the rate yourself, such as rate(...[2m]), with kind: gauge."
            reader.wrong(f"{path}.value", found["value"], "a plain selector for kind: counter", hint=hint)
            return []
        value, kind = _rate(value), "rate"
    if floor is None:
        usual = FLOORS.get(unit, 2.0 if kind == "gauge" else 0.05)
        floor = OF_LIMIT * limit if limit is not None else usual * (PER_REQUEST if per == "request" else 1.0)
    return [GuardMetric(name, source, value, cast(Kind, kind), cast(Per, per), trigger, limit, floor, unit, by)]


def _preset(reader: Reader, row: Node, path: str, sources: Sources, errors: RatioMetric | None) -> list[GuardMetric]:
    found = reader.mapping(row, path, _PRESET, ("preset", "source"))
    preset = reader.one_of(found.get("preset"), f"{path}.preset", tuple(PRESETS))
    source = source_name(reader, found.get("source"), f"{path}.source", sources)
    trigger = _trigger(reader, found.get("worse_than_control"), f"{path}.worse_than_control")
    by = reader.text(found.get("by"), f"{path}.by", "a label's name", LABEL_NAME) or ""
    select = reader.text(found.get("select"), f"{path}.select", "label matchers", limit=500)
    if preset is None or source is None:
        return []
    templates = PRESETS[preset]
    names = [one.name for one in templates]
    if "only" in found:
        rows = reader.items(found["only"], f"{path}.only", f"names such as {names[0]}")
        wanted = [reader.one_of(one, where, names) for where, one in rows]
        templates = tuple(one for one in templates if one.name in wanted)
    limits = {
        name: amount(reader, one, f"{path}.limits.{name}")
        for name, one in reader.mapping(found.get("limits"), f"{path}.limits", [one.name for one in templates]).items()
    }
    if "select" not in found:
        select = _inherited(reader, row, path, source, errors)
    elif select is not None and not selects(reader, found["select"], f"{path}.select", select):
        return []
    if select is None:
        return []
    spoken = language(sources[source])
    if spoken == "own":
        speaks_its_own(reader, found["source"], f"{path}.source", sources[source])
        return []
    promql = spoken == "promql"
    needs = [one.name for one in templates if not one.plain]
    if needs and not promql:
        plain = [one.name for one in templates if one.plain]
        hint = f"Read it through a prometheus source, or write only: [{', '.join(plain)}]."
        got = f"the {sources[source].driver or 'other'} source {source}"
        reader.wrong(
            f"{path}.source", found["source"], f"a prometheus source: {', '.join(needs)} needs PromQL", got, hint
        )
        return []
    guards = [
        _expanded(one, source, select.rstrip(", "), promql, trigger, limits.get(one.name), by) for one in templates
    ]
    idle = [one.name for one in guards if one.worse_than_control is None and one.limit is None]
    if idle and found["worse_than_control"].value == "off":
        hint = "Without both they could never fire."
        reader.wrong(f"{path}.limits", row, f"limits for {', '.join(idle)}, as nothing is compared", "nothing", hint)
    return guards


def _expanded(
    one: Template, source: str, select: str, promql: bool, trigger: float | None, limit: float | None, by: str
) -> GuardMetric:
    if promql and one.promql:
        value = one.promql.format(select)
        limit = one.promql_limit if limit is None else limit
        return GuardMetric(
            one.name, source, value, "gauge", one.per, trigger, limit, one.promql_floor, one.promql_unit, by
        )
    value, kind = one.plain.format(select), one.kind
    if promql and kind == "counter":
        value, kind = _rate(value), "rate"
    return GuardMetric(one.name, source, value, kind, one.per, trigger, limit, one.floor, one.unit, by)


def _inherited(reader: Reader, row: Node, path: str, source: str, errors: RatioMetric | None) -> str | None:
    """The matchers with $group of the errors metric, when it is read from the same source."""
    if errors is None:
        return None  # said already
    matchers = dict.fromkeys(_MATCHER.findall(errors.total)) if errors.source == source else {}
    if matchers:
        return ",".join(matchers)
    hint = 'Such as select: \'job="shop",track="$group"\': the labels that tell canary and control apart there.'
    reader.wrong(f"{path}.select", row, "label matchers with $group", "nothing", hint)
    return None


def selects(reader: Reader, node: Node, path: str, select: str) -> bool:
    if "$group" not in select:
        hint = "Without it the canary and the control would be the same series."
        reader.wrong(path, node, "label matchers with $group", hint=hint)
        return False
    if not is_plain(f"name{{{select}}}"):
        hint = 'Such as \'job="shop",track="$group"\', without braces.'
        reader.wrong(path, node, "label matchers", hint=hint)
        return False
    return True


def understood(reader: Reader, node: Node, path: str, source: DriverRef) -> bool:
    """A scraped page knows no PromQL."""
    if language(source) != "page" or is_plain(str(node.value)):
        return True
    hint = f"PromQL needs a prometheus source; a {source.driver} source only selects and adds up."
    reader.wrong(path, node, 'a plain selector such as name{label="x"}, as its source is a page', hint=hint)
    return False


def speaks_its_own(reader: Reader, node: Node, path: str, source: DriverRef) -> None:
    """Presets are names in Prometheus' format. What is wrong with a broken source is said where it stands."""
    if source.driver:
        hint = "Write the selectors out, in that source's own words."
        got = f"a {source.driver} source"
        reader.wrong(path, node, "a prometheus or scrape source, as a preset has Prometheus' names", got, hint)


def _rate(selector: str) -> str:
    """The rise per second between the last two scrapes, with their own times: reading a counter every tick, between
    scrapes, would show steps. Two minutes hold two scrapes, up to one a minute."""
    return f"irate({selector}[2m])"


def _trigger(reader: Reader, node: Node | None, path: str) -> float | None:
    if node is not None and node.value == "off":
        return None
    return reader.ratio(node, path, TRIGGER)


def amount(reader: Reader, node: Node | None, path: str) -> float | None:
    """A number above 0, a percentage of 1 (``90%``), or a size (``512MiB``)."""
    if node is None:
        return None
    value = quantities.amount(node.value)
    if value is not None and 0 < value <= MOST_AMOUNT:
        return value
    reader.wrong(path, node, "a number above 0, a percentage such as 90%, or a size such as 512MiB")
    return None
