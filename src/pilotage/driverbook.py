"""The installed drivers, as somebody who writes a plan looks them up: by name, with an example to paste."""

from __future__ import annotations

import dataclasses
from typing import Any

from pilotage.core.errors import NotFound
from pilotage.core.planning.entries import Entry, write
from pilotage.core.words import printable
from pilotage.drivers import PORTS, registry
from pilotage.drivers.about import REPLACE_ME, About
from pilotage.planfile.reader import did_you_mean


def resolve(name: str) -> list[tuple[str, str]]:
    """The installed drivers that NAME or PORT/NAME means, one for each port. Raises NotFound."""
    port, _, short = name.rpartition("/")
    found = [(one, short) for one in PORTS if port in ("", one) and short in registry.names(one)]
    if found:
        return found
    known = [f"{one}/{other}" for one in PORTS for other in registry.names(one)]
    near = did_you_mean(name, [*known, *dict.fromkeys(one.split("/")[1] for one in known)])
    raise NotFound(printable(f"no driver {name[:80]} is installed. {near or '`pilotage drivers` lists them.'}"))


def as_data(one: About) -> dict[str, Any]:
    """For a program."""
    return {**dataclasses.asdict(one), "example": "" if one.broken else example(one)}


def example(one: About) -> str:
    """The part of a plan that names it, as YAML; `pilotage check` asks for each placeholder."""
    wanted = [option for option in one.options if option.required] or list(one.options[:1])
    options = {option.name: option.sample for option in wanted}
    named = {"driver": one.name, **options}
    sections: dict[str, Any] = {
        "traffic": [{"name": one.name, **named}],
        "deploy": [{"name": one.name, **named}],
        "metrics": {"sources": {one.name: named}},
        "notify": [named],
        "logs": {"canary": named, "control": named},
        "checks": [{"id": one.name, "part": "technical", "text": REPLACE_ME, "check": one.name, **options}],
        "tracker": named,
        "pool": {"servers": [REPLACE_ME], "watch": "5m", "pool": named},
    }
    if one.port == "deploy" and one.name == "git-revert":
        return write([Entry("rollback", {"methods": ["traffic", "revert"], "revert": named})])
    if one.port == "deploy" and one.name == "servers":  # made of this section, with the plan's deploy drivers
        return write([Entry("rolling", {"servers": [REPLACE_ME], "watch": "5m"})])
    section = {"checks": "checklist", "pool": "rolling"}.get(one.port, one.port)
    return write([Entry(section, sections[one.port])])
