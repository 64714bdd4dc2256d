"""What needs no rollout: drafts, checks, comparisons, simulations, drivers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from pilotage.core.model import Audience
from pilotage.importing import Format
from pilotage.server.api.models.asked import EXAMPLE_DIGEST, Asked, PlanText

Facts = dict[
    Literal[
        "service",
        "severity",
        "environment",
        "version",
        "previous",
        "traffic",
        "strategy",
        "window",
        "flag",
        "summary",
    ],
    str,
]
LONGEST_BRIEF = 20_000


class Known(Asked):
    """What goes beside a brief, or beside manifests."""

    facts: Facts = Field(
        default_factory=dict,
        description="what is known for sure: counts more than what the brief or the files say",
        examples=[{"service": "shop", "version": "2.4.1"}],
    )
    on_call: str | None = Field(default=None, max_length=500, examples=["Ann Example @ann"])


class DraftRequest(Known):
    """A brief in plain words: English, German or Spanish."""

    brief: str = Field(
        default="",
        max_length=LONGEST_BRIEF,
        examples=["P0: hot-fix for the payment bug in shop 2.4.1, 58 requests/s, canary, on call is Ann @ann"],
    )


class ImportedFile(Asked):
    name: str = Field(min_length=1, max_length=200, examples=["rollout.yaml"])
    text: str = Field(max_length=200_000)


class ImportRequest(Known):
    """Manifests of Argo Rollouts or Flagger, with their templates."""

    format: Format
    files: list[ImportedFile] = Field(min_length=1, max_length=50)
    name: str = Field(default="", max_length=253, description="which Rollout or Canary, where there are several")
    namespace: str = Field(
        default="",
        max_length=63,
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$",
        description="of the objects, where the files say none",
    )
    known_bad: bool | None = Field(default=None, description="whether the running version is the sick one")


class DiffRequest(Asked):
    """Two plans; they may have placeholders and mistakes."""

    before: str = Field(max_length=1_000_000, description="a plan file's text")
    after: str = Field(max_length=1_000_000, description="another one's")


class PreviewRequest(PlanText):
    audience: Audience | None = Field(default=None, description="null: every one that the plan tells")
    kind: str | None = Field(default=None, max_length=64, description="null: every kind of message")


class SimulationRequest(PlanText):
    """The plan's judge before simulated traffic; without `errors` and `latency` a table of usual cases."""

    errors: str | None = Field(
        default=None, max_length=20, description="the canary's: x1 (healthy), x5 (times control's), 20% or all"
    )
    latency: str | None = Field(default=None, max_length=20, description="the canary's: x2, +10% or tail")
    bug: str | None = Field(default=None, max_length=20, description="control's and the canary's rate, as 45%:0%")
    onset_s: float = Field(default=0.0, ge=0, le=86400, allow_inf_nan=False, description="from the phase's start")
    phase: str | None = Field(default=None, max_length=80, description="its name or number; null: the first judged")
    rate: float | None = Field(default=None, gt=0, le=1e6, allow_inf_nan=False, description="requests per second")
    share: float | None = Field(
        default=None, gt=0, lt=100, allow_inf_nan=False, description="percent; null: the phase's"
    )
    watch_s: float | None = Field(default=None, gt=0, le=86400, allow_inf_nan=False)
    base_errors: float | None = Field(
        default=None, ge=0, le=1, allow_inf_nan=False, description="control's errors, a fraction; null: the plan's"
    )
    runs: int | None = Field(default=None, ge=1, le=5000, description="phases to simulate of each case")
    seed: int = Field(default=1, ge=0, le=2**31)


class MetricsRequest(Asked):
    apart_s: float = Field(default=5.0, gt=0, le=30, allow_inf_nan=False, description="between the two readings")


class Draft(BaseModel):
    ready: bool = Field(description="nothing is missing, contradictory or suspicious")
    brief: dict[str, Any] = Field(description="what was understood, each value with where it stands")
    missing: list[str] = Field(description="places of the plan that say REPLACE_ME")
    conflicts: list[dict[str, Any]]
    suspicious: list[dict[str, Any]]
    warnings: list[str]
    doubts: list[str] = Field(description="each conflict, and what looks wrong, in words")
    repository: None = Field(description="the API looks at no repository: `pilotage plan` does")
    plan: str = Field(description="the plan file's text")
    document: str = Field(description="the same for people, Markdown")


class Imported(BaseModel):
    ready: bool
    brief: dict[str, Any]
    missing: list[str]
    notes: list[dict[str, Any]] = Field(description="what has no equal in a plan, or a near one only")
    not_read: list[str]
    warnings: list[str]
    doubts: list[str]
    plan: str
    document: str


class PlanChecked(BaseModel):
    ok: bool = Field(description="false: it cannot start any more")
    digest: str = Field(examples=[EXAMPLE_DIGEST])
    service: str
    false_alarms_at_most: float | None
    starts: str
    phases_see: dict[str, str] = Field(description="what each phase can see, in words")
    not_measured: list[str]


class OpenPlace(BaseModel):
    path: str
    expected: str
    line: int | None


class Documented(BaseModel):
    document: str = Field(description="Markdown")
    digest: str = Field(examples=[EXAMPLE_DIGEST])
    open: list[OpenPlace] = Field(description="places that still hold a placeholder")


class LessCareful(BaseModel):
    path: str
    reason: str


class PlanDifference(BaseModel):
    same: bool
    digests: list[str]
    changes: list[dict[str, Any]]
    less_careful: list[LessCareful] = Field(description="where the second is less careful than the first")


class Previewed(BaseModel):
    channel: int | None = Field(description="its place in the plan; null: none tells this audience")
    driver: str
    audience: str
    kind: str
    title: str
    text: str


class Simulated(BaseModel):
    """Fractions are of all runs; seconds count from the onset, and are null when nothing was found."""

    runs: int
    seed: int
    rolled_back: float
    rolled_back_low: float
    rolled_back_high: float
    rolled_back_before_onset: float
    held: float
    promoted: float
    found: float
    median_s: float | None
    p90_s: float | None
    rollback_median_s: float | None
    rollback_p90_s: float | None
    harmed_requests: float


class Sounded(BaseModel):
    ok: bool = Field(description="everything comes")
    sources: dict[str, str]
    faults: dict[str, str]
    metrics: list[dict[str, Any]] = Field(description="each metric of each group: its values, or what is missing")
    notes: list[str]


class DriverOption(BaseModel):
    name: str
    type: str
    required: bool
    default: Any
    meaning: str
    sample: Any
    options: list[DriverOption]


class Driver(BaseModel):
    port: str
    name: str
    package: str
    line: str
    options: list[DriverOption]
    offers: list[str]
    note: str
    broken: str = Field(description="why it cannot be loaded; empty: it can")
    example: str = Field(description="the part of a plan that names it, YAML")
