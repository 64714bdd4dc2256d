"""What 200 open pages cost a real coordinator, and whether they make its ticks late: with them, and without.

    .venv/bin/python -m benchmarks.open_pages --open 200 --seconds 60

One coordinator with its engine, some rollouts with 10 s ticks, each page a stream of its own. CPU is of the
coordinator's process (API, pages and worker are one), the lateness of its ticks is what its own /metrics counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from tests.stage import Local, Stage, local, wait_for

PHASES = "[{weight: 10%, watch: 30m}, {weight: 100%, watch: 30m}]"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--open", type=int, default=200)
    parser.add_argument("--rollouts", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / f"stage-{number}" for number in range(options.rollouts)]
        for folder in folders:
            folder.mkdir()
        stages = [Stage(folder) for folder in folders]
        with local(Path(name) / "state") as coordinator:
            rollouts = [_started(coordinator, stage, number) for number, stage in enumerate(stages)]
            asyncio.run(measure(options, coordinator, rollouts))
        for stage in stages:
            stage.close()


def _started(coordinator: Local, stage: Stage, number: int) -> str:
    body = stage.plan(f"shop-{number}", phases=PHASES)
    body["plan"] = body["plan"].replace("tick: 0.5s", "tick: 10s").replace("baseline: 1s", "baseline: 0s")
    rollout = str(coordinator.api.post("/v1/rollouts", body)["id"])
    wait_for(lambda: coordinator.view(rollout)["weight_in_force"] == 10, 60)
    return rollout


async def measure(options: argparse.Namespace, coordinator: Local, rollouts: list[str]) -> None:
    note = json.loads((coordinator.state / "coordinator.json").read_text())
    process = psutil.Process(note["pid"])
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=note["url"], follow_redirects=True, timeout=60, limits=limits) as client:
        (await client.get("/")).raise_for_status()  # a session
        print("without:", await _watched(options.seconds, coordinator, process))
        pages = [asyncio.create_task(_stay(client, rollouts[one % len(rollouts)])) for one in range(options.open)]
        await asyncio.sleep(20)
        print(f"with {options.open} pages:", await _watched(options.seconds, coordinator, process), end="")
        print(f"; {sum(not one.done() for one in pages)} of them were open to the end")
        for one in pages:
            one.cancel()
        await asyncio.gather(*pages, return_exceptions=True)


async def _watched(seconds: float, coordinator: Local, process: psutil.Process) -> str:
    before, used = await asyncio.to_thread(_late, coordinator), sum(process.cpu_times()[:2])
    await asyncio.sleep(seconds)
    after, used = await asyncio.to_thread(_late, coordinator), sum(process.cpu_times()[:2]) - used
    ticks = after[1] - before[1]
    mean = 1000 * (after[0] - before[0]) / max(1, ticks)
    return f"{used / seconds:.3f} core, {ticks:.0f} ticks, late by {mean:.1f} ms in the mean"


def _late(coordinator: Local) -> tuple[float, float]:
    """Seconds and ticks, since the coordinator began."""
    page = str(coordinator.api.get("/metrics"))
    found = [re.findall(rf"^pilotage_tick_lateness_seconds_{one}\S* (\S+)$", page, re.M) for one in ("sum", "count")]
    return sum(map(float, found[0])), sum(map(float, found[1]))


async def _stay(client: httpx.AsyncClient, rollout: str) -> None:
    (await client.get(f"/rollouts/{rollout}")).raise_for_status()
    with suppress(asyncio.CancelledError):
        async with client.stream("GET", f"/rollouts/{rollout}/stream") as answer:
            async for _ in answer.aiter_bytes():
                pass


if __name__ == "__main__":
    main()
