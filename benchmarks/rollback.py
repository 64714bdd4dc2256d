"""From the `pilotage rollback` command (process start included) to traffic observed back on stable at Envoy.

    .venv/bin/python -m benchmarks.rollback --tries 50

Each try shifts 99 % to the canary, then gives the command while requests go through Envoy; traffic counts as back with
the third response in a row from stable (by chance at 99 %: one in a million).
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pilotage.cli.client import Api
from pilotage.demo.envoy import STABLE
from pilotage.demo.scene import Scene
from tests.stage import local, wait_for


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=50)
    tries = parser.parse_args().tries
    with tempfile.TemporaryDirectory() as name, Scene(Path(name) / "demo", bad=False, seconds=900) as scene:
        text = scene.plan.read_text()
        start, end = text.index("phases:"), text.index("traffic:")
        phases = "phases:\n  - {weight: 99%, watch: 10m}\n  - {weight: 100%, watch: 10m}\n\n"
        plan = (
            (text[:start] + phases + text[end:])
            .replace("baseline: 4s", "baseline: 0s")
            .replace("tick: 2s", "tick: 60s")
        )
        with local(Path(name) / "state") as coordinator:
            body = {"plan": plan, "directory": str(scene.folder), "file": "", "by": "benchmark"}
            taken = [_one(coordinator.api, body, coordinator.state, scene.port) for _ in range(tries)]
    ordered = sorted(taken)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{tries} tries: median {statistics.median(taken):.3f} s, p99 {p99:.3f} s, most {ordered[-1]:.3f} s")


def _one(api: Api, body: dict[str, str], state: Path, port: int) -> float:
    rollout = api.post("/v1/rollouts", body)["id"]
    wait_for(lambda: api.get(f"/v1/rollouts/{rollout}")["status"] == "watching", 30)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    began = time.monotonic()
    command = subprocess.Popen(
        [sys.executable, "-m", "pilotage", "rollback", rollout],
        env={**os.environ, "PILOTAGE_STATE": str(state)},
        stdout=subprocess.DEVNULL,
    )
    in_a_row = 0
    while in_a_row < 3 and time.monotonic() - began < 30:
        connection.request("GET", "/browse")
        answer = connection.getresponse()
        answer.read()
        in_a_row = in_a_row + 1 if answer.getheader("x-served-by") == STABLE else 0
    taken = time.monotonic() - began
    assert command.wait(30) == 0
    return taken


if __name__ == "__main__":
    main()
