"""Whole rollouts that go back: the next way when one fails, what is least bad, what comes after. Real processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pilotage.cli.client import ApiError
from tests.stage import Local, Stage, local, wait_for

WATCHED = "[{weight: 10%, watch: 30s}, {weight: 100%, watch: 2s}]"
DEPLOY = """#!{python} -S
import pathlib, sys
here = pathlib.Path(__file__).parent
if (here / "undeployable").exists(): sys.exit("no such artefact")
with open(here / "deployed.log", "a") as log: log.write(sys.argv[1] + "\\n")
"""
SCRIPT = 'deploy:\n  - {name: script, driver: shell, command: ["./deploy", "{version}"], timeout_s: 20}\n'
CONFIRM = "confirm: {watch: 1s, within: 4s}"
BUG = """
  bug: {name: npe, source: app, total: 'requests_total{group="$group"}', bad: 'npe_total{group="$group"}'}
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    one = Stage(tmp_path)
    deploy = tmp_path / "deploy"
    deploy.write_text(DEPLOY.format(python=sys.executable))
    deploy.chmod(0o755)
    try:
        yield one
    finally:
        one.close()


def start(coordinator: Local, stage: Stage, service: str, more: str, **options: Any) -> str:
    options.setdefault("phases", WATCHED)
    return str(coordinator.api.post("/v1/rollouts", stage.plan(service, more=more, **options))["id"])


def watching(coordinator: Local, rollout: str) -> None:
    coordinator.until(rollout, lambda view: view["status"] == "watching" and view["phase"] == 1)


def events(coordinator: Local, rollout: str) -> list[dict[str, Any]]:
    return [one["event"] for one in coordinator.api.get(f"/v1/rollouts/{rollout}/events")]


def of_kind(coordinator: Local, rollout: str, kind: str) -> list[dict[str, Any]]:
    return [one for one in events(coordinator, rollout) if one["kind"] == kind]


def until_there(coordinator: Local, rollout: str, kind: str, seconds: float = 40) -> dict[str, Any]:
    wait_for(lambda: bool(of_kind(coordinator, rollout, kind)), seconds, lambda: str(events(coordinator, rollout)))
    return of_kind(coordinator, rollout, kind)[0]


def roll_back(coordinator: Local, rollout: str) -> Any:
    return coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "tester", "reason": ""})


def deployed(stage: Stage) -> list[str]:
    log = stage.folder / "deployed.log"
    return log.read_text().split() if log.exists() else []


# ------------------------------------------------------------------ order and fall-through


def test_a_splitter_that_fails_is_tried_again_while_the_previous_version_is_deployed(
    coordinator: Local, stage: Stage
) -> None:
    more = SCRIPT + f"rollback: {{methods: [traffic, redeploy], {CONFIRM}}}"
    rollout = start(coordinator, stage, "stuck", more)
    watching(coordinator, rollout)
    (stage.folder / "broken").write_text("")
    assert roll_back(coordinator, rollout)["done"] is True
    (back,) = of_kind(coordinator, rollout, "rolled_back")
    assert back["method"] == "redeploy"
    assert deployed(stage) == ["2.0", "1.0"]
    failed = of_kind(coordinator, rollout, "step_failed")
    assert "the splitter is broken" in failed[0]["error"]
    assert "takes the next way" in failed[0]["will"]
    assert of_kind(coordinator, rollout, "person_needed")
    (stage.folder / "broken").unlink()


def test_the_first_way_wins_when_it_works_again_and_nothing_else_does(coordinator: Local, stage: Stage) -> None:
    more = SCRIPT + f"rollback: {{methods: [traffic, redeploy], {CONFIRM}}}"
    rollout = start(coordinator, stage, "again", more)
    watching(coordinator, rollout)
    for name in ("broken", "undeployable"):
        (stage.folder / name).write_text("")
    coordinator.api.post(f"/v1/rollouts/{rollout}/hold", {"by": "tester", "reason": "look"})
    asking = threading.Thread(target=lambda: roll_back(coordinator, rollout))
    asking.start()
    wait_for(lambda: len(of_kind(coordinator, rollout, "step_failed")) >= 2, 20)
    (stage.folder / "broken").unlink()
    asking.join(30)
    (back,) = of_kind(coordinator, rollout, "rolled_back")
    assert (back["method"], stage.weight()) == ("traffic", 0)
    assert {one["target"] for one in of_kind(coordinator, rollout, "step_failed")} == {"splitter", "script"}
    (stage.folder / "undeployable").unlink()


