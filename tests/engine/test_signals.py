"""Guards and tickets from a real Prometheus and a real metrics page; a source that fails costs only what it gives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pilotage import planfile
from pilotage.codec import from_json, to_json
from pilotage.core.levels import Meter, Seen
from pilotage.core.model import Plan, Reading, Sample
from pilotage.core.signals import GuardLevels, Level
from pilotage.drivers import Past, Point
from pilotage.engine import measure, signals
from pilotage.engine.crew import Crew
from tests import servers

PLAN = """\
pilotage: 1
service: shop
environment: test
version: "2"
previous: "1"
severity: P0
summary: a test
strategy: canary
known_bad: false
phases: [{weight: 10%%, watch: 10m}, {weight: 100%%, watch: 30m}]
traffic: [{driver: flagd-file, file: flags.json, flag: x, on: "on", off: "off"}]
metrics:
  sources:
    prom: {driver: prometheus, url: "%(prometheus)s"}
    page: {driver: scrape, urls: ["%(page)s"]}
  groups: {canary: new, control: old}
  errors: {source: page, total: 'rq_total{g="$group"}', bad: 'rq_bad_total{g="$group"}'}
  guards:
    - {preset: process, source: prom, select: 'g="$group"'}
    - {preset: node-exporter, source: prom, select: 'g="$group"'}
    - {preset: container, source: prom, select: 'g="$group"'}
    - {name: db connections, source: page, value: 'pg_stat_activity_count{usename="$group"}', per: total, limit: 80}
    - {name: scraped cpu, source: page, value: 'process_cpu_seconds_total{g="$group"}', kind: counter, unit: cores}
  tickets: {source: prom, total: 'support_tickets_created_total{service="shop"}'}
"""


def exposition(seconds: float) -> bytes:
    """What exporters would say after so long; the canary (new) uses three times control's CPU."""
    lines = [f'support_tickets_created_total{{service="shop"}} {int(seconds)}']
    for group, cpu in (("new", 0.3), ("old", 0.1)):
        g = f'g="{group}"'
        lines += [
            f"rq_total{{{g}}} {100 * seconds:.3f}",
            f"rq_bad_total{{{g}}} 0",
            f"process_cpu_seconds_total{{{g}}} {cpu * seconds:.6f}",
            f"process_resident_memory_bytes{{{g}}} {cpu * 1e9}",
            f"process_open_fds{{{g}}} 12",
            f"node_memory_MemAvailable_bytes{{{g}}} 6e9",
            f"node_memory_MemTotal_bytes{{{g}}} 8e9",
            f'node_disk_io_time_seconds_total{{{g},device="sda"}} {0.2 * seconds:.6f}',
            f'pg_stat_activity_count{{datname="shop",state="active",usename="{group}"}} 7',
            f'pg_stat_activity_count{{datname="shop",state="idle",usename="{group}"}} 30',
        ]
        for core in "01":
            lines.append(f'node_cpu_seconds_total{{{g},cpu="{core}",mode="idle"}} {(1 - cpu) * seconds:.6f}')
            lines.append(f'node_cpu_seconds_total{{{g},cpu="{core}",mode="user"}} {cpu * seconds:.6f}')
        for pod in ("a", "b"):
            labels = f'{g},pod="{group}-{pod}",image="shop:2"'
            lines += [
                f'container_cpu_usage_seconds_total{{{labels},cpu="total"}} {cpu * seconds:.6f}',
                f"container_memory_working_set_bytes{{{labels}}} 5e7",
                f"container_fs_reads_bytes_total{{{labels}}} {1000 * seconds:.3f}",
                f"container_fs_writes_bytes_total{{{labels}}} {2000 * seconds:.3f}",
                f'container_memory_working_set_bytes{{{g},pod="{group}-{pod}",image=""}} 9e9',
            ]
    return "\n".join(lines).encode() + b"\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plan, servers.Page]]:
    folder = tmp_path_factory.mktemp("world")
    with servers.http_server(exposition(0.0)) as page, servers.prometheus(folder / "prometheus", page.url) as url:
        text = PLAN % {"prometheus": url, "page": f"{page.url}/metrics"}
        yield planfile.load(text, directory=folder), page


