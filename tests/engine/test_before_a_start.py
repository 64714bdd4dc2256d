"""What happens before a rollout, on the real engine: checklist, overrides, freezes, locks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pilotage.cli.client import ApiError
from tests.stage import Local, Stage

CHECKLIST = """
checklist:
  - {id: tested, part: preparation, text: The hot-fix is tested}
  - {id: told, part: preparation, text: Everybody knows, required: false}
  - {id: built, part: technical, text: The build is green, check: command, command: ["./built"]}
  - {id: rehearsal, part: technical, text: The way back was rehearsed, check: rehearsed}
  - {id: somebody, part: team, text: Somebody is on call, check: on-call}
contacts:
  - {role: on-call, name: Ann, reach: "@ann"}
"""


@pytest.fixture
def stage(stage: Stage) -> Stage:
    build(stage, green=True)
    return stage


def build(stage: Stage, green: bool) -> None:
    (stage.folder / "built").write_text(
        f"#!/bin/sh\necho build {'green' if green else 'red'}\nexit {0 if green else 1}\n"
    )
    (stage.folder / "built").chmod(0o755)


def known(coordinator: Local, body: dict[str, Any]) -> str:
    about = {key: value for key, value in body.items() if key != "reason"}
    return str(coordinator.api.post("/v1/plans", about)["id"])


def items(coordinator: Local, plan: str) -> dict[str, tuple[str, str]]:
    return {one["id"]: (one["mark"], one["evidence"]) for one in coordinator.api.get(f"/v1/plans/{plan}")["items"]}


def tick(coordinator: Local, plan: str, *names: str, by: str = "Ann", undo: bool = False) -> dict[str, Any]:
    body = {"items": list(names), "by": by, "reason": "", "undo": undo}
    answer: dict[str, Any] = coordinator.api.post(f"/v1/plans/{plan}/tick", body)
    return answer


def start(coordinator: Local, body: dict[str, Any], *overrides: str, reason: str = "") -> str:
    return str(coordinator.api.post("/v1/rollouts", {**body, "overrides": list(overrides), "reason": reason})["id"])


def back(coordinator: Local, rollout: str) -> None:
    coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "tester"})
    coordinator.ended(rollout)


def test_nothing_starts_while_a_required_item_is_open_and_each_comes_with_its_command(
    coordinator: Local, stage: Stage
) -> None:
    build(stage, green=False)
    with pytest.raises(ApiError) as refused:
        start(coordinator, stage.plan("gated", more=CHECKLIST))
    said = str(refused.value)
    assert refused.value.body["type"] == "ChecklistOpen"
    assert "3 required items are open" in said
    assert "tested: The hot-fix is tested. `pilotage tick plan.yaml tested`" in said
    assert "built: ./built ended with 1: build red." in said
    assert "rehearsal: not rehearsed yet" in said
    assert "told" not in said
    assert not any(row["service"] == "gated" for row in coordinator.api.get("/v1/rollouts"))
    assert stage.weight() == 0


def test_ticked_rehearsed_and_green_it_starts_and_the_report_says_who_and_what(
    coordinator: Local, stage: Stage
) -> None:
    body = stage.plan("ready", more=CHECKLIST)
    plan = known(coordinator, body)
    assert items(coordinator, plan)["tested"][0] == "open"
    ticked = tick(coordinator, plan, "tested", "told")
    assert ticked == {"id": plan, "items": ["tested", "told"], "by": "Ann", "left": []}
    rehearsed = coordinator.api.post(f"/v1/plans/{plan}/rehearse", {"by": "Ann"})
    assert [one["target"] for one in rehearsed["targets"]] == ["splitter"]
    now = items(coordinator, plan)
    assert now["built"] == ("done", "./built ended with 0: build green")
    assert now["somebody"] == ("done", "Ann @ann")
    assert now["rehearsal"][1].startswith("rehearsed at ")
    assert now["drivers"] == ("done", "2 drivers answer")
    assert coordinator.api.get(f"/v1/plans/{plan}")["open"] == 0
    rollout = start(coordinator, body)
    back(coordinator, rollout)
    report = coordinator.api.get(f"/v1/rollouts/{rollout}/report")
    assert "| done | The hot-fix is tested | Ann, " in report
    assert "| done | The build is green | looked up | ./built ended with 0: build green |" in report
    assert plan not in [one["id"] for one in coordinator.api.get("/v1/plans")]


def test_an_override_starts_it_and_is_in_the_report_with_its_reason(coordinator: Local, stage: Stage) -> None:
    build(stage, green=False)
    body = stage.plan("overridden", more=CHECKLIST)
    tick(coordinator, known(coordinator, body), "tested")
    with pytest.raises(ApiError, match="needs a reason"):
        start(coordinator, body, "built", "rehearsal")
    rollout = start(coordinator, body, "built", "rehearsal", reason="the CI is down, built by hand")
    back(coordinator, rollout)
    report = coordinator.api.get(f"/v1/rollouts/{rollout}/report")
    assert "the CI is down, built by hand (it was failed: ./built ended with 1: build red)" in report
    assert "overridden: built, rehearsal" in report


def test_a_changed_plan_is_another_one_and_says_that_ticks_were_given_before(coordinator: Local, stage: Stage) -> None:
    body = stage.plan("changing", more=CHECKLIST)
    first = known(coordinator, body)
    tick(coordinator, first, "tested")
    commented = {**body, "plan": body["plan"] + "\n# a remark\n"}
    assert known(coordinator, commented) == first
    second = known(coordinator, {**body, "plan": body["plan"].replace("summary: a test", "summary: another test")})
    assert second != first
    assert items(coordinator, second)["tested"][0] == "open"
    notes = coordinator.api.get(f"/v1/plans/{second}")["notes"]
    said = f"1 tick was given for another version of this plan, {first}; the plan has changed since: look at it again"
    assert notes == [said]
    assert coordinator.api.get(f"/v1/plans/{first}")["notes"] == [
        f"this plan was changed after it became known: the newest one is {second}"
    ]


def test_what_is_looked_up_is_not_ticked_and_a_tick_needs_a_name(coordinator: Local, stage: Stage) -> None:
    plan = known(coordinator, stage.plan("strict", more=CHECKLIST))
    with pytest.raises(ApiError, match="built is looked up"):
        tick(coordinator, plan, "built")
    with pytest.raises(ApiError, match="Did you mean tested"):
        tick(coordinator, plan, "told", "testd")
    assert items(coordinator, plan)["told"][0] == "open"
    with pytest.raises(ApiError, match="recorded under a person's name"):
        tick(coordinator, plan, "tested", by="  ")
    tick(coordinator, plan, "tested")
    tick(coordinator, plan, "tested", undo=True)
    assert items(coordinator, plan)["tested"][0] == "open"


def test_ticks_at_the_same_moment_are_all_kept(coordinator: Local, stage: Stage) -> None:
    rows = "\n".join(f"  - {{id: item-{number}, part: team, text: T}}" for number in range(12))
    plan = known(coordinator, stage.plan("crowded", more=f"checklist:\n{rows}"))
    with ThreadPoolExecutor(12) as people:
        list(people.map(lambda number: tick(coordinator, plan, f"item-{number}"), range(12)))
    assert {items(coordinator, plan)[f"item-{number}"][0] for number in range(12)} == {"done"}


def test_a_freeze_stops_a_start_names_its_owner_and_can_be_overridden(coordinator: Local, stage: Stage) -> None:
    body = stage.plan("frozen")
    freeze = {"service": "frozen", "reason": "the sale runs", "by": "Bo"}
    made = coordinator.api.post("/v1/freezes", freeze)
    with pytest.raises(ApiError, match="frozen is frozen by Bo until it is lifted: the sale runs") as refused:
        start(coordinator, body)
    assert "--override freeze --reason TEXT" in str(refused.value)
    back(coordinator, start(coordinator, body, "freeze", reason="checkout is down"))
    coordinator.api.post(f"/v1/freezes/{made['id']}/lift", {"by": "Bo"})
    assert made["id"] not in [one["id"] for one in coordinator.api.get("/v1/freezes")]
    back(coordinator, start(coordinator, {**body, "plan": body["plan"].replace('"2.0"', '"2.1"')}))
    with pytest.raises(ApiError, match="no freeze"):
        coordinator.api.post(f"/v1/freezes/{made['id']}/lift", {"by": "Bo"})


@pytest.mark.parametrize("other", [{"service": "another"}, {"environment": "production"}, {"begins": 4e9}])
def test_a_freeze_of_something_else_or_of_later_stops_nothing(
    coordinator: Local, stage: Stage, other: dict[str, Any]
) -> None:
    made = coordinator.api.post("/v1/freezes", {"reason": "another matter", "by": "Bo", **other})
    try:
        plan = known(coordinator, stage.plan("free"))
        assert items(coordinator, plan)["freeze"] == ("done", "no freeze is in force")
    finally:
        coordinator.api.post(f"/v1/freezes/{made['id']}/lift", {"by": "Bo"})


@pytest.mark.parametrize(
    "wrong", [{"reason": " "}, {"reason": "late", "ends": 1.0}, {"reason": "x", "begins": 5e9, "ends": 4e9}]
)
def test_a_freeze_without_a_reason_or_that_has_ended_is_refused(coordinator: Local, wrong: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match=r"needs a reason|ends after it begins"):
        coordinator.api.post("/v1/freezes", {"by": "Bo", **wrong})


def test_a_lock_stops_a_start_whatever_the_reason_and_has_one_owner(coordinator: Local, stage: Stage) -> None:
    body = stage.plan("held-back")
    lock = {"service": "held-back", "environment": "test", "reason": "the database moves", "by": "Bo"}
    coordinator.api.post("/v1/locks", lock)
    with pytest.raises(ApiError, match="locked already by Bo: the database moves"):
        coordinator.api.post("/v1/locks", {**lock, "by": "Cy"})
    with pytest.raises(
        ApiError, match=r"locked by Bo since .*: the database moves; `pilotage unlock held-back --environment test`"
    ):
        start(coordinator, body)
    with pytest.raises(ApiError, match="lock cannot be overridden"):
        start(coordinator, body, "lock", reason="checkout is down")
    coordinator.api.post("/v1/locks/release", {**lock, "reason": "moved"})
    back(coordinator, start(coordinator, body))
    with pytest.raises(ApiError, match="is not locked"):
        coordinator.api.post("/v1/locks/release", {**lock, "reason": "moved"})


def test_a_freeze_never_stops_a_rollback_nor_a_rollout_that_runs(coordinator: Local, stage: Stage) -> None:
    rollout = start(
        coordinator, stage.plan("running", phases="[{weight: 10%, watch: 60s}, {weight: 100%, watch: 60s}]")
    )
    coordinator.until(rollout, lambda view: view["weight_in_force"] == 10)
    made = coordinator.api.post("/v1/freezes", {"service": "running", "reason": "the sale runs", "by": "Bo"})
    coordinator.api.post(f"/v1/rollouts/{rollout}/pause", {"by": "tester"})
    coordinator.api.post(f"/v1/rollouts/{rollout}/resume", {"by": "tester"})
    back(coordinator, rollout)
    assert stage.weight() == 0
    coordinator.api.post(f"/v1/freezes/{made['id']}/lift", {"by": "Bo"})


def test_a_rehearsal_moves_nothing_and_refuses_while_traffic_moves(coordinator: Local, stage: Stage) -> None:
    plan = known(coordinator, stage.plan("careful", more=CHECKLIST))
    (stage.folder / "weight").write_text("25")
    with pytest.raises(ApiError, match="sends 25 % to the canary now: a rehearsal never moves traffic"):
        coordinator.api.post(f"/v1/plans/{plan}/rehearse", {"by": "Ann"})
    assert stage.weight() == 25
    (stage.folder / "weight").write_text("0")
    (stage.folder / "broken").write_text("")
    with pytest.raises(ApiError, match=r"(?s)the rehearsal failed: .*the splitter is broken"):
        coordinator.api.post(f"/v1/plans/{plan}/rehearse", {"by": "Ann"})
    assert items(coordinator, plan)["rehearsal"][0] == "failed"


def test_a_window_that_is_not_open_stops_a_start_and_says_when_it_opens(coordinator: Local, stage: Stage) -> None:
    window = 'start: {from: "2099-01-05 22:00", until: "2099-01-06 02:00", zone: Europe/Berlin}'
    with pytest.raises(
        ApiError, match=r"it may start in the window 2099-01-05 22:00 to 2099-01-06 02:00 Europe/Berlin, which"
    ):
        start(coordinator, stage.plan("windowed", more=window))
    with pytest.raises(ApiError, match=r"passed .* ago: name another one"):
        start(coordinator, stage.plan("windowed", more=window.replace("2099", "2001")))
    back(coordinator, start(coordinator, stage.plan("windowed", more=window), "window", reason="agreed with Bo"))
