"""The section `blue_green`: two colours, the tests of the idle one, how long the old one is kept warm."""

from __future__ import annotations

from dataclasses import dataclass

from pilotage.core.model import DriverRef, Release, Step, Target
from pilotage.core.strategies import AfterSpec, PhaseSpec
from pilotage.drivers import registry
from pilotage.planfile.document import Node
from pilotage.planfile.filling import filled
from pilotage.planfile.names import A_NAME, NAME
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader
from pilotage.planfile.targets import own_name

KEYS = ("live", "idle", "test", "warm", "tick", "release")
REQUIRED = ("live", "idle", "test")
FILLED = ("deploy", "traffic", "metrics", "logs", "rollback")
"""Sections in which {live} and {idle} stand for the colours."""
WARM_S, TICK_S, TEST_WITHIN_S, MOST_WITHIN_S = 3600.0, 60.0, 60.0, 3600.0


@dataclass(frozen=True)
class Colours:
    """Which one runs now, and which one gets the new version."""

    live: str
    idle: str


def colours(reader: Reader, top: dict[str, Node]) -> dict[str, Node]:
    """The plan's sections with the colours filled in."""
    found = reader.mapping(top.get("blue_green"), "blue_green", KEYS, REQUIRED)
    live, idle = (reader.text(found.get(key), f"blue_green.{key}", A_NAME, NAME) for key in ("live", "idle"))
    if live and live == idle:
        reader.wrong("blue_green.idle", found["idle"], "another colour than the live one", live)
    # A colour that is wrong is told above: what drivers would say of its place follows from that.
    words = {"live": live or "live", "idle": idle or "idle"}
    return {key: filled(one, words) if key in FILLED else one for key, one in top.items()}


def colours_of(top: dict[str, Node]) -> Colours:
    """As far as they are written."""
    node = top.get("blue_green")
    entries = node.value if node is not None and isinstance(node.value, dict) else {}
    return Colours(*(entries[key].text if key in entries else "" for key in ("live", "idle")))


def tests(reader: Reader, node: Node | None, said: Colours, targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """``test: [{check: http, url: ..., within: 1m}]``: drivers of the port `checks`, each a target of its own."""
    rows = node.value.get("test") if node is not None and isinstance(node.value, dict) else None
    found: list[Target] = []
    for number, (path, row) in enumerate(
        reader.items(rows, "blue_green.test", "checks such as {check: http, url: ...}")
    ):
        row = filled(row, vars(said))
        entries = reader.mapping(row, path, ("check", "name", "within"), ("check",), free=True)
        within = reader.duration(entries.get("within"), f"{path}.within", TEST_WITHIN_S, most=MOST_WITHIN_S)
        if reader.one_of(entries.get("check"), f"{path}.check", registry.names("checks")) is None:
            continue
        ref = driver(reader, row, path, "checks", ("name", "within"), key="check")
        name = own_name(reader, row, path, f"test-{number + 1}", [*targets, *found])
        if ref is not None and name is not None:
            options = {"check": ref.driver, "options": dict(ref.options), "within_s": within}
            found.append(Target(name, "deploy", DriverRef("test", options)))
    return tuple(found)


def one_switch(reader: Reader, node: Node | None, specs: list[PhaseSpec]) -> PhaseSpec:
    """Blue-green has one phase: all of the traffic."""
    if len(specs) != 1 and node is not None and isinstance(node.value, list):
        hint = "To move traffic in steps, write strategy: canary."
        reader.wrong("phases", node, "one phase of 100%: the switch", f"{len(specs)} phases", hint)
    spec = specs[0] if specs else PhaseSpec(100.0, 0.0)
    if spec.cohort is not None or spec.mirror or spec.on:
        reader.wrong("phases[0]", node, "a weight, a watch and an approval: the switch moves everything", "more")
    return spec


def warm(reader: Reader, node: Node | None, top: dict[str, Node]) -> AfterSpec:
    """How long one call brings the old colour back; it takes the place of `after`."""
    entries = node.value if node is not None and isinstance(node.value, dict) else {}
    if "after" in top:
        hint = "blue_green.warm is how long the old colour is kept, and watched, after the switch."
        reader.wrong("after", top["after"], "nothing here with strategy blue-green", hint=hint)
    tick = reader.duration(entries.get("tick"), "blue_green.tick", TICK_S)
    seconds = reader.duration(entries.get("warm"), "blue_green.warm", max(WARM_S, tick))
    if seconds < tick:
        reader.wrong("blue_green.warm", entries["warm"], f"at least one tick ({tick:g}s)")
    return AfterSpec(seconds, tick)


def release(reader: Reader, node: Node | None, said: Colours, previous: str, taken: list[Target]) -> Release | None:
    """``release: {driver: shell, command: [./scale, "{live}", "0"]}``: when the old colour's time is over."""
    row = node.value.get("release") if node is not None and isinstance(node.value, dict) else None
    if row is None:
        return None
    row = filled(row, vars(said))
    ref = driver(reader, row, "blue_green.release", "deploy", ("name",))
    name = own_name(reader, row, "blue_green.release", f"release-{said.live}", taken)
    if ref is None or name is None:
        return None
    return Release(Target(name, "deploy", ref), Step(name, "deploy", version=previous))
