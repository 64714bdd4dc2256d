"""Rollouts that watch real log files, on the real engine."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.planted import found_in
from tests.stage import Local, Stage

LOGS = """
logs:
  canary: {driver: files, paths: ["logs/canary*.log"]}
  control: {driver: files, paths: ["logs/stable*.log"]}
"""
TRACE = """{at} ERROR [main] shop.pay - charge 17 failed
Traceback (most recent call last):
  File "/srv/pay.py", line 17, in charge
    send()
NoAnswer: nothing from db-7
"""
PANIC = """{at} INFO up
panic: boom at password=correcthorse

goroutine 1 [running]:
main.charge(0x1)
\t/src/pay.go:17 +0x1d
"""
CARTS = """{at} ERROR [main] shop.cart - cannot load cart 99
{at} ERROR [main] shop.mail - cannot mail 4
"""
WATCHED = "[{weight: 10%, watch: 60s}, {weight: 100%, watch: 60s}]"


class Logs:
    """Both versions' log files, with two hours of control's history."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "logs"
        self.folder.mkdir()
        began = datetime.now(UTC) - timedelta(hours=2)
        lines = []
        for minute in range(120):
            at = (began + timedelta(minutes=minute)).isoformat()
            lines.append(f"{at} INFO served {'x' * 400}")
            lines.append(f"{at} ERROR [main] shop.cart - cannot load cart {minute}")
        (self.folder / "stable.log").write_text("\n".join(lines) + "\n")
        (self.folder / "canary.log").write_text("")

    def write(self, group: str, text: str) -> None:
        with (self.folder / f"{group}.log").open("a") as file:
            file.write(text.format(at=datetime.now(UTC).isoformat()))

    def every(self, seconds: float, group: str, text: str) -> Callable[[], bool]:
        """To be called while waiting for something: writes again when its time has come."""
        last = time.monotonic()

        def look() -> bool:
            nonlocal last
            if time.monotonic() - last >= seconds:
                last = time.monotonic()
                self.write(group, text)
            return True

        return look


@pytest.fixture
def logs(stage: Stage) -> Logs:
    return Logs(stage.folder)


def start(coordinator: Local, stage: Stage, service: str, more: str = LOGS) -> str:
    plan = stage.plan(service, phases=WATCHED, more=more)
    rollout = str(coordinator.api.post("/v1/rollouts", plan)["id"])
    coordinator.until(rollout, lambda view: view["phase"] == 1 and view["status"] == "watching")
    return rollout


def finding(view: dict[str, object], metric: str) -> dict[str, object]:
    findings: list[dict[str, object]] = view["findings"]  # type: ignore[assignment]
    return next((one for one in findings if one["metric"] == metric), {})


def sentence(view: dict[str, object], metric: str) -> str:
    return str(finding(view, metric).get("sentence", ""))


def test_a_crash_that_control_never_logged_rolls_back_although_the_metrics_are_fine(
    coordinator: Local, stage: Stage, logs: Logs
) -> None:
    rollout = start(coordinator, stage, "crashes")
    logs.write("canary", PANIC)
    view = coordinator.ended(rollout)
    assert (view["status"], stage.weight()) == ("rolled back", 0)
    assert "new critical error: panic" in view["reason"]
    assert "main.charge" in view["reason"]
    report = coordinator.api.get(f"/v1/rollouts/{rollout}/report")
    assert "goroutine 1 [running]" in report
    assert found_in(coordinator.state, ["correcthorse"]) == {}
    assert found_in(coordinator.state, ["goroutine 1 [running]"])


def test_another_new_error_holds_and_is_named_with_its_count_and_since_when(
    coordinator: Local, stage: Stage, logs: Logs
) -> None:
    rollout = start(coordinator, stage, "new")
    logs.write("canary", TRACE + "{at} INFO password=hunter2\n{at} ERROR [main] shop.cart - cannot load cart 99\n")
    coordinator.until(rollout, lambda view: "not sure to be new: NoAnswer" in sentence(view, "logs new"))
    again = logs.every(2.2, "canary", TRACE)
    view = coordinator.until(rollout, lambda view: again() and view["status"] == "held")
    assert view["status"] == "held"
    for said in ("new error: NoAnswer", "incidents", "since"):
        assert said in view["reason"]
    assert "cannot load cart" not in view["reason"]


def test_after_a_crash_of_the_coordinator_nothing_known_is_new_and_nothing_is_counted_twice(
    coordinator: Local, stage: Stage, logs: Logs
) -> None:
    rollout = start(coordinator, stage, "restarted")
    for number in range(5):
        logs.write("canary", f"{{at}} ERROR [main] shop.cart - cannot load cart {number}\n")
    coordinator.until(rollout, lambda view: "1 signature in the canary" in sentence(view, "logs new"))
    coordinator.kill_worker()
    logs.write("stable", "{at} ERROR [main] shop.mail - cannot mail 17\n")
    logs.write("canary", CARTS)
    coordinator.up()
    view = coordinator.until(rollout, lambda view: "2 signatures in the canary" in sentence(view, "logs new"))
    assert view["status"] == "watching"
    with sqlite3.connect(coordinator.state / "pilotage.db") as store:
        rows = store.execute("select sample from samples where rollout = ? and tick >= 0", (rollout,)).fetchall()
    counted = [json.loads(row[0])["reading"]["logs"] for row in rows]
    assert sum(seen["canary_entries"] for one in counted for seen in one["seen"]) == 7


def test_one_stream_of_both_groups_from_a_command_told_apart_by_a_field(
    coordinator: Local, stage: Stage, logs: Logs
) -> None:
    (logs.folder / "both.log").write_text("")
    more = """
logs:
  both: {driver: command, command: [tail, -n, "0", -F, logs/both.log]}
  field: {name: labels.track, canary: new, control: old}
"""
    rollout = start(coordinator, stage, "both", more)
    text = (
        '{{{{"time":"{{at}}","level":"fatal","msg":"out of memory in {track}","labels":{{{{"track":"{track}"}}}}}}}}\n'
    )
    logs.write("both", text.format(track="old") + '{{"level":"info","labels":{{"track":"new"}}}}\n')
    coordinator.until(rollout, lambda view: "1 known to control" in sentence(view, "logs new"))
    again = logs.every(2.2, "both", text.format(track="new").replace("out of", "beyond"))
    view = coordinator.until(rollout, lambda view: again() and view["status"] == "rolled back")
    assert "beyond memory in new" in view["reason"]
