"""The picture: always well-formed, whatever it is given, and it says in words what it shows."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.core.judge import Judge
from pilotage.core.model import Action, Baseline, Finding, Verdict
from pilotage.core.picture import WIDTH, picture
from pilotage.core.svg import Scale, fitting, steps, wrapped
from tests.core.worlds import Group, plan, samples

SVG = "{http://www.w3.org/2000/svg}"


def texts(root: ET.Element) -> list[str]:
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def judged(ticks: int, canary: Group, control: Group) -> dict[tuple[int, int], Verdict]:
    judge = Judge(plan(known_bad=True), 0, Baseline())
    return {(0, one.tick): judge.observe(one) for one in samples(canary, control, ticks=ticks)}


def test_it_shows_every_metric_beside_its_evidence_and_marks_the_turn() -> None:
    root = ET.fromstring(picture(plan(known_bad=True), judged(2, Group(5, 0.4), Group(45, 0.1, bug=0.4)), "It went."))
    shown = texts(root)
    assert {"errors", "null pointer", "p95", "evidence", "100", "It went.", "10 %"} <= set(shown)
    assert shown.count("ROLLBACK") == 6
    assert root.get("width") == str(WIDTH)


def test_it_is_told_to_those_who_cannot_see_it() -> None:
    root = ET.fromstring(picture(plan(known_bad=True), judged(2, Group(5, 0.4), Group(45, 0.1, bug=0.4)), "It went."))
    title, said = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert said is not None
    assert title.text == "shop 2 in test"
    assert (said.text or "").startswith("It went. Phases: 10 %. errors at the last tick: canary ")
    assert root.get("aria-labelledby") == f"{title.get('id')} {said.get('id')}"


def test_light_and_dark_are_both_there_and_lines_differ_in_more_than_colour() -> None:
    text = picture(plan(), judged(2, Group(5, 0.4), Group(45, 0.1)))
    assert "prefers-color-scheme:dark" in text
    assert ".control{fill:none;stroke:#2f81d6;stroke-width:2;stroke-dasharray" in text


def test_without_a_verdict_it_says_so() -> None:
    assert "No judged tick is stored yet." in texts(ET.fromstring(picture(plan(), {})))


HOSTILE = '<script>alert("1")</script> & \']]> \x00\x1b[31m\ud800\uffff'


def test_hostile_names_stay_text() -> None:
    its = replace(plan(), service=HOSTILE, environment=HOSTILE)
    its = replace(its, phases=(replace(its.phases[0], name=HOSTILE),))
    odd = Verdict(Action.HOLD, HOSTILE, (Finding(HOSTILE, Action.HOLD, HOSTILE, 0.1, 0.2, 0.0, 0.3, 9, 1.0, 4.0),))
    root = ET.fromstring(picture(its, {(0, 1): odd}, HOSTILE))
    assert not list(root.iter(f"{SVG}script"))
    assert any("<script>" in one for one in texts(root))


numbers = st.none() | st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e308, -1e308, 5e-324])
findings = st.builds(
    Finding,
    metric=st.sampled_from(["errors", "errors limit", "p95", "bug", "share", ""]) | st.text(max_size=8),
    action=st.sampled_from(Action),
    sentence=st.text(max_size=8),
    canary=numbers,
    control=numbers,
    low=numbers,
    high=numbers,
    n=st.floats(),
    evidence=numbers,
    threshold=numbers,
)
verdicts = st.dictionaries(
    st.tuples(st.just(0), st.integers(0, 5)),
    st.builds(
        Verdict, action=st.sampled_from(Action), reason=st.text(max_size=8), findings=st.tuples(findings, findings)
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(found=verdicts, name=st.text(max_size=30), outcome=st.text(max_size=300))
def test_no_number_and_no_text_breaks_it(found: dict[tuple[int, int], Verdict], name: str, outcome: str) -> None:
    text = picture(replace(plan(), service=name), found, outcome)
    root = ET.fromstring(text)
    for one in root.iter():
        for key in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"):
            assert math.isfinite(float(one.get(key, "0")))
        for pair in one.get("points", "").split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= float(root.get("height", "0"))


@pytest.mark.parametrize(
    ("high", "about", "found"),
    [(0.65, 4, [0, 0.2, 0.4, 0.6]), (8, 6, [0, 2, 4, 6, 8]), (0, 4, [0]), (math.inf, 4, [0])],
)
def test_axis_marks_are_round_numbers(high: float, about: int, found: list[float]) -> None:
    assert steps(high, about) == pytest.approx(found)


def test_text_is_cut_where_there_is_no_room() -> None:
    assert fitting("baseline", 100, 11) == "baseline"
    assert fitting("baseline", 40, 11).endswith("…")
    assert fitting("baseline", 5, 11) == ""
    assert len(wrapped("word " * 100, 300, 12, 2)) == 2


def test_what_lies_outside_a_scale_is_drawn_at_its_edge() -> None:
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-5, 0, 5, 50)] == [100, 100, 150, 200]


def test_a_log_that_shows_nothing_is_not_drawn() -> None:
    quiet = Finding("logs new", Action.PROMOTE, "no new error", 0.0, 0.0)
    loud = Finding("logs new", Action.HOLD, "new error: x", 3.0, 0.0, evidence=9.0, threshold=4.6, shows="logs-new")
    for found, drawn in ((quiet, False), (loud, True)):
        verdicts = {(0, tick): Verdict(found.action, "", (found,)) for tick in range(3)}
        assert (">logs new<" in picture(plan(), verdicts)) is drawn
