"""What the tools are asked with. What a tool does not know is refused, and so is what is too long."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pilotage.mcp.handles import LONGEST

LONGEST_BRIEF = 20_000
LONGEST_PLAN = 100_000
Fact = Literal[
    "service", "severity", "environment", "version", "previous", "traffic", "strategy", "window", "flag", "summary"
]
Word = Annotated[str, Field(max_length=500)]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CreatePlan(Asked):
    brief: str = Field(
        min_length=1,
        max_length=LONGEST_BRIEF,
        description="what is to be brought out, and why, as the person said it (English, German or Spanish)",
        examples=["P0: hot-fix for the null pointer in payment 2.4.1, 58 requests/s, canary"],
    )
    facts: dict[Fact, Word] = Field(
        default_factory=dict,
        description="what is known for sure; counts more than the brief. Leave out what nobody said",
    )
    on_call: str = Field(default="", max_length=500, description="who is on call, such as: Ann Example @ann")


class PlanText(Asked):
    plan: str = Field(default="", max_length=LONGEST_PLAN, description="the plan file's text (YAML)")
    file: str = Field(
        default="",
        max_length=1_000,
        description="instead: a plan file inside the working folder (over stdio only), such as deploy/plan.yaml",
    )
    directory: str = Field(
        default="",
        max_length=4_000,
        description="over HTTP: where relative paths in the plan start on the coordinator's machine: a folder of its "
        "settings. Over stdio it is the file's folder, or the working folder",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.plan.strip()) == bool(self.file):
            raise ValueError("either `plan`, its text, or `file`")
        return self


class RequestApproval(PlanText):
    note: str = Field(
        default="", max_length=2_000, description="what the person who approves reads: why, and what to look at"
    )


class StartRollout(Asked):
    plan: str = Field(max_length=LONGEST, description="the plan's handle, from `request_approval`")
    digest: str = Field(
        pattern=r"^sha256:[0-9a-f]{64}$", description="of the plan as the person approved it, from `request_approval`"
    )
    reason: str = Field(default="", max_length=2_000, description="kept in the record")


class OneRollout(Asked):
    rollout: str = Field(
        default="", max_length=LONGEST, description="its handle; empty: the newest that runs, else the newest"
    )


class Back(Asked):
    rollout: str = Field(
        max_length=LONGEST, description="its handle, from `rollout_status`, `history` or `start_rollout`"
    )
    reason: str = Field(min_length=1, max_length=2_000, description="why, in a sentence; kept in the record")


class Trouble(Asked):
    rollout: str = Field(max_length=LONGEST, description="its handle")
    text: str = Field(min_length=1, max_length=2_000, description="what users say, in their words")
    on_behalf: str = Field(default="", max_length=128, description="who says so")


class Past(Asked):
    service: str = Field(default="", max_length=64, description="one service only")
    days: int = Field(default=30, ge=1, le=366, description="the figures are of the last so many days")
    most: int = Field(default=10, ge=1, le=50, description="rollouts to list, the newest first")
