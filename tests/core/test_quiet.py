"""Quiet hours and flapping holds: the record and what was sent in, a decision out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core import events as ev
from pilotage.core.announcing import KINDS, OUTSIDERS, URGENT, USUAL, gets
from pilotage.core.model import AUDIENCES, Action, Audience, Channel, DriverRef, Quiet, Verdict
from pilotage.core.quiet import FLAPS_S, TOO_OLD_S, Turn, decide, is_quiet, passed_over

NIGHT = Quiet(22 * 60, 7 * 60, "Europe/Berlin")
BERLIN = ZoneInfo("Europe/Berlin")
PASSED = ev.PhasePassed(0, "10%", Verdict(Action.PROMOTE, "fine"))
URGENTLY = ev.PersonNeeded(0, "look")


def channel(quiet: Quiet | None = NIGHT, audience: Audience = "incident", only: tuple[str, ...] = ()) -> Channel:
    return Channel(DriverRef("console", {}), audience, only, quiet)


def berlin(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def record(*happened: tuple[str, ev.Event]) -> list[ev.Recorded]:
    return [ev.Recorded("r", number, berlin(at), "pilotage", event) for number, (at, event) in enumerate(happened)]


def turn(happened: list[ev.Recorded], number: int, now: str, sent: set[int] | None = None) -> Turn:
    return decide(channel(), happened, number, sent or set(), berlin(now), BERLIN)


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        ("2026-11-25 21:59", False),
        ("2026-11-25 22:00", True),
        ("2026-11-26 00:00", True),
        ("2026-11-26 06:59", True),
        ("2026-11-26 07:00", False),
        ("2026-10-25 02:30", True),
        ("2026-03-29 07:00", False),
        ("2026-03-29 06:59", True),
    ],
)
def test_quiet_hours_go_over_midnight_by_the_clock_on_the_wall(at: str, quiet: bool) -> None:
    assert is_quiet(NIGHT, berlin(at), BERLIN) is quiet


def test_the_hour_that_comes_twice_in_autumn_is_quiet_twice_and_the_one_skipped_in_spring_never() -> None:
    hour = Quiet(2 * 60, 3 * 60, "Europe/Berlin")

    def minutes(day: datetime) -> int:
        return sum(is_quiet(hour, (day + timedelta(minutes=one)).timestamp(), BERLIN) for one in range(24 * 60))

    days = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((10, 25), (3, 29), (6, 1))]
    assert [minutes(one) for one in days] == [120, 0, 60]


MINUTES = st.integers(0, 24 * 60 - 1)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Chatham", "Asia/Tokyo"])


@given(MINUTES, MINUTES, ZONES, st.floats(0, 4e9))
def test_an_instant_lies_in_the_quiet_hours_or_in_those_the_other_way_round(
    begins: int, ends: int, zone: str, at: float
) -> None:
    if begins != ends:
        there, back = (is_quiet(Quiet(*one, zone), at, ZoneInfo(zone)) for one in ((begins, ends), (ends, begins)))
        assert there is not back


@given(MINUTES, MINUTES, ZONES, st.integers(0, 20_000))
def test_a_day_without_a_change_of_clocks_is_quiet_for_as_long_as_was_said(
    begins: int, ends: int, zone: str, day: int
) -> None:
    start = datetime.fromtimestamp(day * 86400 + 15 * 3600, ZoneInfo(zone))
    instants = [start.timestamp() + 60 * minute for minute in range(24 * 60)]
    if begins == ends or datetime.fromtimestamp(instants[-1] + 60, ZoneInfo(zone)).utcoffset() != start.utcoffset():
        return
    quiet = sum(is_quiet(Quiet(begins, ends, zone), at, ZoneInfo(zone)) for at in instants)
    assert quiet == (ends - begins) % (24 * 60)


def test_without_quiet_hours_it_is_never_quiet() -> None:
    assert is_quiet(None, 0.0, UTC) is False


def test_at_night_only_what_is_urgent_is_sent_and_the_rest_waits_for_the_morning() -> None:
    happened = record(("2026-11-25 23:00", PASSED), ("2026-11-25 23:10", PASSED))
    assert [turn(happened, number, "2026-11-25 23:11") for number in (0, 1)] == [Turn.WAIT, Turn.WAIT]
    assert [turn(happened, number, "2026-11-26 07:00") for number in (0, 1)] == [Turn.SKIP, Turn.SEND]
    assert passed_over(channel(), happened, 1, set()) == happened[:1]


def test_something_urgent_takes_what_waits_along() -> None:
    happened = record(("2026-11-25 23:00", PASSED), ("2026-11-25 23:10", URGENTLY))
    assert [turn(happened, number, "2026-11-25 23:10") for number in (0, 1)] == [Turn.SKIP, Turn.SEND]
    assert passed_over(channel(), happened, 1, set()) == happened[:1]
    assert passed_over(channel(), happened, 1, {0}) == []


def test_a_message_of_the_day_that_could_not_be_sent_before_the_night_waits_too() -> None:
    happened = record(("2026-11-25 21:59", PASSED))
    assert turn(happened, 0, "2026-11-25 22:01") is Turn.WAIT
    assert turn(happened, 0, "2026-11-26 07:00") is Turn.SEND


def test_a_hold_that_flaps_is_told_once_in_five_minutes_and_phase() -> None:
    held, other = ev.Held(1, "no data"), ev.Held(2, "no data")
    happened = record(
        ("2026-11-25 12:00:00", held),
        ("2026-11-25 12:04:59", held),
        ("2026-11-25 12:04:59", other),
        ("2026-11-25 12:05:00", held),
    )
    assert [turn(happened, number, "2026-11-25 12:06", {0}) for number in (1, 2, 3)] == [
        Turn.SKIP,
        Turn.SEND,
        Turn.SEND,
    ]
    assert FLAPS_S == 300
    assert passed_over(channel(None), happened, 3, {0, 2}) == []


def test_a_hold_after_one_that_nobody_was_told_of_is_told() -> None:
    happened = record(("2026-11-25 12:00", ev.Held(1, "a")), ("2026-11-25 12:01", ev.Held(1, "b")))
    assert turn(happened, 1, "2026-11-25 12:02") is Turn.SEND


def test_last_weeks_news_is_a_line_in_todays() -> None:
    happened = record(("2026-11-20 12:00", PASSED), ("2026-11-25 12:00", PASSED))
    assert [turn(happened, number, "2026-11-25 12:00") for number in (0, 1)] == [Turn.SKIP, Turn.SEND]
    assert passed_over(channel(), happened, 1, set()) == happened[:1]


EVENTS = st.sampled_from([PASSED, URGENTLY, ev.Held(0, "x"), ev.Held(1, "y"), ev.Resumed(0, ""), ev.Promoted("done")])
DAY = berlin("2026-11-25 12:00")


@given(
    st.lists(st.tuples(st.integers(0, 3600), EVENTS), min_size=1, max_size=20),
    st.none() | st.just(NIGHT),
    st.lists(st.integers(0, 48 * 3600), max_size=12),
    st.sampled_from(AUDIENCES),
)
def test_in_the_end_everything_is_sent_told_in_a_line_or_a_hold_that_was_told_already(
    steps: list[tuple[int, ev.Event]], quiet: Quiet | None, looks: list[int], audience: Audience
) -> None:
    """Looked at whenever, all of it or a part: nothing is lost, nothing is told twice, only urgent things at night."""
    at, happened = DAY, []
    for number, (later, event) in enumerate(steps):
        at += later
        happened.append(ev.Recorded("r", number, at, "pilotage", event))
    where, sent, lines, place = channel(quiet, audience), set[int](), list[int](), 0
    last_look = at + TOO_OLD_S / 2
    for now in [*sorted(DAY + one for one in looks if DAY + one < last_look), berlin_morning(last_look)]:
        known = [one for one in happened if one.at <= now]
        while place < len(known):
            what = decide(where, known, place, sent, now, BERLIN)
            if what is Turn.WAIT:
                break
            if what is Turn.SEND:
                kind = known[place].event.kind
                assert kind in URGENT or not is_quiet(quiet, now, BERLIN)
                lines += [one.number for one in passed_over(where, known, place, sent)]
                sent.add(place)
            place += 1
    assert place == len(happened)
    wanted = {one.number for one in happened if gets(where, one.event)}
    left = wanted - sent - set(lines)
    young = {one for one in left if last_look - happened[one].at < TOO_OLD_S}
    assert {happened[one].event.kind for one in young} <= {"held"}
    assert len(lines) == len(set(lines))
    assert not sent & set(lines)


def berlin_morning(at: float) -> float:
    """The next 08:00 in Berlin."""
    local = datetime.fromtimestamp(at, BERLIN)
    return (local.replace(hour=8, minute=0) + timedelta(days=1 if local.hour >= 8 else 0)).timestamp()


# ------------------------------------------------------------------ who gets what


def test_what_an_audience_gets_is_known_and_only_overrules_it() -> None:
    assert set(USUAL) == set(AUDIENCES)
    assert set().union(*USUAL.values(), URGENT) <= set(KINDS)
    assert not gets(channel(audience="status-page"), PASSED)
    assert gets(channel(audience="status-page", only=("phase_passed",)), PASSED)
    assert not gets(channel(only=("promoted",)), PASSED)
    assert not gets(channel(), ev.Resumed(0, ""))


@pytest.mark.parametrize("audience", AUDIENCES)
def test_a_persons_words_go_to_the_audience_they_name_and_without_one_to_all_but_the_pager(audience: Audience) -> None:
    reached = [one for one in AUDIENCES if gets(channel(audience=one), ev.Announced("hello", audience))]
    assert reached == [audience]
    assert gets(channel(audience=audience), ev.Announced("hello", "")) is (audience != "pager")
    assert set(OUTSIDERS) < set(AUDIENCES)
