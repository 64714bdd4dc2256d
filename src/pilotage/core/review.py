"""Replaced at the merge with the report's branch."""

from collections.abc import Mapping, Sequence

from pilotage.core import events as ev
from pilotage.core.model import Plan, Sample, Verdict


def review(
    plan: Plan, record: Sequence[ev.Recorded], samples: Sequence[Sample], verdicts: Mapping[tuple[int, int], Verdict]
) -> str:
    return f"# {plan.service}\n"
