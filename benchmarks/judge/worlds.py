"""The scenarios: what a phase may look like, healthy and not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pilotage.simulation.world import World

USUAL = World()


@dataclass(frozen=True)
class Scenario:
    """`kind`: ``healthy`` (nothing may roll back), ``errors`` or ``latency``. `ratio`: for the limit of theory."""

    name: str
    world: World
    kind: str
    minutes: int = 10
    metrics: int = 1
    ratio: float | None = None


def _rates() -> list[Scenario]:
    found = []
    for rate in (1.0, 10.0, 58.0, 1000.0):
        at = replace(USUAL, rate=rate)
        said = f"{rate:g}/s"
        found += [
            Scenario(f"healthy, {said}", at, "healthy"),
            Scenario(f"errors x5, {said}", replace(at, errors_ratio=5), "errors", ratio=5),
            Scenario(f"20 % errors, {said}", replace(at, errors=0.2), "errors", ratio=0.2 / 0.003),
            Scenario(f"latency x2, {said}", replace(at, latency_ratio=2), "latency"),
        ]
    return found


SCENARIOS = [
    *_rates(),
    Scenario("shared outage", replace(USUAL, outage=(200, 400)), "healthy"),
    Scenario("bursty traffic", replace(USUAL, traffic_noise=0.7), "healthy"),
    Scenario("clustered errors", replace(USUAL, instances=9, burst=3), "healthy"),
    Scenario("clustered errors, one instance", replace(USUAL, burst=3), "healthy"),
    Scenario("per-instance noise", replace(USUAL, instances=9, instance_noise=0.3), "healthy"),
    Scenario("diurnal", replace(USUAL, diurnal=3.0), "healthy"),
    Scenario("missing data", replace(USUAL, faulty=0.05, gap=(200, 260), reset_s=400), "healthy"),
    Scenario("share changed in mid-phase", replace(USUAL, share_later=0.13), "healthy"),
    Scenario("15-minute phase", USUAL, "healthy", minutes=15),
    Scenario("30-minute phase", USUAL, "healthy", minutes=30),
    Scenario("five metrics at once", USUAL, "healthy", metrics=5),
    Scenario("errors x1.5", replace(USUAL, errors_ratio=1.5), "errors", ratio=1.5),
    Scenario("errors x2", replace(USUAL, errors_ratio=2), "errors", ratio=2),
    Scenario("errors x2, 30-minute phase", replace(USUAL, errors_ratio=2), "errors", minutes=30, ratio=2),
    Scenario("clustered errors x5", replace(USUAL, instances=9, burst=3, errors_ratio=5), "errors"),
    Scenario("slow leak to x10", replace(USUAL, leak=10), "errors"),
    Scenario("late onset: x5 after 5 min", replace(USUAL, errors_ratio=5, onset_s=300), "errors", ratio=5),
    Scenario("missing data, 20 % errors", replace(USUAL, errors=0.2, faulty=0.05, gap=(200, 260)), "errors"),
    Scenario("latency +10 %", replace(USUAL, latency_ratio=1.1), "latency"),
    Scenario("latency +30 %", replace(USUAL, latency_ratio=1.3), "latency"),
    Scenario("tail only: 2 % at 1-2.5 s", replace(USUAL, tail=0.02), "latency"),
]
