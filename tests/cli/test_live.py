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
    "share_known": True,
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


def busy(status: str, needs_person: bool = False) -> dict[str, Any]:
    """Four phases, long sentences, a full timeline: as much as there ever is."""
    sentence = "errors 0.31% (0.20% to 0.47%, n 5800) against 0.30% (0.26% to 0.35%, n 52200) in control: evidence 0.2"
    metrics = ("data", "volume", "share", "errors", "errors limit", "p95", "bug")
    phases = [{"name": name, "weight": 0, "watch_s": 600} for name in ("baseline", "10 %", "50 %", "100 %", "after")]
    names = ("requests", "error rate", "p50", "p95", "p99", "checkout null pointer")
    alarm = {"metric": "p95", "action": "HOLD", "sentence": "p95 slower, but not beyond 2 x, evidence 10^8, limit 100"}
    return {
        **VIEW,
        "status": status,
        "needs_person": needs_person,
        "reason": "phase 50 % waits for an approval",
        "commands": ["approve", "rollback"] if needs_person else ["rollback"],
        "phases": phases,
        "findings": [*[{"metric": one, "action": "PROMOTE", "sentence": sentence} for one in metrics], alarm],
        "comparison": {
            "columns": ["metric", *[one["name"] for one in phases]],
            "rows": [[name, *["0.30% (0.31%)"] * 5] for name in names],
        },
        "timeline": [{"at": 60.0 * one, "by": "pilotage", "sentence": f"phase {one} passed"} for one in range(12)],
    }


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("height", [16, 24, 30, 50])
@pytest.mark.parametrize("status", ["watching", "held", "awaiting approval", "rolling back"])
def test_it_fits_the_terminal_and_never_hides_what_a_person_must_do(status: str, height: int, width: int) -> None:
    asked = status == "awaiting approval"
    console = Console(file=io.StringIO(), width=width, height=height)
    console.print(render(busy(status, asked), console))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(text.splitlines()) <= height - 1
    assert "! p95" in text
    assert "10 % wanted, 9.9 % in force" in text
    assert ("pilotage approve shop-1" in text) == asked


@pytest.mark.parametrize("height", [16, 20, 24])
def test_at_its_worst_the_commands_come_first_and_what_is_left_out_is_counted(height: int) -> None:
    worst = busy("held", needs_person=True)
    for number, one in enumerate(worst["findings"]):
        one["action"] = "ROLLBACK" if number == 6 else "HOLD"
    worst |= {"reason": "word " * 50, "commands": ["resume", "promote", "pause", "rollback", "hold", "approve"]}
    console = Console(file=io.StringIO(), width=80, height=height)
    console.print(render(worst, console))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    seen = "\n".join(text.splitlines()[: height - 1])
    assert all(f"pilotage {command} shop-1" in seen for command in worst["commands"])
    if height == 20:
        assert text.splitlines()[:19] == text.splitlines()
        assert "✗ bug" in seen
        assert "! and 6 more, not met: pilotage explain shop-1" in seen


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("height", [24, 30, 50])
def test_a_promoted_rollout_fits_and_says_so(height: int, width: int) -> None:
    view = busy("promoted") | {"phase": 4, "commands": [], "progress": 1.0, "time_left_s": None}
    console = Console(file=io.StringIO(), width=width, height=height)
    console.print(render(view, console))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert len(text.splitlines()) <= height - 1
    assert "✓ after   promoted" in text


def test_with_room_everything_is_shown() -> None:
    console = Console(file=io.StringIO(), width=120, height=60)
    console.print(render(busy("watching"), console))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert "criteria are met" not in text
    assert text.count("passed") == 5


def test_the_line_for_pipes_changes_with_what_matters() -> None:
    assert summary_line(VIEW) == "watching, phase 10 %, 9.9 % in force, 10 % observed, 50% of the watch"


def test_a_phase_without_a_share_is_called_by_its_name() -> None:
    view = {**VIEW, "share_known": False, "phase_name": "header X-Canary"}
    assert "% in force" not in summary_line(view)
    assert "phase header X-Canary" in summary_line(view)
