"""What the judge goes by: success criteria, triggers, its own parameters, and the table of verdicts."""

from __future__ import annotations

from typing import cast

from pilotage.core import quantities
from pilotage.core.model import Answer, Expected, Limits, Severity
from pilotage.core.policy import TABLE
from pilotage.planfile.document import Node
from pilotage.planfile.reader import Reader

ANSWERS = ("rollback", "hold", "ask")
LEAST_ALPHA, MOST_ALPHA = 0.00001, 0.1


def limits(reader: Reader, top: dict[str, Node]) -> Limits:
    good = reader.mapping(top.get("success"), "success", ("errors", "p95", "min_requests", "share_tolerance"))
    bad = reader.mapping(top.get("rollback_when"), "rollback_when", ("errors", "p95"))
    errors_success = reader.percent(good.get("errors"), "success.errors", 0.5) / 100
    errors_trigger = reader.percent(bad.get("errors"), "rollback_when.errors", 2.0) / 100
    p95_success = reader.ratio(good.get("p95"), "success.p95", 1.10)
    p95_trigger = reader.ratio(bad.get("p95"), "rollback_when.p95", 2.0)
    line = top["rollback_when"] if "rollback_when" in top else top.get("success")
    for name, low, high in (("errors", errors_success, errors_trigger), ("p95", p95_success, p95_trigger)):
        if high <= low:
            expected = f"a trigger above success.{name}"
            reader.wrong(f"rollback_when.{name}", bad.get(name) or line, expected, f"{high:g}, success is {low:g}")
    least = good.get("min_requests")
    requests = reader.number(
        least, "success.min_requests", 50, "a whole number from 1", lambda n: n >= 1 and n == int(n)
    )
    tolerance = reader.number(
        good.get("share_tolerance"),
        "success.share_tolerance",
        5.0,
        "points of percent above 0 and below 100",
        lambda n: 0 < n < 100,
    )
    judge = reader.mapping(top.get("judge"), "judge", ("false_alarms", "pass_early"))
    alpha = reader.percent(judge.get("false_alarms"), "judge.false_alarms", 1.0) / 100
    if not LEAST_ALPHA <= alpha <= MOST_ALPHA:
        expected = f"between {LEAST_ALPHA:.3%} and {MOST_ALPHA:.0%} for each metric and phase"
        reader.wrong("judge.false_alarms", judge.get("false_alarms"), expected)
    return Limits(
        errors_success=errors_success,
        errors_trigger=errors_trigger,
        p95_success=p95_success,
        p95_trigger=p95_trigger,
        min_requests=int(requests),
        share_tolerance=float(tolerance),
        alpha=alpha,
        pass_early=reader.flag(judge.get("pass_early"), "judge.pass_early", False),
    )


def expected(reader: Reader, node: Node | None) -> Expected | None:
    """``{requests: 5M/day, errors: 0.3%}``: what the service usually gets."""
    found = reader.mapping(node, "expect", ("requests", "errors"), ("requests",))
    rate = found.get("requests")
    if rate is None:
        return None
    per_s = quantities.per_second(rate.value)
    if per_s is None or not 0 < per_s <= 1e9:
        reader.wrong("expect.requests", rate, "a rate such as 58/s, 3500/min or 5M/day")
        return None
    return Expected(per_s, reader.percent(found.get("errors"), "expect.errors", 0.3) / 100)


def verdicts(reader: Reader, node: Node | None, severity: str | None) -> dict[str, Answer]:
    """The rows a plan changes: ``finding: answer``, or ``finding: {P0: answer, P2: answer}`` by severity."""
    rows = reader.mapping(node, "verdicts", tuple(TABLE))
    table: dict[str, Answer] = {}
    for shows, row in rows.items():
        if isinstance(row.value, dict):
            by = reader.mapping(row, f"verdicts.{shows}", [one.value for one in Severity])
            answers = {name: reader.one_of(one, f"verdicts.{shows}.{name}", ANSWERS) for name, one in by.items()}
            answer = answers.get(severity or "")
        else:
            answer = reader.one_of(row, f"verdicts.{shows}", ANSWERS)
        if answer is not None:
            table[shows] = cast(Answer, answer)
    return table
