"""Answers and options: each replaces one fact, or is refused with what was expected."""

import pytest

from pilotage.core.brief import Brief, Flag, Migration, Traffic, parse
from pilotage.core.brief.given import given
from pilotage.core.brief.questions import QUESTIONS
from pilotage.core.model import Severity, Strategy
from tests.core.brief.saying import plain

NAMES = [
    *("service", "severity", "environment", "version", "previous", "traffic", "summary", "window", "strategy", "flag"),
    *("migration reversible", "window date", "window zone"),
]


@pytest.mark.parametrize(
    ("name", "text", "facts"),
    [
        ("service", "payment", {"services": ("payment",)}),
        ("service", "payment, checkout", {"services": ("payment", "checkout")}),
        ("service", "release", {"services": ("release",)}),
        ("severity", "P0", {"severity": "P0"}),
        ("severity", "1", {"severity": "P1"}),
        ("severity", "kritisch", {"severity": "P0"}),
        ("environment", "prod", {"environment": "production"}),
        ("environment", "eu-live-3", {"environment": "eu-live-3"}),
        ("version", "v2.4.1", {"version": "v2.4.1"}),
        ("version", "release-7", {"version": "release-7"}),
        ("previous", "2.4.0", {"previous": "2.4.0"}),
        ("traffic", "5M/day", {"per_day": 5e6}),
        ("traffic", "58/s", {"per_s": 58}),
        ("traffic", "5M requests per day", {"per_day": 5e6}),
        ("traffic", "5 Mio. Anfragen pro Tag", {"per_day": 5e6}),
        ("traffic", "900 rps peak", {"per_s": 900, "peak": True}),
        ("summary", "null pointer in checkout", {"summary": "null pointer in checkout"}),
        ("window", "2026-11-25 22:00-23:00 UTC", {"window": "2026-11-25 22:00 23:00 UTC same"}),
        ("strategy", "blue/green", {"strategy": "blue-green"}),
        ("flag", "no", {"flag": False}),
        ("flag", "yes", {"flag": True}),
        ("flag", "new-payment", {"flag": "new-payment"}),
        ("migration reversible", "yes", {"migration": "reversible"}),
        ("migration reversible", "nein", {"migration": "irreversible"}),
    ],
)
def test_an_answer_becomes_the_fact(name, text, facts):
    brief = given(parse("a hot-fix with a migration"), name, text, "answer")
    found = plain(brief)
    assert {name: found[name] for name in facts} == facts
    assert name not in brief.missing


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("service", ""),
        ("service", "$(id)"),
        ("service", "the one that is down"),
        ("severity", "P5"),
        ("severity", "P0 or P1"),
        ("severity", "soon"),
        ("environment", "the usual one"),
        ("version", "latest"),
        ("version", "2.4.1; rm -rf /"),
        ("previous", ""),
        ("traffic", "a lot"),
        ("traffic", "5M"),
        ("traffic", "0/s"),
        ("traffic", "1e12/day"),
        ("summary", "  "),
        ("window", "tonight"),
        ("window", "03/04/2026 22:00-23:00 UTC"),
        ("window date", "tomorrow"),
        ("window zone", "IST"),
        ("strategy", "yolo"),
        ("flag", "maybe one day"),
        ("migration reversible", "perhaps"),
    ],
)
def test_an_answer_that_is_not_understood_is_refused_with_what_was_expected(name, text):
    with pytest.raises(ValueError, match=r"^expected .*, got "):
        given(parse("hot-fix"), name, text, "answer")


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="expected one of service"):
        given(Brief(""), "colour", "blue", "option")


def test_an_answer_has_no_place_in_the_brief_and_says_who_gave_it():
    brief = given(parse("hot-fix for payment"), "severity", "P0", "option")
    assert brief.severity.value is Severity.P0
    assert (brief.severity.start, brief.severity.end, brief.severity.source) == (0, 0, "option")


def test_an_answer_settles_its_conflict_and_no_other():
    brief = parse("canary or rolling, 5M/day or 3M/day")
    assert {one.name for one in brief.conflicts} == {"strategy", "traffic"}
    brief = given(brief, "strategy", "rolling", "answer")
    assert brief.strategy.value is Strategy.ROLLING
    assert [one.name for one in brief.conflicts] == ["traffic"]


def test_date_and_zone_complete_a_window():
    brief = parse("Severity: P2. Window: 22:00-23:00")
    brief = given(brief, "window date", "25 November 2026", "answer")
    brief = given(brief, "window zone", "Europe/Berlin", "answer")
    assert plain(brief)["window"] == "2026-11-25 22:00 23:00 Europe/Berlin same"
    assert not {"window", "window date", "window zone"} & set(brief.missing)


def test_a_severity_of_p2_asks_for_a_window():
    assert "window" in given(parse("hot-fix"), "severity", "P2", "answer").missing


def test_an_answer_with_a_secret_is_masked():
    assert "hunter2" not in repr(given(parse(""), "summary", "password: hunter2 rotates", "answer"))


def test_there_is_a_question_for_everything_that_can_be_missing():
    assert set(QUESTIONS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_question_is_a_good_answer(name):
    example = QUESTIONS[name].rstrip("?)").split("(")[-1].split(" or ")[-1].split(", or ")[-1]
    answer = {"strategy": "canary", "severity": "P0"}.get(name, example)
    given(parse("a hot-fix with a migration"), name, answer, "answer")


def test_answers_of_types():
    assert given(Brief(""), "flag", "none", "answer").flag.value == Flag(False)
    assert given(Brief(""), "migration reversible", "no", "answer").migration.value == Migration(False)
    assert given(Brief(""), "traffic", "58/s", "answer").traffic.value == Traffic(58.0)
