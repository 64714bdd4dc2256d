"""The demo's stage: real Envoy, real services, and nothing left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import psutil

from pilotage import planfile
from pilotage.demo.scene import Scene
from pilotage.drivers import Call
from pilotage.engine import measure
from pilotage.engine.crew import Crew
from tests.stage import wait_for


def test_the_stage_serves_through_envoy_and_ends_with_its_context(tmp_path: Path) -> None:
    with Scene(tmp_path / "demo", bad=False, seconds=30) as scene:
        plan = planfile.load_file(scene.plan)

        async def shift() -> float:
            crew = Crew(plan, tmp_path)
            try:
                weight = await crew.traffic("proxy").set_weight(50, Call("k", "2", "1"))
                reading = await measure.read(plan.measures, crew.sources, 5)
                assert reading.control is not None
                assert reading.control.errors > 0
                assert reading.control.bug_bad is not None
                return weight
            finally:
                await crew.close()

        wait_for(lambda: httpx.get(f"http://127.0.0.1:{scene.port}/browse").status_code == 200, 10)
        assert asyncio.run(shift()) == 50
        children = [child.pid for child in scene._children]
    assert len(children) == 4
    assert not any(psutil.pid_exists(pid) for pid in children)
