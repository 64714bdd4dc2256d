"""What is sent to the API: the parts that requests share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator

NAME = r"^[^\x00-\x1f\x7f]+$"
NO_NUL = r"^[^\x00]*$"
EXAMPLE_PLAN = "shop-81c4f0d2"
EXAMPLE_ROLLOUT = "shop-1126-101500-3f2a"
EXAMPLE_DIGEST = "sha256:81c4f0d2b1f55b0c0a4c1f6c1c2e9a0fd3f5a0a86d1be6d9a2f8c7e8a9b0c1d2"

Rollout = Annotated[
    str,
    Path(
        max_length=80,
        pattern=NAME,
        description="a rollout's id, or `latest`: the newest that runs, else the newest, of those you may see",
        openapi_examples={"an id": {"value": EXAMPLE_ROLLOUT}, "the newest": {"value": "latest"}},
    ),
]
Plan = Annotated[
    str,
    Path(
        max_length=80,
        pattern=NAME,
        description="a known plan's id",
        openapi_examples={"an id": {"value": EXAMPLE_PLAN}},
    ),
]
Item = Annotated[str, Path(max_length=128, pattern=NAME, description="the follow-up's id, such as `tell-support`")]
Search = Annotated[str, Query(max_length=128, pattern=NO_NUL)]


def has_nul(value: Any) -> bool:
    """No database takes U+0000 in a text."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(has_nul(one) for pair in value.items() for one in pair)
    return isinstance(value, (list, tuple)) and any(map(has_nul, value))


class Asked(BaseModel):
    """A request's body. What it does not know is refused: a mistyped field would be passed over in silence else."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="after")
    @classmethod
    def _plain_text(cls, value: Any) -> Any:
        if has_nul(value):
            raise ValueError("text without the sign U+0000 is expected")
        return value


class Said(Asked):
    """Something is done, by somebody, for a reason."""

    by: str = Field(
        default="",
        max_length=128,
        description="who says so; counts, and is needed, without a login only: with one it is whoever asks",
        examples=["ann"],
    )
    reason: str = Field(default="", max_length=2000, description="kept in the record", examples=["users complain"])


class PlanText(Asked):
    """A plan as its author wrote it."""

    plan: str = Field(
        max_length=1_000_000,
        description="the plan file's text (YAML)",
        examples=["pilotage: 1\nservice: shop\nenvironment: production\n..."],
    )
    directory: str = Field(
        max_length=4096,
        description="where relative paths in it start, on the coordinator's machine; with a login one of the settings' "
        "`folders`",
        examples=["/srv/plans/shop"],
    )
    file: str = Field(
        default="", max_length=4096, description="its name, for messages and commands", examples=["plan.yaml"]
    )


class Overriding(Said):
    overrides: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="items of the checklist that are open, and to be passed over for `reason`",
        examples=[["backup"]],
    )