def seen(plan: Plan, *samples: Sample) -> dict[str, tuple[Seen | str, Seen | str]]:
    meter = Meter(plan.measures.guards)
    found = [meter.take(sample) for sample in samples]
    return {metric.name: (canary, control) for metric, canary, control in found[-1]}


CPU = ("process cpu", "container cpu", "scraped cpu")


def together(pairs: dict[str, tuple[Seen | str, Seen | str]]) -> list[tuple[float, float, float]]:
    """Two values that were read together, and how many times the second the first one is by the exposition."""
    values = {name: [one.value for one in pair if isinstance(one, Seen)] for name, pair in pairs.items()}
    found = [(*values[name], 3) for name in CPU]
    found.append((1 - values["node cpu"][0], 1 - values["node cpu"][1], 0.7 / 0.9))
    reads, writes = values["container disk reads"], values["container disk writes"]
    return [*found, *((write, read, 2) for write, read in zip(writes, reads, strict=True))]


async def test_every_preset_reads_its_values(world: tuple[Plan, servers.Page], tmp_path: Path) -> None:
    plan, page = world
    crew = Crew(plan, tmp_path)
    began = time.monotonic()
    samples: list[Sample] = []

    async def known() -> bool:
        now = time.monotonic() - began
        page.body = exposition(now)
        reading = await measure.read(plan.measures, crew.sources, 5)
        samples.append(Sample(0, len(samples), now, from_json(Reading, to_json(reading))))
        pairs = seen(plan, *samples)
        if len(samples) <= 2 or any(isinstance(one, str) for pair in pairs.values() for one in pair):
            return False
        # What belongs together is asked for one after the other: on a busy machine a scrape may come between.
        return all(one == pytest.approx(times * other, rel=0.01) for one, other, times in together(pairs))

    try:
        deadline = began + 30
        while not await known():
            assert time.monotonic() < deadline, seen(plan, *samples)
    finally:
        await crew.close()
    values = {name: [one.value for one in pair if isinstance(one, Seen)] for name, pair in seen(plan, *samples).items()}
    assert values["process memory"] == [3e8, 1e8]
    assert values["node memory"] == [0.25, 0.25]
    assert values["process open files"] == [12, 12]
    assert values["container memory"] == [5e7, 5e7]
    assert values["db connections"] == [37, 37]
    assert len(together(seen(plan, *samples))) == len(CPU) + 3  # and each as it should be, or the wait had failed
    last = samples[-1].reading
    assert last.tickets is not None
    assert last.fault == ""
    containers = next(one for one in last.guards if one.name == "container cpu")
    assert [one.name for one in containers.canary] == ["new-a", "new-b"]


async def test_the_past_of_guards_and_tickets_is_kept_though_the_requests_have_none(
    world: tuple[Plan, servers.Page], tmp_path: Path
) -> None:
    plan, _ = world
    crew = Crew(plan, tmp_path)
    try:
        past = await measure.read_past(plan.measures, crew.sources, 10)
    finally:
        await crew.close()
    assert len(past) == 30
    assert all(reading.control is None for _, reading in past)
    assert {len(reading.guards) for _, reading in past} == {12}


