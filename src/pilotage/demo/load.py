"""Bounded load for the demo: keep-alive connections, no retries. Run as ``python -m pilotage.demo.load``.

Three of ten requests are checkouts, 45 % of those orders have no address. Stops by itself, and on SIGTERM once the
requests under way are answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass

CONNECTIONS = 12


@dataclass
class Totals:
    """`broken`: the connection could not be made, or ended before the answer; such a request is not sent again."""

    asked: float = 0.0
    seconds: float = 0.0
    sent: int = 0
    answered: int = 0
    failed: int = 0
    broken: int = 0

    def __str__(self) -> str:
        rate = self.sent / self.seconds if self.seconds else 0.0
        return (
            f"load: {self.sent:,} requests sent in {self.seconds:.1f} s ({rate:.0f} a second, {self.asked:g} meant), "
            f"{self.answered:,} answered ({self.failed:,} with 5xx), {self.broken:,} without an answer"
        )


async def send_load(port: int, rate: float, seconds: float, seed: int = 1, stop: asyncio.Event | None = None) -> Totals:
    """Sends `rate` requests a second to 127.0.0.1 for `seconds`, or until `stop`; each one sent is accounted for."""
    totals = Totals(asked=rate)
    stop = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    chances = [random.Random(seed + one) for one in range(CONNECTIONS)]
    await asyncio.gather(*[_client(port, rate / CONNECTIONS, seconds, one, totals, stop) for one in chances])
    totals.seconds = loop.time() - begin
    return totals


async def _client(
    port: int, rate: float, seconds: float, chance: random.Random, totals: Totals, stop: asyncio.Event
) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    due = loop.time() + chance.random() / rate
    reader = writer = None
    try:
        while due < end:
            if await _stopped(stop, due - loop.time()):
                return
            due = max(due + 1 / rate, loop.time() - 1)
            totals.sent += 1
            try:
                if reader is None or writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(_request(chance))
                status = await _status(reader)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                totals.broken += 1
                if writer is not None:
                    writer.close()
                reader = writer = None
                await _stopped(stop, 0.2)
                continue
            totals.answered += 1
            totals.failed += status >= 500
    finally:
        if writer is not None:
            writer.close()


async def _stopped(stop: asyncio.Event, within_s: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, within_s)):
            await stop.wait()
    return stop.is_set()


def _request(chance: random.Random) -> bytes:
    if chance.random() >= 0.3:
        return b"GET /browse HTTP/1.1\r\nHost: demo\r\n\r\n"
    order = {"amount": 19.99, "address": None if chance.random() < 0.45 else {"zip": "10115"}}
    body = json.dumps(order).encode()
    return b"POST /checkout HTTP/1.1\r\nHost: demo\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1")
    length = 0
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            length = int(value)
    await reader.readexactly(length)
    return int(head.split(" ", 2)[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=150)
    parser.add_argument("--seconds", type=float, default=120)
    options = parser.parse_args()
    sys.stdout.write(f"{asyncio.run(_run(options.port, options.rate, min(options.seconds, 3600)))}\n")


async def _run(port: int, rate: float, seconds: float) -> Totals:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await send_load(port, rate, seconds, stop=stop)


if __name__ == "__main__":
    main()
