"""Before a rollout, as a person meets it on the command line: one coordinator, real processes, real exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.cli.test_commands import pilotage
from tests.stage import Stage

CHECKLIST = """
checklist:
  - {id: tested, part: preparation, text: The hot-fix is tested}
  - {id: told, part: preparation, text: Everybody knows, required: false}
  - {id: built, part: technical, text: The build is green, check: command, command: [./built]}
  - {id: rehearsal, part: technical, text: The way back was rehearsed, check: rehearsed}
  - {id: somebody, part: team, text: Somebody is on call, check: on-call}
contacts:
  - {role: on-call, name: Ann, reach: "@ann"}
"""
WATCHED = "[{weight: 10%, watch: 60s}, {weight: 100%, watch: 60s}]"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("before") / "stage"
    folder.mkdir()
    stage = Stage(folder)
    yield stage
    pilotage(folder, "down")
    stage.close()


def write(stage: Stage, service: str, more: str = CHECKLIST, green: bool = True) -> None:
    (stage.folder / "plan.yaml").write_text(stage.plan(service, phases=WATCHED, more=more)["plan"])
    (stage.folder / "built").write_text(f"#!/bin/sh\necho looked\nexit {0 if green else 1}\n")
    (stage.folder / "built").chmod(0o755)


def said(stage: Stage, *words: str, code: int = 0) -> str:
    done = pilotage(stage.folder, *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def typed_commands(text: str) -> list[list[str]]:
    """What a refusal tells to type, with a reason filled in."""
    return [one.replace("TEXT", "because").split()[1:] for one in re.findall(r"`(pilotage [^`]+)`", text)]


def test_whoever_types_what_is_told_gets_the_rollout_started(stage: Stage) -> None:
    write(stage, "led", green=True)
    refused = said(stage, "run", "plan.yaml", code=3)
    assert "2 required items are open" in refused
    for command in typed_commands(refused):
        if command[0] in ("tick", "rehearse"):
            said(stage, *command)
    assert "Nothing required is open: `pilotage run plan.yaml`." in said(stage, "checklist", "plan.yaml")
    rollout = said(stage, "run", "plan.yaml", "--detach").strip()
    assert rollout.startswith("led-")
    said(stage, "rollback", rollout)


def test_the_checklist_shows_four_parts_who_ticked_and_what_to_type(stage: Stage) -> None:
    write(stage, "shown", green=False)
    said(stage, "tick", "plan.yaml", "tested", "told", "--by", "Tess", "--note", "on staging")
    text = said(stage, "checklist", "plan.yaml", code=3)
    parts = [line for line in text.splitlines() if line in ("Preparation", "Technical readiness", "Team readiness")]
    assert len(parts) == 3
    assert re.search(r"\[x\] tested +The hot-fix is tested\n +Tess, .*UTC: on staging", text)
    assert re.search(r"\[!\] built +The build is green\n +\./built ended with 1: looked", text)
    assert "`pilotage run plan.yaml --override built --reason TEXT`" in text
    assert "2 required items are open." in text
    view = json.loads(said(stage, "checklist", "plan.yaml", "--json", code=3))
    assert {one["id"]: one["mark"] for one in view["items"]}["tested"] == "done"
    assert [one["sentence"] for one in view["timeline"]][-1] == "told ticked: on staging"
    assert said(stage, "checklist", view["id"], code=3).splitlines()[0] == text.splitlines()[0]
    assert "the tick is taken back by Tess" in said(stage, "tick", view["id"], "tested", "--undo", "--by", "Tess")
    assert "3 required items are open." in said(stage, "checklist", "plan.yaml", code=3)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("tick", "plan.yaml", "built"), "built is looked up (command), nobody ticks it. If it cannot hold: `pilotage"),
        (("tick", "plan.yaml", "testd"), "Did you mean tested?"),
        (("tick", "plan.yaml", "tested", "--by", ""), "recorded under a person's name"),
        (("tick", "none.yaml", "tested"), "there is no plan file none.yaml"),
        (("tick", "wrong-12345678", "tested"), "`pilotage plans` shows those that are known"),
        (("checklist", "wrong-12345678"), "there is no plan 'wrong-12345678'"),
        (("run", "plan.yaml", "--override", "built"), "overriding built needs a reason: --reason TEXT"),
        (("run", "plan.yaml", "--override", "built", "--reason", "x"), "overriding built needs a reason"),
        (("run", "plan.yaml", "--override", "bilt", "--reason", "because"), "Did you mean built?"),
        (("run", "plan.yaml", "--override", "metrics", "--reason", "because"), "metrics cannot be overridden: without"),
        (("run", "plan.yaml", "--at-window"), "this plan has no window to wait for"),
        (("freeze", "--reason", "x", "--until", "soon"), "expected a time such as"),
        (("freeze", "--reason", "the sale", "--until", "2001-01-01 00:00"), "not in the past"),
        (("unfreeze", "nothing"), "there is no freeze 'nothing'"),
        (("unlock", "refusals", "--environment", "test"), "is not locked"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(stage: Stage, words: tuple[str, ...], answer: str) -> None:
    write(stage, "refusals", green=False)
    assert answer in said(stage, *words, code=2)


def test_an_override_is_in_the_record_of_the_rollout(stage: Stage) -> None:
    write(stage, "late-build", green=False)
    said(stage, "tick", "plan.yaml", "tested")
    given = ("--override", "built", "--override", "rehearsal", "--reason", "the CI is down")
    rollout = said(stage, "run", "plan.yaml", "--detach", *given).strip()
    began = said(stage, "checklist", rollout)
    assert re.search(r"\[-\] built .*\n .*the CI is down \(it was failed: ./built ended with 1", began)
    said(stage, "rollback", rollout)
    report = said(stage, "report", rollout)
    assert "built overridden (The build is green): the CI is down (it was failed:" in report
    assert "already" not in said(stage, "checklist", "plan.yaml", code=3)
    assert f"it was started as {rollout}" in said(stage, "forget", "plan.yaml", code=2)


def test_a_freeze_and_a_lock_are_shown_lifted_and_kept(stage: Stage) -> None:
    write(stage, "closed", more="")
    until = ("--until", "2099-12-27 00:00", "--zone", "Europe/Berlin")
    made = said(stage, "freeze", "--service", "closed", "--reason", "the winter sale", "--by", "Bo", *until)
    freeze = made.split()[0]
    refused = said(stage, "run", "plan.yaml", code=3)
    assert "closed is frozen by Bo until 2099-12-26 23:00 UTC: the winter sale" in refused
    assert "A hot-fix may go through: `pilotage run plan.yaml --override freeze --reason TEXT`" in refused
    said(stage, "lock", "closed", "--environment", "test", "--reason", "the database moves", "--by", "Cy")
    refused = said(stage, "run", "plan.yaml", "--override", "freeze", "--reason", "checkout is down", code=3)
    assert "locked by Cy" in refused
    assert "lifted" not in said(stage, "freezes")
    for command in typed_commands(refused):
        said(stage, *command, "--by", "Cy", "--reason", "moved")
    said(stage, "unfreeze", freeze, "--by", "Bo", "--reason", "over")
    assert re.search(r"the winter sale; lifted by Bo, .*: over", said(stage, "freezes", "--all"))
    assert re.search(r"the database moves; unlocked by Cy, .*: moved", said(stage, "locks", "--all"))
    assert said(stage, "locks").strip() == "Nobody has locked anything."


def test_a_plan_that_waits_for_its_window_is_shown_until_it_is_called_off(stage: Stage) -> None:
    window = 'start: {from: "2099-01-14 22:00", until: "2099-01-15 02:00", zone: Europe/Berlin}'
    write(stage, "waiting", more=window + CHECKLIST)
    answer = said(stage, "run", "plan.yaml", "--at-window")
    assert "starts by itself in the window 2099-01-14 22:00 to 2099-01-15 02:00 Europe/Berlin, which opens in" in answer
    (plan,) = re.findall(r"`pilotage forget (waiting-\w{8})`", answer)
    row = next(line for line in said(stage, "plans").splitlines() if plan in line)
    assert "by itself, asked for by" in row
    assert "to tick: tested" in row
    assert plan in said(stage, "doctor")
    assert "which opens in" in said(stage, "run", "plan.yaml", code=3)
    said(stage, "forget", plan)
    assert plan not in said(stage, "plans")
