"""From `pilotage rollback --direct` (process start included), and from the watchdog's limit, to 0 % in Envoy itself.

    .venv/bin/python -m benchmarks.direct --tries 50 --watchdog 5

Coordinator and engine are killed before each try; Envoy is at 99 %, and its admin is asked every 2 ms what is in force.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from pilotage.demo.envoy import KEY
from pilotage.demo.scene import Scene
from tests.stage import Local, wait_for

SILENCE_S = 10.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=50)
    parser.add_argument("--watchdog", type=int, default=5, help="tries with the watchdog")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Scene(Path(name) / "demo", bad=False, seconds=3600) as scene:
        plan = _plan(scene.plan.read_text())
        body = {"plan": plan, "directory": str(scene.folder), "file": "", "by": "benchmark"}
        direct = _direct(Path(name), body, scene, asked.tries)
        late = [_watchdog(Path(name) / f"dog-{number}", body, scene.admin) for number in range(asked.watchdog)]
    taken, spent = [one for one, _ in direct], [one for _, one in direct]
    print(f"direct, {asked.tries} tries: {_spread(taken)}")
    print(f"CPU of the whole process: median {statistics.median(spent):.2f} s")
    if late:
        sizes = [size for _, size in late]
        print(
            f"watchdog, {asked.watchdog} tries: after the limit of {SILENCE_S:g} s {_spread([one for one, _ in late])}"
        )
        print(f"its memory (RSS), most: {max(sizes) / 1e6:.0f} MB")


def _plan(text: str) -> str:
    start, end = text.index("phases:"), text.index("traffic:")
    phases = "phases:\n  - {weight: 99%, watch: 60m}\n  - {weight: 100%, watch: 10m}\n\n"
    whole = (
        (text[:start] + phases + text[end:]).replace("baseline: 4s", "baseline: 0s").replace("tick: 2s", "tick: 60s")
    )
    return f"{whole}\nwatchdog: {{silence: {SILENCE_S:g}s}}\n"


def _direct(folder: Path, body: dict[str, str], scene: Scene, tries: int) -> list[tuple[float, float]]:
    """Seconds until Envoy says 0 %, and of CPU. One rollout is left behind; its weight is set anew for each try."""
    coordinator, rollout = _left_behind(folder / "state", body, scene.admin)
    runtime = scene.folder / "runtime"
    taken = []
    for _ in range(tries):
        _set(runtime, 99)
        wait_for(lambda: _in_force(scene.admin) == 99, 10)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        command = _start(coordinator.state, "rollback", "--direct", rollout)
        until = _when_back(scene.admin)
        assert command.wait(30) == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        taken.append((until - began, cpu))
    return taken


def _watchdog(state: Path, body: dict[str, str], admin: int) -> tuple[float, int]:
    """Seconds from the end of the silence that the plan bears until Envoy says 0 %; the watchdog's memory."""
    coordinator = Local(state)
    try:
        rollout = _shifted(coordinator, body, admin)
        dog = _start(state, "watchdog")
        try:
            wait_for(lambda: bool(coordinator.api.get("/v1/health")["watchdogs"]), 30)
            coordinator.kill_worker()
            coordinator.kill_engine()
            began = time.monotonic()
            until = _when_back(admin, SILENCE_S + 30)
            size = psutil.Process(dog.pid).memory_info().rss
        finally:
            dog.terminate()
            dog.wait(20)
        assert (state / "direct" / rollout).exists()
        return until - began - SILENCE_S, size
    finally:
        coordinator.down()


def _left_behind(state: Path, body: dict[str, str], admin: int) -> tuple[Local, str]:
    coordinator = Local(state)
    rollout = _shifted(coordinator, body, admin)
    coordinator.kill_worker()
    coordinator.kill_engine()
    return coordinator, rollout


def _shifted(coordinator: Local, body: dict[str, str], admin: int) -> str:
    coordinator.up()
    rollout = str(coordinator.api.post("/v1/rollouts", body)["id"])
    wait_for(lambda: _in_force(admin) == 99 and coordinator.view(rollout)["status"] == "watching", 60)
    return rollout


def _start(state: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pilotage", *arguments],
        env={**os.environ, "PILOTAGE_STATE": str(state)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _when_back(admin: int, within_s: float = 30) -> float:
    end = time.monotonic() + within_s
    while (now := time.monotonic()) < end:
        if _in_force(admin) == 0:
            return now
        time.sleep(0.002)
    raise SystemExit("the traffic did not go back")


def _in_force(admin: int) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=5)
    connection.request("GET", "/runtime?format=json")
    value = json.loads(connection.getresponse().read())["entries"][KEY]["final_value"]
    connection.close()
    return json.loads(value)["numerator"] / 100 if value.startswith("{") else float(value)


def _set(runtime: Path, percent: float) -> None:
    """As a rollout would: a new tree behind the link."""
    fresh = runtime.with_name(f"runtime-{time.monotonic_ns()}")
    fresh.mkdir()
    (fresh / KEY).write_text(json.dumps({"numerator": round(percent * 100), "denominator": "TEN_THOUSAND"}))
    link = runtime.with_name("runtime.fresh")
    link.symlink_to(fresh.name)
    link.replace(runtime)


def _spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"median {statistics.median(ordered):.2f} s, p99 {p99:.2f} s, most {ordered[-1]:.2f} s"


if __name__ == "__main__":
    main()
