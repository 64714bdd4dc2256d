"""The sections around the rollout: start, checklist, contacts, follow-ups."""

from __future__ import annotations

from pilotage.core.preparing import AFTER_CHECKS, BUILT_IN, ENDINGS, ROLES, Part
from pilotage.planfile.preparing import MOST_ROWS
from pilotage.planfile.schema.drivers import alternatives
from pilotage.planfile.schema.kinds import Schema, duration, flag, mapping, one_of, rows, text, whole

_WINDOW = ("from", "until", "zone")
_ID = "[a-z0-9][a-z0-9-]{0,62}"
_AN_ID = "lower-case letters, digits, -"
_INSTANT = whole(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}")


def preparing() -> dict[str, Schema]:
    return {
        "impact": _line("What the bug does to users, in one line."),
        "start": _start(),
        "regions": _lines("Where it runs.", "A region."),
        "references": _lines("What the change belongs to.", "A ticket's number, or an address."),
        "contacts": _several("Who is reached, and how.", _contact()),
        "checklist": _several("What has to be so before traffic moves.", {"oneOf": _items()}),
        "follow_ups": _several("What is looked at when the rollout is over.", {"oneOf": _follow_ups()}),
    }


def _several(description: str, item: Schema) -> Schema:
    return rows(description, item, least=0, most=MOST_ROWS)


def _line(description: str) -> Schema:
    return text(description, most=200)


def _lines(description: str, item: str) -> Schema:
    return _several(description, _line(item))


def _start() -> Schema:
    found = mapping(
        "When the rollout may start: soon, or within a window; without it at any time.",
        {
            "within": duration("So soon after Pilotage first knew the plan, a minute at least; later is overdue."),
            "from": _instant("When the window opens, in `zone`, in quotes."),
            "until": _instant("When the window closes, in `zone`, in quotes."),
            "zone": text("The window's time zone, such as Europe/Berlin or UTC.", whole("[A-Za-z0-9_+/-]{1,60}")),
        },
    )
    return {
        **found,
        "dependentRequired": {one: [other for other in _WINDOW if other != one] for one in _WINDOW},
        "dependentSchemas": {"within": {"properties": dict.fromkeys(_WINDOW, False)}},
    }


def _instant(description: str) -> Schema:
    return text(description, _INSTANT, expected='a time such as "2026-11-25 22:00"')


def _contact() -> Schema:
    properties = {
        "role": one_of("What for.", ROLES),
        "name": _line("Who."),
        "reach": _line("A handle, an address or a number."),
    }
    someone = [{"required": ["name"]}, {"required": ["reach"]}]
    return {**mapping("Somebody, or a channel.", properties, ["role"]), "anyOf": someone}


def _items() -> list[Schema]:
    """One that a person ticks or Pilotage itself looks at, and one for each installed driver of the port `checks`."""
    own = {
        "id": text("Its name, once in the list.", whole(_ID), expected=_AN_ID),
        "part": one_of("The part of the list it stands in.", [one.value for one in Part]),
        "text": _line("What has to be so."),
        "required": flag("Whether the rollout waits for it.", True),
    }
    needed = ("id", "part", "text")
    built_in = one_of("What Pilotage looks at by itself; without it a person ticks the item.", BUILT_IN)
    plain = mapping(
        "An item that a person ticks, or that Pilotage checks by itself.", {**own, "check": built_in}, needed
    )
    return [plain, *alternatives("checks", "check", own, needed)]


def _follow_ups() -> list[Schema]:
    own = {
        "id": text("Its name, once in the list; else its number.", whole(_ID), expected=_AN_ID),
        "after": duration("So long after the end.", zero=True),
        "text": _line("What to look at."),
        "who": _line("A name, or a role of the contacts."),
        "when": one_of("After which end it is due.", ENDINGS, "always"),
        "ticket": flag("A ticket is opened for it, at `tracker`; instead of a check.", False),
    }
    needed = ("after", "text")
    built_in = one_of("What Pilotage looks at by itself; without it somebody is reminded.", AFTER_CHECKS)
    plain = mapping("Somebody is reminded, or Pilotage looks by itself.", {**own, "check": built_in}, needed)
    return [plain, *alternatives("checks", "check", own, needed)]
