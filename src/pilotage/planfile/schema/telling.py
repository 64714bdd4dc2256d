"""The sections `notify` and `messages`: what stands beside a driver's options, and the team's own words."""

from __future__ import annotations

from pilotage.core.announcing import KINDS
from pilotage.core.model import AUDIENCES
from pilotage.planfile.schema.kinds import Schema, mapping, one_of, rows, text, whole
from pilotage.planfile.telling import TIME_OF_DAY
from pilotage.planfile.zones import PATTERN


def channel() -> dict[str, Schema]:
    only = rows("These kinds of messages, and no others.", one_of("A kind of message.", KINDS))
    return {
        "audience": one_of("Whom it tells: in whose words, and what they usually get.", AUDIENCES, "incident"),
        "only": {**only, "uniqueItems": True},
        "quiet": mapping(
            "Between these times of day only what is urgent is sent; the rest is told afterwards.",
            {
                "from": _time_of_day("When it becomes quiet, in quotes."),
                "until": _time_of_day("When it ends, in quotes; before `from`, it is that time on the next day."),
                "zone": text("The times' zone, such as Europe/Berlin.", whole(PATTERN), default="UTC"),
            },
            ["from", "until"],
        ),
    }


def messages() -> Schema:
    folder = text("The folder of the team's own templates, from this file's folder.", most=300)
    return mapping("The words of the messages.", {"templates": folder}, ["templates"])


def _time_of_day(description: str) -> Schema:
    return text(description, whole(TIME_OF_DAY), None, expected='a time of day in quotes such as "22:00"')
