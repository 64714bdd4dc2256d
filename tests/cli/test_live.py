"""The live view, rendered to text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from pilotage.cli.live import render, summary_line

VIEW: dict[str, Any] = {
    "id": "shop-1",
    "service": "shop",
    "environment": "prod",
    "version": "2",
    "previous": "1",
    "severity": "P0",
    "summary": "x",
    "strategy": "canary",
    "status": "watching",
    "phase": 1,
    "phase_name": "10 %",
    "phases": [{"name": "baseline", "weight": 0, "watch_s": 1}, {"name": "10 %", "weight": 10, "watch_s": 600}],
    "weight_wanted": 10,
    "weight_in_force": 9.9,
    "share_observed": 10.2,
    "reason": "",
    "needs_person": False,
    "commands": ["pause", "rollback"],
    "progress": 0.5,
    "time_left_s": 300.0,
    "verdict": {"action": "WATCH", "reason": ""},
    "findings": [{"metric": "errors", "action": "PROMOTE", "sentence": "errors [red]0.3 %[/red]"}],
    "comparison": {"columns": ["metric", "baseline", "10 %"], "rows": [["error rate", "0.30%", "0.31%"]]},
    "timeline": [{"at": 0.0, "by": "ann", "sentence": "resumed"}],
    "started_at": 0.0,
    "ended_at": None,
    "exit_code": None,
}


def shown(view: dict[str, Any], width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, height=40)
    console.print(render(view))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.parametrize("width", [80, 120])
def test_the_picture_has_everything_a_person_looks_for(width: int) -> None:
    text = shown(VIEW, width)
    for part in ("▶ 10 %", "5:00 left", "10 % wanted, 9.9 % in force, 10.2 % observed", "error rate", "ann: resumed"):
        assert part in text
    assert max(len(line) for line in text.splitlines()) <= width


def test_text_from_outside_is_not_taken_as_markup() -> None:
    assert "[red]0.3 %[/red]" in shown(VIEW)


def test_when_a_person_is_needed_the_exact_commands_are_there() -> None:
    text = shown({**VIEW, "needs_person": True, "reason": "phase 10 % needs an approval", "commands": ["approve"]})
    assert "pilotage approve shop-1" in text


def test_the_line_for_pipes_changes_with_what_matters() -> None:
    assert summary_line(VIEW) == "watching, phase 10 %, 9.9 % in force, 10 % observed, 50% of the watch"
