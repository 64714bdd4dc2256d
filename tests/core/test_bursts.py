"""Errors in bursts: incidents by instance find a worse canary that the divided evidence overlooks."""

from __future__ import annotations

import math
import random

from pilotage.core.bursts import ErrorsEvidence
from pilotage.core.counters import Counts

TICKS, INSTANCES, BURST, PHI = 60, 9, 3, 7.0


def group(chance: random.Random, instances: int, incidents: float, requests: float = 58) -> Counts:
    """Each instance has an incident with this chance in a tick, and each incident makes three errors."""
    cells = tuple((f"i{one}", requests, float(BURST * (chance.random() < incidents))) for one in range(instances))
    return Counts(requests * instances, sum(e for _, _, e in cells), cells=cells)


def highest(seed: int, bursts: bool, mine: float, theirs: float, unequal: float = 1.0) -> float:
    chance, evidence, top = random.Random(seed), ErrorsEvidence(TICKS, bursts), -math.inf
    for _ in range(TICKS):
        canary = group(chance, 1, mine, 58 * unequal)
        evidence.add(canary, group(chance, INSTANCES, theirs), PHI)
        top = max(top, evidence.log_e)
    return top


def found(bursts: bool, mine: float, theirs: float, runs: int = 200, unequal: float = 1.0) -> float:
    return sum(highest(seed, bursts, mine, theirs, unequal) >= math.log(100) for seed in range(runs)) / runs


def test_incidents_by_instance_find_what_the_divided_evidence_overlooks() -> None:
    assert found(True, 0.25, 0.056) > found(False, 0.25, 0.056) + 0.2


def test_equal_instances_are_left_alone() -> None:
    assert found(True, 0.06, 0.06, runs=600) <= 0.01
    assert found(True, 0.6, 0.6, runs=200) <= 0.015


def test_a_canary_instance_with_less_traffic_is_not_wronged() -> None:
    """A tenth of the requests and, with rare incidents, nearly a tenth of the hits: the larger share is assumed."""
    assert found(True, 0.02, 0.15, runs=200, unequal=0.1) == 0
