"""What a worker tells about itself at /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

TICKS = Counter("pilotage_ticks_total", "Watch ticks done")
TICK_LATENESS = Histogram(
    "pilotage_tick_lateness_seconds",
    "How late a tick began",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
DRIVER_SECONDS = Histogram("pilotage_driver_call_seconds", "Driver calls by verb", ["action"])
