"""Every message of a plan as it would be sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pilotage.core.announcing import KINDS, kinds_of
from pilotage.core.model import Audience, Channel, DriverRef, Plan
from pilotage.wording.message import preview


@dataclass(frozen=True)
class Previewed:
    """`channel` is its place in the plan, and None when no channel of the plan is for that audience."""

    channel: int | None
    driver: str
    audience: str
    kind: str
    title: str
    text: str


def previews(plan: Plan, audience: Audience | None = None, kind: str | None = None) -> Iterator[Previewed]:
    """By channel in the plan's order; an audience that is asked for and has no channel is shown without one."""
    asked = [(number, one) for number, one in enumerate(plan.notify) if audience in (None, one.audience)]
    channels: list[tuple[int | None, Channel]] = [*asked]
    if not channels:
        channels = [(None, Channel(DriverRef("", {}), audience or "incident"))]
    for number, channel in channels:
        for one in KINDS:
            if one not in kinds_of(channel) or kind not in (None, one):
                continue
            said = preview(plan, one, channel.audience)
            yield Previewed(number, channel.ref.driver, channel.audience, one, said.title, said.text)
