"""A listener for StatsD and DogStatsD packets, which counts from when it began; selectors have names and tags."""

from __future__ import annotations

import asyncio
import re
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, field_validator

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Point
from pilotage.drivers.answers import one_line
from pilotage.drivers.looks import looks
from pilotage.drivers.metrics.exposition import Selector, parse_selector
from pilotage.drivers.metrics.statsd_listener import Address, Listener, shown
from pilotage.drivers.metrics.statsd_table import MOST_SERIES

QUIET_S = 60.0
FIRST_S = 8.5
"""A probe waits so long for the first packet after listening began: most senders collect for up to ten seconds. What a
plan's selectors give is read right after it."""
MORE_S = 0.5
"""And then for what is sent with the first one."""
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+)):(\d{1,5})", re.ASCII)
_BUCKETS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)


class StatsdMetrics:
    class Options(DriverOptions):
        bind: str = Field(default="127.0.0.1:8125", description="where packets come: host:port, or unix:PATH")
        buckets: list[float] = Field(
            default=list(_BUCKETS),
            min_length=1,
            max_length=100,
            description="upper bounds for timers, histograms and distributions, in their own unit",
        )

        @field_validator("bind")
        @classmethod
        def _is_an_address(cls, bind: str) -> str:
            if bind.startswith("unix:") and len(bind) > 5 and bind.isprintable():
                return bind
            found = _HOST.fullmatch(bind)
            if not found or not 0 < int(found[3]) < 65_536:
                raise ValueError("host:port such as 127.0.0.1:8125, or unix:/run/pilotage/statsd.sock")
            return bind

        @field_validator("buckets")
        @classmethod
        def _ascend(cls, buckets: list[float]) -> list[float]:
            if sorted(set(buckets)) != buckets or buckets[0] <= 0 or buckets[-1] == float("inf"):
                raise ValueError("bounds above 0 that ascend; a last bucket without bound comes by itself")
            return buckets

    def __init__(self, options: Options, context: Context) -> None:
        """Listens at once, so that nothing is missed before the first read. Where it cannot, `probe` and `read` say
        why, and try again."""
        self._options = options
        self._address = _address(options.bind, context.directory)
        self._listener: Listener | None = None
        self._let_go: weakref.finalize[..., StatsdMetrics] | None = None
        self._closed = False
        try:
            self._listen()
        except Exception:
            self._listener = None

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        listener, parsed = self._listen(), [_parsed(one) for one in selectors]
        try:
            return [listener.table.select(one) for one in parsed]
        except ValueError as error:
            raise PermanentError(f"StatsD at {shown(self._address)}: {error}. Send it less, or fewer tags") from None

    async def probe(self) -> str:
        listener = self._listen()
        await self._first(listener)
        now = time.time()
        names, series = listener.table.sizes()
        where = f"listens for StatsD at {shown(self._address)}"
        if listener.last is None:
            said = f"{where}; nothing has arrived yet, after {now - listener.began:.0f} s"
        elif now - listener.last > QUIET_S:
            said = f"{where}; nothing has arrived in the last {now - listener.last:.0f} s"
        else:
            said = f"{where}; {listener.packets} packets, {names} names, {series} series"
        if listener.malformed:
            said += f"; {listener.malformed} lines malformed, such as in {one_line(repr(listener.example), 100)}"
        if listener.dropped:
            said += f"; {listener.dropped} packets lost, as too many came at once"
        if series >= MOST_SERIES:
            said += f"; more than {MOST_SERIES} series: some are not counted"
        return said

    async def close(self) -> None:
        """The last of a process that closes ends the listening."""
        self._closed = True
        if self._let_go is not None:
            await asyncio.to_thread(self._let_go)

    async def _first(self, listener: Listener) -> None:
        left = FIRST_S - (time.time() - listener.began)
        if listener.last is None and left > 0:
            async for _ in looks(left, 0.05):
                if listener.last is not None:
                    break
        if listener.last is not None and time.time() - listener.began < FIRST_S + MORE_S:
            await asyncio.sleep(MORE_S)

    def _listen(self) -> Listener:
        if self._closed:
            raise PermanentError(f"StatsD at {shown(self._address)} is not listened for any more: the driver is closed")
        if self._listener is None:
            self._listener = Listener.hold(self._address, self._options.buckets)
            self._let_go = weakref.finalize(self, self._listener.release)
        return self._listener


def _address(bind: str, directory: Path) -> Address:
    if bind.startswith("unix:"):
        return (directory / bind.removeprefix("unix:")).absolute()
    found = _HOST.fullmatch(bind)
    assert found is not None
    return (found[1] or found[2]), int(found[3])


def _parsed(selector: str) -> Selector:
    """StatsD's names have dots and dashes, which Prometheus' have not. Raises PermanentError."""
    name, brace, matchers = selector.strip().partition("{")
    name = name.strip()
    try:
        if not name or re.search(r'[\s:|@#"}]', name):
            raise ValueError(f'expected name{{tag="value"}} with a name such as shop.requests, got {selector!r}')
        return Selector(re.escape(name), parse_selector(f"_{brace}{matchers}").matchers, name)
    except ValueError as error:
        raise PermanentError(f"bad selector: {one_line(str(error), 300)}") from None
