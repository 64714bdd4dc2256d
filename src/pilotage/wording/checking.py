"""Is a team's folder of templates in order? Each is looked at, and really rendered, before the first request moves."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import cast

from jinja2 import TemplateError, TemplateSyntaxError

from pilotage.core.announcing import KINDS
from pilotage.core.errors import Problem
from pilotage.core.model import AUDIENCES, Audience, Plan
from pilotage.wording.facts import facts
from pilotage.wording.language import LONGEST_TEXT, compiled, rendered
from pilotage.wording.message import sample, words
from pilotage.wording.templates import ENDING, Unreadable, source, team_folder

MOST_FILES = 500


def check_templates(plan: Plan) -> list[Problem]:
    """What is wrong in the team's folder; `path` is the file, as seen from the plan's folder. Blocking: reads files."""
    folder = team_folder(plan)
    if folder is None:
        return []
    if not folder.is_dir():
        return [Problem("messages.templates", f"a folder that is there ({folder})", "none")]
    return [problem for one in _entries(folder) for problem in _entry(plan, folder, one)]


def _entries(folder: Path) -> list[Path]:
    """Hidden files and a README are the team's business."""
    found = [one for one in sorted(folder.iterdir()) if not one.name.startswith((".", "README"))]
    return found[:MOST_FILES]


def _entry(plan: Plan, folder: Path, entry: Path) -> Iterator[Problem]:
    shown = f"{plan.templates.rstrip('/')}/{entry.relative_to(folder)}"
    if not entry.is_dir():
        yield from _file(plan, folder, entry, AUDIENCES, shown)
    elif entry.name not in AUDIENCES:
        yield Problem(shown, "a folder named as an audience", entry.name, hint=_meant(entry.name, AUDIENCES))
    else:
        for file in _entries(entry):
            yield from _file(plan, folder, file, (entry.name,), f"{shown}/{file.name}")


def _file(plan: Plan, folder: Path, file: Path, audiences: Collection[str], shown: str) -> Iterator[Problem]:
    kind = file.name.removesuffix(ENDING)
    if not file.name.endswith(ENDING) or kind not in KINDS:
        named = file.name.split(".")[0]
        hint = _meant(named, KINDS, ENDING)
        yield Problem(shown, f"a kind of message with the ending {ENDING}", file.name, hint=hint)
        return
    try:
        template = source(file, folder)
        names = compiled(template)[1]
    except Unreadable as error:
        yield Problem(shown, str(error), "something else")
        return
    except TemplateSyntaxError as error:
        yield Problem(shown, "a template that can be read", error.message or "an error", error.lineno)
        return
    except (TemplateError, RecursionError, MemoryError) as error:
        yield Problem(shown, "a template that can be read", str(error) or type(error).__name__)
        return
    for audience in audiences:
        problems = list(_tried(plan, kind, cast(Audience, audience), template, names, shown))
        yield from problems
        if problems:
            return  # the next audience would say the same


def _tried(
    plan: Plan, kind: str, audience: Audience, template: str, names: dict[str, int], shown: str
) -> Iterator[Problem]:
    values = facts(plan, sample(plan, kind), audience)
    unknown = [name for name in names if name not in values]
    for name in unknown:
        yield Problem(shown, f"a value that {kind} has", name, names[name], _meant(name, list(values)))
    if unknown:
        return
    try:
        words(template, values)
        if len(rendered(compiled(template)[0], values)) >= LONGEST_TEXT:
            yield Problem(shown, f"a text of fewer than {LONGEST_TEXT} characters", "a longer one")
    except ValueError as error:
        yield Problem(shown, str(error), "none", 1)
    except Exception as error:  # whatever its expressions do
        yield Problem(shown, f"a template that can be filled in for {audience}", str(error) or type(error).__name__)


def _meant(name: str, known: Collection[str], ending: str = "") -> str:
    close = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.5)
    return f"Did you mean {close[0]}{ending}?" if close else f"There are: {', '.join(sorted(known))}."
