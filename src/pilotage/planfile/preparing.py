"""The sections around the rollout itself: start, checklist, contacts, follow-ups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from pilotage.core.preparing import (
    AFTER_CHECKS,
    BUILT_IN,
    ENDINGS,
    ROLES,
    Contact,
    Ending,
    FollowUp,
    Item,
    Part,
    Preparation,
    StartRule,
)
from pilotage.drivers import registry
from pilotage.planfile.document import Node
from pilotage.planfile.options import driver
from pilotage.planfile.reader import Reader, did_you_mean
from pilotage.planfile.zones import time_zone

SECTIONS = ("impact", "start", "regions", "references", "contacts", "checklist", "follow_ups")
_ID = r"[a-z0-9][a-z0-9-]{0,62}"
_LINE = r"[^\r\n]{1,200}"
MOST_ROWS = 100
LONGEST_WINDOW_S = 30 * 86400.0


def preparation(reader: Reader, top: dict[str, Node]) -> Preparation:
    return Preparation(
        impact=reader.text(top.get("impact"), "impact", "one line of at most 200 characters", _LINE) or "",
        start=_start(reader, top.get("start")),
        checklist=_checklist(reader, top.get("checklist")),
        contacts=_contacts(reader, top.get("contacts")),
        regions=_lines(reader, top.get("regions"), "regions"),
        references=_lines(reader, top.get("references"), "references"),
        follow_ups=_follow_ups(reader, top.get("follow_ups"), "tracker" in top),
    )


def _start(reader: Reader, node: Node | None) -> StartRule:
    """``{within: 1h}``, or a window ``{from: "2026-11-25 22:00", until: "2026-11-26 02:00", zone: Europe/Berlin}``."""
    if node is None:
        return StartRule()
    window = ("from", "until", "zone")
    found = reader.mapping(node, "start", ("within", *window))
    within = reader.duration(found["within"], "start.within", least=60.0) if "within" in found else None
    given = [name for name in window if name in found]
    if not given:
        return StartRule(within)
    if within is not None:
        reader.wrong("start.within", found["within"], "either within, or a window of from, until and zone")
    for name in window:
        if name not in found:
            reader.wrong(f"start.{name}", node, f"the key {name}: a window has {', '.join(window)}", "nothing")
    zone = time_zone(reader, found.get("zone"), "start.zone")
    if zone is None:
        return StartRule()
    opens, closes = (_instant(reader, found.get(name), f"start.{name}", zone) for name in ("from", "until"))
    if opens is not None and closes is not None:
        if closes <= opens:
            reader.wrong("start.until", found["until"], "a time after start.from")
        elif closes - opens > LONGEST_WINDOW_S:
            reader.wrong("start.until", found["until"], "a window of at most 30 days")
    return StartRule(None, opens, closes, zone.key)


def _instant(reader: Reader, node: Node | None, path: str, zone: ZoneInfo) -> float | None:
    text = reader.text(node, path, 'a time such as "2026-11-25 22:00"', r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")
    if text is None:
        return None
    try:
        local = datetime.strptime(text.replace("T", " "), "%Y-%m-%d %H:%M").replace(tzinfo=zone)
        at = local.timestamp()
        again = datetime.fromtimestamp(at, UTC).astimezone(zone)
    except (ValueError, OverflowError):
        reader.wrong(path, node, 'a time that exists, such as "2026-11-25 22:00"')
        return None
    if again.replace(tzinfo=None) != local.replace(tzinfo=None):
        reader.wrong(path, node, f"a time that exists in {zone.key}", hint="The clocks are put forward over it.")
        return None
    return at


def _checklist(reader: Reader, node: Node | None) -> tuple[Item, ...]:
    items: list[Item] = []
    own = ("id", "part", "text", "required")
    for path, row in _rows(reader, node, "checklist", "items such as {id: ..., part: technical, text: ...}"):
        found = reader.mapping(row, path, (*own, "check"), ("id", "part", "text"), free=True)
        name = reader.text(found.get("id"), f"{path}.id", "a name of lower-case letters, digits and '-'", _ID)
        part = reader.one_of(found.get("part"), f"{path}.part", [one.value for one in Part])
        text = reader.text(found.get("text"), f"{path}.text", "one line of at most 200 characters", _LINE)
        required = reader.flag(found.get("required"), f"{path}.required", True)
        check, options = _check(reader, row, path, found, own, BUILT_IN)
        if name is not None and any(one.id == name for one in items):
            reader.wrong(f"{path}.id", found["id"], "an id of its own", f'"{name}" again')
        elif name is not None and part is not None and text is not None:
            items.append(Item(name, Part(part), text, required, check, options))
    return tuple(items)


def _check(
    reader: Reader, row: Node, path: str, found: dict[str, Node], own: tuple[str, ...], built_in: tuple[str, ...]
) -> tuple[str, dict[str, object]]:
    """The name of the check and its driver's options; nothing for what a person looks at."""
    node = found.get("check")
    rest = [key for key in found if key not in (*own, "check")]
    if node is None or node.value in built_in:
        for key in rest:
            hint = did_you_mean(key, (*own, "check"))
            expected = f"one of {', '.join((*own, 'check'))}"
            reader.wrong(f"{path}.{key[:60]}", found[key], expected, f'the unknown key "{key[:60]}"', hint)
        return ("" if node is None else str(node.value)), {}
    known = (*built_in, *registry.names("checks"))
    if not isinstance(node.value, str) or node.value not in known:
        reader.one_of(node, f"{path}.check", known)
        return "", {}
    ref = driver(reader, row, path, "checks", own, key="check")
    return node.value, dict(ref.options) if ref is not None else {}


