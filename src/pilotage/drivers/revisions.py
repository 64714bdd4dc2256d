"""Traffic shared among revisions of one service, as clouds keep it: a list of parts in whole percents, each for a
revision by its name or for the latest one, some with a tag (a label) that gives it an address of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import AfterValidator

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import listed
from pilotage.drivers.arguments import check_placeholders


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


def check_pinned(parts: Sequence[Part], what: str, advice: str) -> None:
    """Raises PermanentError when traffic follows the latest revision: a deploy would get all of it at once."""
    if not parts or any(one.percent and not one.revision for one in parts):
        raise PermanentError(
            f"{what} sends traffic to whatever revision is the latest: the next deploy would move it. First give it to "
            f"a revision by its name: {advice}"
        )


def share(parts: Sequence[Part], sides: Sides, what: str, advice: str) -> float:
    """The canary's percent. Raises PermanentError when anything but these two gets traffic; `advice` says how the
    traffic is brought to a revision by its name."""
    check_pinned(parts, what, advice)
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
    """The parts with the canary at `percent` and stable at the rest; every tag stays where it is.

    On the way to 0 what anything else gets is left to it, and stable has the canary's part besides its own.
    """
    if sides.canary == sides.stable and percent:
        raise PermanentError(f"{what} has {sides.stable} as canary and as stable: deploy the new version first")
    known = (sides.canary, sides.stable)
    others = [] if percent else [one for one in parts if one.percent and one.revision not in known]
    left = 100 - sum(one.percent for one in others)
    wanted = {sides.stable: left - percent} | ({sides.canary: percent} if percent else {})
    found: list[Part] = []
    for one in parts:
        if one in others:
            found.append(one)
        elif one.tag:
            found.append(replace(one, percent=wanted.pop(one.revision, 0)))
    return [Part(name, number) for name, number in wanted.items() if number] + found


def percents(parts: Sequence[Part]) -> dict[str, int]:
    """By revision, without those that get nothing: two lists that agree here send traffic alike."""
    sums: dict[str, int] = {}
    for one in parts:
        sums[one.revision] = sums.get(one.revision, 0) + one.percent
    return {name: number for name, number in sums.items() if number}


def moved(parts: Sequence[Part], tag: str, revision: str) -> list[Part]:
    """The parts with the tag on this revision, and with nobody's percent changed."""
    kept = [replace(one, tag="" if one.tag == tag else one.tag) for one in parts]
    place = next((number for number, one in enumerate(kept) if one.revision == revision and not one.tag), None)
    if place is None:
        kept.append(Part(revision, tag=tag))
    else:
        kept[place] = replace(kept[place], tag=tag)
    return [one for one in kept if one.percent or one.tag]


def suffix(version: str, image: str, most: int) -> str:
    """What a revision of this version and image is called, the same each time: lower-case letters, digits, hyphens,
    and a letter first, as Azure wants it."""
    mark = hashlib.sha256(f"{version}\n{image}".encode()).hexdigest()[:6]
    plain = re.sub(r"[^a-z0-9]+", "-", version.lower()).strip("-")
    named = plain if plain[:1].isalpha() else f"v{plain}"
    return f"{named[: most - 7].strip('-')}-{mark}"


def with_image(containers: Any, container: str | None, image: str, what: str) -> list[dict[str, Any]]:
    """The containers of a template, one of them with this image. Raises PermanentError when it is not plain which."""
    if not isinstance(containers, list) or not containers or not all(isinstance(one, dict) for one in containers):
        raise PermanentError(f"{what} has no containers in its template")
    names = [str(one.get("name") or "") for one in containers]
    if container is None and len(containers) > 1:
        raise PermanentError(f"{what} has the containers {listed(names)}: say in `container` which one has the image")
    if container is not None and container not in names:
        raise PermanentError(f"{what} has no container {container}, but {listed(names)}")
    ours = names.index(container) if container is not None else 0
    return [{**one, "image": image} if number == ours else one for number, one in enumerate(containers)]


def versioned(image: str) -> str:
    """An option that is an image with {version} in it."""
    check_placeholders([image], ["version"])
    if "{version}" not in image or " " in image:
        raise ValueError("an image with {version} in it, such as registry.example.org/payment:{version}")
    return image


Image = Annotated[str, AfterValidator(versioned)]
