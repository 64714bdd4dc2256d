"""From the `pilotage rollback` command (process start included) to traffic observed back on stable at Envoy.

    .venv/bin/python -m benchmarks.rollback --tries 50
    .venv/bin/python -m benchmarks.rollback --tries 20 --button   # pressed on the rollout's page, in Chromium

Each try shifts 99 % to the canary, then gives the command while requests go through Envoy; traffic counts as back with
the third response in a row from stable (by chance at 99 %: one in a million).
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from pilotage.cli.client import Api
from pilotage.demo.envoy import STABLE
from pilotage.demo.scene import Scene
from tests.stage import Local, local, wait_for


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=50)
    parser.add_argument("--button", action="store_true", help="press ROLL BACK on the page instead")
    options = parser.parse_args()
    tries = options.tries
    with tempfile.TemporaryDirectory() as name, Scene(Path(name) / "demo", bad=False, seconds=900) as scene:
        text = scene.plan.read_text()
        start, end = text.index("phases:"), text.index("traffic:")
        phases = "phases:\n  - {weight: 99%, watch: 10m}\n  - {weight: 100%, watch: 10m}\n\n"
        plan = (
            (text[:start] + phases + text[end:])
            .replace("baseline: 4s", "baseline: 0s")
            .replace("tick: 2s", "tick: 60s")
        )
        with local(Path(name) / "state") as coordinator, _way(options.button, coordinator) as way:
            about = {"plan": plan, "directory": str(scene.folder), "by": "benchmark", "reason": "again"}
            body = {**about, "overrides": ["version"]}  # it was rolled back by the try before
            taken = [_one(coordinator.api, body, way, scene.port) for _ in range(tries)]
    ordered = sorted(taken)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(f"{tries} tries: median {statistics.median(taken):.3f} s, p99 {p99:.3f} s, most {ordered[-1]:.3f} s")


Prepared = Callable[[str], Callable[[], object]]
"""Of a rollout: what sends it back."""


@contextmanager
def _way(button: bool, coordinator: Local) -> Iterator[Prepared]:
    if not button:
        environment = {**os.environ, "PILOTAGE_STATE": str(coordinator.state)}

        def typed(rollout: str) -> Callable[[], object]:
            argv = [sys.executable, "-m", "pilotage", "rollback", rollout]
            return lambda: subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)

        yield typed
        return
    url = json.loads((coordinator.state / "coordinator.json").read_text())["url"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()

        def pressed(rollout: str) -> Callable[[], object]:
            page.goto(f"{url}/rollouts/{rollout}")
            there = page.get_by_role("button", name="Roll back")
            there.wait_for()
            return lambda: there.click(no_wait_after=True)

        yield pressed
        browser.close()


def _one(api: Api, body: dict[str, Any], way: Prepared, port: int) -> float:
    rollout = api.post("/v1/rollouts", body)["id"]
    wait_for(lambda: api.get(f"/v1/rollouts/{rollout}")["status"] == "watching", 30)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    act = way(rollout)
    began = time.monotonic()
    done = act()
    in_a_row = 0
    while in_a_row < 3 and time.monotonic() - began < 30:
        connection.request("GET", "/browse")
        answer = connection.getresponse()
        answer.read()
        in_a_row = in_a_row + 1 if answer.getheader("x-served-by") == STABLE else 0
    taken = time.monotonic() - began
    if isinstance(done, subprocess.Popen):
        assert done.wait(30) == 0
    wait_for(lambda: api.get(f"/v1/rollouts/{rollout}")["status"] == "rolled back", 30)
    return taken


if __name__ == "__main__":
    main()
