"""The section `rolling`: servers in their order, batch by batch, each out of rotation while it is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilotage.core import quantities
from pilotage.core.model import DriverRef, Target
from pilotage.drivers import registry
from pilotage.planfile.document import Node
from pilotage.planfile.filling import filled
from pilotage.planfile.names import A_NAME, NAME
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader

KEYS = ("servers", "max_unavailable", "watch", "approval", "pool", "health", "drain_within", "healthy_within")
REQUIRED = ("servers", "watch")
APPROVALS = ("none", "second", "each")
WITHIN_S = 60.0
LONGEST_NAME = 60

Words = Mapping[str, Any]
"""Of a server: what ``{server}`` and its other words stand for."""


def batches(reader: Reader, top: dict[str, Node]) -> list[tuple[Target, int]]:
    """A target for each batch, with how many servers it has."""
    found = reader.mapping(top.get("rolling"), "rolling", KEYS, REQUIRED)
    servers = _servers(reader, found.get("servers"))
    size = _size(reader, found.get("max_unavailable"), len(servers))
    pool = driver(reader, found["pool"], "rolling.pool", "pool") if "pool" in found else None
    rows = reader.items(top.get("deploy"), "deploy", "deploy drivers")
    seconds = {
        name: reader.duration(found.get(key), f"rolling.{key}", WITHIN_S)
        for name, key in (("drain_s", "drain_within"), ("healthy_s", "healthy_within"))
    }
    made: list[tuple[Target, int]] = []
    for start in range(0, len(servers), size):
        batch = servers[start : start + size]
        options = {
            "pool": _written(pool, "driver"),
            "servers": [_server(reader, words, rows, found.get("health")) for words in batch],
            **seconds,
        }
        made.append((Target(_name(batch, len(made)), "deploy", DriverRef("servers", options)), len(batch)))
    return made


def section(reader: Reader, top: dict[str, Node]) -> dict[str, Node]:
    """Its entries; what belongs to other strategies is refused."""
    node = top.get("rolling")
    if node is None:
        hint = "rolling: {servers: [web1, web2, web3], watch: 5m, pool: {driver: haproxy, ...}}"
        reader.wrong("rolling", top.get("strategy"), "the section rolling, which names the servers", hint=hint)
    for key, why in (
        ("phases", "Its phases are the servers: rolling.watch is how long each batch is watched."),
        ("traffic", "rolling.pool takes servers out of rotation and puts them back."),
    ):
        if key in top:
            reader.wrong(key, top[key], "nothing here with strategy rolling", hint=why)
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _servers(reader: Reader, node: Node | None) -> list[Words]:
    """``[web1, web2]``, or rows of words: ``{name: web1, host: 10.0.0.1, port: 22}``."""
    found: list[Words] = []
    for path, row in reader.items(node, "rolling.servers", "servers in their order, such as [web1, web2, web3]"):
        rows = row.value if isinstance(row.value, dict) else {"name": row}
        if "name" not in rows:
            reader.wrong(f"{path}.name", row, "the server's name", "nothing")
            continue
        at = f"{path}.name" if isinstance(row.value, dict) else path
        name = reader.text(rows["name"], at, A_NAME, NAME)
        words: dict[str, Any] = {"server": name}
        for key, one in rows.items():
            if key != "name":
                words[key] = one.value if isinstance(one.value, (str, int)) else None
                if words[key] is None or words[key] is True or words[key] is False or key in _RESERVED:
                    reader.wrong(f"{path}.{key}", one, "a text or a whole number under a word of its own")
        if name is not None and any(one["server"] == name for one in found):
            reader.wrong(at, row, "each server once", f"{name} again")
        elif name is not None:
            found.append(words)
    if len(found) == 1 and not reader.problems:
        hint = "With one, everything is down while it is changed."
        reader.wrong("rolling.servers", node, "two servers at least", "one", hint)
    return found


_RESERVED = ("server", "version", "previous", "key", "weight", "timeout")


def _size(reader: Reader, node: Node | None, fleet: int) -> int:
    """How many servers a batch has: a count, or a share of the fleet, rounded down to one at least."""
    path = "rolling.max_unavailable"
    if node is None:
        return 1
    share = quantities.percent(node.value) if isinstance(node.value, str) else None
    count = max(1, int(fleet * share / 100)) if share is not None else node.value
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        reader.wrong(path, node, "a number of servers from 1, or a share of them such as 25%")
        return 1
    if fleet and count >= fleet:
        got = f"{count} of {fleet}"
        hint = f"A batch is out of rotation as a whole: at most {fleet - 1} can be." if fleet > 1 else ""
        reader.wrong(path, node, "fewer servers than the fleet has", got, hint)
        return 1
    return count


def _server(reader: Reader, words: Words, rows: Sequence[tuple[str, Node]], health: Node | None) -> dict[str, Any]:
    deploys = [driver(reader, filled(row, words), path, "deploy", ("name",)) for path, row in rows]
    return {
        "name": words["server"],
        "deploy": [_written(one, "driver") for one in deploys if one is not None],
        "health": _written(_health(reader, health, words), "check"),
    }


def _health(reader: Reader, node: Node | None, words: Words) -> DriverRef | None:
    if node is None:
        return None
    row = filled(node, words)
    entries = reader.mapping(row, "rolling.health", ("check",), ("check",), free=True)
    if not entries or reader.one_of(entries.get("check"), "rolling.health.check", registry.names("checks")) is None:
        return None
    return driver(reader, row, "rolling.health", "checks", key="check")


def _written(ref: DriverRef | None, key: str) -> dict[str, Any] | None:
    return None if ref is None else {key: ref.driver, **ref.options}


def _name(batch: Sequence[Words], number: int) -> str:
    said = "+".join(str(words["server"]) for words in batch)
    return said if len(said) <= LONGEST_NAME else f"batch-{number + 1}"
