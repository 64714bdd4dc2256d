"""Guards and tickets in whole rollouts: what the live view, the report and the explanation show of them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pilotage.cli.client import ApiError
from tests.stage import Local, Stage

MORE = """\
  guards:
    - {name: db connections, source: app, value: 'connections{group="$group"}', limit: 80, per: total}
    - {name: cpu, source: app, value: 'cpu_seconds_total{group="$group"}', kind: counter, unit: cores}
  tickets: {source: app, total: 'tickets_total{service="shop"}'}
"""


class Watched(Stage):
    """A stage that also tells its connections, its CPU and its tickets, a second each at these rates."""

    def __init__(self, folder: Path) -> None:
        self.connections = {"old": 30.0, "new": 30.0}
        self.tickets = [2.0, 2.0]
        """A second: before the canary gets traffic, and then."""
        self._tickets, self._asked = 0.0, time.monotonic()
        self._counting = threading.Lock()
        super().__init__(folder)

    def page(self) -> str:
        with self._counting:
            now = time.monotonic()
            self._tickets += (now - self._asked) * self.tickets[self.weight() > 0]
            self._asked = now
            lines = [f'tickets_total{{service="shop"}} {self._tickets}']
        for group, connections in self.connections.items():
            lines.append(f'connections{{group="{group}"}} {connections}')
            lines.append(f'cpu_seconds_total{{group="{group}"}} {0.5 * now}')
        return super().page() + "\n".join(lines) + "\n"

    def plan(self, *args: Any, **changes: Any) -> dict[str, Any]:
        made = super().plan(*args, **changes)
        return {**made, "plan": made["plan"].replace("success:", f"{MORE}success:")}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Watched]:
    stage = Watched(tmp_path)
    yield stage
    stage.close()


def start(coordinator: Local, stage: Stage, service: str) -> str:
    return str(coordinator.api.post("/v1/rollouts", stage.plan(service))["id"])


def test_a_healthy_rollout_shows_its_guards_and_tickets(coordinator: Local, stage: Watched) -> None:
    rollout = start(coordinator, stage, "healthy")
    view = coordinator.ended(rollout)
    assert view["status"] == "promoted", view["reason"]
    rows = {row[0]: row[1:] for row in view["comparison"]["rows"]}
    assert rows["db connections"] == ["30", "30 (control 30)", "30 (control 30)", "30 (control 30)"]
    assert re.fullmatch(r"0\.\d+ cores \(control 0\.\d+ cores\)", rows["cpu"][1])
    assert all(cell.endswith(" /min") for cell in rows["tickets"])
    metrics = [one["metric"] for one in view["findings"]]
    assert metrics[-3:] == ["guard db connections", "guard cpu", "tickets"]
    report = coordinator.api.get(f"/v1/rollouts/{rollout}/report")
    text = report if isinstance(report, str) else str(report)
    assert "| db connections | 30 | 30 (control 30) |" in text
    replayed = coordinator.api.get(f"/v1/rollouts/{rollout}/replay")
    assert replayed["same"] == replayed["verdicts"] > 0


def test_a_storm_of_tickets_rolls_back(coordinator: Local, stage: Watched) -> None:
    stage.tickets = [2.0, 300.0]
    view = coordinator.ended(start(coordinator, stage, "storm"))
    assert view["status"] == "rolled back"
    assert view["reason"].startswith("tickets ")


def test_a_guard_without_series_is_refused_at_the_start(coordinator: Local, stage: Watched) -> None:
    made = stage.plan("unread")
    made["plan"] = made["plan"].replace("connections{group", "conections{group").replace("tickets_total{", "tickets{")
    with pytest.raises(ApiError) as caught:
        coordinator.api.post("/v1/rollouts", made)
    assert 'guard db connections: app has no series for conections{group="old"}' in str(caught.value)
    assert 'tickets: app has no series for tickets{service="shop"}' in str(caught.value)
