"""The sections of the rollout itself: what is shipped, phases, limits, the judge, verdicts, hold, logs."""

from __future__ import annotations

from pilotage.core.model import COHORT_KINDS, Severity, Strategy
from pilotage.core.policy import MEANING, TABLE
from pilotage.core.quantities import RATE
from pilotage.planfile.compile import DRIFT
from pilotage.planfile.judging import ANSWERS
from pilotage.planfile.logging import MOST_TEXTS
from pilotage.planfile.names import A_NAME, A_VERSION, NAME, VERSION
from pilotage.planfile.phases import A_COHORT_NAME, COHORT_NAME, COHORT_VALUE, MORE, MOST_VALUES
from pilotage.planfile.schema.kinds import (
    FILLED_IN,
    LINE,
    Schema,
    count,
    described,
    duration,
    flag,
    mapping,
    one_of,
    percent,
    ratio,
    rows,
    text,
    whole,
)

_SEVERITIES = [one.value for one in Severity]


def name(description: str) -> Schema:
    return text(description, whole(NAME), None, expected=A_NAME)


def shipped() -> dict[str, Schema]:
    return {
        "pilotage": {"description": "The format's version.", "const": 1},
        "service": name("The service that is changed."),
        "environment": name("Where: production, staging, ..."),
        "version": text("The hot-fix, in quotes.", whole(VERSION), None, expected=A_VERSION),
        "previous": text("What a rollback goes back to, in quotes.", whole(VERSION), None, expected=A_VERSION),
        "severity": one_of("How bad the bug is; P0 is the worst.", _SEVERITIES),
        "summary": text("What is fixed, in one line.", most=200),
        "strategy": one_of(
            "How it is brought out: in rising shares, at once to a tested second colour, or server by server.",
            [one.value for one in Strategy],
        ),
        "known_bad": flag("Whether the running version is the sick one; then metrics.bug is needed.", True),
    }


def moving() -> dict[str, Schema]:
    after = mapping(
        "Lighter monitoring at 100 %, when all phases have passed.",
        {
            "watch": duration("How long, one tick at least."),
            "tick": duration("How often the evidence is looked at.", "1m"),
        },
        ["watch"],
    )
    expect = mapping(
        "What the service usually gets: `pilotage check` says what each phase can see with it.",
        {
            "requests": text(
                "Requests of both versions together.", whole(RATE), None, expected="58/s, 3500/min or 5M/day"
            ),
            "errors": percent("The share of them that usually fails.", "0.3%"),
        },
        ["requests"],
    )
    return {
        "expect": expect,
        "baseline": duration("How long both versions are recorded before traffic moves; 0s: not at all.", "30s", True),
        "tick": duration("How often the evidence is looked at.", "10s"),
        "drift": one_of("What is done about a weight that somebody else has changed.", DRIFT, "hold"),
        "phases": rows("The shares of the traffic, in their order; of blue-green one, of rolling none.", _phase()),
        "after": after,
    }


def _phase() -> Schema:
    """A share, a cohort or copies; with a cohort or copies a weight is not needed."""
    kinds = {one: text(f"The {one}'s name.", whole(COHORT_NAME), None, expected=A_COHORT_NAME) for one in COHORT_KINDS}
    values = text("A value.", whole(COHORT_VALUE), None, expected="a printable text")
    cohort = mapping(
        "Who goes to the new version whatever the weight.",
        {**kinds, "is": rows("The values that belong to it.", values, most=MOST_VALUES)},
        ["is"],
    )
    found = mapping(
        "A share of the traffic, and how long it is watched.",
        {
            "weight": percent("The new version's share of the traffic. It rises; the last phase has 100%."),
            "watch": duration("How long it is watched, one tick at least."),
            "approval": flag("A person has to approve before this phase begins.", False),
            "cohort": {**cohort, "oneOf": [{"required": [one]} for one in COHORT_KINDS]},
            "mirror": percent("The share of requests of which the new version gets a copy; its answers are dropped."),
            "on": {**rows("Only these names from deploy and traffic.", name("A name.")), "uniqueItems": True},
        },
        ["watch"],
    )
    more = {"anyOf": [{"required": [one]} for one in MORE]}
    return {**found, "if": {"not": more}, "then": {"required": ["weight"]}}


