"""The sections of a blue-green plan: two colours, the idle one's test, the switch, how long the old one is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pilotage.core.brief import Brief
from pilotage.core.model import Strategy
from pilotage.core.planning.drivers import health, missing
from pilotage.core.planning.entries import Entry, Row, one_line
from pilotage.core.planning.phases import after_s, phases
from pilotage.core.proposals import Proposal, Repository
from pilotage.core.quantities import written

_PAIRS = (("blue", "green"),)
_LIVE = "the colour that runs now, such as blue"
_IDLE = "the other colour, which gets the new version, such as green"
_RELEASE = (
    "What frees the old colour's servers when its time is over, where a command does:",
    'release: {driver: shell, command: ["./scale.sh", "{live}", "0"]}',
)


def blue_green(brief: Brief, repository: Repository) -> Iterator[Entry]:
    """The switch as the plan's one phase, and the section."""
    (switch,) = phases(brief, Strategy.BLUE_GREEN)
    row = Row({"weight": "100%", "watch": written(switch.watch_s)}, switch.note)
    above = "The switch: all traffic to the new colour, once its tests came out well."
    yield Entry("phases", [row], above=(above,), gap=True)
    live, idle, why = colours(repository)
    test, seen = health(repository, "{idle}")
    section = (
        Entry("live", live, why or "{live} under deploy, traffic, metrics, logs, rollback"),
        Entry("idle", idle, why or "{idle} there; it gets the new version"),
        Entry("test", [{"name": "smoke", **test, "within": "1m"}], above=("It gets no traffic before:", *seen)),
        Entry("warm", written(after_s(brief)), "so long the old colour is kept, one call away"),
        Entry(above=_RELEASE),
    )
    yield Entry("blue_green", section)


def colours(repository: Repository) -> tuple[str, str, str]:
    """The live one, the idle one, and what speaks for them. Which one is live is said by a splitter that has sides."""
    for one in repository.proposals:
        for live, idle in (pair for two in _PAIRS for pair in (two, two[::-1])):
            if _speaks(one, "stable", live) and _speaks(one, "canary", idle):
                return live, idle, f"as {_place(one)} shares it; check which one is live now"
    for one in repository.proposals:
        said = " ".join([one.name, str(one.options), *(f"{trace.file} {trace.text}" for trace in one.traces)])
        for two in _PAIRS:
            if all(_named(colour, said) for colour in two):
                both = " or ".join(two)
                seen = f"both seen in {_place(one)}"
                return missing(f"the colour that runs now, {both} ({seen})"), missing(f"the other one of {both}"), ""
    return missing(_LIVE), missing(_IDLE), ""


def _speaks(proposal: Proposal, side: str, colour: str) -> bool:
    said: Any = proposal.options.get(side)
    names = said if isinstance(said, (list, tuple)) else [said]
    return bool(names) and all(isinstance(one, str) and _named(colour, one) for one in names)


def _named(colour: str, text: str) -> bool:
    return re.search(rf"(?<![a-z]){colour}(?![a-z])", text.lower()) is not None


def _place(proposal: Proposal) -> str:
    return one_line(proposal.traces[0].file if proposal.traces else proposal.name)[:80]
