"""The pages under load: how long a live page of 1,000 events takes, and what 200 open pages cost one server.

.venv/bin/python -m benchmarks.pages --events 1000 --requests 200 --open 200 --seconds 60

The server is a process of its own on loopback with a real store. While pages are asked for, its rollout gets a tick and
an event every 100 ms, so that nearly every page is rendered anew; while pages are open, a tick every 10 s.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import psutil
import structlog

from pilotage.core import events as ev
from pilotage.store import open_store
from tests.server.ticking import Ticking
from tests.server.world import served, world

EVERY_S = 10.0
OFTEN_S = 0.1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--ticks", type=int, default=360, help="that it has behind it")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--open", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        server = multiprocessing.Process(
            target=serve, args=(Path(folder), options.events, options.ticks, theirs), daemon=True
        )
        server.start()
        asyncio.run(measure(options, ours, psutil.Process(server.pid)))
        ours.send("enough")
        print(f"ticks late: {ours.recv()}")
        server.join(20)


def serve(folder: Path, events: int, ticks: int, connection: Connection) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(_serve(folder, events, ticks, connection))


async def _serve(folder: Path, events: int, ticks: int, connection: Connection) -> None:
    open_store(folder).close()
    async with world(folder) as ours:
        rollout = await Ticking(ours).begin()
        for _ in range(ticks):
            await rollout.tick()
        for number in range(events - 5):
            await rollout.tell(ev.TroubleReported(1, f"report {number}: the page of orders stays empty"))
        async with served(ours.app) as url:
            connection.send(f"{url}/rollouts/{rollout.name}")
            while not connection.poll():
                await asyncio.sleep(OFTEN_S)
                await rollout.tick()
                await rollout.tell(ev.TroubleReported(1, "the page of orders stays empty"))
            connection.recv()
            late: list[float] = []
            due = time.monotonic() + EVERY_S
            while not connection.poll():
                await asyncio.sleep(min(0.25, max(0.0, due - time.monotonic())))
                if time.monotonic() >= due:
                    late.append(time.monotonic() - due)
                    due += EVERY_S
                    await rollout.tick()
            worst = max(late, default=0.0)
            connection.send(f"{len(late)} ticks, at most {1000 * worst:.0f} ms")


async def measure(options: argparse.Namespace, child: Connection, server: psutil.Process) -> None:
    url = await asyncio.to_thread(child.recv)
    async with httpx.AsyncClient(follow_redirects=True, timeout=60) as client:
        (await client.get(url)).raise_for_status()  # a session, and the rollout's past is read once
        took, before = [], sum(server.cpu_times()[:2])
        for _ in range(options.requests):
            began = time.perf_counter()
            answer = await client.get(url)
            took.append(1000 * (time.perf_counter() - began))
            await asyncio.sleep(OFTEN_S)
            assert answer.status_code == 200
        each = 1000 * (sum(server.cpu_times()[:2]) - before) / options.requests
        took.sort()
        size = len(answer.content) / 1024
        middle, slow = took[len(took) // 2], took[int(len(took) * 0.95)]
        print(f"a page of {options.events} events, {size:.0f} KiB: p50 {middle:.0f} ms, p95 {slow:.0f} ms", end="")
        print(f"; {each:.0f} ms of CPU each, the ticks between them included", flush=True)
        child.send("measured")
        idle = await _used(server, 20)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    heard = [0, 0]
    pages = [asyncio.create_task(stay(f"{url}/stream", cookie, heard)) for _ in range(options.open)]
    await asyncio.sleep(10)
    heard[:] = [0, 0]
    busy = await _used(server, options.seconds)
    alive = sum(not one.done() for one in pages)
    for one in pages:
        one.cancel()
    await asyncio.gather(*pages, return_exceptions=True)
    print(
        f"{alive} open pages for {options.seconds:g} s: {busy:.3f} core ({idle:.3f} without them), "
        f"{heard[0]} messages, {heard[1] / 1e6:.1f} MB, {server.memory_info().rss / 1e6:.0f} MB of memory"
    )


async def _used(process: psutil.Process, seconds: float) -> float:
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    await asyncio.sleep(seconds)
    return (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)


async def stay(url: str, cookie: str, heard: list[int]) -> None:
    """One open page: reads its stream for as long as it lasts."""
    where = httpx.URL(url)
    reader, writer = await asyncio.open_connection(where.host, where.port, limit=2**22)
    asked = f"GET {where.path} HTTP/1.1\r\nHost: {where.host}:{where.port}\r\nCookie: {cookie}\r\n\r\n"
    writer.write(asked.encode())
    await writer.drain()
    while line := await reader.readline():
        heard[1] += len(line)
        heard[0] += line.startswith(b"data: {") and b'"place"' in line


if __name__ == "__main__":
    main()
