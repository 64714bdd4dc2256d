import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.brief import Flag, Impact, parse
from pilotage.core.model import Severity, Strategy

EXAMPLE = (
    "Create deployment plan for payment null pointer hot-fix. Severity: P0 (45% of checkouts failing). "
    "Environment: Production (5M requests/day). Strategy: Canary deployment with feature flag."
)


def test_the_example_brief_is_understood():
    brief = parse(EXAMPLE)
    assert brief.summary.value == "payment null pointer hot-fix"
    assert [one.value for one in brief.services] == ["payment"]
    assert brief.severity.value is Severity.P0
    assert brief.impact.value == Impact(0.45, "checkouts failing")
    assert brief.environment.value == "production"
    assert brief.traffic.value.per_s == pytest.approx(5_000_000 / 86400)
    assert brief.traffic.value.peak is False
    assert brief.strategy.value is Strategy.CANARY
    assert brief.flag.value == Flag(True, "")
    assert brief.missing == ("version", "previous")
    assert brief.conflicts == ()
    assert brief.suspicious == ()
    assert (brief.migration, brief.window, brief.known_bad, brief.phases, brief.tickets) == (None, None, None, None, ())


def test_every_value_knows_its_place_in_the_text():
    brief = parse(EXAMPLE)
    assert EXAMPLE[brief.severity.start : brief.severity.end] == "P0"
    assert EXAMPLE[brief.services[0].start : brief.services[0].end] == "payment"


@pytest.mark.parametrize(
    ("text", "per_day"),
    [
        ("5M/day", 5e6),
        ("200k requests per hour", 4.8e6),
        ("1,200 req/minute", 1_728_000),
        ("58 requests per second", 5_011_200),
        ("2 million requests a day", 2e6),
    ],
)
def test_traffic_is_turned_into_requests_per_second(text, per_day):
    assert parse(text).traffic.value.per_s * 86400 == pytest.approx(per_day)


def test_of_two_severities_the_longer_watch_is_taken_and_said():
    brief = parse("hot-fix, P0. Later somebody wrote P2.")
    assert brief.severity.value is Severity.P2
    assert "P0 and P2" in str(brief.conflicts[0])


def test_versions_are_read():
    brief = parse("payment hot-fix from 2.4.0 to 2.4.1.")
    assert (brief.previous.value, brief.version.value) == ("2.4.0", "2.4.1")


def test_an_empty_brief_misses_everything():
    assert parse("").missing == ("summary", "service", "severity", "environment", "version", "previous", "traffic")


@given(st.text())
def test_any_text_is_parsed_the_same_way_twice(text):
    assert parse(text) == parse(text)


@given(
    st.lists(st.sampled_from(["P0", "sev 2", "45% of x failing", "5M/day", "canary", " ", "hot-fix", "for", "9,_/s"]))
)
def test_any_mix_of_the_vocabulary_is_parsed(words):
    parse(" ".join(words))
