"""`spec.analysis` -> phases: rising weights, a cohort for A/B, copies, or a test of a colour that has no traffic."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pilotage.core.model import Strategy
from pilotage.importing.pieces import TICK_S, PhaseRow
from pilotage.importing.spots import Spot
from pilotage.planfile.phases import COHORT_NAME, COHORT_VALUE

INTERVAL_S = 60.0
MOST_PHASES = 100
_COOKIE = re.compile(
    r"\^?\(\.\*\?;\)\?\(?\s*(?:\\s\*)?([A-Za-z0-9_.-]{1,100})=([A-Za-z0-9_.-]{1,200})\)?(?:\(;\.\*\)\?)?\$?"
)
"""Flagger's usual expression for one cookie among others."""


@dataclass
class Course:
    strategy: Strategy
    rows: list[PhaseRow] = field(default_factory=list)
    iterations_s: float = 0.0
    """Of a test without traffic."""


def course(analysis: Spot) -> Course:
    said = analysis.seconds("interval")
    interval = max(said or INTERVAL_S, TICK_S)
    if said is not None and said < TICK_S:
        (analysis.at("interval") or analysis).note("nearest", f"a watch is one tick at least: {TICK_S:g}s")
    iterations = analysis.whole("iterations", most=100_000) or 0
    lasting = interval * iterations
    mirrored = analysis.flag("mirror") is True
    matches = analysis.rows("match")
    end = PhaseRow(weight=100.0, origins=["spec.analysis: the promotion"])
    if iterations and matches:
        rows = [
            PhaseRow(cohort=found, watch_s=lasting, origins=["analysis.match", "interval", "iterations"])
            for found in _cohort(analysis, matches)
        ]
        for key in ("maxWeight", "stepWeight", "stepWeights"):
            if (spot := analysis.at(key)) is not None:
                spot.note("none", "Flagger itself passes over it, as there is a `match`")
        return Course(Strategy.CANARY, [*rows, end])
    if matches:
        (analysis.at("match") or analysis).note("none", "a match counts with `iterations` only: left out", look=True)
    if iterations and mirrored:
        return Course(Strategy.CANARY, [_copies(analysis, lasting), end])
    if iterations:
        return Course(Strategy.BLUE_GREEN, [end], lasting)
    weights = _weights(analysis)
    rows = [PhaseRow(weight=one, watch_s=interval, origins=[origin, "interval"]) for one, origin in weights]
    if mirrored:
        rows.insert(0, _copies(analysis, interval))
    return Course(Strategy.CANARY, rows if rows and rows[-1].weight == 100 else [*rows, end])


def _copies(analysis: Spot, seconds: float) -> PhaseRow:
    share = analysis.number("mirrorWeight", most=100)
    return PhaseRow(mirror=share or 100.0, watch_s=seconds, origins=["analysis.mirror", "interval"])


def _weights(analysis: Spot) -> list[tuple[float, str]]:
    step = analysis.number("stepWeight", most=100) or 0.0
    most = analysis.number("maxWeight", most=1000) or 100.0
    if most > 100:
        spot = analysis.at("maxWeight") or analysis
        spot.note("nearest", "more than 100 is taken as parts of another whole: weights are cut at 100 %", look=True)
        most = 100.0
    listed = analysis.rows("stepWeights")
    if listed and not step:
        found: list[tuple[float, str]] = []
        for one in listed[:MOST_PHASES]:
            weight = one.number(most=1000)
            if weight is not None and weight > (found[-1][0] if found else 0.0):
                found.append((min(weight, 100.0), "analysis.stepWeights"))
            elif weight is not None:
                one.note("none", "a plan's weights rise: left out", look=True)
        return [one for index, one in enumerate(found) if index == 0 or one[0] > found[index - 1][0]]
    if listed:
        (analysis.at("stepWeights") or analysis).note("none", "Flagger itself passes over it, as there is a stepWeight")
    if not step:
        analysis.note(
            "question", "no stepWeight, no stepWeights, no iterations: how the traffic rises is to be said", True
        )
        return []
    rising: list[tuple[float, str]] = []
    weight = 0.0
    while weight < most and len(rising) < MOST_PHASES:
        weight = min(weight + step, 100.0)
        rising.append((weight, "analysis.stepWeight"))
    if weight < most:
        (analysis.at("stepWeight") or analysis).note("nearest", f"the first {MOST_PHASES} steps are taken", look=True)
    return rising


def _cohort(analysis: Spot, matches: list[Spot]) -> list[dict[str, Any]]:
    """The first one that a cohort can be; the others are named."""
    taken: list[dict[str, Any]] = []
    for match in matches:
        found = _one(match)
        if found is None or taken:
            text = (
                "a phase has one cohort" if found is not None else "a cohort is one header's or cookie's exact values"
            )
            match.note("none", f"{text}: left out ({match.said()})", look=True)
        else:
            taken.append(found)
    return taken


def _one(match: Spot) -> dict[str, Any] | None:
    headers = match.mapping("headers")
    if headers is None or match.keys != ("headers",) or len(headers.keys) != 1:
        return None
    name = headers.keys[0]
    value = headers.mapping(name)
    if value is None or len(value.keys) != 1:
        return None
    kind = value.keys[0]
    text = value.text(kind)
    if text is None or not re.fullmatch(COHORT_NAME, name, re.ASCII):
        return None
    if name.lower() == "cookie":
        if kind == "regex" and (found := _COOKIE.fullmatch(text)):
            return {"cookie": found[1], "is": [found[2]]}
        if kind == "exact" and re.fullmatch(COHORT_NAME, text, re.ASCII):
            (value.at(kind) or value).note("nearest", "NGINX takes the cookie's value `always`")
            return {"cookie": text, "is": ["always"]}
        return None
    if kind == "exact" and re.fullmatch(COHORT_VALUE, text, re.ASCII):
        return {"header": name, "is": [text]}
    return None
