"""The watchdog by itself: what it does in the silence, and what it takes for a sign of life."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.direct.dog import a_dog, a_door, stays
from tests.direct.world import REDEPLOY, Remains, remains
from tests.planted import found_in
from tests.stage import wait_for

__all__ = ["remains"]

LIMIT_S = 2
SILENCE = f"watchdog: {{silence: {LIMIT_S}s}}\n"


def elsewhere(remains: Remains) -> tuple[Path, str]:
    """Another host's state folder, and the snapshot that its coordinator would give it."""
    remains.leave(more=SILENCE)
    snapshot = remains.state / "rollouts" / f"{remains.rollout}.json"
    other = remains.state.with_name("other")
    other.mkdir(exist_ok=True)
    return other, snapshot.read_text()


def test_a_coordinator_that_is_gone_is_silent_and_the_traffic_goes_back(remains: Remains) -> None:
    remains.leave(more=SILENCE)
    with a_dog(remains.state) as dog:
        dog.says("ROLLED BACK by traffic")
        assert remains.stage.weight() == 0
        (journal,) = remains.journals()
        assert journal["by"].startswith("watchdog@")
        assert "silent for" in journal["reason"]
        dog.says("left alone: it was rolled back directly already")


def test_a_snapshot_that_outlived_its_rollout_is_left_alone(remains: Remains) -> None:
    remains.leave(100, more=SILENCE)
    with closing(sqlite3.connect(remains.state / "pilotage.db")) as database:
        database.execute("CREATE TABLE rollouts (id TEXT, ended BOOLEAN)")
        database.execute("INSERT INTO rollouts VALUES (?, 1)", (remains.rollout,))
        database.commit()
    with a_dog(remains.state) as dog:
        dog.says("its record says that it has ended")
        stays(remains.stage.weight, 100, 1)


