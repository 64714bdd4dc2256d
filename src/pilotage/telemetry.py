"""What a coordinator or a worker counts for /metrics. Labels have few values: never a rollout's id or name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from pilotage import tracing
from pilotage.tracing import Span, Value

disable_created_metrics()  # type: ignore[no-untyped-call]

TICKS = Counter("pilotage_ticks_total", "Watch ticks done.")
TICK_LATENESS = Histogram(
    "pilotage_tick_lateness_seconds",
    "How late a tick began.",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
VERDICTS = Counter("pilotage_verdicts_total", "Verdicts of the judge, one a tick.", ["action"])
ENDED = Counter("pilotage_rollouts_ended_total", "Rollouts that came to their end.", ["outcome"])
DRIVER_SECONDS = Histogram(
    "pilotage_driver_call_duration_seconds",
    "Driver calls; outcome is done, failed or cancelled.",
    ["driver", "verb", "outcome"],
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300),
)
MESSAGES = Counter("pilotage_messages_total", "Attempts to deliver a message.", ["driver", "outcome"])
HTTP_SECONDS = Histogram(
    "pilotage_http_request_duration_seconds",
    "Requests by route template; of an event stream the time until it began.",
    ["method", "route", "status"],
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
STREAMS = Gauge("pilotage_sse_subscribers", "Event streams that are open now.")
LOOP_LAG = Histogram(
    "pilotage_event_loop_lag_seconds",
    "How late the loop came to a thing that was due.",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
)
LAG_EVERY_S = 1.0


@contextmanager
def driver_call(driver: str, verb: str, root: bool = False, **about: Value) -> Iterator[Span]:
    """Counts a call of a driver. In a trace it has a span, as a `root` one of its own elsewhere, too."""
    began, outcome, name = time.perf_counter(), "failed", f"{verb} {driver}"
    with tracing.span(name, "client") if root else tracing.within(name, "client") as span:
        span.note(driver=driver, verb=verb, **about)
        try:
            yield span
            outcome = "done"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            DRIVER_SECONDS.labels(driver, verb, outcome).observe(time.perf_counter() - began)


async def measure_lag() -> None:
    """Until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_EVERY_S
        await asyncio.sleep(LAG_EVERY_S)
        LOOP_LAG.observe(max(0.0, loop.time() - due))
