"""From an event to the words of its message. Nothing in a team's template keeps a message from going out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pilotage.core.announcing import OUTSIDERS
from pilotage.core.events import Recorded
from pilotage.core.model import Audience, Plan
from pilotage.core.redact import redact
from pilotage.wording.facts import facts
from pilotage.wording.language import LONGEST_TEXT, LONGEST_TITLE, compiled, rendered
from pilotage.wording.samples import SAMPLES
from pilotage.wording.templates import own_source, source, team_files, team_folder


@dataclass(frozen=True)
class Rendered:
    """A message's words. `fault` says why the team's own template was not used."""

    title: str
    text: str
    fault: str = ""


def render(plan: Plan, recorded: Recorded, audience: Audience) -> Rendered:
    """The words of an event of one of KINDS. Blocking (reads files); raises nothing for what is in a team's folder."""
    values = facts(plan, recorded, audience)
    fault = ""
    for file in team_files(plan, recorded.event.kind, audience):
        try:
            return words(source(file, team_folder(plan) or file.parent), values)
        except Exception as error:  # whatever a team's template does: the message goes out
            fault = fault or f"{_short(plan, file)}: {redact(str(error)) or type(error).__name__}"
    own = words(own_source(recorded.event.kind, audience), values)
    if fault and audience not in OUTSIDERS:
        note = f"(Pilotage's own words: the team's template cannot be used. {fault})"
        return Rendered(own.title, f"{own.text}\n\n{note}"[:LONGEST_TEXT], fault)
    return Rendered(own.title, own.text, fault)


def words(template: str, values: Mapping[str, Any]) -> Rendered:
    """The first line is the title. Raises jinja2's errors, and ValueError when there is no title."""
    text = redact(rendered(compiled(template)[0], values)).strip()
    title, _, body = text.partition("\n")
    title = title.lstrip("# ").strip()
    if not title:
        raise ValueError("a first line, which is the title")
    title = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 3] + "..."
    return Rendered(title, body.strip())


def preview(plan: Plan, kind: str, audience: Audience) -> Rendered:
    """As `render`, of a sample of that kind."""
    return render(plan, sample(plan, kind), audience)


def sample(plan: Plan, kind: str) -> Recorded:
    """An event of that kind, in the plan's first phase that is judged."""
    event: Any = SAMPLES[kind]
    first = next((number for number, one in enumerate(plan.phases) if one.judged), 0)
    placed = {"phase": first, "name": plan.phases[first].name if plan.phases else ""}
    event = replace(event, **{name: value for name, value in placed.items() if hasattr(event, name)})
    return Recorded(f"{plan.service}-1125-221502-7c1a", 7, 1_795_645_000.0, "ann", event)


def _short(plan: Plan, file: Path) -> str:
    return str(file.relative_to(plan.directory)) if file.is_relative_to(plan.directory) else file.name
