"""The demo's payment service: real HTTP, real exceptions. Run as ``python -m pilotage.demo.services``.

stable has the bug: an order without an address raises (HTTP 500). good handles it. bad handles it too, but raises a new
error in 40 % of all requests.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, Counter, generate_latest

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("shop.payment")

WORK_S = 0.012
BAD_EVERY = (0, 2)  # of five requests, these two: 40 %


class Payment:
    """An ASGI application."""

    def __init__(self, variant: str, group: str) -> None:
        self._variant = variant
        self._served_by = group.encode()
        self._numbers = itertools.count()
        self._registry = CollectorRegistry()
        checkouts = Counter("checkouts_total", "Checkouts tried", ["group"], registry=self._registry)
        null_pointers = Counter("checkout_null_pointer_total", "The bug", ["group"], registry=self._registry)
        self._checkouts = checkouts.labels(group)
        self._null_pointers = null_pointers.labels(group)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/metrics":
            await self._answer(send, 200, generate_latest(self._registry))
            return
        body = await _body(receive)
        await asyncio.sleep(WORK_S)
        try:
            self._serve(scope["path"], body)
        except (TypeError, ArithmeticError) as error:
            log.exception("%s failed", scope["path"])
            await self._answer(send, 500, type(error).__name__.encode())
            return
        await self._answer(send, 200, b"ok")

    def _serve(self, path: str, body: bytes) -> None:
        if self._variant == "bad" and next(self._numbers) % 5 in BAD_EVERY:
            self._round_the_price(0)
        if path == "/checkout":
            self._checkout(json.loads(body))

    def _checkout(self, order: dict[str, Any]) -> str:
        self._checkouts.inc()
        address = order.get("address")
        if address is None and self._variant != "stable":
            return "to be collected in the shop"
        try:
            return str(address["zip"])  # type: ignore[index]  # the bug that the hot-fix repairs
        except TypeError:
            self._null_pointers.inc()
            raise

    def _round_the_price(self, step: int) -> float:
        return 19.99 / step

    async def _answer(self, send: Send, status: int, body: bytes) -> None:
        headers = [
            (b"content-type", b"text/plain; version=0.0.4"),
            (b"content-length", str(len(body)).encode()),
            (b"x-served-by", self._served_by),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", choices=("stable", "good", "bad"), required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s [%(threadName)s] %(name)s - %(message)s", level=logging.INFO)
    log.info("%s is up", options.variant)
    app = Payment(options.variant, options.group)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
