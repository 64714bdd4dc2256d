"""The checklist: ticks and evidence in, states out."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core import events as ev
from pilotage.core.checklist import (
    ALWAYS,
    NEVER_OVERRIDDEN,
    Mark,
    Seen,
    check_overrides,
    check_tick,
    how,
    items_of,
    named,
    plan_id,
    states,
    ticks_of,
    typed,
)
from pilotage.core.errors import Refused
from pilotage.core.preparing import BUILT_IN, Item, Part
from tests.core.worlds import plan

TESTED = Item("tested", Part.PREPARATION, "It is tested")
BUILT = Item("built", Part.TECHNICAL, "The build is green", check="command")
ADVISED = Item("told", Part.TEAM, "Everybody knows", required=False)
ITEMS = (TESTED, BUILT, ADVISED)
ALL_SEEN = {one.id: Seen(True, "fine") for one in (*ALWAYS, BUILT)}


def recorded(*events: ev.Event) -> list[ev.Recorded]:
    return [ev.Recorded("plan", number, 100.0 + number, "ann", event) for number, event in enumerate(events)]


def marks(record: list[ev.Recorded], seen: dict[str, Seen], overrides: dict[str, str] | None = None) -> dict[str, Mark]:
    return {one.item.id: one.mark for one in states(ITEMS, record, seen, overrides, "bo", 7.0)}


def test_what_is_always_looked_up_is_added_once() -> None:
    always = ["window", "freeze", "lock", "version", "drivers", "metrics", "channels"]
    assert [one.check for one in items_of(()) if one.check] == always
    mine = Item("my-lock", Part.TECHNICAL, "free", check="lock")
    assert [one.check for one in items_of((mine,))].count("lock") == 1


def test_a_plan_cannot_make_optional_what_is_never_overridden() -> None:
    (lock,) = [
        one for one in items_of((Item("l", Part.TEAM, "x", required=False, check="lock"),)) if one.check == "lock"
    ]
    assert lock.required


def test_channels_are_advised_and_stand_in_nobodys_way_unless_a_plan_requires_them() -> None:
    seen = {**ALL_SEEN, "channels": Seen(False, "webhook (incident): no answer")}
    (channels,) = [one for one in states(ITEMS, [], seen) if one.item.check == "channels"]
    assert (channels.mark, channels.in_the_way) == (Mark.FAILED, False)
    taken = Item("channels", Part.TEAM, "Radios are charged")
    (added,) = [one for one in items_of((taken,)) if one.check == "channels"]
    assert (added.id, added.required) == ("channels-now", False)
    mine = Item("chat", Part.TEAM, "Chat answers", check="channels")
    assert [one.required for one in items_of((mine,)) if one.check == "channels"] == [True]


def test_a_version_that_was_rolled_back_is_required_to_be_another_and_can_be_overridden() -> None:
    seen = {**ALL_SEEN, "version": Seen(False, "2 was rolled back")}
    before, after = (
        next(one for one in states(ITEMS, [], seen, overrides) if one.item.check == "version")
        for overrides in ({}, {"version": "the cause was the database"})
    )
    assert (before.in_the_way, after.mark) == (True, Mark.OVERRIDDEN)
    check_overrides(ITEMS, ["version"], "the cause was the database")


def test_an_item_of_the_same_name_as_one_that_is_added_keeps_its_name() -> None:
    names = [one.id for one in items_of((Item("window", Part.TEAM, "Windows are closed"),))]
    assert len(names) == len(set(names))


def test_a_tick_says_who_and_when_and_can_be_taken_back() -> None:
    record = recorded(ev.Ticked("tested", "on staging"))
    (tested,) = [one for one in states(ITEMS, record, ALL_SEEN) if one.item is TESTED]
    assert (tested.mark, tested.by, tested.at, tested.text) == (Mark.DONE, "ann", 100.0, "on staging")
    assert ticks_of(recorded(ev.Ticked("tested"), ev.Unticked("tested"))) == {}


def test_what_a_check_could_not_tell_is_open_and_what_it_denies_has_failed() -> None:
    assert marks([], {**ALL_SEEN, "built": Seen(None, "no answer")})["built"] is Mark.OPEN
    assert marks([], {**ALL_SEEN, "built": Seen(False, "red")})["built"] is Mark.FAILED


def test_a_tick_does_not_close_what_is_looked_up() -> None:
    assert marks(recorded(ev.Ticked("built")), {**ALL_SEEN, "built": Seen(False, "red")})["built"] is Mark.FAILED


def test_an_override_keeps_the_reason_and_what_it_passed_over() -> None:
    seen = {**ALL_SEEN, "built": Seen(False, "red")}
    (built,) = [one for one in states(ITEMS, [], seen, {"built": "the CI is down"}, "bo", 7.0) if one.item is BUILT]
    assert (built.mark, built.by, built.text) == (Mark.OVERRIDDEN, "bo", "the CI is down (it was failed: red)")
    assert not built.in_the_way


def test_an_item_that_holds_is_not_overridden() -> None:
    assert marks([], ALL_SEEN, {"built": "in a hurry"})["built"] is Mark.DONE


def test_an_item_that_is_looked_up_is_not_ticked() -> None:
    with pytest.raises(Refused, match=r"built is looked up \(command\), nobody ticks it"):
        check_tick(ITEMS, "built")
    with pytest.raises(Refused, match="Did you mean tested"):
        check_tick(ITEMS, "testet")
    assert check_tick(ITEMS, "tested") is TESTED


@pytest.mark.parametrize("check", NEVER_OVERRIDDEN)
def test_what_would_leave_a_rollout_blind_is_never_overridden(check: str) -> None:
    items = (*ITEMS, Item("approved", Part.PREPARATION, "A second person approves it", check="approved"))
    with pytest.raises(Refused, match="cannot be overridden"):
        check_overrides(items, [check], "because")
    assert "--override" not in how(check, check, "plan.yaml")


def test_an_override_needs_a_reason_and_an_item_that_is_there() -> None:
    with pytest.raises(Refused, match="needs a reason"):
        check_overrides(ITEMS, ["built"], "  ")
    with pytest.raises(Refused, match="no item 'bilt'"):
        check_overrides(ITEMS, ["bilt"], "because")
    check_overrides(ITEMS, ["built", "freeze", "window"], "because")


def test_a_built_in_check_is_overridden_by_its_item_or_by_its_own_name() -> None:
    mine = Item("window-agreed", Part.TEAM, "x", check="window")
    assert named((mine,), ["window", "freeze", "window-agreed"]) == ("window-agreed", "freeze")
    assert named(ITEMS, ["built", "nothing"]) == ("built", "nothing")
    assert named((Item("freeze", Part.TEAM, "by hand"),), ["freeze"]) == ("freeze",)


@pytest.mark.parametrize(
    ("check", "seen", "said"),
    [
        ("", "", "`pilotage tick 'my plan.yaml' it`"),
        ("rehearsed", "", "`pilotage rehearse 'my plan.yaml'`, or `pilotage run"),
        ("window", "in the window, which opens in 3 h", "--at-window`, or "),
        ("freeze", "", "A hot-fix may go through"),
        ("escalation", "", "Name one under contacts:"),
        ("version", "", "Ship a version that has the cause repaired, or "),
        ("command", "", "Put it right, or "),
    ],
)
def test_each_open_item_comes_with_what_to_type(check: str, seen: str, said: str) -> None:
    assert said in how("it", check, "my plan.yaml", seen)


def test_a_plan_called_by_its_id_is_run_by_its_file() -> None:
    assert how("built", "command", "shop-1a", "", "/p/plan.yaml").endswith(
        "`pilotage run /p/plan.yaml --override built --reason TEXT`"
    )
    assert how("rehearsal", "rehearsed", "shop-1a", "", "/p/plan.yaml").startswith("`pilotage rehearse shop-1a`, or ")


def test_a_window_that_has_passed_is_not_waited_for() -> None:
    assert "--at-window" not in how("window", "window", "plan.yaml", "which passed 2 h ago")


@given(st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text))
def test_a_plans_name_is_one_word_for_the_shell_whatever_it_is(name: str) -> None:
    assert shlex.split(typed(name)) == [name]


def test_a_plans_id_is_its_service_and_the_beginning_of_its_digest_and_fits_its_column() -> None:
    one = replace(plan(), service="s" * 63, digest="sha256:0123456789abcdef")
    assert plan_id(one) == "s" * 55 + "-01234567"


MADE = st.builds(
    Item,
    st.sampled_from("abcdef"),
    st.sampled_from(Part),
    st.just("text"),
    st.booleans(),
    st.sampled_from(["", "command", *BUILT_IN]),
)
LOOKS = st.dictionaries(
    st.sampled_from([*"abcdef", *(one.id for one in ALWAYS)]), st.builds(Seen, st.none() | st.booleans(), st.just("x"))
)
STEPS = st.lists(st.builds(ev.Ticked, st.sampled_from("abcdef")) | st.builds(ev.Unticked, st.sampled_from("abcdef")))


@given(st.lists(MADE, max_size=6, unique_by=lambda one: one.id), LOOKS, STEPS, st.sets(st.sampled_from("abcdef")))
def test_a_required_item_stands_in_the_way_unless_it_is_ticked_seen_or_overridden(
    items: list[Item], seen: dict[str, Seen], steps: list[ev.Event], overridden: set[str]
) -> None:
    record = recorded(*steps)
    found = states(items, record, seen, dict.fromkeys(overridden, "because"), "bo", 7.0)
    assert len({one.item.id for one in found}) == len(found)
    for one in found:
        name = one.item.id
        holds = seen[name].holds is True if name in seen else False
        good = holds if one.item.check else name in ticks_of(record)
        assert one.in_the_way == (one.item.required and not good and name not in overridden), one