async def test_the_real_node_exporter_knows_the_presets_names(tmp_path: Path) -> None:
    with servers.node_exporter(tmp_path / "a") as one, servers.node_exporter(tmp_path / "b") as other:  # noqa: SIM117
        with servers.prometheus(tmp_path / "prometheus", one, other) as url:
            groups = f"canary: '{one.removeprefix('http://')}', control: '{other.removeprefix('http://')}'"
            text = (PLAN % {"prometheus": url, "page": f"{one}/metrics"}).replace("canary: new, control: old", groups)
            text = text.replace('g="$group"', 'instance="$group"')
            plan = planfile.load(text, directory=tmp_path)
            plan = replace(plan, measures=replace(plan.measures, guards=plan.measures.guards[:6]))
            crew = Crew(plan, tmp_path)
            deadline = time.monotonic() + 30
            try:
                while True:
                    found = await signals.read(plan.measures, crew.sources, 5)
                    if all(guard.canary and guard.control for guard in found.guards):
                        break
                    assert time.monotonic() < deadline, found
            finally:
                await crew.close()
    values = {guard.name: guard.canary[0].value for guard in found.guards}
    assert 0 <= values["node cpu"] <= 1.01
    assert 0 < values["node memory"] < 1
    assert values["node disk io"] >= 0
    assert values["process memory"] > 1e6


# ------------------------------------------------------------------ sources that fail


class Source:
    """Answers every selector with one point, or not at all."""

    def __init__(self, value: float | None = 1.0) -> None:
        self.value = value

    async def read(self, selectors: list[str]) -> list[list[Point]]:
        if self.value is None:
            raise RuntimeError("prom is away")
        return [[Point({"instance": "a:1"}, self.value)] for _ in selectors]


class Keeping(Source):
    async def read_past(self, selectors: list[str], seconds: float, step_s: float) -> list[Past]:
        return [Past(float(at), await self.read(selectors)) for at in (60, 120)]


@pytest.fixture
def plan(world: tuple[Plan, servers.Page]) -> Plan:
    return world[0]


async def test_a_source_of_guards_that_fails_leaves_the_requests_alone(plan: Plan) -> None:
    reading = await measure.read(plan.measures, {"page": Source(), "prom": Source(None)}, 1)
    assert reading.fault == ""
    assert reading.canary is not None
    by_name = {one.name: one for one in reading.guards}
    assert by_name["process cpu"] == GuardLevels("process cpu", fault="has no answer: prom is away")
    assert by_name["db connections"].canary == (Level("a:1", 1.0),)
    assert (reading.tickets, reading.tickets_fault) == (None, "has no answer: prom is away")


async def test_a_past_that_fails_for_guards_is_still_there_for_requests(plan: Plan) -> None:
    class Forgetful(Keeping):
        async def read_past(self, selectors: list[str], seconds: float, step_s: float) -> list[Past]:
            raise RuntimeError("no range queries here")

    past = await measure.read_past(plan.measures, {"page": Keeping(), "prom": Forgetful()}, 1)
    assert [reading.control is not None for _, reading in past] == [True, True]
    assert all(reading.guards[0].fault == "was not read" for _, reading in past)


async def test_many_instances_are_taken_as_one_with_their_number(plan: Plan) -> None:
    class Many(Source):
        async def read(self, selectors: list[str]) -> list[list[Point]]:
            return [[Point({"pod": f"p{number}"}, 2.0) for number in range(60)] for _ in selectors]

    found = await signals.read(plan.measures, {"page": Many(), "prom": Many()}, 1)
    assert found.guards[0].canary == (Level("", 120.0, 60),)
    one = replace(plan.measures.guards[0], kind="gauge")
    only = replace(plan, measures=replace(plan.measures, guards=(one,)))
    value, _ = seen(only, Sample(0, 0, 0.0, found.within(Reading())))[one.name]
    assert isinstance(value, Seen)
    assert value.value == 2.0


def test_samples_and_plans_stored_before_guards_still_decode(plan: Plan) -> None:
    stored = '{"phase":0,"tick":1,"at":1.0,"reading":{"canary":null,"control":null,"fault":"x"},"counted":true}'
    assert from_json(Sample, stored).reading == Reading(fault="x")
    assert from_json(Plan, to_json(plan)) == plan
