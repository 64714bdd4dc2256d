"""The shapes of the API's history."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Median(BaseModel):
    seconds: float | None = Field(description="null: of nothing")
    n: int


class Figures(BaseModel):
    """What each one means: docs/history.md."""

    promoted: int
    rolled_back: int
    fixed_after: int = Field(description="promoted, and needed a hot-fix soon afterwards")
    undecided: int = Field(description="not counted: Pilotage itself could not go on")
    before_traffic: int = Field(description="not counted: turned back before any traffic reached the new version")
    changes: int = Field(description="promoted or rolled back")
    failed: int = Field(description="rolled back, or needed a hot-fix")
    per_week: float
    failure_rate: float | None = Field(description="0 to 1; null: there was no change")
    low: float = Field(description="of the rate's 95 % interval (Wilson)")
    high: float
    restore: Median
    lead: Median


class Week(Figures):
    begin: float = Field(description="seven days from this instant")


class OfService(Figures):
    service: str = Field(description="empty: all together")
    environment: str
    weeks: list[Week] = Field(description="the last whole weeks, the oldest first")


class History(BaseModel):
    days: int
    begin: float
    end: float
    service: str
    environment: str
    fixed_within_s: float = Field(description="how soon a hot-fix counts against the change that it repairs")
    all: OfService
    services: list[OfService]
    known_services: list[str] = Field(description="those that have delivered, whatever was asked for")
    known_environments: list[str]
