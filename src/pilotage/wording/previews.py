"""Every message of a plan, as it would be sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pilotage.core.announcing import KINDS, kinds_of
from pilotage.core.model import Channel, DriverRef, Plan
from pilotage.wording import preview


def previews(plan: Plan, audience: str | None = None, kind: str | None = None) -> list[dict[str, Any]]:
    """By channel in the plan's order; None: of every audience, of every kind. Blocking: reads templates."""
    return list(_messages(plan, audience, kind))


def _messages(plan: Plan, audience: str | None, kind: str | None) -> Iterator[dict[str, Any]]:
    """An audience that is asked for and has no channel is shown without one."""
    asked = [(number, one) for number, one in enumerate(plan.notify) if audience in (None, one.audience)]
    channels: list[tuple[int | None, Channel]] = [*asked]
    if not channels:
        channels = [(None, Channel(DriverRef("", {}), audience or "incident"))]  # type: ignore[arg-type]
    for number, channel in channels:
        for one in KINDS:
            if one not in kinds_of(channel) or kind not in (None, one):
                continue
            said = preview(plan, one, channel.audience)
            place = {"channel": number, "driver": channel.ref.driver, "audience": channel.audience}
            yield {**place, "kind": one, "title": said.title, "text": said.text}
