"""Whole rollouts on the real engine: a coordinator process, real commands, real HTTP."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pilotage.cli.client import ApiError
from tests import servers
from tests.stage import Local, Stage, wait_for


def start(coordinator: Local, stage: Stage, service: str, **plan: str) -> str:
    return str(coordinator.api.post("/v1/rollouts", stage.plan(service, **plan))["id"])


def kinds(coordinator: Local, rollout: str) -> list[str]:
    return [one["event"]["kind"] for one in coordinator.api.get(f"/v1/rollouts/{rollout}/events")]


def order(coordinator: Local, rollout: str, command: str) -> dict[str, object]:
    answer: dict[str, object] = coordinator.api.post(f"/v1/rollouts/{rollout}/{command}", {"by": "ann", "reason": "r"})
    return answer


WATCHED = "[{weight: 10%, watch: 60s}, {weight: 100%, watch: 60s}]"


def test_a_healthy_version_gets_all_traffic_and_the_lock_is_given_back(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "healthy")
    view = coordinator.ended(rollout)
    assert (view["status"], view["exit_code"], stage.weight()) == ("promoted", 0, 100)
    start(coordinator, Stage_at_zero(stage), "healthy")


def Stage_at_zero(stage: Stage) -> Stage:
    (stage.folder / "weight").write_text("0")
    return stage


def test_a_version_that_raises_errors_is_rolled_back_by_itself(coordinator: Local, stage: Stage) -> None:
    stage.error_rate["new"] = 0.4
    rollout = start(coordinator, stage, "bad")
    view = coordinator.ended(rollout)
    assert (view["status"], view["exit_code"], stage.weight()) == ("rolled back", 1, 0)
    assert "errors 40.0%" in view["reason"]
    assert "Rolled back to 1.0: errors 40.0%" in coordinator.api.get(f"/v1/rollouts/{rollout}/report")


def test_where_the_plan_says_ask_a_person_is_asked_at_once_and_nothing_is_undone(
    coordinator: Local, stage: Stage
) -> None:
    stage.error_rate["new"] = 0.4
    table = "verdicts: {errors-worse: ask, errors-over-limit: {P0: ask, P2: rollback}}"
    rollout = start(coordinator, stage, "asks", more=table)
    view = coordinator.until(rollout, lambda view: view["needs_person"])
    assert (view["status"], view["exit_code"], view["weight_in_force"]) == ("held", 3, 10)
    assert "Decide: `pilotage promote" in view["reason"]
    assert kinds(coordinator, rollout)[-2:] == ["held", "person_needed"]
    order(coordinator, rollout, "rollback")
    assert coordinator.ended(rollout)["status"] == "rolled back"


def test_three_reports_from_users_hold_and_ask_and_a_person_may_go_on(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "felt", phases=WATCHED)
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    for number in range(3):
        body = {"by": "support", "reason": f"ticket {number}: checkout hangs"}
        answer = coordinator.api.post(f"/v1/rollouts/{rollout}/report-trouble", body)
        assert f"noted, {number + 1} in this phase" in answer["message"]
    view = coordinator.view(rollout)
    assert (view["status"], view["needs_person"], view["weight_in_force"]) == ("held", True, 10)
    assert "3 reports from users" in view["reason"]
    assert "report-trouble" not in view["commands"]
    assert any("support: users report" in f"{one['by']}: {one['sentence']}" for one in view["timeline"])
    order(coordinator, rollout, "resume")
    assert coordinator.view(rollout)["status"] == "watching"
    order(coordinator, rollout, "rollback")
    assert coordinator.ended(rollout)["status"] == "rolled back"


def test_rollback_answers_when_the_traffic_is_back(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "back", phases=WATCHED)
    coordinator.until(rollout, lambda view: view["weight_in_force"] == 10)
    assert order(coordinator, rollout, "rollback")["done"] is True
    assert stage.weight() == 0
    assert order(coordinator, rollout, "rollback")["message"] == "already rolled back"
    with pytest.raises(ApiError, match="has ended"):
        order(coordinator, rollout, "promote")


def test_rollback_overtakes_a_shift_in_flight(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "overtake", phases=WATCHED)
    (stage.folder / "slow").write_text("3")
    coordinator.until(rollout, lambda _: any("begin" in call for call in stage.calls()))
    (stage.folder / "slow").unlink()
    assert order(coordinator, rollout, "rollback")["done"] is True
    assert stage.weight() == 0
    assert [call.split()[1] for call in stage.calls()] == ["begin", "begin", "end"]


def test_pause_stops_the_phases_time_and_resume_goes_on(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "paused")
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    assert order(coordinator, rollout, "pause")["status"] == "paused"
    with pytest.raises(ApiError, match="cannot approve while the rollout is paused"):
        order(coordinator, rollout, "approve")
    assert order(coordinator, rollout, "resume")["status"] == "watching"
    assert coordinator.ended(rollout)["status"] == "promoted"


def test_the_judge_goes_on_guarding_while_paused(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "guarded", phases=WATCHED)
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    order(coordinator, rollout, "pause")
    stage.error_rate["new"] = 0.5
    assert coordinator.ended(rollout)["status"] == "rolled back"


def test_hold_by_a_person_ends_in_the_policy_when_nobody_comes_back(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "forgotten", phases=WATCHED, hold="1s")
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    order(coordinator, rollout, "hold")
    assert "held by a person; not cleared" in coordinator.ended(rollout)["reason"]


def test_promote_passes_the_phase_before_its_time(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "hurry", phases=WATCHED)
    for phase in (1, 2):
        coordinator.until(rollout, lambda view, phase=phase: view["status"] == "watching" and view["phase"] == phase)  # type: ignore[misc]
        order(coordinator, rollout, "promote")
    assert coordinator.ended(rollout)["status"] == "promoted"
    assert kinds(coordinator, rollout).count("promotion_forced") == 2


def test_a_phase_that_needs_approval_waits_for_a_person(coordinator: Local, stage: Stage) -> None:
    phases = "[{weight: 10%, watch: 2s}, {weight: 100%, watch: 2s, approval: true}]"
    rollout = start(coordinator, stage, "asked", phases=phases)
    view = coordinator.until(rollout, lambda view: bool(view["needs_person"]))
    assert (view["status"], view["exit_code"]) == ("awaiting approval", 3)
    assert order(coordinator, rollout, "approve")["done"] is True
    assert coordinator.ended(rollout)["status"] == "promoted"


def test_metrics_that_stop_answering_hold_and_then_follow_the_policy(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "blind", phases=WATCHED, hold="2s")
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    stage.up = False
    coordinator.until(rollout, lambda view: view["status"] in ("held", "rolled back", "rolling back"))
    view = coordinator.ended(rollout)
    assert view["status"] == "rolled back"
    assert "held for 2 s and did not clear: no usable data" in view["reason"]
    assert "held" in kinds(coordinator, rollout)


def test_metrics_that_come_back_clear_the_hold(coordinator: Local, stage: Stage) -> None:
    rollout = start(coordinator, stage, "blink", phases="[{weight: 10%, watch: 6s}, {weight: 100%, watch: 2s}]")
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    stage.up = False
    coordinator.until(rollout, lambda view: view["status"] == "held")
    stage.up = True
    coordinator.until(rollout, lambda view: view["status"] == "watching")
    assert "hold_cleared" in kinds(coordinator, rollout)
    order(coordinator, rollout, "rollback")


def test_a_splitter_that_fails_in_mid_rollout_holds_then_goes_on_when_it_works_again(
    coordinator: Local, stage: Stage
) -> None:
    rollout = start(coordinator, stage, "broken")
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)
    (stage.folder / "broken").write_text("")
    view = coordinator.until(rollout, lambda view: view["status"] == "held")
    assert "the splitter is broken" in view["reason"]
    (stage.folder / "broken").unlink()
    assert coordinator.ended(rollout)["status"] == "promoted"


def test_a_second_rollout_of_the_same_service_is_refused_naming_the_first(coordinator: Local, stage: Stage) -> None:
    first = start(coordinator, stage, "single", phases=WATCHED)
    with pytest.raises(ApiError, match=f"already has an active rollout: {first}"):
        start(coordinator, stage, "single")
    order(coordinator, first, "rollback")


def test_unreachable_metrics_before_the_start_are_refused_with_the_command_to_try(
    coordinator: Local, stage: Stage
) -> None:
    stage.up = False
    with pytest.raises(ApiError, match=r"Try: curl -i 'http://127\.0\.0\.1"):
        start(coordinator, stage, "unreachable")
    assert not any(row["service"] == "unreachable" for row in coordinator.api.get("/v1/rollouts"))


def test_a_canary_that_already_has_traffic_is_refused(coordinator: Local, stage: Stage) -> None:
    (stage.folder / "weight").write_text("25")
    with pytest.raises(ApiError, match="already sends 25 % to the canary"):
        start(coordinator, stage, "busy")


def test_messages_arrive_once_and_in_order_though_the_sink_fails_half_of_the_time(
    coordinator: Local, stage: Stage
) -> None:
    more = f"notify:\n  - {{driver: webhook, url: 'http://127.0.0.1:{stage.port}/hook'}}"
    stage.error_rate["new"] = 0.5
    rollout = start(coordinator, stage, "told", more=more)
    wait_for(lambda: any(one["kind"] == "rolled_back" for one in stage.messages), 60)
    now_and_then = ("held", "rollback_started")
    assert [one["kind"] for one in stage.messages if one["kind"] not in now_and_then] == [
        "rollout_started",
        "phase_passed",
        "rolled_back",
    ]
    assert len({one["id"] for one in stage.messages}) == len(stage.messages)
    (back,) = [one for one in stage.messages if one["kind"] == "rolled_back"]
    assert "errors 50.0%" in back["text"]
    assert back["rollout"] == rollout


def test_a_source_that_keeps_its_past_is_asked_for_it_once_and_the_rollout_goes_on(
    coordinator: Local, stage: Stage, tmp_path: Path
) -> None:
    with servers.prometheus(tmp_path / "prometheus", f"http://127.0.0.1:{stage.port}") as url:
        body = stage.plan("with-a-past")
        scrape = f'{{driver: scrape, urls: ["http://127.0.0.1:{stage.port}/metrics"]}}'
        assert scrape in body["plan"]
        body["plan"] = body["plan"].replace(scrape, f'{{driver: prometheus, url: "{url}"}}')
        query = {"query": 'requests_total{group="old"}'}
        servers.wait_until(
            lambda: "old" in servers.httpx.get(f"{url}/api/v1/query", params=query, trust_env=False).text, "a scrape"
        )
        rollout = str(coordinator.api.post("/v1/rollouts", body)["id"])
        assert coordinator.ended(rollout)["status"] == "promoted"
    with sqlite3.connect(f"file:{coordinator.state / 'pilotage.db'}?mode=ro", uri=True) as database:
        rows = database.execute("select phase, tick from samples where rollout = ? and tick < 0", (rollout,)).fetchall()
    assert sorted(rows) == [(0, tick) for tick in range(-30, 0)]
