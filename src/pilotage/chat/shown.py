"""What a rollout's message shows: how it stands, in blocks (docs.slack.dev/reference/block-kit/blocks).

All of it is plain text: names and reasons come from outside, and nothing of them may be read as a mention or a link.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.chat.buttons import buttons, stopped_by
from pilotage.core import events as ev
from pilotage.core.redact import redact
from pilotage.core.state import fold
from pilotage.drivers.slack import MOST_TITLE, PLAIN, escaped, plain

MOST_PHASES = 9
MOST_REASON = 1500
_MOST_SUMMARY, _MOST_FALLBACK = 500, 600
_MARKS = {
    "watching": "▶",
    "shifting": "▶",
    "starting": "▶",
    "held": "‖",
    "paused": "‖",
    "awaiting approval": "?",
    "rolling back": "◀",
    "rolled back": "◀",
    "failed": "✗",
    "promoted": "✓",
}


@dataclass(frozen=True)
class Shown:
    """`stirs` changes with what nobody should wait for; the rest of `body` may follow a little later."""

    body: dict[str, Any]
    stirs: str

    @property
    def hash(self) -> str:
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()


def shown(view: dict[str, Any], record: Sequence[ev.Recorded], page: str) -> Shown:
    """`view` is what the live view shows (Telling.view); `page` the address of the rollout's page, or empty."""
    state = fold(record)
    title = f"{_clean(view['service'])} {_clean(view['previous'])} → {_clean(view['version'])}"
    title += f" in {_clean(view['environment'])}"
    status = _status(view)
    why = _why(view)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": plain(title, MOST_TITLE)},
        {"type": "section", "text": plain(f"{status}\n{_phases(view)}")},
    ]
    if why:
        blocks.append({"type": "section", "text": plain(why, MOST_REASON)})
    blocks.append({"type": "context", "elements": [plain(_foot(view, record), _MOST_SUMMARY)]})
    if row := buttons(view, state, stopped_by(record), page):
        blocks.append(row)
    text = escaped(f"{title}: {status}" + (f": {why}" if view["reason"] else ""), _MOST_FALLBACK)
    stirs = (view["status"], view["phase"], view["needs_person"], view["reason"], view["commands"], state.asked_phase)
    weight = view["weight_in_force"]
    return Shown({"text": text, "blocks": blocks, **PLAIN}, json.dumps([*stirs, weight]))


def line(row: dict[str, Any]) -> str:
    """One rollout in a line, of a view or a summary."""
    why = f": {_clean(row['reason'])}" if row["reason"] else ""
    place = f"{_clean(row['service'])} {_clean(row['version'])} in {_clean(row['environment'])}"
    return f"{place} is {row['status']}, {row['weight_in_force']:g} % in force{why} ({row['id']})"


def _status(view: dict[str, Any]) -> str:
    """One sentence: how it stands. Progress in tenths, as an edit for every percent would be too many."""
    said = f"{_MARKS.get(view['status'], '·')} {view['status']}"
    said += " - A PERSON IS NEEDED" if view["needs_person"] else ""
    if not view["ended_at"]:
        said += f", phase {_clean(view['phase_name'])}"
    if view["share_known"]:
        said += f", {view['weight_in_force']:g} % in force"
    if view["share_observed"] is not None and not view["ended_at"]:
        said += f", {view['share_observed']:.0f} % observed"
    if view["status"] == "watching":
        said += f", {int(view['progress'] * 10) * 10} % of the watch"
    return said


def _phases(view: dict[str, Any]) -> str:
    """All of them with marks; of very many those around where it is."""
    at, phases = view["phase"], view["phases"]
    ended, here = view["status"] == "promoted", _MARKS.get(view["status"], "·")
    first = max(0, min(at - MOST_PHASES // 2, len(phases) - MOST_PHASES))
    seen = range(first, min(first + MOST_PHASES, len(phases)))
    marks = ("✓" if ended or n < at else here if n == at else "○" for n in seen)
    told = [f"{mark} {_clean(phases[n]['name'])}" for mark, n in zip(marks, seen, strict=True)]
    before = [f"({first} before)"] if first else []
    after = [f"({len(phases) - first - len(told)} to come)"] if first + len(told) < len(phases) else []
    return "   ".join([*before, *told, *after])


def _why(view: dict[str, Any]) -> str:
    """Why it stands where it stands, else the finding that decides."""
    said = view["reason"] or ("" if view["ended_at"] else (view["verdict"] or {}).get("reason") or "")
    return _clean(said)


def _foot(view: dict[str, Any], record: Sequence[ev.Recorded]) -> str:
    by = next((one.by for one in record if isinstance(one.event, ev.RolloutStarted)), "")
    parts = [view["severity"], view["strategy"], f"started by {_clean(by)}" if by else "", view["id"]]
    return " · ".join([*filter(None, parts), *filter(None, [_clean(view["summary"])])])


def _clean(said: str) -> str:
    """On one line, without secrets."""
    return " ".join(redact(str(said)).split())
