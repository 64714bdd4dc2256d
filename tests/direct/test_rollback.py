"""`pilotage rollback --direct` where nothing is left but a snapshot and the splitters themselves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.handover import snapshots
from tests.direct.world import REDEPLOY, Remains, remains
from tests.planted import found_in
from tests.stage import wait_for

__all__ = ["remains"]


def test_a_snapshot_is_all_that_it_needs(remains: Remains) -> None:
    remains.leave()
    done = remains.rollback("--direct", remains.rollout, "--reason", "errors at night")
    assert (done.returncode, remains.stage.weight()) == (0, 0), done.stderr
    assert "splitter: 0 % in force" in done.stdout
    (journal,) = remains.journals()
    assert (journal["method"], journal["finished"], journal["reason"]) == ("traffic", True, "errors at night")
    assert list((remains.state / "calls").iterdir()) == []


def test_it_is_noted_before_anything_is_touched(remains: Remains) -> None:
    remains.leave()
    remains.mark("slow", "20")
    trying = remains.begin("--direct")
    wait_for(lambda: bool(remains.stage.calls()), 30)
    (journal,) = remains.journals()
    trying.kill()
    trying.wait()
    assert (journal["method"], journal["finished"], journal["ways"]) == ("", False, ["traffic"])
    assert next((remains.state / "direct" / remains.rollout).glob("*.json")).stat().st_mode & 0o777 == 0o600


def test_the_newest_is_meant_when_none_is_named(remains: Remains) -> None:
    remains.leave()
    assert remains.rollback("--direct").returncode == 0
    assert remains.stage.weight() == 0


def test_a_splitter_that_fails_is_tried_again_while_the_next_way_begins(remains: Remains) -> None:
    remains.leave(more=REDEPLOY)
    remains.mark("broken")
    done = remains.rollback("--direct", remains.rollout)
    assert done.returncode == 0, done.stderr
    assert (remains.stage.folder / "deployed").read_text().split() == ["1.0"]
    assert "the splitter is broken" in done.stdout
    assert "beside it redeploy begins" in done.stdout
    assert "rolled back by redeploy" in done.stdout
    assert "in force: splitter 50 %" in done.stdout
    assert remains.journals()[0]["method"] == "redeploy"


def test_a_driver_that_cannot_be_used_here_does_not_stop_the_next_way(remains: Remains) -> None:
    remains.leave(more=REDEPLOY)
    snapshot = remains.state / "rollouts" / f"{remains.rollout}.json"
    snapshot.write_text(
        snapshot.read_text().replace(
            '"name":"splitter","kind":"traffic","ref":{"driver":"shell"',
            '"name":"splitter","kind":"traffic","ref":{"driver":"strange"',
        )
    )
    done = remains.rollback("--direct", remains.rollout)
    assert "the driver strange cannot be used on this host: it is not installed here" in done.stdout
    assert (done.returncode, remains.journals()[0]["method"]) == (0, "redeploy")


def test_a_splitter_that_comes_back_is_set_in_the_end(remains: Remains) -> None:
    remains.leave()
    broken = remains.mark("broken")
    trying = remains.begin("--direct")
    assert trying.stdout is not None
    for line in trying.stdout:
        if "is tried again" in line:
            broken.unlink(missing_ok=True)
    assert (trying.wait(30), remains.stage.weight()) == (0, 0)


def test_a_command_that_is_slow_is_waited_for_and_not_started_twice(remains: Remains) -> None:
    remains.leave()
    remains.mark("slow", "12")
    done = remains.rollback("--direct")
    assert "no answer within 10 s" in done.stdout
    assert (done.returncode, remains.stage.weight()) == (0, 0)
    assert len(remains.stage.calls()) == 2


def test_a_hopeless_try_ends_within_the_time_asked_for_and_says_what_is_in_force(remains: Remains) -> None:
    remains.leave()
    remains.mark("broken")
    done = remains.rollback("--direct", remains.rollout, "--within", "2")
    assert done.returncode == 4
    assert "in force: splitter 50 %" in done.stdout
    assert "NOT ROLLED BACK" in done.stdout
    (journal,) = remains.journals()
    assert (journal["method"], journal["finished"]) == ("", True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_with_what_was_reached(remains: Remains, number: signal.Signals) -> None:
    remains.leave()
    remains.mark("broken")
    trying = remains.begin("--direct")
    assert trying.stdout is not None
    said = [next(trying.stdout) for _ in range(2)]
    trying.send_signal(number)
    said += list(trying.stdout)
    assert trying.wait(30) == 4
    assert "in force: splitter 50 %" in "".join(said)
    assert remains.journals()[0]["finished"]


def test_a_terminal_that_goes_away_does_not_end_it(remains: Remains) -> None:
    remains.leave()
    broken = remains.mark("broken")
    trying = remains.begin("--direct")
    assert trying.stdout is not None
    next(trying.stdout)
    trying.stdout.close()
    trying.send_signal(signal.SIGHUP)
    broken.unlink()
    trying.wait(60)
    assert remains.stage.weight() == 0
    assert remains.journals()[0]["method"] == "traffic"


def test_a_state_folder_that_cannot_be_written_does_not_stop_it(remains: Remains) -> None:
    remains.leave()
    (remains.state / "direct").write_text("a file where a folder should be")
    (remains.state / "calls").write_text("here, too")
    done = remains.rollback("--direct")
    assert "the coordinator will not know of it" in done.stdout
    assert (done.returncode, remains.stage.weight()) == (0, 0)


@pytest.mark.parametrize("name", ["the id", "latest"])
def test_a_snapshot_that_is_damaged_is_said_with_what_helps(remains: Remains, name: str) -> None:
    remains.leave()
    snapshot = remains.state / "rollouts" / f"{remains.rollout}.json"
    snapshot.write_text(snapshot.read_text()[:200])
    done = remains.rollback("--direct", remains.rollout if name == "the id" else name)
    assert done.returncode == 4
    assert "is damaged" in done.stderr
    assert "`pilotage rollback --direct plan.yaml`" in done.stderr
    assert remains.rollback("--direct", "plan.yaml").returncode == 0
    assert remains.stage.weight() == 0


def test_a_plan_file_takes_the_id_of_its_rollout(remains: Remains) -> None:
    remains.leave()
    assert remains.rollback("--direct", "plan.yaml").returncode == 0
    assert remains.journals()[0]["rollout"] == remains.rollout


def test_a_plan_file_is_enough(remains: Remains) -> None:
    remains.leave()
    (remains.state / "rollouts" / f"{remains.rollout}.json").unlink()
    assert remains.rollback("--direct", "plan.yaml").returncode == 0
    assert remains.stage.weight() == 0
    assert remains.journals("shop")[0]["rollout"] == ""


def test_a_secret_that_is_not_here_and_not_needed_does_not_stop_a_plan_file(remains: Remains) -> None:
    remains.leave(more="notify:\n  - {driver: webhook, url: {env: NO_SUCH_HOOK}}")
    assert remains.rollback("--direct", "plan.yaml").returncode == 0
    assert remains.stage.weight() == 0


def test_an_id_that_is_not_known_is_said_with_those_that_are(remains: Remains) -> None:
    remains.leave()
    done = remains.rollback("--direct", "shop-0101-000000-0000")
    assert done.returncode == 4
    assert remains.rollout in done.stderr
    assert remains.rollback("--direct", "..%2F..").returncode == 4
    assert remains.stage.weight() == 50


def test_a_plan_file_without_direct_is_said(remains: Remains) -> None:
    remains.leave()
    done = remains.rollback("plan.yaml")
    assert done.returncode == 2
    assert "`pilotage rollback --direct plan.yaml`" in done.stderr


def test_the_newest_of_another_host_is_not_guessed(remains: Remains) -> None:
    remains.leave()
    done = remains.rollback(PILOTAGE_URL="http://127.0.0.1:9", PILOTAGE_TOKEN="x")
    assert done.returncode == 4
    assert "Say which one" in done.stderr
    assert remains.stage.weight() == 50
    assert remains.rollback(remains.rollout, PILOTAGE_URL="http://127.0.0.1:9").returncode == 0
    assert remains.stage.weight() == 0


def test_a_secret_is_in_no_journal_and_no_output(remains: Remains) -> None:
    planted = "planted-4c1d77e0"
    remains.leave(more="notify:\n  - {driver: webhook, url: 'http://127.0.0.1:9/', secret: {env: HOOK_KEY}}")
    done = remains.rollback("--direct", "--reason", f"token={planted}", HOOK_KEY=planted)
    assert done.returncode == 0
    assert planted not in done.stdout + done.stderr
    assert found_in(remains.state, [planted]) == {}


def test_it_answers_a_program_in_json(remains: Remains) -> None:
    remains.leave()
    answer = json.loads(remains.rollback("--direct", "--json").stdout)
    assert (answer["id"], answer["done"], answer["method"]) == (remains.rollout, True, "traffic")


def test_going_back_imports_neither_server_nor_engine_nor_database() -> None:
    code = (
        "import sys, pilotage.cli.direct, pilotage.direct.back, pilotage.direct.finding; "
        "import pilotage.drivers.traffic.envoy; "
        "heavy = {'temporalio', 'fastapi', 'uvicorn', 'rich', 'sqlalchemy', 'numpy', 'structlog', 'jinja2'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stderr.strip() == ""


def test_the_state_folder_of_another_user_is_a_sentence(remains: Remains, tmp_path: Path) -> None:
    done = remains.rollback("--direct", PILOTAGE_STATE=str(tmp_path / "stage" / "plan.yaml" / "x"))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("phase", "undone"), [(None, ["web3", "web2", "web1"]), (2, ["web2", "web1"]), (1, ["web1"]), (0, [])]
)
def test_of_a_rolling_deployment_what_was_begun_is_undone_and_all_of_it_when_nobody_knows(
    remains: Remains, phase: int | None, undone: list[str]
) -> None:
    remains.leave_rolling()
    if phase is not None:
        snapshots.reach(remains.state, remains.rollout, phase)
    done = remains.rollback("--direct", remains.rollout)
    assert done.returncode == 0, done.stderr
    deployed = remains.stage.folder / "deployed"
    assert (deployed.read_text().split() if deployed.exists() else []) == [f"{name}-1.0" for name in undone]
    assert "rolled back by redeploy" in done.stdout
    assert "in force" not in done.stdout
