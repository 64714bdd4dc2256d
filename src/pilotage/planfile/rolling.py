"""The section `rolling`: servers in their order, batch by batch, each out of rotation while it is changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pilotage.core import strategies
from pilotage.core.model import DriverRef, Target
from pilotage.planfile.document import Node
from pilotage.planfile.filling import filled
from pilotage.planfile.names import A_NAME, NAME
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader, did_you_mean

KEYS = ("servers", "max_unavailable", "watch", "approval", "pool", "health", "drain_within", "healthy_within")
REQUIRED = ("servers", "watch")
APPROVALS = ("none", "second", "each")
WITHIN_S, MOST_WITHIN_S = 60.0, 3600.0
LONGEST_NAME = 60
MOST_SERVERS = 200
MOST_DEPLOYERS = 20
NOT_PER_SERVER = {"git-revert": "It belongs under rollback.revert.", "servers": "rolling.servers names the servers."}
RESERVED = ("server", "version", "previous", "key", "weight", "timeout")
"""Words that drivers fill in by themselves."""
A_LINE = r"(?=.*\S)[^\r\n]+"
WORD = rf"(?!(?:name|{'|'.join(RESERVED)})$)[A-Za-z_][A-Za-z0-9_]{{0,30}}"

Words = Mapping[str, Any]
"""Of a server: what ``{server}`` and its other words stand for."""


def batches(reader: Reader, top: dict[str, Node]) -> list[tuple[Target, int]]:
    """A target for each batch, with how many servers it has."""
    found = reader.mapping(top.get("rolling"), "rolling", KEYS, REQUIRED)
    before = len(reader.problems)
    servers = _servers(reader, found.get("servers"))
    fleet = len(servers) if len(reader.problems) == before else 0  # else nobody knows how many are meant
    size = _size(reader, found.get("max_unavailable"), fleet)
    pool = driver(reader, found["pool"], "rolling.pool", "pool") if "pool" in found else None
    rows = reader.items(top.get("deploy"), "deploy", "deploy drivers")
    if len(rows) > MOST_DEPLOYERS:
        reader.wrong("deploy", top["deploy"], f"at most {MOST_DEPLOYERS} deploy drivers", str(len(rows)))
    seconds = {
        name: reader.duration(found.get(key), f"rolling.{key}", WITHIN_S, most=MOST_WITHIN_S)
        for name, key in (("drain_s", "drain_within"), ("healthy_s", "healthy_within"))
    }
    _per_server(reader, servers, rows)
    made: list[tuple[Target, int]] = []
    told: set[str] = set()
    for start in range(0, len(servers), size):
        batch = servers[start : start + size]
        options = {
            "pool": _written(pool, "driver"),
            "servers": [_server(reader, words, rows, found.get("health"), told) for words in batch],
            **seconds,
        }
        made.append((Target(_name(batch, len(made)), "deploy", DriverRef("servers", options)), len(batch)))
    return made


def section(reader: Reader, top: dict[str, Node]) -> dict[str, Node]:
    """Its entries; what belongs to other strategies is refused."""
    for key, why in (
        ("phases", "Its phases are the servers: rolling.watch is how long each batch is watched."),
        ("traffic", "rolling.pool takes servers out of rotation and puts them back."),
    ):
        if key in top:
            reader.wrong(key, top[key], "nothing here with strategy rolling", hint=why)
    node = top.get("rolling")
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _servers(reader: Reader, node: Node | None) -> list[Words]:
    """``[web1, web2]``, or rows of words: ``{name: web1, host: 10.0.0.1, port: 22}``. All have the same words."""
    found: list[Words] = []
    rows = reader.items(node, "rolling.servers", "servers in their order, such as [web1, web2, web3]")
    if len(rows) > MOST_SERVERS:
        reader.wrong("rolling.servers", node, f"at most {MOST_SERVERS} servers", str(len(rows)))
    used = dict.fromkeys(key for _, row in rows if isinstance(row.value, dict) for key in row.value if key != "name")
    for path, row in rows[:MOST_SERVERS]:
        entries = row.value if isinstance(row.value, dict) else {"name": row}
        if "name" not in entries:
            reader.wrong(f"{path}.name", row, "the server's name", "nothing")
            continue
        name = reader.text(entries["name"], f"{path}.name" if entries is row.value else path, A_NAME, NAME)
        words = {"server": name} | {key: _word(reader, key, one, f"{path}.{key}") for key, one in entries.items()}
        del words["name"]
        if name is not None and (lacks := [key for key in used if key not in words]):
            hint = "What is filled in for one server is filled in for each."
            reader.wrong(path, row, f"the word {lacks[0]}, as other servers have it", "nothing", hint)
        if name is not None and any(one["server"] == name for one in found):
            reader.wrong(path, row, "each server once", f"{name} again")
        elif name is not None:
            found.append(words)
    if len(found) == 1 and not reader.problems:
        hint = "With one, everything is down while it is changed."
        reader.wrong("rolling.servers", node, "two servers at least", "one", hint)
    return found


def _word(reader: Reader, key: str, node: Node, path: str) -> str | int | None:
    """What a word stands for; the name is read elsewhere."""
    if key == "name":
        return None
    value = node.value
    if not re.fullmatch(WORD, key, re.ASCII):
        hint = f"{', '.join(RESERVED)} are filled in by Pilotage."
        reader.wrong(path, node, "a word of its own, of letters, digits and '_'", key, hint)
    elif isinstance(value, bool) or not isinstance(value, (str, int)) or not re.fullmatch(A_LINE, str(value)):
        reader.wrong(path, node, "a text in one line, or a whole number")
    else:
        return value
    return None


def _size(reader: Reader, node: Node | None, fleet: int) -> int:
    """How many servers a batch has: a count, or a share of the fleet, rounded down to one at least."""
    path = "rolling.max_unavailable"
    if node is None:
        return 1
    count = strategies.at_once(node.value, fleet)
    if count is None or node.value is None:
        reader.wrong(path, node, "a number of servers from 1, or a share of them such as 25%")
        return 1
    if fleet > 1 and count >= fleet:
        got = f"{count} of {fleet}"
        hint = f"A batch is out of rotation as a whole: at most {fleet - 1} can be."
        reader.wrong(path, node, "fewer servers than the fleet has", got, hint)
        return 1
    return count


def _per_server(reader: Reader, servers: Sequence[Words], rows: Sequence[tuple[str, Node]]) -> None:
    """A row that is the same for each server would act on all of them, or on one again and again."""
    if len(servers) < 2:
        return
    for path, row in rows:
        one, other = (filled(row, words).plain() for words in servers[:2])
        if one == other and isinstance(row.value, dict):
            hint = "It is called for one server at a time, and has to say which."
            reader.wrong(path, row, "a word of the server in it, such as {server}", "the same for every server", hint)


def _server(
    reader: Reader, words: Words, rows: Sequence[tuple[str, Node]], health: Node | None, told: set[str]
) -> dict[str, Any]:
    """What is wrong with a row is told for the first server that meets it; `told` has the paths of such rows."""
    deploys = [_row(reader, row, path, "deploy", words, told) for path, row in rows]
    checked = None if health is None else _row(reader, health, "rolling.health", "checks", words, told)
    return {
        "name": words["server"],
        "deploy": [_written(one, "driver") for one in deploys if one is not None],
        "health": _written(checked, "check"),
    }


def _row(reader: Reader, node: Node, path: str, port: str, words: Words, told: set[str]) -> DriverRef | None:
    if path in told:
        return None
    before = len(reader.problems)
    _misspelt(reader, node, path, words)
    if len(reader.problems) > before:  # whatever the driver would say follows from it
        told.add(path)
        return None
    if port == "checks":
        ref = driver(reader, filled(node, words), path, port, key="check")
    else:
        row = filled(node, words)
        ref = driver(reader, row, path, port, ("name",))
        named = row.value.get("name") if isinstance(row.value, dict) else None
        reader.text(named, f"{path}.name", A_NAME, NAME)
        if ref is not None and ref.driver in NOT_PER_SERVER:
            hint = NOT_PER_SERVER[ref.driver]
            reader.wrong(f"{path}.driver", node, "a driver that deploys to one server", ref.driver, hint)
    if len(reader.problems) > before:
        told.add(path)
    return ref


def _misspelt(reader: Reader, node: Node, path: str, words: Words) -> None:
    """``{sever}`` would reach an address as it is. Words that resemble none of the servers' are the drivers' own."""
    for at, one in node.walk(path):
        for word in re.findall(r"\{(\w+)\}", one.value) if isinstance(one.value, str) else ():
            if word not in words and word not in RESERVED and (hint := did_you_mean(word, list(words))):
                reader.wrong(at, one, f"one of the words {', '.join(words)}", f"{{{word}}}", hint)


def _written(ref: DriverRef | None, key: str) -> dict[str, Any] | None:
    return None if ref is None else {key: ref.driver, **ref.options}


def _name(batch: Sequence[Words], number: int) -> str:
    said = "+".join(str(words["server"]) for words in batch)
    return said if len(said) <= LONGEST_NAME else f"batch-{number + 1}"
