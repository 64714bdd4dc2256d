"""Bounded load for the demo: keep-alive connections, no retries. Run as ``python -m pilotage.demo.load``.

Three of ten requests are checkouts, 45 % of those orders have no address. Stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from dataclasses import dataclass

CONNECTIONS = 12


@dataclass
class Totals:
    """`broken`: the connection could not be made, or ended before the answer; such a request is not sent again."""

    sent: int = 0
    answered: int = 0
    failed: int = 0
    broken: int = 0

    def __str__(self) -> str:
        return (
            f"load: {self.sent:,} requests sent, {self.answered:,} answered ({self.failed:,} with 5xx), "
            f"{self.broken:,} without an answer"
        )


async def send_load(port: int, rate: float, seconds: float, seed: int = 1, totals: Totals | None = None) -> Totals:
    """Sends `rate` requests a second to 127.0.0.1 for `seconds`. `totals` is counted up as it goes."""
    totals = totals or Totals()
    each = [_client(port, rate / CONNECTIONS, seconds, random.Random(seed + one), totals) for one in range(CONNECTIONS)]
    await asyncio.gather(*each)
    return totals


async def _client(port: int, rate: float, seconds: float, chance: random.Random, totals: Totals) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    due = loop.time() + chance.random() / rate
    reader = writer = None
    try:
        while due < end:
            await asyncio.sleep(max(0.0, due - loop.time()))
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
                await asyncio.sleep(0.2)
                continue
            totals.answered += 1
            totals.failed += status >= 500
    finally:
        if writer is not None:
            writer.close()


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
    totals = Totals()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        asyncio.run(send_load(options.port, options.rate, min(options.seconds, 3600), totals=totals))
    finally:
        sys.stdout.write(f"{totals}\n")


if __name__ == "__main__":
    main()