def _contacts(reader: Reader, node: Node | None) -> tuple[Contact, ...]:
    contacts = []
    for path, row in _rows(reader, node, "contacts", 'contacts such as {role: on-call, name: Ann, reach: "@ann"}'):
        found = reader.mapping(row, path, ("role", "name", "reach"), ("role",))
        role = reader.one_of(found.get("role"), f"{path}.role", ROLES)
        name = reader.text(found.get("name"), f"{path}.name", "a name", _LINE)
        reach = reader.text(found.get("reach"), f"{path}.reach", "a handle, an address or a number", _LINE)
        if "role" in found and "name" not in found and "reach" not in found:
            reader.wrong(f"{path}.name", row, "a name, or how to reach them", "nothing")
        if role is not None:
            contacts.append(Contact(role, name or "", reach or ""))
    return tuple(contacts)


def _follow_ups(reader: Reader, node: Node | None, tracker: bool) -> tuple[FollowUp, ...]:
    ups: list[FollowUp] = []
    own = ("id", "after", "text", "who", "when", "ticket")
    for number, (path, row) in enumerate(
        _rows(reader, node, "follow_ups", "follow-ups such as {after: 30m, text: ...}"), start=1
    ):
        found = reader.mapping(row, path, (*own, "check"), ("after", "text"), free=True)
        after = reader.duration(found.get("after"), f"{path}.after", least=0.0)
        text = reader.text(found.get("text"), f"{path}.text", "one line of at most 200 characters", _LINE)
        who = reader.text(found.get("who"), f"{path}.who", "a name or a role", _LINE)
        name = reader.text(found.get("id"), f"{path}.id", "a name of lower-case letters, digits and '-'", _ID)
        when = reader.one_of(found.get("when"), f"{path}.when", ENDINGS) or "always"
        ticket = reader.flag(found.get("ticket"), f"{path}.ticket", False)
        check, options = _check(reader, row, path, found, own, AFTER_CHECKS)
        if ticket and check:
            reader.wrong(f"{path}.ticket", found["ticket"], "either a check or a ticket", "both")
        if ticket and not tracker:
            hint = "tracker: {driver: github-issues, repository: OWNER/NAME, token: {env: GITHUB_TOKEN}}"
            reader.wrong(f"{path}.ticket", found["ticket"], "where tickets are opened (tracker)", "none", hint)
        if any(one.id == (name or str(number)) for one in ups):
            reader.wrong(f"{path}.id", found.get("id", row), "an id of its own", f'"{name or number}" again')
        ups.append(
            FollowUp(after, text or "", who or "", name or str(number), check, options, cast(Ending, when), ticket)
        )
    return tuple(ups)


def _lines(reader: Reader, node: Node | None, path: str) -> tuple[str, ...]:
    rows = _rows(reader, node, path, "texts")
    return tuple(text for at, row in rows if (text := reader.text(row, at, "one line of text", _LINE)) is not None)


def _rows(reader: Reader, node: Node | None, path: str, what: str) -> list[tuple[str, Node]]:
    """An empty list is one, too."""
    if node is None or node.value == []:
        return []
    rows = reader.items(node, path, what)
    if len(rows) > MOST_ROWS:
        reader.wrong(path, node, f"at most {MOST_ROWS} rows", f"{len(rows)}")
    return rows[:MOST_ROWS]
