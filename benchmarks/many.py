"""Many rollouts at once with 10 s ticks on one machine: tick lateness and memory, from the coordinator's own /metrics.

.venv/bin/python -m benchmarks.many --rollouts 1000 --seconds 60
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path

import psutil

from pilotage.cli.client import running
from tests.stage import PLAN, Stage, local

FLAGS = {"flags": {"f": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}}}
BUCKET = re.compile(r'pilotage_tick_lateness_seconds_bucket\{le="([^"]+)"\} ([0-9.e+]+)')


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rollouts", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stage = Stage(folder)
        with local(folder / "state") as coordinator:
            print(f"before the first: {memory(coordinator.state)}", flush=True)
            began = time.monotonic()
            for number in range(options.rollouts):
                coordinator.api.post("/v1/rollouts", body(folder, stage, number))
                if (number + 1) % 100 == 0:
                    print(
                        f"{number + 1} after {time.monotonic() - began:.0f} s: {memory(coordinator.state)}", flush=True
                    )
            print(f"{options.rollouts} started in {time.monotonic() - began:.0f} s")
            time.sleep(15)
            before, cpu = lateness(coordinator.api.get("/metrics")), cpu_seconds(coordinator.state)
            time.sleep(options.seconds)
            after = lateness(coordinator.api.get("/metrics"))
            used = [late - early for late, early in zip(cpu_seconds(coordinator.state), cpu, strict=True)]
            tell(before, after, options.seconds)
            for part, process, seconds in zip(("worker", "engine"), processes(coordinator.state), used, strict=True):
                rss = process.memory_info().rss / 1e6
                print(f"{part}: {rss:.0f} MB, {seconds / options.seconds:.2f} core")
        stage.close()


def body(folder: Path, stage: Stage, number: int) -> dict[str, str]:
    (folder / f"flags-{number}.json").write_text(json.dumps(FLAGS))
    text = PLAN.format(
        service=f"s{number}",
        phases="[{weight: 10%, watch: 1h}, {weight: 100%, watch: 1h}]",
        hold="10h",
        then="ask",
        more="",
        port=stage.port,
    )
    traffic = f"traffic:\n  - {{name: flag, driver: flagd-file, file: flags-{number}.json, flag: f}}\n"
    text = re.sub(r"traffic:\n.*\n", lambda _: traffic, text)
    text = text.replace("tick: 0.5s", "tick: 10s").replace("baseline: 1s", "baseline: 0s")
    return {"plan": text, "directory": str(folder), "file": "", "by": "benchmark"}


def processes(state: Path) -> list[psutil.Process]:
    note = running(state)
    assert note is not None
    return [psutil.Process(note["pid"]), psutil.Process(json.loads((state / "engine.json").read_text())["pid"])]


def memory(state: Path) -> str:
    worker, engine = [process.memory_info().rss / 1e6 for process in processes(state)]
    return f"worker {worker:.0f} MB, engine {engine:.0f} MB, together {worker + engine:.0f} MB"


def cpu_seconds(state: Path) -> list[float]:
    return [sum(process.cpu_times()[:2]) for process in processes(state)]


def lateness(page: str) -> dict[float, float]:
    return {float(bound): float(count) for bound, count in BUCKET.findall(page)}


def tell(before: dict[float, float], after: dict[float, float], seconds: float) -> None:
    counts = {bound: after[bound] - before.get(bound, 0) for bound in after}
    total = counts[float("inf")]
    for share in (0.5, 0.99):
        bound = min(bound for bound, count in counts.items() if count >= share * total)
        print(f"tick lateness p{share * 100:g} <= {bound:g} s")
    print(f"{total / seconds:.1f} ticks/s")


if __name__ == "__main__":
    main()
