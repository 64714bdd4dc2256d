"""What must hold before the first request moves."""

from __future__ import annotations

from pilotage.core.documents.facts import Facts
from pilotage.core.markdown import code, inline
from pilotage.core.preparing import BUILT_IN, Part

TITLES = {
    Part.PREPARATION: "Preparation",
    Part.TECHNICAL: "Technical readiness",
    Part.TEAM: "Team readiness",
    Part.MONITORING: "Monitoring",
}


def checklist(facts: Facts) -> list[str]:
    rows = facts.rows("checklist")
    lines = ["## Before the first request moves", ""]
    if not rows:
        return [*lines, "This plan has no checklist of its own. What Pilotage looks up always applies.", ""]
    lines += [
        "Nothing starts while a required line is open. Lines marked *looked up* are checked by Pilotage when it "
        "starts, with what it saw; the others are ticked by a person, by name. Starting in spite of an open line takes "
        f"{code('--override')} and a reason, and both are recorded.",
        "",
    ]
    for part, title in TITLES.items():
        mine = [row for row in rows if row.get("part") == part.value]
        if mine:
            lines += [f"### {title}", "", *(_line(row) for row in mine), ""]
    return lines


def _line(row: object) -> str:
    assert hasattr(row, "get")
    advised = "" if row.get("required") is not False else ", advised"
    check = str(row.get("check") or "")
    if not check:
        how = f"{code(str(row.get('id', '')))}, ticked by a person"
    elif check in BUILT_IN:
        how = "looked up"
    else:
        how = f"looked up with {code(check)}"
    return f"- [ ] {inline(str(row.get('text', '')))} *({how}{advised})*"
