"""The rollout itself: phases, what is watched, when it passes and when it goes back."""

from __future__ import annotations

from collections.abc import Mapping

from pilotage.core import power
from pilotage.core.documents.facts import Facts
from pilotage.core.documents.moves import Move, last_watch, moves, tests
from pilotage.core.markdown import code, inline, table
from pilotage.core.policy import MEANING, TABLE
from pilotage.core.quantities import per_second, percent
from pilotage.core.requestpresets import REQUESTS, gives

PARTS = {"errors": "errors", "latency": "latency", "bug": "the bug's own metric"}


def phases(facts: Facts) -> list[str]:
    rows = []
    if facts.said("baseline", "30s") not in ("0s", "0"):
        rows.append(("baseline", "0 %", facts.lasting("baseline", "30s"), "recorded, not judged"))
    if facts.said("strategy") == "blue-green":
        idle, said = facts.said("blue_green.idle", "the idle colour"), ", ".join(tests(facts)) or "-"
        what = f"deployed to {idle}, then tested there: {said}; one that fails ends it before any request moves"
        rows.append((f"test {idle}", "0 %", "until they hold", what))
    for one in moves(facts):
        approval = "; begins only after a person's approval" if one.approval else ""
        rows.append((one.name, one.share, one.watch, _shows(facts, one) + approval))
    if (last := last_watch(facts)) is not None:
        rows.append(("after", "100 %", last[0], last[2]))
    whom = "servers with the new version" if facts.said("strategy") == "rolling" else "traffic to the new version"
    return [
        "## Phases",
        "",
        *table(("phase", whom, "watched for", "what it gets, and what that can show"), rows),
        "",
        *_how(facts),
        f"The evidence is looked at every {inline(facts.lasting('tick', '10s'))}. Looking often does not cause false "
        f"alarms: the statistics are made for being looked at at any moment.{_observed(facts)}",
        "",
    ]


def _how(facts: Facts) -> list[str]:
    """What happens in a phase, where that is more than a weight."""
    if facts.said("strategy") == "rolling":
        pool = f" by {code(facts.said('rolling.pool.driver'))}" if facts.at("rolling.pool") else ""
        out = (
            f"taken out of rotation{pool} ({inline(facts.lasting('rolling.drain_within', '1m'))} for its last requests)"
        )
        out = out if facts.at("rolling.pool") else "not taken out of rotation, as the plan names no pool"
        well = f"looked at until it is well (at most {inline(facts.lasting('rolling.healthy_within', '1m'))})"
        well = well if facts.at("rolling.health") else "not asked how it is, as the plan names no health check"
        back = ", put back" if facts.at("rolling.pool") else ""
        return [f"Each server is {out}, deployed to, {well}{back}, and watched. One that fails goes back at once.", ""]
    if facts.said("strategy") == "blue-green" and facts.at("blue_green.release"):
        live = inline(facts.said("blue_green.live", "the old colour"))
        return [f"After that, {live} is released by {code(facts.said('blue_green.release.driver'))}.", ""]
    return []


def _observed(facts: Facts) -> str:
    drift = "it is set again" if facts.said("drift") == "restore" else "the rollout holds and asks"
    if facts.said("strategy") == "rolling":
        return ""
    where = " (not with cohorts and copies)" if any(one.weight is None for one in moves(facts)) else ""
    return (
        f" Each phase checks that the share really observed is the one wanted{where}. When somebody else changes a "
        f"weight meanwhile, {drift}."
    )


def _shows(facts: Facts, move: Move) -> str:
    """What the phase gets and can show, from what the plan expects."""
    per_s = per_second(facts.at("expect.requests"))
    if move.weight is None:
        return "what it gets is not known beforehand" if move.watch_s else ""
    if not move.watch_s:
        return ""
    if per_s is None:
        return "unknown: the plan does not say what traffic to expect"
    usual, alpha = percent(facts.at("expect.errors")) or 0.3, percent(facts.at("judge.false_alarms")) or 1.0
    return power.sentence(move.weight, move.watch_s, per_s, usual / 100, alpha / 100)


def watched(facts: Facts) -> list[str]:
    rows: list[tuple[str, str, str]] = [
        ("requests", "canary and control", "too few are a reason to hold, not to pass"),
    ]
    for name, what in PARTS.items():
        if facts.at(f"metrics.{name}"):
            label = facts.said(f"metrics.{name}.name", what)
            rows.append((label, facts.said(f"metrics.{name}.source"), _meaning(facts, name)))
        elif measured(facts, name):  # by the preset
            source = facts.said("metrics.requests.source")
            rows.append((what, f"{source}, as {facts.said('metrics.requests.preset')} counts", _meaning(facts, name)))
    if not measured(facts, "latency"):
        rows.append(("latency", "-", _why_no_latency(facts)))
    for guard in facts.rows("metrics.guards"):
        one = Facts(guard, facts.file)
        label = one.said("name") or f"{one.said('preset')} (preset)"
        rows.append((label, one.said("source"), "system health: worse than control, and lastingly so, holds"))
    if facts.at("metrics.tickets"):
        rows.append(("support tickets", facts.said("metrics.tickets.source"), "more than before the rollout goes back"))
    logs = "both versions' logs" if facts.at("logs") else "-"
    said = "errors that only the new version logs" if facts.at("logs") else "no log is watched by this plan"
    rows.append(("logs", logs, said))
    return ["## What is watched", "", *table(("what", "read from", "meaning"), rows), ""]