def test_a_record_that_another_process_holds_does_not_keep_it_from_acting(remains: Remains) -> None:
    remains.leave(more=SILENCE)
    with closing(sqlite3.connect(remains.state / "pilotage.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE rollouts (id TEXT, ended BOOLEAN)")
        database.execute("BEGIN EXCLUSIVE")
        with a_dog(remains.state) as dog:
            dog.says("ROLLED BACK by traffic")


def test_a_rollout_that_sends_nothing_is_only_noted(remains: Remains) -> None:
    remains.leave(0, more=SILENCE)
    with a_dog(remains.state) as dog:
        dog.says("left alone: every splitter sends 0 % already")
        assert remains.stage.calls() == []
        assert remains.journals() == []


def test_a_rollout_whose_snapshot_was_removed_is_left_alone(remains: Remains) -> None:
    remains.leave(more=SILENCE)
    with a_dog(remains.state) as dog:
        dog.says("the coordinator is silent")
        (remains.state / "rollouts" / f"{remains.rollout}.json").unlink()
        stays(remains.stage.weight, 50, LIMIT_S + 2)


def test_it_goes_on_trying(remains: Remains) -> None:
    remains.leave(more=SILENCE)
    broken = remains.mark("broken")
    with a_dog(remains.state) as dog:
        dog.says("traffic is tried again")
        broken.unlink()
        dog.says("ROLLED BACK by traffic")
        assert remains.stage.weight() == 0


@pytest.mark.parametrize(("probe", "method"), [("'false'", "redeploy"), ("'true'", "traffic"), ("./none", "traffic")])
def test_nothing_is_sent_to_what_its_probe_says_is_gone(remains: Remains, probe: str, method: str) -> None:
    checked = f"probe: {{check: command, command: [{probe}]}}"
    remains.leave(more=SILENCE + REDEPLOY.replace("redeploy]}", f"redeploy], {checked}}}"))
    with a_dog(remains.state) as dog:
        dog.says(f"ROLLED BACK by {method}")
        assert ("nothing is sent to 1.0" in dog.heard) == (method == "redeploy")
        assert remains.stage.weight() == (50 if method == "redeploy" else 0)


def test_one_that_was_stopped_for_longer_than_the_limit_asks_before_it_acts(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
            dog.process.send_signal(signal.SIGSTOP)
            door.shut()
            time.sleep(13)  # longer than any question and the silence take together
            door.open()
            dog.process.send_signal(signal.SIGCONT)
            asked = door.asked
            wait_for(lambda: door.asked > asked + 2, 20)
            assert "GOING BACK" not in dog.heard
            assert remains.stage.weight() == 50


@pytest.mark.parametrize(("status", "kind"), [(401, "application/problem+json"), (404, "application/problem+json")])
def test_a_coordinator_that_refuses_lives(remains: Remains, status: int, kind: str) -> None:
    other, snapshot = elsewhere(remains)
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
            door.status, door.kind = status, kind
            dog.says("the coordinator answers but tells nothing")
            stays(remains.stage.weight, 50, LIMIT_S + 3)


@pytest.mark.parametrize(("status", "kind"), [(502, "text/html"), (404, "text/html"), (500, "application/json")])
def test_a_page_of_another_program_is_no_sign_of_life(remains: Remains, status: int, kind: str) -> None:
    other, snapshot = elsewhere(remains)
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
            door.status, door.kind = status, kind
            dog.says("ROLLED BACK by traffic")


def test_a_coordinator_that_answers_slowly_lives(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
            door.slow_s = 4.0
            stays(remains.stage.weight, 50, 13)
            assert "GOING BACK" not in dog.heard


def test_a_coordinator_that_takes_the_question_and_never_answers_is_silent(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
            door.slow_s = 60.0
            dog.says("ROLLED BACK by traffic", 60)


def test_a_coordinator_that_comes_back_in_time_is_not_acted_for(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
            for _ in range(4):
                door.shut()
                stays(remains.stage.weight, 50, LIMIT_S / 2)
                asked = door.asked
                door.open()
                wait_for(lambda asked=asked: door.asked > asked, 20)
            assert "GOING BACK" not in dog.heard


def test_it_ends_its_try_when_the_coordinator_is_back_and_tells_it(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    remains.mark("broken")
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
            door.shut()
            dog.says("traffic is tried again")
            door.status, door.kind = 503, "text/plain"
            door.open()
            stays(remains.stage.weight, 50, 1)
            assert door.told == []
            door.status, door.kind = 200, "application/json"
            dog.says("the coordinator knows now what was done")
            (journal,) = door.told
            assert (journal["rollout"], journal["method"], journal["finished"]) == (remains.rollout, "", True)


def test_one_that_was_restarted_in_the_silence_still_knows_the_plans(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
        (copy,) = (other / "elsewhere" / "rollouts").glob("*.json")
        assert copy.stat().st_mode & 0o777 == 0o600
    with a_dog(other, "--coordinator", door.url) as dog:
        dog.says("ROLLED BACK by traffic")
        assert remains.stage.weight() == 0


def test_what_was_heard_of_long_ago_is_left_alone(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    copy = other / "elsewhere" / "rollouts" / f"{remains.rollout}.json"
    copy.parent.mkdir(parents=True)
    copy.write_text(snapshot)
    os.utime(copy, (time.time() - 3600, time.time() - 3600))
    with a_dog(other, "--coordinator", "http://127.0.0.1:9") as dog:
        dog.says("it may have ended since")
        stays(remains.stage.weight, 50, 1)


def test_one_that_has_ended_elsewhere_is_forgotten(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("is rolled back")
            door.answers["/v1/watchdog"] = {"rollouts": []}
            wait_for(lambda: not list((other / "elsewhere" / "rollouts").glob("*.json")), 20)
            door.shut()
            stays(remains.stage.weight, 50, LIMIT_S + 3)


def test_a_splitter_that_could_not_be_taken_back_from_here_is_said_at_once(remains: Remains) -> None:
    other, snapshot = elsewhere(remains)
    (remains.stage.folder / "read").unlink()
    with a_door() as door:
        door.runs(remains.rollout, snapshot)
        with a_dog(other, "--coordinator", door.url) as dog:
            dog.says("WARNING splitter: could not be taken back from here")


def test_a_second_one_on_the_same_folder_says_so(remains: Remains) -> None:
    with a_dog(remains.state) as dog:
        dog.says("watches")
        second = remains.pilotage("watchdog")
        assert second.returncode == 5
        assert "already runs" in second.stderr


def test_it_ends_by_itself_when_nothing_runs(remains: Remains) -> None:
    with a_door() as door:
        door.answers["/v1/watchdog"] = {"rollouts": []}
        done = remains.pilotage("watchdog", "--once-idle", "--coordinator", door.url)
    assert done.returncode == 0
    assert "nothing is left to watch" in done.stderr


def test_a_secret_is_in_nothing_that_it_says_or_keeps(remains: Remains) -> None:
    planted = "planted-99c0ffee"
    remains.leave(
        more=f"{SILENCE}notify:\n  - {{driver: webhook, url: 'http://127.0.0.1:9/', secret: {{env: HOOK_KEY}}}}"
    )
    with a_dog(remains.state, HOOK_KEY=planted) as dog:
        dog.says("ROLLED BACK")
        assert planted not in dog.heard
    assert found_in(remains.state, [planted]) == {}


def test_it_is_small(remains: Remains) -> None:
    remains.leave(more=SILENCE)
    with a_dog(remains.state) as dog:
        dog.says("ROLLED BACK")
        assert psutil.Process(dog.process.pid).memory_info().rss < 60e6


def test_it_imports_neither_server_nor_engine_nor_database() -> None:
    code = (
        "import sys, pilotage.cli.watchdog, pilotage.direct.watchdog; import pilotage.drivers.traffic.envoy; "
        "heavy = {'temporalio', 'fastapi', 'uvicorn', 'rich', 'sqlalchemy', 'numpy', 'structlog', 'jinja2'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr.strip() == ""


@pytest.mark.parametrize("every", ["0s", "2h", "soon"])
def test_a_time_between_questions_that_makes_no_sense_is_refused(remains: Remains, every: str) -> None:
    done = remains.pilotage("watchdog", "--every", every)
    assert done.returncode == 2
    assert "--every" in done.stderr
