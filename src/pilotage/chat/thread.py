"""What the thread of a rollout's message tells: its events in their order, several in one answer when many wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pilotage.core.announcing import KINDS
from pilotage.core.events import Recorded
from pilotage.core.model import Plan
from pilotage.core.redact import redact
from pilotage.core.sentences import sentence
from pilotage.drivers.slack import PLAIN, escaped, plain
from pilotage.wording import render
from pilotage.wording.facts import instant

TOLD = frozenset(KINDS) | {
    *("approved", "paused", "resumed", "hold_cleared", "promotion_forced", "trouble_reported", "step_failed"),
}
"""What people should see; the rest of the record is on the page."""
BROADCAST = frozenset(
    {"rollback_started", "direct_rollback", "person_needed", "approval_requested", "least_bad_chosen", "failed"}
    | {"recovery_doubtful"}
)
"""Also shown in the channel itself: somebody has to know, or to decide."""
MOST_AT_ONCE = 8
_MOST_TITLE, _MOST_TEXT, _MOST_FALLBACK = 200, 900, 1500


@dataclass(frozen=True)
class Reply:
    """Tells the events up to `last`; `body` None: none of them is for people."""

    last: int
    body: dict[str, Any] | None


def reply(plan: Plan, waiting: Sequence[Recorded]) -> Reply:
    """The next answer: the first of what waits, in its order. Blocking (reads the team's templates)."""
    taken: list[Recorded] = []
    last = waiting[-1].number
    for one in waiting:
        if one.event.kind in TOLD:
            if len(taken) == MOST_AT_ONCE:
                last = one.number - 1
                break
            taken.append(one)
    if not taken:
        return Reply(last, None)
    blocks: list[dict[str, Any]] = []
    lines: list[str] = []
    for one in taken:
        title, text = _words(plan, one)
        lines.append(title)
        blocks.append({"type": "section", "text": plain(f"{title}\n{_cut(text, _MOST_TEXT)}".strip())})
        blocks.append({"type": "context", "elements": [plain(f"{redact(one.by)} · {instant(one.at)}", 300)]})
    loud = any(one.event.kind in BROADCAST for one in taken)
    body = {"text": escaped("\n".join(lines), _MOST_FALLBACK), "blocks": blocks, **PLAIN}
    return Reply(last, body | ({"reply_broadcast": True} if loud else {}))


def _words(plan: Plan, one: Recorded) -> tuple[str, str]:
    if one.event.kind in KINDS:
        said = render(plan, one, "incident")
        return _cut(said.title, _MOST_TITLE), said.text
    return _cut(redact(f"{plan.service} {plan.version}: {sentence(one.event)}"), _MOST_TITLE), ""


def _cut(said: str, most: int) -> str:
    return said if len(said) <= most else said[: most - 3] + "..."
