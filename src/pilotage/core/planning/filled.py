"""A drafted plan with open places filled in afterwards, each with a comment that says where its value comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pilotage.core.planning.draft import PlanDraft
from pilotage.core.planning.entries import Entry, Row

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
Step = str | int


def filled(draft: PlanDraft, path: str, value: Any, said: str) -> PlanDraft:
    """`draft` with `value` at a dotted path such as ``deploy[0].command[2]``, and `said` beside it.

    Raises KeyError when there is no such place.
    """
    return replace(draft, entries=_in_entries(draft.entries, _steps(path), value, said))


def noted(draft: PlanDraft, key: str, said: str) -> PlanDraft:
    """`draft` with the comment `said` at the end of the section's line, or above a section of several lines."""
    return replace(draft, entries=tuple(_said(one, said) if one.key == key else one for one in draft.entries))


def headed(draft: PlanDraft, lines: Iterable[str]) -> PlanDraft:
    """`draft` with more to look at: at the plan's top, and in its document."""
    more = tuple(lines)
    first, *rest = draft.entries
    first = replace(first, above=(*first.above, *(f"! {one}" for one in more)))
    return PlanDraft((first, *rest), (*draft.warnings, *more))


def _steps(path: str) -> list[Step]:
    return [found[1] or int(found[2]) for found in _STEP.finditer(path)]


def _said(entry: Entry, said: str) -> Entry:
    if isinstance(entry.value, (str, int, float, bool)):
        return replace(entry, note=said)
    return replace(entry, above=(*entry.above, said))


def _in_entries(entries: tuple[Entry, ...], steps: list[Step], value: Any, said: str) -> tuple[Entry, ...]:
    first, *rest = steps
    if first not in {one.key for one in entries if one.key}:
        raise KeyError(first)
    return tuple(_in_entry(one, rest, value, said) if one.key == first else one for one in entries)


def _in_entry(entry: Entry, steps: list[Step], value: Any, said: str) -> Entry:
    if steps and isinstance(entry.value, tuple):
        return replace(entry, value=_in_entries(entry.value, steps, value, said))
    place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in steps).lstrip(".")
    return _said(replace(entry, value=_in_value(entry.value, steps, value)), f"{place}: {said}" if place else said)


def _in_value(old: Any, steps: list[Step], value: Any) -> Any:
    if not steps:
        return value
    first, *rest = steps
    if isinstance(old, Row):
        return replace(old, value=_in_value(old.value, steps, value))
    if isinstance(old, Mapping) and first in old:
        return {key: _in_value(one, rest, value) if key == first else one for key, one in old.items()}
    if isinstance(old, list) and isinstance(first, int) and first < len(old):
        return [_in_value(one, rest, value) if place == first else one for place, one in enumerate(old)]
    raise KeyError(first)
