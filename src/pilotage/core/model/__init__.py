"""The nouns: what a plan says, what a watch sees, what the judge answers.

All values are frozen. Weights are percent of traffic (0-100), durations seconds, instants Unix seconds (UTC),
latencies seconds, rates fractions (0-1).
"""

from __future__ import annotations

from pilotage.core.model.measures import LatencyMetric, LogField, LogSetup, Measures, RatioMetric
from pilotage.core.model.moving import (
    COHORT_KINDS,
    Cohort,
    CohortKind,
    Drift,
    DriverRef,
    Phase,
    Release,
    Step,
    Target,
    Way,
    WayBack,
)
from pilotage.core.model.plan import (
    AUDIENCES,
    Answer,
    Audience,
    Channel,
    Expected,
    HoldPolicy,
    Limits,
    Plan,
    Quiet,
    Severity,
    Strategy,
)
from pilotage.core.model.seen import (
    Baseline,
    Counters,
    Histogram,
    Instance,
    LogCounts,
    LogHistory,
    LogSeen,
    LogSignature,
    Minute,
    Reading,
    Sample,
)
from pilotage.core.model.verdict import Action, Drifted, Finding, Verdict

__all__ = [
    "AUDIENCES",
    "COHORT_KINDS",
    "Action",
    "Answer",
    "Audience",
    "Baseline",
    "Channel",
    "Cohort",
    "CohortKind",
    "Counters",
    "Drift",
    "Drifted",
    "DriverRef",
    "Expected",
    "Finding",
    "Histogram",
    "HoldPolicy",
    "Instance",
    "LatencyMetric",
    "Limits",
    "LogCounts",
    "LogField",
    "LogHistory",
    "LogSeen",
    "LogSetup",
    "LogSignature",
    "Measures",
    "Minute",
    "Phase",
    "Plan",
    "Quiet",
    "RatioMetric",
    "Reading",
    "Release",
    "Sample",
    "Severity",
    "Step",
    "Strategy",
    "Target",
    "Verdict",
    "Way",
    "WayBack",
]
