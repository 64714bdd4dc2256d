"""Bounded load for the demo: keep-alive connections, no retries. Run as ``python -m pilotage.demo.load``.

Three of ten requests are checkouts, 45 % of those orders have no address. Stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random

CONNECTIONS = 12


async def send_load(port: int, rate: float, seconds: float, seed: int = 1) -> tuple[int, int]:
    """Sends `rate` requests a second to 127.0.0.1 for `seconds`; returns (requests answered, answers that were 5xx)."""
    results = await asyncio.gather(
        *[_client(port, rate / CONNECTIONS, seconds, random.Random(seed + one)) for one in range(CONNECTIONS)]
    )
    return sum(sent for sent, _ in results), sum(failed for _, failed in results)


async def _client(port: int, rate: float, seconds: float, chance: random.Random) -> tuple[int, int]:
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    due = loop.time() + chance.random() / rate
    sent = failed = 0
    reader = writer = None
    while due < end:
        await asyncio.sleep(max(0.0, due - loop.time()))
        due = max(due + 1 / rate, loop.time() - 1)
        try:
            if reader is None or writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_request(chance))
            status = await _status(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            reader = writer = None
            await asyncio.sleep(0.2)
            continue
        sent += 1
        failed += status >= 500
    if writer is not None:
        writer.close()
    return sent, failed


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
    asyncio.run(send_load(options.port, options.rate, min(options.seconds, 3600)))


if __name__ == "__main__":
    main()