def measured(facts: Facts, name: str) -> bool:
    """Whether `errors`, `latency` or so is read: written out, or by the preset for requests."""
    return bool(facts.at(f"metrics.{name}")) or gives(facts.at("metrics.requests"), name)


def _why_no_latency(facts: Facts) -> str:
    preset = REQUESTS.get(facts.said("metrics.requests.preset"))
    why = preset.without if preset and facts.at("metrics.requests.latency") is not False else ""
    return f"not measured by this plan: {why}" if why else "not measured by this plan"


def _meaning(facts: Facts, name: str) -> str:
    if name == "errors":
        return "the share of failed requests, the new version beside the running one"
    if name == "latency":
        return "p50, p95 and p99 from whole histograms"
    return f"must get better, and end below {facts.said('metrics.bug.target', '0.5%')}: this shows that the fix works"


def passes(facts: Facts) -> list[str]:
    rows = facts.at("phases")
    odd = (
        any({"cohort", "mirror", "on"} & one.keys() for one in rows if isinstance(one, dict))
        if isinstance(rows, list)
        else False
    )
    wanted = "the wanted one, in phases that are a share of all requests" if odd else "the wanted one"
    lines = [
        f"- errors below {inline(facts.said('success.errors', '0.5%'))}, and not above those of the running version",
        f"- p95 within {inline(facts.said('success.p95', '10%'))} of the baseline"
        if measured(facts, "latency")
        else "",
        f"- the bug's own metric is better, and below {inline(facts.said('metrics.bug.target', '0.5%'))}"
        if facts.at("metrics.bug")
        else "",
        "- no new errors in the logs" if facts.at("logs") else "",
        f"- at least {inline(facts.said('success.min_requests', '50'))} requests reached the new version",
        f"- its observed share is within {inline(facts.said('success.share_tolerance', '5'))} points of {wanted}",
    ]
    return ["## A phase passes when", "", *(one for one in lines if one), ""]


def goes_back(facts: Facts) -> list[str]:
    chosen = facts.at("verdicts")
    answers: dict[str, str] = {}
    for shows, usual in TABLE.items():
        said = chosen.get(shows) if isinstance(chosen, Mapping) else None
        if isinstance(said, Mapping):
            said = said.get(facts.said("severity"))
        answers[shows] = said if isinstance(said, str) else usual
    there = [shows for shows in TABLE if _applies(facts, shows)]
    lines = [
        "## It goes back, or holds",
        "",
        "*Canary* is the new version, *control* the running one at the same time, *baseline* what was recorded before.",
        "",
        "It goes back by itself, at once, for:",
        "",
    ]
    lines += [f"- {inline(_reason(facts, shows))}" for shows in there if answers[shows] == "rollback"]
    held = [shows for shows in there if answers[shows] == "hold"]
    asked = [shows for shows in there if answers[shows] == "ask"]
    deadline = inline(facts.lasting("hold.deadline", "10m"))
    then = "a person is asked" if facts.at("hold.then") == "ask" else "it goes back"
    lines += ["", f"It holds where it is for the following; what has not cleared after {deadline}: {then}.", ""]
    lines += [f"- {inline(_reason(facts, shows))}" for shows in held]
    if asked:
        lines += ["", "It holds and asks a person at once for:", ""]
        lines += [f"- {inline(_reason(facts, shows))}" for shows in asked]
    reports = facts.said("hold.reports", "3")
    lines.append(f"- {inline(reports)} reports from users within a phase ({code('pilotage report-trouble')})")
    return [*lines, ""]


def _applies(facts: Facts, shows: str) -> bool:
    """Only what the plan measures can be found."""
    kind = shows.split("-")[0]
    if kind == "latency":
        return measured(facts, "latency")
    needs = {"bug": "metrics.bug", "logs": "logs", "guard": "metrics.guards"}
    needs["tickets"] = "metrics.tickets"
    if shows == "logs-bug" and not facts.at("logs.bug"):
        return False
    return facts.at(needs[kind]) is not None if kind in needs else True


def _reason(facts: Facts, shows: str) -> str:
    limits = {
        "errors-over-limit": f" (the limit: {facts.said('rollback_when.errors', '2%')})",
        "latency-worse": f" (the trigger: {facts.said('rollback_when.p95', '2x')} of the baseline)",
        "errors-shared": " (going back would not help then)",
    }
    return MEANING[shows] + limits.get(shows, "")