def test_what_gets_the_traffic_back_and_is_gone_gets_none_of_it(coordinator: Local, stage: Stage) -> None:
    probe = "probe: {check: command, command: [./stable-is-there]}"
    there = stage.folder / "stable-is-there"
    there.write_text("#!/bin/sh\nexit 0\n")
    there.chmod(0o755)
    more = SCRIPT + f"rollback: {{methods: [traffic, redeploy], {probe}, {CONFIRM}}}"
    rollout = start(coordinator, stage, "gone", more)
    watching(coordinator, rollout)
    there.write_text("#!/bin/sh\necho 'no stable pod is left'\nexit 1\n")
    stage.error_rate["new"] = 0.5
    assert coordinator.ended(rollout)["status"] == "rolled back"
    (back,) = of_kind(coordinator, rollout, "rolled_back")
    assert (back["method"], stage.weight()) == ("redeploy", 10)
    assert "what gets the traffic back is gone" in of_kind(coordinator, rollout, "step_failed")[0]["error"]


def test_a_person_who_orders_it_is_not_kept_from_it_by_the_probe(coordinator: Local, stage: Stage) -> None:
    probe = "probe: {check: command, command: ['false']}"
    rollout = start(coordinator, stage, "ordered", f"rollback: {{methods: [traffic], {probe}, {CONFIRM}}}")
    watching(coordinator, rollout)
    assert roll_back(coordinator, rollout)["done"] is True
    assert stage.weight() == 0


def git(folder: Path, *arguments: str) -> str:
    name = ["-c", "user.name=T", "-c", "user.email=t@localhost"]
    done = subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_is_reverted_once_the_traffic_is_back(coordinator: Local, stage: Stage, tmp_path: Path) -> None:
    remote, work = tmp_path / "remote.git", tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
    git(tmp_path, "clone", "-q", str(remote), str(work))
    for text in ("one", "two"):
        (work / "app").write_text(text)
        git(work, "add", ".")
        git(work, "commit", "-qm", text)
    git(work, "push", "-q", "origin", "HEAD:main")
    fix = git(work, "rev-parse", "HEAD")
    revert = f"revert: {{driver: git-revert, repository: work, commits: [{fix}], branch: main}}"
    rollout = start(coordinator, stage, "reverted", f"rollback: {{afterwards: [revert], {revert}, {CONFIRM}}}")
    watching(coordinator, rollout)
    assert roll_back(coordinator, rollout)["done"] is True
    done = until_there(coordinator, rollout, "deployed")
    assert (done["target"], done["version"]) == ("revert", "1.0")
    assert git(remote, "show", "main:app") == "one"


# ------------------------------------------------------------------ what is least bad


def sick(stage: Stage, service: str, more: str) -> dict[str, Any]:
    """A plan whose running version has the bug."""
    stage.error_rate["old"], stage.npe_rate["old"] = 0.4, 0.4
    body = stage.plan(service, phases=WATCHED, more=more, hold="3s")
    plan = body["plan"].replace("known_bad: false", "known_bad: true")
    return {**body, "plan": plan.replace("success: {min", BUG.strip("\n") + "\nsuccess: {min")}


@pytest.mark.parametrize("policy", ["hold", "flag-off", "fix-forward"])
def test_going_back_into_the_outage_is_not_done_without_a_person(coordinator: Local, stage: Stage, policy: str) -> None:
    (stage.folder / "feature").write_text("100")
    feature = (
        'feature: {driver: shell, set: ["./set-feature", "{weight}"], read: ["./read-feature"]}, '
        if policy == "flag-off"
        else ""
    )
    for name in ("set", "read"):
        text = (stage.folder / name).read_text().replace('"weight', '"feature').replace("sys.argv[2]", '"feature"')
        (stage.folder / f"{name}-feature").write_text(text)
        (stage.folder / f"{name}-feature").chmod(0o755)
    body = sick(stage, f"least-{policy}", f"rollback: {{least_bad: {policy}, {feature}{CONFIRM}}}")
    rollout = str(coordinator.api.post("/v1/rollouts", body)["id"])
    watching(coordinator, rollout)
    stage.error_rate["new"] = 0.08
    view = coordinator.until(rollout, lambda view: bool(view["needs_person"]))
    assert (view["status"], stage.weight()) == ("held", 10)
    (chosen,) = of_kind(coordinator, rollout, "least_bad_chosen")
    assert chosen["policy"] == policy
    assert "40.0% of the requests fail on 1.0 now" in chosen["reason"]
    if policy == "flag-off":
        wait_for(lambda: (stage.folder / "feature").read_text() == "0", 10)
    assert roll_back(coordinator, rollout)["done"] is True
    assert stage.weight() == 0


def test_a_canary_that_becomes_worse_than_the_outage_goes_back_by_itself(coordinator: Local, stage: Stage) -> None:
    rollout = str(coordinator.api.post("/v1/rollouts", sick(stage, "worse", f"rollback: {{{CONFIRM}}}"))["id"])
    watching(coordinator, rollout)
    stage.error_rate["new"] = 0.08
    coordinator.until(rollout, lambda view: bool(view["needs_person"]))
    stage.error_rate["new"] = 1.0
    assert coordinator.ended(rollout)["status"] == "rolled back"


