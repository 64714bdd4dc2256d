"""Silence is counted only where the coordinator was really asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pilotage.direct.silence import FRESH, Silence


def failing(silence: Silence, begin: float, seconds: int) -> float:
    for second in range(seconds + 1):
        silence.failed(begin + second)
    return begin + seconds


def test_a_coordinator_that_fails_for_longer_than_the_limit_is_silent() -> None:
    silence = Silence(most_gap_s=11)
    now = failing(silence, 1000, 60)
    assert not silence.longer_than(60)
    silence.failed(now + 1)
    assert silence.longer_than(60)


def test_one_answer_ends_the_silence() -> None:
    silence = Silence(most_gap_s=11)
    now = failing(silence, 1000, 100)
    silence.answered(now + 1)
    assert not silence.longer_than(0.1)
    silence.failed(now + 2)
    silence.failed(now + 3)
    assert not silence.longer_than(0.1)


def test_an_hour_of_our_own_sleep_is_no_silence() -> None:
    silence = Silence(most_gap_s=11)
    now = failing(silence, 1000, 30)
    now = failing(silence, now + 3600, 29)
    assert silence.seconds == 59
    assert not silence.longer_than(60)


def test_after_a_pause_it_is_asked_several_times_before_it_counts() -> None:
    silence = Silence(most_gap_s=11)
    now = failing(silence, 1000, 100)
    silence.failed(now + 3600)
    assert not silence.longer_than(60)
    failing(silence, now + 3601, FRESH - 2)
    assert silence.longer_than(60)


@given(st.lists(st.tuples(st.floats(0.1, 5000), st.booleans()), max_size=60))
def test_never_longer_than_what_was_watched_since_the_last_answer(questions: list[tuple[float, bool]]) -> None:
    silence, now, watched = Silence(most_gap_s=11), 0.0, 0.0
    first = True
    for gap, answered in questions:
        now += gap
        if answered:
            silence.answered(now)
            watched = 0.0
        else:
            silence.failed(now)
            watched += gap if gap <= 11 and not first else 0.0
        first = False
        assert silence.seconds <= watched + 1e-6
