"""The section `logs` of a plan: what it means, and what is said of mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilotage.core.errors import PlanError
from pilotage.core.model import LogField, LogSetup
from pilotage.planfile import load

PLAN = """
pilotage: 1
service: payment
environment: production
version: "2"
previous: "1"
severity: P0
summary: x
strategy: canary
known_bad: false
phases: [{weight: 10%, watch: 10m}, {weight: 100%, watch: 10m}]
traffic: [{name: s, driver: shell, set: ["./set", "{weight}"], read: ["./read"]}]
metrics:
  sources: {app: {driver: scrape, urls: ["http://127.0.0.1:1/metrics"]}}
  groups: {canary: new, control: old}
  errors: {source: app, total: 't{g="$group"}', bad: 'e{g="$group"}'}
logs: LOGS
"""
CANARY = "canary: {driver: files, paths: [new.log]}"
CONTROL = "control: {driver: files, paths: [old.log]}"


def setup(text: str) -> LogSetup | None:
    return load(PLAN.replace("LOGS", text), directory=Path("/srv")).logs


def problems(text: str) -> list[str]:
    with pytest.raises(PlanError) as failed:
        setup(text)
    return [f"{one.path}: {one.expected}" for one in failed.value.problems]


def test_two_sources_with_their_usual_values() -> None:
    found = setup(f"{{{CANARY}, {CONTROL}}}")
    assert found is not None
    assert found.canary is not None
    assert found.canary.options == {"paths": ["new.log"]}
    assert (found.history_s, found.tokens, found.ignore, found.bug, found.field) == (86400.0, (), (), "", None)


def test_one_source_with_a_field_and_everything_said() -> None:
    found = setup(
        "{both: {driver: command, command: [cat, x]}, field: {name: a.b, canary: v2, control: v1}, history: 2h,"
        ' tokens: [FEHLER], ignore: ["reset by peer"], bug: "null pointer"}'
    )
    assert found is not None
    assert (found.field, found.history_s) == (LogField("a.b", "v2", "v1"), 7200.0)
    assert (found.tokens, found.ignore, found.bug) == (("FEHLER",), ("reset by peer",), "null pointer")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "logs.canary: where the canary's log comes from"),
        (f"{{{CANARY}}}", "logs.control: where the control's log comes from"),
        ("{both: {driver: files, paths: [a]}}", "logs.field: the field that tells the groups' lines apart"),
        (f"{{{CANARY}, {CONTROL}, field: {{name: a, canary: b, control: c}}}}", "logs.field: logs.both beside it"),
        (f"{{{CANARY}, both: {{driver: files, paths: [a]}}}}", "logs.canary: either logs.both, or logs.canary"),
        (f"{{{CANARY}, {CONTROL}, history: soon}}", "logs.history: a duration"),
        (f"{{{CANARY}, {CONTROL}, tokens: [x]}}", "logs.tokens[0]: 2 to 100 plain characters"),
        (f"{{{CANARY}, {CONTROL}, tokens: x}}", "logs.tokens: a list of texts"),
        (f"{{{CANARY}, {CONTROL}, bug: 5}}", "logs.bug: a text that the bug's own entries hold"),
        (f"{{{CANARY}, {CONTROL}, regexp: x}}", "logs.regexp: one of canary, control, both"),
        ("{canary: {driver: tail}, control: {driver: files, paths: [a]}}", "logs.canary.driver: one of command, files"),
        ("{canary: {driver: files}, control: {driver: files, paths: [a]}}", "logs.canary.paths: the option paths"),
        ("[a]", "logs: a mapping"),
    ],
)
def test_mistakes_are_named_with_their_place_and_what_was_expected(text: str, said: str) -> None:
    assert any(one.startswith(said) for one in problems(text)), problems(text)
