"""Webhooks of a Canary: gates become approvals, tests items of the checklist, events channels."""

from __future__ import annotations

import re

from pilotage.importing.pieces import Pieces
from pilotage.importing.spots import Spot

_APPROVALS = {
    "confirm-rollout": "a gate before the start: an approval of the first phase; a person is asked, not the address",
    "confirm-traffic-increase": "a gate before each step: an approval of each phase after the first",
    "confirm-promotion": "a gate before the promotion: an approval of the phase of 100 %",
}
TYPES = (*_APPROVALS, "pre-rollout", "rollout", "post-rollout", "rollback", "event")
_ADDRESS = re.compile(r"https?://[^\s@]{1,400}")


def hooks(pieces: Pieces, analysis: Spot) -> None:
    taken: set[str] = set()
    for one in analysis.rows("webhooks"):
        kind = one.text("type") or "rollout"
        name, url = one.text("name") or "webhook", one.text("url") or ""
        shown = url if _ADDRESS.fullmatch(url) else "an address that is not shown"
        if kind in _APPROVALS:
            _approve(pieces, kind)
            one.note("nearest", f"{name}: {_APPROVALS[kind]}")
        elif kind == "pre-rollout":
            item = _id(name, taken)
            text = f"The test {name} came out well (Flagger asked {shown})"[:200]
            pieces.checklist.append({"id": item, "part": "technical", "text": text})
            one.note("nearest", f"{name}: an item of the checklist that a person ticks; `check: command` can run it")
        elif kind in ("event", "post-rollout") and _ADDRESS.fullmatch(url):
            pieces.notify.append({"driver": "webhook", "url": url})
            one.note("nearest", f"{name}: a channel under `notify`; what is sent there has another form: look at both")
        elif kind == "rollback":
            one.note("none", f"{name}: what decides there calls `pilotage rollback` instead", look=True)
        elif kind == "rollout":
            text = "is not called at each look. Load: start it beside the rollout; a test: put it into the checklist"
            one.note("none", f"{name}: {text}", look=True)
        elif kind in TYPES:
            one.note("none", f"{name}: its address is not one that can be taken over: name a channel", look=True)
        else:
            (one.at("type") or one).wrong(f"one of {', '.join(TYPES)}")


def _approve(pieces: Pieces, kind: str) -> None:
    rows = pieces.phases
    if kind == "confirm-rollout":
        chosen = rows[:1]
    elif kind == "confirm-promotion":
        chosen = rows[-1:]
    else:
        chosen = rows[1:]
    for row in chosen:
        row.approval = True
        row.origins.append(f"the webhook of type {kind}")


def _id(name: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "webhook"
    found, number = f"flagger-{base}", 2
    while found in taken:
        found, number = f"flagger-{base}-{number}", number + 1
    taken.add(found)
    return found
