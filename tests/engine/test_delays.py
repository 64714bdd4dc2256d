"""Sources whose numbers come seldom or late: what a plan must allow for, and how long a phase's first look waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilotage.core.model import Plan
from pilotage.engine.crew import Crew
from pilotage.planfile import load
from pilotage.preflight import _seldom
from tests import stage

SOURCES = """
    dd: {driver: datadog, api_key: {env: KEY}, app_key: {env: KEY}, bucket_s: 20, lag_s: 15}
    slow: {driver: newrelic, account: 1, api_key: {env: KEY}, bucket_s: 60, lag_s: 120}
"""
ERRORS = "  errors: {source: dd, total: 'sum:hits{v:$group}.as_count()', bad: 'sum:errors{v:$group}.as_count()'}\n"
GUARD = "  guards: [{name: cpu, source: slow, value: \"SELECT average(cpu) FROM SystemSample WHERE v = '$group'\"}]\n"


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("KEY", "secret-of-the-test")
    text = stage.PLAN.format(service="shop", phases=stage.PHASES, hold="20s", then="rollback", more="", port=1)
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith("  errors:")]
    written = "".join(kept).replace("  sources:\n", f"  sources:{SOURCES}", 1)
    return load(written.replace("success:", f"{ERRORS}{GUARD}success:", 1), directory=tmp_path)


async def test_a_phase_waits_for_the_numbers_of_its_requests_and_for_no_guards(plan: Plan, tmp_path: Path) -> None:
    crew = Crew(plan, tmp_path)
    assert crew.behind_s == 35  # a bucket and its lag
    await crew.close()


async def test_ticks_without_anything_new_are_refused_before_the_start(plan: Plan, tmp_path: Path) -> None:
    crew = Crew(plan, tmp_path)
    (said,) = _seldom(crew)  # a guard's level may stay as it is
    assert "dd: gives new numbers every 20 s, but a tick is 0.5 s: write `tick: 20s`" in said
    await crew.close()
