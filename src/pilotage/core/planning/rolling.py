"""The sections of a rolling plan: the servers in their order, what takes them out of rotation, how long is watched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pilotage.core.brief import Brief
from pilotage.core.planning.drivers import health, missing, others, why
from pilotage.core.planning.entries import Entry
from pilotage.core.planning.phases import after_s, note, watch_s
from pilotage.core.proposals import Repository
from pilotage.core.quantities import written

FLEET = 3
"""Servers that are asked for where nobody says how many there are."""
MOST_FLEET = 50
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_POOL = (
    "What takes a server out of rotation while it is changed, and puts it back:",
    "pool: {driver: haproxy, socket: /run/haproxy/admin.sock, backend: app}",
)


def rolling(brief: Brief, repository: Repository) -> Iterator[Entry]:
    names, where = servers(brief, repository)
    watch = watch_s(brief)
    section = [
        Entry("servers", names, where),
        Entry("max_unavailable", 1, "out of rotation at a time; or a share such as 25%"),
        Entry("watch", written(watch), note(brief, 100 / len(names), watch)),
        Entry("approval", "none", "or second, each: before which batches a person is asked"),
    ]
    if (pool := repository.best("pool")) is not None:
        row = {"driver": pool.driver, **pool.options}
        section.append(Entry("pool", row, above=(_POOL[0], *why(pool), *others(repository, "pool", pool))))
    else:
        section.append(Entry(above=(*_POOL, *others(repository, "pool", None))))
    check, seen = health(repository, "{server}")
    section.append(Entry("health", check, above=("It is not put back before:", *seen)))
    above = "Server by server; rows such as {name: web1, host: 10.0.0.1} give each server words of its own."
    yield Entry("rolling", tuple(section), above=(above,), gap=True)
    yield Entry("after", {"watch": written(after_s(brief)), "tick": "1m"}, "lighter monitoring when all are done")


def servers(brief: Brief, repository: Repository) -> tuple[list[str], str]:
    """Their names with where they were said: by the brief, else by the pool that the repository has."""
    said = [one.value for one in brief.servers]
    if said and all(re.fullmatch(_NAME, one, re.ASCII) for one in said):
        return said, "as the brief names them"
    pool = repository.best("pool")
    if pool is not None and len(pool.members) > 1:
        return list(pool.members), "as the pool names them; check that these are all, in your order"
    count = min(brief.fleet.value, MOST_FLEET) if brief.fleet is not None else FLEET
    first = "the first server, as the pool calls it, such as web1"
    return [missing(first), *(missing(f"server {number}") for number in range(2, count + 1))], ""
