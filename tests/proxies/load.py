"""A steady load on one address, by clients that hide nothing: what tests and benchmarks of switching count with.

What counts as failed: a request of which anything was sent and that was not answered in full, by an upstream, with 200
within 10 s, and one for which no connection could be had. Nothing is tried again. A kept connection that the other side
has closed before anything was sent on it is no failure; it is opened anew and counted in `reopened`.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from urllib.parse import urlsplit

LATE_S = 10.0
SLOW_S = (0.3, 1.0)


@dataclass(frozen=True)
class Answer:
    """Times are of `time.monotonic`."""

    sent: float
    done: float
    who: str
    """The answer's whole body: the name of the upstream server."""


@dataclass
class Seen:
    answers: list[Answer] = field(default_factory=list)
    """In the order in which they came."""
    failures: Counter[str] = field(default_factory=Counter)
    """By kind: ``refused``, ``cut``, ``late``, ``status 503``, ``empty``, ``without a length``."""
    reopened: int = 0
    ended: bool = False

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def all(self) -> int:
        return len(self.answers) + self.failed

    def within(self, since: float, until: float = inf) -> list[Answer]:
        """What was both sent and answered in this time. What was on its way at either end may belong to either side."""
        return [one for one in self.answers if since <= one.sent and one.done < until]

    def share(self, who: str, since: float, until: float = inf) -> tuple[float, int]:
        """The percent of the requests within this time that `who` answered, and how many there were."""
        answered = [one.who for one in self.within(since, until)]
        return answered.count(who) / max(1, len(answered)) * 100, len(answered)

    def turned(self, who: str, since: float, until: float = inf) -> tuple[float, float]:
        """After a switch at `since` to `who` alone: the seconds until its first answer came, and until the last request
        was sent that another one answered (0: there was none)."""
        within = self.within(since, until)
        first = min((one.done for one in within if one.who == who), default=inf)
        last = max((one.sent for one in within if one.who != who), default=since)
        return first - since, last - since

    async def more(self, count: int) -> None:
        """Returns when `count` more answers have come."""
        enough = len(self.answers) + count
        while len(self.answers) < enough:
            if self.ended:
                raise TimeoutError(f"the load has ended {enough - len(self.answers)} answers too early")
            await asyncio.sleep(0.005)


@asynccontextmanager
async def load(
    url: str, clients: int = 8, slow: int = 2, rate: float = 1000.0, seconds: float = 60.0
) -> AsyncIterator[Seen]:
    """`clients` send to `url` until the block ends, `seconds` at most; then their last answers are waited for.

    Each has one connection, and one request on its way at most. `slow` of them ask for answers that take .3 to 1 s, the
    others send `rate` requests a second altogether, or fewer when the answers do not come so fast.
    """
    seen = Seen()
    end = time.monotonic() + seconds
    pauses = [None] * slow + [(clients - slow) / rate] * (clients - slow)
    running = [asyncio.create_task(_Client(url, pause, seen).run(end)) for pause in pauses]
    try:
        yield seen
    finally:
        seen.ended = True
        await asyncio.gather(*running)


class _Failed(Exception):
    """Its text is the kind."""


class _Client:
    def __init__(self, url: str, pause_s: float | None, seen: Seen) -> None:
        """`pause_s` is between the beginnings of two requests; None asks for slow answers, one after the other."""
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._pause_s = pause_s
        self._seen = seen
        self._socket: socket.socket | None = None

    async def run(self, end: float) -> None:
        due = time.monotonic() + random.random() * (self._pause_s or 0)
        while not self._seen.ended and (now := time.monotonic()) < end:
            if now < due:
                await asyncio.sleep(due - now)
            due = max(due, now) + (self._pause_s or 0)
            try:
                async with asyncio.timeout(LATE_S):
                    await self._ask()
            except TimeoutError:
                self._fail("late")
            except _Failed as failed:
                self._fail(str(failed))
        self._close()
        self._seen.ended = True

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        if self._socket and _closed(self._socket):
            self._close()
            self._seen.reopened += 1
        if self._socket is None:
            self._socket = socket.socket()
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                await loop.sock_connect(self._socket, self._address)
            except OSError:
                raise _Failed("refused") from None
        wait = "" if self._pause_s is not None else f"?wait={random.uniform(*SLOW_S):.2f}"
        sent = time.monotonic()
        try:
            await loop.sock_sendall(self._socket, f"GET /{wait} HTTP/1.1\r\nHost: shop.test\r\n\r\n".encode())
            head, body = await _answer(self._socket)
        except OSError:
            raise _Failed("cut") from None
        status = head.split(" ", 2)[1]
        if status != "200":
            raise _Failed(f"status {status}")
        if not body:  # what a proxy without a route may say with 200
            raise _Failed("empty")
        self._seen.answers.append(Answer(sent, time.monotonic(), body))
        if "\r\nconnection: close" in head.lower():
            self._close()

    def _fail(self, kind: str) -> None:
        self._seen.failures[kind] += 1
        self._close()

    def _close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None


def _closed(kept: socket.socket) -> bool:
    """Whether the other side has ended a connection without a request on it: whatever can be read there says so."""
    try:
        kept.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


async def _answer(connection: socket.socket) -> tuple[str, str]:
    """Head and body; raises _Failed when it does not come in full."""
    loop = asyncio.get_running_loop()
    heard = b""
    while True:
        head, found, body = heard.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            return head.decode("latin-1"), body.decode()
        data = await loop.sock_recv(connection, 65536)
        if not data:
            raise _Failed("cut")
        heard += data


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise _Failed("without a length")
