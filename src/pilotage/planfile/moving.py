"""How the traffic moves: the plan's strategy, its targets, and the phases that it compiles to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pilotage.core import strategies
from pilotage.core.model import Phase, Release, Strategy, Target
from pilotage.core.strategies import Rhythm
from pilotage.planfile import bluegreen, phases, rolling
from pilotage.planfile.document import Node
from pilotage.planfile.reader import Reader
from pilotage.planfile.targets import offers, targets

SECTIONS = {Strategy.BLUE_GREEN: "blue_green", Strategy.ROLLING: "rolling"}
EXAMPLES = {
    "blue_green": "blue_green: {live: blue, idle: green, test: [{check: http, url: ...}]}",
    "rolling": "rolling: {servers: [web1, web2, web3], watch: 5m, pool: {driver: haproxy, ...}}",
}


@dataclass(frozen=True)
class Movement:
    """`undone` are the targets that a way back acts on: tests are none of them."""

    targets: tuple[Target, ...]
    undone: tuple[Target, ...]
    phases: tuple[Phase, ...] = ()
    release: Release | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What is taken already."""
        return tuple(one.name for one in (*self.targets, *((self.release.target,) if self.release else ())))


@dataclass(frozen=True)
class Versions:
    version: str
    previous: str


def strategy_of(reader: Reader, top: dict[str, Node]) -> Strategy | None:
    """What the plan says; a section of another strategy is refused."""
    said = reader.one_of(top.get("strategy"), "strategy", [one.value for one in Strategy])
    if said is None:
        return None
    for other, section in SECTIONS.items():
        if section in top and said != other:
            reader.wrong(section, top[section], f"strategy: {other} with the section {section}", f"strategy: {said}")
    return Strategy(said)


def movement(
    reader: Reader, top: dict[str, Node], strategy: Strategy | None, said: Versions, rhythm: Rhythm, directory: Path
) -> Movement:
    """Without phases while there are problems."""
    rhythm = replace(rhythm, after=phases.after(reader, top.get("after")))
    if strategy is Strategy.ROLLING:
        return _rolling(reader, top, said, rhythm)
    found = targets(reader, top)
    asked = phases.ask_more(top.get("phases")) and not reader.problems
    can = offers(found, directory) if asked else None
    specs = phases.phases(reader, top.get("phases"), rhythm.tick_s, found, can)
    if strategy is not Strategy.BLUE_GREEN:
        made = (
            () if reader.problems else strategies.canary(specs, found, version=said.version, rhythm=rhythm, offers=can)
        )
        return Movement(found, found, made)
    return _blue_green(reader, top, said, rhythm, found, specs)


def _blue_green(
    reader: Reader,
    top: dict[str, Node],
    said: Versions,
    rhythm: Rhythm,
    found: tuple[Target, ...],
    specs: list[strategies.PhaseSpec],
) -> Movement:
    node, colours = top.get("blue_green"), bluegreen.colours_of(top)
    tests = bluegreen.tests(reader, node, colours, found)
    switch = bluegreen.one_switch(reader, top.get("phases"), specs)
    rhythm = replace(rhythm, after=bluegreen.warm(reader, node, top))
    release = bluegreen.release(reader, node, colours, said.previous, [*found, *tests])
    if reader.problems:
        return Movement((*found, *tests), found, release=release)
    made = strategies.blue_green(
        switch, found, tests, live=colours.live, idle=colours.idle, version=said.version, rhythm=rhythm
    )
    return Movement((*found, *tests), found, made, release)


def _rolling(reader: Reader, top: dict[str, Node], said: Versions, rhythm: Rhythm) -> Movement:
    section = rolling.section(reader, top)
    batches = rolling.batches(reader, top)
    watch = phases.watched(reader, section.get("watch"), "rolling.watch", rhythm.tick_s)
    approval = reader.one_of(section.get("approval"), "rolling.approval", rolling.APPROVALS) or "none"
    found = tuple(target for target, _ in batches)
    if reader.problems:
        return Movement(found, found)
    made = strategies.rolling(batches, watch_s=watch, approvals=approval, version=said.version, rhythm=rhythm)
    return Movement(found, found, made)
