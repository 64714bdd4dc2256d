"""rollout_status, explain_verdict and history: nothing is changed."""

from __future__ import annotations

from typing import Any

from pilotage.core.people import Scope
from pilotage.core.words import clock_time, e_value, unit_of
from pilotage.mcp import answers, asked, outside
from pilotage.mcp.guest import Guest
from pilotage.mcp.tools import Tool

SHOWS_NUMBERS = ("errors", "p50", "p95", "p99", "latency", "bug", "share", "tickets", "logs", "guard")
"""Kinds of evidence, as a finding's metric begins; what follows may be somebody's own words."""


async def rollout_status(guest: Guest, given: asked.OneRollout) -> answers.Status:
    view = await guest.door.get("rollouts", await guest.rollout(given.rollout))
    name, verdict = str(view["id"]), view["verdict"]
    plain = ("service", "environment", "version", "previous", "phase", "weight_in_force", "needs_person", "time_left_s")
    return answers.Status(
        say=_standing(view),
        rollout=await guest.handle("rollout", name),
        id=name,
        status=view["status"],
        phases=len(view["phases"]),
        verdict=verdict["action"] if verdict else "",
        waits_for_approval=view["asked_phase"] is not None,
        ended=view["ended_at"] is not None,
        outside_text=answers.StatusText(
            summary=outside.one(view["summary"]),
            why=outside.one(view["reason"]),
            verdict=outside.one(verdict["reason"] if verdict else ""),
            timeline=[
                outside.one(f"{clock_time(one['at'])} {one['by']}: {one['sentence']}") for one in view["timeline"]
            ],
        ),
        **{one: view[one] for one in plain},
    )


def _standing(view: dict[str, Any]) -> str:
    where = f"phase {view['phase'] + 1} of {len(view['phases'])}, {view['weight_in_force']:g} % at {view['version']}"
    said = f"{view['id']} is {view['status']}: {where}"
    if view["asked_phase"] is not None:
        return f"{said}; the next phase waits for a person's approval."
    return f"{said}; a person has to decide." if view["needs_person"] else f"{said}."


async def explain_verdict(guest: Guest, given: asked.OneRollout) -> answers.Explained:
    name = await guest.rollout(given.rollout)
    view = await guest.door.get("rollouts", name)
    name = str(view["id"])
    found = await guest.door.get("rollouts", name, "explain")
    decided = next((one for one in found["findings"] if one["metric"] and one["metric"] == found["turned_by"]), None)
    return answers.Explained(
        say=f"{_standing(view)[:-1]}{_because(decided)}.",
        rollout=await guest.handle("rollout", name),
        id=name,
        verdict=found["action"] or "",
        decided_by="" if decided is None else _kind(decided),
        evidence=[_evidence(one) for one in found["findings"][: outside.MOST]],
        outside_text=answers.ExplainedText(
            sentence=outside.one(found["sentence"]),
            findings=outside.several(f"{one['metric']}: {one['sentence']}" for one in found["findings"]),
            log_lines=outside.several(found["example"]),
            next=outside.one(found["next"]),
        ),
    )


def _because(decided: dict[str, Any] | None) -> str:
    """From its numbers only: its sentence may quote a log or a label."""
    if decided is None:
        return ""
    one = _evidence(decided)
    said = f", because of {_kind(decided)}"
    if one.new_version:
        said += f": {one.new_version} in the new version" + (
            f", {one.old_version} in the old" if one.old_version else ""
        )
    return said


def _kind(finding: dict[str, Any]) -> str:
    first = (finding["metric"].split() or [""])[0]
    return first if first in SHOWS_NUMBERS else "another signal"


def _evidence(one: dict[str, Any]) -> answers.Evidence:
    unit = unit_of(one["metric"], "" if one["unit"] not in ("share", "bytes") else one["unit"])
    new, old = ("" if value is None else unit(value) for value in (one["canary"], one["control"]))
    evidence, limit = ("" if value is None else e_value(value) for value in (one["evidence"], one["threshold"]))
    about = {"new_version": new, "old_version": old, "evidence": evidence, "limit": limit}
    return answers.Evidence(metric=_kind(one), says=one["action"], **about)


async def history(guest: Guest, given: asked.Past) -> answers.Past:
    narrowed = {"service": given.service} if given.service else {}
    rows = await guest.door.get("rollouts", limit=given.most, **narrowed)
    waiting = await guest.door.get("plans", limit=given.most)
    figures = (await guest.door.get("history", days=given.days, **narrowed))["all"]
    plans = [one for one in waiting if given.service in ("", one["service"])]
    counted = {name: figures[name] for name in ("promoted", "rolled_back", "failure_rate", "per_week")}
    return answers.Past(
        say=f"In the last {given.days} days {figures['promoted']} were promoted and {figures['rolled_back']} rolled "
        f"back; {len(plans)} plans wait to be started.",
        rollouts=[await _past(guest, one) for one in rows],
        plans=[await _waiting(guest, one) for one in plans],
        figures=answers.Figures(days=given.days, **counted),
        outside_text=answers.PastText(reasons={one["id"]: outside.one(one["reason"]) for one in rows}),
    )


async def _past(guest: Guest, row: dict[str, Any]) -> answers.PastRollout:
    plain = ("id", "service", "environment", "version", "status", "weight_in_force")
    return answers.PastRollout(
        rollout=await guest.handle("rollout", row["id"]),
        started_at=clock_time(row["started_at"]),
        **{one: row[one] for one in plain},
    )


async def _waiting(guest: Guest, row: dict[str, Any]) -> answers.WaitingPlan:
    plain = ("id", "service", "environment", "version", "digest")
    return answers.WaitingPlan(plan=await guest.handle("plan", row["id"]), **{one: row[one] for one in plain})


TOOLS = (
    Tool(
        "rollout_status",
        "Where a rollout stands",
        "Where a rollout stands now: phase, share of the traffic, the judge's verdict, and whether a person is needed.",
        asked.OneRollout,
        answers.Status,
        rollout_status,
        Scope.READ,
        reads=True,
    ),
    Tool(
        "explain_verdict",
        "Why it did that",
        "Why a rollout holds, went back or was promoted, or what it waits for: one sentence, and the evidence.",
        asked.OneRollout,
        answers.Explained,
        explain_verdict,
        Scope.READ,
        reads=True,
    ),
    Tool(
        "history",
        "What was delivered",
        "The newest rollouts and the plans that wait, with their handles, and how deliveries went.",
        asked.Past,
        answers.Past,
        history,
        Scope.READ,
        reads=True,
    ),
)
