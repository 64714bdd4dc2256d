"""What can be read by its address: a plan, a rollout's timeline and report. Each is text from outside, and says so."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mcp.server.mcpserver.exceptions import ToolError

from pilotage.core.words import clock_time
from pilotage.mcp import outside
from pilotage.mcp.guest import Guest

MOST_EVENTS = 500
MARKDOWN, PLAIN = "text/markdown", "text/plain"


@dataclass(frozen=True)
class Template:
    address: str
    name: str
    title: str
    text: str
    media: str = PLAIN


TEMPLATES = (
    Template(
        "pilotage://plans/{plan}", "plan", "A plan", "A plan that is known, with its checklist as it stands now", PLAIN
    ),
    Template(
        "pilotage://rollouts/{rollout}/timeline", "timeline", "Its timeline", "A rollout's record, in words", PLAIN
    ),
    Template(
        "pilotage://rollouts/{rollout}/report", "report", "Its report", "A rollout's report, in Markdown", MARKDOWN
    ),
)
_ADDRESS = re.compile(r"pilotage://(?:plans/([^/]+)|rollouts/([^/]+)/(timeline|report))")


async def text_of(guest: Guest, address: str) -> tuple[str, str]:
    """The text at that address, and its media type. Raises ToolError."""
    found = _ADDRESS.fullmatch(address)
    if found is None:
        known = ", ".join(one.address for one in TEMPLATES)
        raise ToolError(f"nothing can be read at {address[:200]!r}. Expected one of {known}")
    plan, rollout, what = found.groups()
    if plan is not None:
        return await _plan(guest, await guest.named("plan", plan)), PLAIN
    name = await guest.named("rollout", rollout)
    if what == "timeline":
        return await _timeline(guest, name), PLAIN
    return f"> {outside.NOTE}\n\n{outside.page(await guest.door.text('rollouts', name, 'report'))}", MARKDOWN


async def _plan(guest: Guest, name: str) -> str:
    known = await guest.door.get("plans", name)
    lines = [f"{one['mark']}: {one['text']}" for one in known.pop("items")]
    timeline = [_event(one) for one in known.pop("timeline")]
    about = json.dumps({key: known[key] for key in ("id", "service", "environment", "version", "previous", "digest")})
    said = [about, f"Starts: {known['starts']}", "", "Checklist:", *lines, "", "Timeline:", *timeline]
    return "\n".join([outside.NOTE, "", *(outside.one(line) for line in said)])


async def _timeline(guest: Guest, name: str) -> str:
    events = await guest.door.get("rollouts", name, "events", limit=MOST_EVENTS)
    return "\n".join([outside.NOTE, "", *(outside.one(_event(one)) for one in events)])


def _event(one: dict[str, object]) -> str:
    return f"{clock_time(float(str(one['at'])))} {one['by']}: {one['sentence']}"
