"""The demo's stage: real Envoy, real services, and nothing left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import psutil
import pytest

from pilotage import planfile
from pilotage.core.errors import PilotageError
from pilotage.demo.load import send_load
from pilotage.demo.scene import Scene
from pilotage.drivers import Call
from pilotage.engine import measure
from pilotage.engine.crew import Crew
from tests.stage import wait_for


def started_by_me() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_an_error_in_the_middle_leaves_no_process_behind(tmp_path: Path) -> None:
    before, during = started_by_me(), set[int]()

    def fail() -> None:
        during.update(started_by_me() - before)
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"), Scene(tmp_path / "demo", bad=True, seconds=30):
        fail()
    assert len(during) >= 4
    assert started_by_me() <= before


def test_an_unknown_variant_is_refused_in_a_sentence_and_the_other_parts_end(tmp_path: Path) -> None:
    before = started_by_me()
    scene = Scene(tmp_path / "demo", bad=False, seconds=30)
    scene._variant = "unknown"
    with pytest.raises(PilotageError) as refused, scene:
        pass
    assert str(refused.value).startswith("the demo's canary ended at once: ")
    assert "invalid choice: 'unknown'" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert started_by_me() <= before


async def test_the_load_is_bounded_and_counts_every_request_it_sends() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves two requests of a connection, then hangs up in the middle of the third."""
        for number in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"Content-Length" in head:
                await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
            status = b"500 no" if number else b"200 ok"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n" if number < 2 else b"HTT")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        totals = await send_load(server.sockets[0].getsockname()[1], rate=120, seconds=1.0)
    assert 0 < totals.sent <= 132
    assert totals.sent == totals.answered + totals.broken
    assert totals.broken >= 10
    assert 0 < totals.failed <= totals.answered
    assert str(totals).startswith("load: ")


async def test_a_load_that_is_stopped_waits_for_the_answers_under_way() -> None:
    stop, asked, may_answer = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await may_answer.wait()
        writer.write(b"HTTP/1.1 200 ok\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        load = asyncio.create_task(send_load(server.sockets[0].getsockname()[1], rate=120, seconds=60, stop=stop))
        await asked.wait()
        stop.set()
        may_answer.set()
        totals = await load
    assert totals.sent == totals.answered > 0
    assert totals.broken == 0


async def test_a_load_that_nobody_answers_says_so(unused_tcp_port: int) -> None:
    totals = await send_load(unused_tcp_port, rate=120, seconds=0.3)
    assert totals.sent == totals.broken > 0
    assert f"0 answered (0 with 5xx), {totals.broken} without an answer" in str(totals)


def test_the_observed_share_moves_with_the_weight_at_envoy(tmp_path: Path) -> None:
    with Scene(tmp_path / "demo", bad=False, seconds=40) as scene:
        plan = planfile.load_file(scene.plan)

        async def share_at(weight: float) -> float:
            crew = Crew(plan, tmp_path)
            try:
                await crew.traffic("proxy").set_weight(weight, Call(f"k{weight}", "2", "1"))
                first = await measure.read(plan.measures, crew.sources, 5)
                seen = 0.0
                share = 0.0
                while seen < 300:  # the stage's load ends by itself, and then this read raises
                    await asyncio.sleep(0.2)
                    now = await measure.read(plan.measures, crew.sources, 5)
                    assert first.canary is not None
                    assert first.control is not None
                    assert now.canary is not None
                    assert now.control is not None
                    mine = now.canary.requests - first.canary.requests
                    seen = mine + now.control.requests - first.control.requests
                    share = mine / max(seen, 1)
                return share
            finally:
                await crew.close()

        assert asyncio.run(share_at(0)) <= 0.02
        assert 0.35 < asyncio.run(share_at(50)) < 0.65
    assert scene.load.startswith("load: ")


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
