"""Briefs to plan from, put together without the parser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pilotage.core.brief import Brief, Value
from pilotage.core.brief.facts import ContactFact, Flag, Impact, Traffic
from pilotage.core.model import Severity, Strategy

FIVE_MILLION = 5e6 / 86400


def brief(**facts: Any) -> Brief:
    """The example's facts, changed by `facts` (plain values; None takes a fact away)."""
    usual: dict[str, Any] = {
        "summary": "payment null pointer hot-fix",
        "severity": Severity.P0,
        "impact": Impact(0.45, "checkouts failing"),
        "environment": "production",
        "traffic": Traffic(FIVE_MILLION),
        "strategy": Strategy.CANARY,
        "flag": Flag(True, "payment-fix"),
        "version": "2.4.1",
        "previous": "2.4.0",
    }
    several = {name: facts.pop(name) for name in ("conflicts", "suspicious", "text") if name in facts}
    contacts = facts.pop("contacts", (ContactFact("on-call", "Ann Example", "@ann"),))
    services = facts.pop("services", ("payment",))
    tickets, regions = facts.pop("tickets", ()), facts.pop("regions", ())
    values = {name: None if one is None else Value(one, 0, 1) for name, one in {**usual, **facts}.items()}
    said = Brief(text=several.pop("text", "a brief"), language="en", **values)
    return replace(
        said,
        services=tuple(Value(one, 0, 1) for one in services),
        contacts=tuple(Value(one, 0, 1) for one in contacts),
        tickets=tuple(Value(one, 0, 1) for one in tickets),
        regions=tuple(Value(one, 0, 1) for one in regions),
        **several,
    )
