"""The sections `deploy` and `traffic`: what the rollout acts on, by name."""

from __future__ import annotations

from pathlib import Path

from pilotage.core.model import DriverRef, Target
from pilotage.core.strategies import Offers
from pilotage.drivers import Context, Mirrors, Steers, registry
from pilotage.planfile.document import Node
from pilotage.planfile.names import A_NAME, NAME
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader


def targets(reader: Reader, top: dict[str, Node]) -> tuple[Target, ...]:
    found: list[Target] = []
    for kind in ("deploy", "traffic"):
        for path, row in reader.items(top.get(kind), kind, f"{kind} drivers"):
            ref = driver(reader, row, path, kind, ("name",))
            if ref is not None and ref.driver == "git-revert":
                hint = "It belongs under rollback.revert."
                reader.wrong(f"{path}.driver", row, "a driver that deploys a new version", "git-revert", hint)
            name = own_name(reader, row, path, ref.driver if ref else None, found)
            if name is not None:
                found.append(Target(name, "deploy" if kind == "deploy" else "traffic", ref or DriverRef("", {})))
    return tuple(found)


def own_name(reader: Reader, row: Node, path: str, otherwise: str | None, taken: list[Target]) -> str | None:
    """The row's `name`, or `otherwise`; a second one of the same name is a problem."""
    entries = row.value if isinstance(row.value, dict) else {}
    named = entries.get("name")
    name = reader.text(named, f"{path}.name", A_NAME, NAME) if named else otherwise
    if name is not None and any(one.name == name for one in taken):
        reader.wrong(f"{path}.name", named or row, "a name of its own", f'"{name}" again', "Add name: ...")
    return name


def offers(found: tuple[Target, ...], directory: Path) -> Offers:
    """What each splitter can do besides, with the options that it has here; of one that cannot be built, nothing."""
    context = Context(directory, directory)
    said: dict[str, frozenset[str]] = {}
    for one in found:
        if one.kind != "traffic" or not one.ref.driver:
            continue
        try:
            splitter = registry.build("traffic", one.ref, context)
        except Exception:  # a stranger's driver may fail in any way: still no traceback for a plan's author
            said[one.name] = frozenset()
            continue
        cohorts = splitter.cohorts if isinstance(splitter, Steers) else frozenset()
        said[one.name] = cohorts | ({"mirror"} if isinstance(splitter, Mirrors) else frozenset())
    return said
