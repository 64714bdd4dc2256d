"""Traffic shared among revisions of one service, as clouds keep it: a list of parts in whole percents, each for a
revision by its name or for the latest one, some with a tag (a label) that gives it an address of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import listed


@dataclass(frozen=True)
class Part:
    """`revision` is empty for the latest one."""

    revision: str
    percent: int = 0
    tag: str = ""


@dataclass(frozen=True)
class Sides:
    """Which revisions are the canary and stable."""

    canary: str
    stable: str


def sides(parts: Sequence[Part], canary: str, stable: str, what: str) -> Sides:
    """Each by its tag where a part has it, else the revision of that name. Raises PermanentError when one follows the
    latest revision: the next deploy would change what it is."""
    found = []
    for name in (canary, stable):
        tagged = [one for one in parts if one.tag == name]
        if tagged and not tagged[0].revision:
            raise PermanentError(
                f"{what} has the tag {name} on whatever revision is the latest: the next deploy would move it. "
                "Give the tag to a revision by its name"
            )
        found.append(tagged[0].revision if tagged else name)
    return Sides(*found)


def share(parts: Sequence[Part], sides: Sides, what: str, advice: str) -> float:
    """The canary's percent. Raises PermanentError when anything but these two gets traffic; `advice` says how the
    traffic is brought to a revision by its name."""
    if not parts or any(one.percent and not one.revision for one in parts):
        raise PermanentError(
            f"{what} sends traffic to whatever revision is the latest: the next deploy would move it. First give it to "
            f"a revision by its name: {advice}"
        )
    strangers = [one.revision for one in parts if one.percent and one.revision not in (sides.canary, sides.stable)]
    if strangers:
        raise PermanentError(
            f"{what} also sends traffic to {listed(strangers)}, neither canary ({sides.canary}) nor stable "
            f"({sides.stable}): are those right? If they are: {advice}"
        )
    if sides.canary == sides.stable:  # the tag is still where the last rollout left it
        return 0.0
    return float(sum(one.percent for one in parts if one.revision == sides.canary))


def divided(parts: Sequence[Part], sides: Sides, percent: int, what: str) -> list[Part]:
    """The parts with the canary at `percent` and stable at the rest; every tag stays where it is."""
    if sides.canary == sides.stable and percent:
        raise PermanentError(f"{what} has {sides.stable} as canary and as stable: deploy the new version first")
    wanted = {sides.stable: 100 - percent} | ({sides.canary: percent} if percent else {})
    found: list[Part] = []
    for one in parts:
        if one.tag:
            found.append(replace(one, percent=wanted.pop(one.revision, 0)))
    return [Part(name, number) for name, number in wanted.items() if number] + found


def percents(parts: Sequence[Part]) -> dict[str, int]:
    """By revision, without those that get nothing: two lists that agree here send traffic alike."""
    sums: dict[str, int] = {}
    for one in parts:
        sums[one.revision] = sums.get(one.revision, 0) + one.percent
    return {name: number for name, number in sums.items() if number}


def suffix(version: str, image: str, most: int) -> str:
    """What a revision of this version and image is called, the same each time: lower-case letters, digits, hyphens."""
    mark = hashlib.sha256(f"{version}\n{image}".encode()).hexdigest()[:6]
    plain = re.sub(r"[^a-z0-9]+", "-", version.lower()).strip("-")[: most - 8].strip("-")
    return f"v{plain}-{mark}" if plain else f"v{mark}"
