"""A start that waits for its window outlives its coordinator: real processes, kill -9."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.stage import Stage, local, wait_for


def open_window() -> str:
    now = datetime.now(UTC)
    begins, ends = (f"{now + timedelta(hours=hours):%Y-%m-%d %H:%M}" for hours in (-1, 1))
    return f'start: {{from: "{begins}", until: "{ends}", zone: UTC}}'


def test_a_scheduled_start_survives_kill_9_is_tried_again_and_comes_once(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    build = folder / "built"
    build.write_text("#!/bin/sh\nexit 1\n")
    build.chmod(0o755)
    item = "checklist: [{id: built, part: technical, text: T, check: command, command: [./built]}]"
    hook = f"notify: [{{driver: webhook, url: 'http://127.0.0.1:{stage.port}/hook'}}]"
    phases = "[{weight: 10%, watch: 90s}, {weight: 100%, watch: 90s}]"
    body = stage.plan("night", phases=phases, more="\n".join([open_window(), item, hook]))
    try:
        with local(tmp_path / "state") as coordinator:
            known = {key: value for key, value in body.items() if key != "reason"}
            plan = coordinator.api.post("/v1/plans", known)["id"]
            coordinator.api.post(f"/v1/plans/{plan}/schedule", {"by": "ann"})

            def sentences() -> list[str]:
                view: dict[str, Any] = coordinator.api.get(f"/v1/plans/{plan}")
                return [one["sentence"] for one in view["timeline"]]

            wait_for(lambda: any("built: ./built ended with 1" in one for one in sentences()), 30)
            coordinator.kill_worker()
            build.write_text("#!/bin/sh\nexit 0\n")
            coordinator.up()
            wait_for(lambda: bool(coordinator.api.get(f"/v1/plans/{plan}")["rollout"]), 30)
            rollout = coordinator.api.get(f"/v1/plans/{plan}")["rollout"]
            (row,) = coordinator.api.get("/v1/rollouts")
            assert (row["id"], row["by"]) == (rollout, "ann")
            coordinator.until(rollout, lambda view: view["status"] == "watching")
            record = coordinator.api.get(f"/v1/rollouts/{rollout}/events")
            assert [one["event"]["kind"] for one in record][:2] == ["rollout_started", "checklist_passed"]
            told = {"start_refused", "rollout_started"}  # of two records: in either order
            wait_for(lambda: told <= {one["kind"] for one in stage.messages}, 30)
            assert [one["kind"] for one in stage.messages].count("start_refused") == 1
            coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "ann"})
            coordinator.ended(rollout)
    finally:
        stage.close()
