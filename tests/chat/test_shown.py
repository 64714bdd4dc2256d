"""What a message shows: within Slack's limits, whatever the names and reasons are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.chat.buttons import About, about
from pilotage.chat.shown import shown
from pilotage.chat.thread import BROADCAST, MOST_AT_ONCE, TOLD, reply
from pilotage.core import events as ev
from pilotage.wording.samples import SAMPLES
from tests.chat import blockkit
from tests.core.worlds import plan

PAGE = "https://pilotage.shop.example/rollouts/shop-1"
HOSTILE = "<!channel> <@U1> <https://evil.example|your bank> @here *bold* _x_ `y` :tada: &lt; a > b & c \x1b[31m\u202e"


def view(**more: Any) -> dict[str, Any]:
    return {
        "id": "shop-1",
        "service": "shop",
        "environment": "test",
        "version": "2",
        "previous": "1",
        "severity": "P0",
        "summary": "orders fail",
        "strategy": "canary",
        "plan_digest": "d1",
        "status": "watching",
        "phase": 0,
        "phase_name": "10 %",
        "phases": [{"name": "10 %"}, {"name": "100 %"}],
        "weight_in_force": 10.0,
        "share_known": True,
        "share_observed": 11.2,
        "reason": "",
        "needs_person": False,
        "commands": ["pause", "hold", "promote", "rollback"],
        "progress": 0.47,
        "verdict": {"action": "WATCH", "reason": "errors 0.2% (n=2,310) is not known well enough yet"},
        "ended_at": None,
        "exit_code": None,
        **more,
    }


def record(*events: ev.Event) -> list[ev.Recorded]:
    return [ev.Recorded("shop-1", number, 1_800_000_000.0 + number, "ann", one) for number, one in enumerate(events)]


def checked(found: Any) -> list[str]:
    blockkit.check_blocks(found.body["blocks"])
    blockkit.check_escaped(found.body["text"])
    return blockkit.read(found.body["blocks"])


def test_a_person_reads_how_it_stands_in_a_few_lines() -> None:
    found = checked(shown(view(), record(ev.RolloutStarted("why")), PAGE))
    assert found == [
        "shop 1 → 2 in test",
        "▶ watching, phase 10 %, 10 % in force, 11 % observed, 40 % of the watch\n▶ 10 %   ○ 100 %",
        "errors 0.2% (n=2,310) is not known well enough yet",
        "P0 · canary · started by ann · shop-1 · orders fail",
        "Hold",
        "ROLL BACK",
        "Open in Pilotage",
    ]


def test_what_waits_for_an_approval_says_so_and_its_button_says_for_what() -> None:
    asked = record(ev.RolloutStarted(), ev.ApprovalRequested(1, "100 %"))
    waiting = view(status="awaiting approval", needs_person=True, commands=["approve", "rollback"])
    found = shown(waiting, asked, "")
    assert "A PERSON IS NEEDED" in checked(found)[1]
    row = found.body["blocks"][-1]["elements"]
    assert [(one["text"]["text"], one.get("style")) for one in row] == [("Approve", "primary"), ("ROLL BACK", "danger")]
    assert about(row[0]["value"]) == About("shop-1", "d1", 1)


def test_promote_and_pause_are_not_offered_and_what_has_ended_has_nothing_to_press() -> None:
    running = shown(view(), record(), "").body["blocks"][-1]["elements"]
    assert [one["text"]["text"] for one in running] == ["Hold", "ROLL BACK"]
    ended = shown(view(status="rolled back", commands=[], ended_at=1.0), record(), "")
    assert [one["type"] for one in ended.body["blocks"]] == ["header", "section", "context"]


def test_numbers_alone_do_not_stir_it_and_what_happens_does() -> None:
    before = shown(view(), record(), PAGE)
    later = shown(view(progress=0.53, share_observed=9.0), record(), PAGE)
    held = shown(view(status="held", reason="no data"), record(), PAGE)
    assert (before.hash != later.hash, before.stirs == later.stirs) == (True, True)
    assert before.stirs != held.stirs
    assert shown(view(progress=0.471), record(), PAGE).hash == before.hash


@pytest.mark.parametrize("text", [HOSTILE, "x" * 9000, "<&>" * 3000, "ä\n" * 2000, ""])
def test_names_and_reasons_from_outside_stay_words_and_fit(text: str) -> None:
    places = ("service", "environment", "version", "previous", "summary", "reason", "phase_name")
    hostile = view(**dict.fromkeys(places, text), phases=[{"name": text}] * 200, phase=100)
    checked(shown(hostile, record(ev.RolloutStarted(text)), PAGE))


@settings(deadline=None)
@given(st.text(max_size=4000), st.integers(0, 300))
def test_any_text_and_any_number_of_phases_fit(text: str, phase: int) -> None:
    made = view(service=text, reason=text, summary=text, phases=[{"name": text[:40]}] * (phase + 1), phase=phase)
    checked(shown(made, record(), PAGE))


def test_of_many_phases_those_around_it_are_shown() -> None:
    many = view(phases=[{"name": f"{n} %"} for n in range(100)], phase=50)
    line = checked(shown(many, record(), ""))[1].split("\n")[1]
    assert line.startswith("(46 before)   ✓ 46 %")
    assert line.endswith("○ 54 %   (45 to come)")


def test_secrets_are_hidden() -> None:
    told = view(reason="password=hunter2hunter2", summary="token xoxb-1234567890-abcdef")
    assert "hunter2" not in str(shown(told, record(), "").body)
    assert "xoxb-" not in str(shown(told, record(), "").body)


@pytest.mark.parametrize(
    "value",
    [None, 7, "", "[]", "{", "[" * 100_000, '{"r": 1}', '{"r": ""}', '{"r": "x", "p": true}', '{"r":"x","p":-1}'],
)
def test_a_value_that_is_no_buttons_is_nothing(value: Any) -> None:
    assert about(value) is None


def test_every_kind_of_event_that_people_should_see_fits(tmp_path: Path) -> None:
    told = replace(plan(), directory=str(tmp_path))
    for kind in sorted(TOLD & SAMPLES.keys()):
        found = reply(told, record(SAMPLES[kind]))
        assert found.body is not None
        checked(found)
        assert found.body.get("reply_broadcast", False) == (kind in BROADCAST), kind


def test_many_events_are_told_in_few_answers_and_in_their_order(tmp_path: Path) -> None:
    told = replace(plan(), directory=str(tmp_path))
    waiting = record(*[ev.Held(0, HOSTILE * 50), ev.WatchStarted(0, 60.0)] * 20)
    answers = []
    while waiting:
        answers.append(reply(told, waiting))
        checked(answers[-1])
        waiting = [one for one in waiting if one.number > answers[-1].last]
    sections = [block for one in answers for block in one.body["blocks"] if block["type"] == "section"]
    assert (len(sections), len(answers)) == (20, 3)
    assert len(answers[0].body["blocks"]) == 2 * MOST_AT_ONCE


def test_events_that_are_for_the_page_only_are_passed_over(tmp_path: Path) -> None:
    found = reply(
        replace(plan(), directory=str(tmp_path)), record(ev.WatchStarted(0, 60.0), ev.PhaseStarted(0, "10 %", 10.0))
    )
    assert (found.body, found.last) == (None, 1)
