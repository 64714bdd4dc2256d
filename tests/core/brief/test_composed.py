"""10,000 generated briefs: nothing raises, nothing is made up, and what was said is found."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pilotage import planfile
from pilotage.core import power
from pilotage.core.brief import Brief, parse
from pilotage.core.documents import plan_document
from pilotage.core.errors import PlanError
from pilotage.core.planning import draft
from tests.core.brief.composer import made, mutated
from tests.core.brief.test_bad_briefs import check_places

PLAIN, MUTATED = 5_000, 5_000


def _value(name: str) -> Callable[[Brief], Any]:
    return lambda brief: one.value if (one := getattr(brief, name)) is not None else None


def _phases(brief: Brief) -> Any:
    return [(one.weight, one.watch_s) for one in brief.phases.value] if brief.phases else None


def _window(brief: Brief) -> Any:
    if brief.window is None:
        return None
    said = brief.window.value
    return said.date, said.opens, said.closes, said.zone


FOUND: dict[str, tuple[Callable[[Brief], Any], Callable[[dict[str, Any]], Any]]] = {
    "service": (lambda brief: brief.services[0].value if brief.services else None, lambda one: one["service"]),
    "severity": (_value("severity"), lambda one: one["severity"]),
    "environment": (_value("environment"), lambda one: "production"),
    "versions": (
        lambda brief: (_value("previous")(brief), _value("version")(brief)),
        lambda one: (one["previous"], one["version"]),
    ),
    "traffic": (
        lambda brief: round(brief.traffic.value.per_s * 86400) if brief.traffic else None,
        lambda one: one["millions"] * 1_000_000,
    ),
    "impact": (lambda brief: brief.impact.value.share if brief.impact else None, lambda one: one["share"] / 100),
    "strategy": (_value("strategy"), lambda one: "canary"),
    "flag": (lambda brief: brief.flag.value.name if brief.flag else None, lambda one: one["flag"]),
    "phases": (_phases, lambda one: [(5, 600.0), (25, 900.0), (100, None)]),
    "ticket": (lambda brief: [one.value for one in brief.tickets], lambda one: [one["ticket"]]),
    "on-call": (lambda brief: brief.contacts[0].value.reach if brief.contacts else None, lambda one: "@ann"),
    "window": (_window, lambda one: (f"2026-12-0{one['day']}", "22:00", "23:30", "Europe/Berlin")),
}
NOT_SAID: dict[str, Any] = {"ticket": [], "versions": (None, None)}


@pytest.mark.timeout(300)
def test_what_was_said_is_found_and_what_was_not_said_is_not() -> None:
    chance = random.Random(20261124)
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    wrong: list[str] = []
    for _ in range(PLAIN):
        brief = made(chance)
        read = parse(brief.text)
        check_places(read)
        for name, (found, wanted) in FOUND.items():
            got = found(read)
            if name in brief.answers:
                said[name] += 1
                if got == wanted(brief.answers[name]):
                    right[name] += 1
                elif got not in (None, NOT_SAID.get(name)):
                    wrong.append(f"{name}: {got!r} in {brief.text!r}")
            elif name not in ("service", "environment") and got not in (None, NOT_SAID.get(name)):
                wrong.append(f"{name} made up: {got!r} in {brief.text!r}")
    assert wrong[:5] == []
    recall = {name: right[name] / said[name] for name in said if name in FOUND}
    assert min(recall.values()) >= 0.95, recall


@pytest.mark.timeout(300)
def test_mutated_briefs_give_places_that_exist_and_plans_that_only_lack_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Thousands of these briefs have the same traffic in the same phases: what such a phase can see is computed once.
    monkeypatch.setattr(power, "smallest_visible", cache(power.smallest_visible))
    chance = random.Random(42)
    for number in range(MUTATED):
        brief = parse(mutated(made(chance).text, chance))
        check_places(brief)
        drafted = draft(brief)
        if number % 25:
            continue
        assert plan_document(drafted.data).startswith("# Deployment plan")
        try:
            planfile.load(drafted.text, directory=Path("/"))
        except PlanError as error:
            own = ("strategy", "start.zone", "start.until")  # said so in the brief: refused with the reason
            problems = [one for one in error.problems if not one.got.startswith("the placeholder")]
            assert [one for one in problems if one.path not in own] == [], brief.text