# ------------------------------------------------------------------ afterwards


def test_after_a_rollback_the_return_is_confirmed_a_review_drafted_and_the_version_remembered(
    coordinator: Local, stage: Stage
) -> None:
    stage.error_rate["new"] = 0.5
    rollout = start(coordinator, stage, "known-bad", f"rollback: {{{CONFIRM}}}")
    assert coordinator.ended(rollout)["status"] == "rolled back"
    assert "errors 0.00%" in until_there(coordinator, rollout, "recovery_confirmed")["reason"]
    where = Path(until_there(coordinator, rollout, "investigation_opened")["where"])
    assert "known-bad" in where.read_text()
    stage.error_rate["new"] = 0.0
    with pytest.raises(ApiError, match=rf"2\.0 was rolled back .*{rollout}.*--override version"):
        start(coordinator, stage, "known-bad", "")
    body = stage.plan("known-bad", phases=WATCHED)
    body |= {"overrides": ["version"], "reason": "the cause was the database, which is back"}
    again = str(coordinator.api.post("/v1/rollouts", body)["id"])
    roll_back(coordinator, again)


def test_follow_ups_survive_kill_9_and_are_settled_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    more = (
        "follow_ups:\n"
        "  - {id: told, after: 0s, text: Tell stakeholders, who: on-call}\n"
        "  - {id: later, after: 8s, text: The page answers, check: command, command: ['true']}\n"
    )
    try:
        with local(tmp_path / "state") as coordinator:
            phases = "[{weight: 100%, watch: 1s}]"
            rollout = start(coordinator, stage, "followed", more, phases=phases)
            coordinator.ended(rollout)
            until_there(coordinator, rollout, "follow_up_due")
            coordinator.kill_worker()
            coordinator.kill_engine()
            coordinator.up()
            assert until_there(coordinator, rollout, "follow_up_done")["item"] == "later"
            rows = coordinator.api.get("/v1/followups")
            assert [(row["id"], row["status"], row["who"]) for row in rows] == [("told", "due", "on-call")]
            path = f"/v1/rollouts/{rollout}/followups/told/done"
            coordinator.api.post(path, {"by": "ann", "note": "mail sent"})
            assert until_there(coordinator, rollout, "aftermath_ended")["reason"] == "all follow-ups are done"
            assert coordinator.api.get("/v1/followups") == []
    finally:
        stage.close()


def test_follow_ups_go_on_when_the_engines_file_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    more = "follow_ups:\n  - {id: later, after: 8s, text: The page answers, check: command, command: ['true']}\n"
    try:
        with local(tmp_path / "state") as coordinator:
            rollout = start(coordinator, stage, "lost", more, phases="[{weight: 100%, watch: 1s}]")
            coordinator.ended(rollout)
            until_there(coordinator, rollout, "follow_ups_planned")
            coordinator.kill_worker()
            coordinator.kill_engine()
            for file in coordinator.state.glob("engine.db*"):
                file.unlink()
            coordinator.up()
            until_there(coordinator, rollout, "aftermath_ended")
            record = coordinator.api.get(f"/v1/rollouts/{rollout}/events")
            assert [one["number"] for one in record] == list(range(len(record)))
            assert len(of_kind(coordinator, rollout, "follow_up_done")) == 1
            assert len(of_kind(coordinator, rollout, "follow_ups_planned")) == 1
    finally:
        stage.close()


def test_a_revert_that_conflicts_falls_through_to_the_next_way(
    coordinator: Local, stage: Stage, tmp_path: Path
) -> None:
    remote, work = tmp_path / "remote.git", tmp_path / "work"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
    git(tmp_path, "clone", "-q", str(remote), str(work))
    commits = []
    for text in ("one", "two", "three"):
        (work / "app").write_text(text)
        git(work, "add", ".")
        git(work, "commit", "-qm", text)
        commits.append(git(work, "rev-parse", "HEAD"))
    git(work, "push", "-q", "origin", "HEAD:main")
    revert = f"revert: {{driver: git-revert, repository: work, commits: [{commits[1]}], branch: main}}"
    more = SCRIPT + f"rollback: {{methods: [traffic, revert, redeploy], {revert}, {CONFIRM}}}"
    rollout = start(coordinator, stage, "conflict", more)
    watching(coordinator, rollout)
    (stage.folder / "broken").write_text("")
    assert roll_back(coordinator, rollout)["done"] is True
    (back,) = of_kind(coordinator, rollout, "rolled_back")
    assert back["method"] == "redeploy"
    failed = {one["target"]: one["error"] for one in of_kind(coordinator, rollout, "step_failed")}
    assert "conflict" in failed["revert"]
    assert git(remote, "show", "main:app") == "three"
    (stage.folder / "broken").unlink()