def judged() -> dict[str, Schema]:
    success = mapping(
        "What the new version must keep to for a phase to pass.",
        {
            "errors": percent("The share of its requests that may fail.", "0.5%"),
            "p95": ratio("How much slower than control its 95th percentile may be.", "10%"),
            "min_requests": count("So many of its requests a phase needs before it may pass.", 50),
            "share_tolerance": described(
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100},
                "How far the observed share may be from the weight, in points of percent.",
                5,
            ),
        },
    )
    trigger = mapping(
        "What is too much; both are above `success`.",
        {
            "errors": percent("The share of the new version's requests that fail.", "2%"),
            "p95": ratio("Its 95th percentile against control's.", "2x"),
        },
    )
    judge = mapping(
        "The judge's own parameters.",
        {
            "false_alarms": percent(
                "Of each metric and phase: the chance of an alarm without a cause; 0.001% to 10%.", "1%"
            ),
            "pass_early": flag("A phase may pass before its time, once the evidence is enough.", False),
        },
    )
    hold = mapping(
        "What a doubt leads to that does not clear.",
        {
            "deadline": duration("How long a hold lasts.", "10m"),
            "then": one_of(
                "Go back, or ask a person and keep the traffic where it is.", ["rollback", "ask"], "rollback"
            ),
            "reports": count("So many users' reports in a phase hold and ask.", 3),
        },
    )
    return {"success": success, "rollback_when": trigger, "judge": judge, "hold": hold, "verdicts": _verdicts()}


def _verdicts() -> Schema:
    by = {one: one_of(f"At severity {one}.", ANSWERS) for one in _SEVERITIES}
    findings = {
        finding: described(
            {"anyOf": [{"type": "string", "enum": list(ANSWERS)}, mapping(f"{_sentence(finding)} By severity.", by)]},
            _sentence(finding),
            usual,
        )
        for finding, usual in TABLE.items()
    }
    return mapping("What a finding leads to, where it is not the usual answer.", findings)


def logs() -> Schema:
    plain = rf"^{FILLED_IN}(?=[\x00-\x7f]*$)(?=[^\r\n]*\S)[^\r\n]+$"
    field = mapping(
        "In a stream of both versions' lines: what tells them apart.",
        {
            "name": text("The field's name (JSON or key=value); dots lead inwards.", most=200),
            "canary": text("Its value in the new version's lines.", most=200),
            "control": text("Its value in the running version's lines.", most=200),
        },
        ["name", "canary", "control"],
    )
    found = mapping(
        "Both versions' logs: a source each (canary, control), or one of both with a field that tells them apart.",
        {
            **{
                one: described({"$ref": "#/$defs/logs-driver"}, f"Where {whose} log comes from.")
                for one, whose in (
                    ("canary", "the new version's"),
                    ("control", "the running version's"),
                    ("both", "both versions' common"),
                )
            },
            "field": field,
            "tokens": rows("Look at lines with one of these texts only.", _looked_for(plain), most=MOST_TEXTS),
            "ignore": rows("Leave out entries with one of these texts.", _looked_for(LINE), most=MOST_TEXTS),
            "bug": text("A text that the bug's own entries hold.", most=200),
            "history": duration("How far back control's log is read at the start.", "1d", True),
        },
    )
    apart = {"both": {"properties": {"canary": False, "control": False}}}
    return {
        **found,
        "anyOf": [{"required": ["canary", "control"]}, {"required": ["both", "field"]}],
        "dependentRequired": {"field": ["both"]},
        "dependentSchemas": apart,
    }


def _looked_for(pattern: str) -> Schema:
    return {**text("A text.", pattern, 100), "minLength": 2}


def _sentence(finding: str) -> str:
    return f"{MEANING[finding][:1].upper()}{MEANING[finding][1:]}."
