"""Blue-green and rolling rollouts on the real engine, with commands as deployers, pool and checks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_rollouts import order
from tests.stage import Local, Stage, local, wait_for

SCRIPT = """#!{python} -S
import pathlib, sys, time
here, name, words = pathlib.Path(__file__).parent, pathlib.Path(__file__).name, sys.argv[1:]
with open(here / "done.log", "a") as log: log.write(" ".join([name, *words]) + "\\n")
{body}
"""
BODIES = {
    "deploy": "",
    "smoke": 'sys.exit("green is broken" if (here / "broken-green").exists() else 0)',
    "scale": 'sys.exit("quota exceeded" if (here / "no-quota").exists() else 0)',
    # A server: its version is a file; the share of new ones is what the counters follow.
    "install": """
if (here / "slow").exists(): time.sleep(4)
(here / f"{words[0]}.version").write_text(words[1])
new = sum((here / f"web{n}.version").read_text() == "2.0" for n in (1, 2, 3))
(here / "weight").write_text(str(100 * new / 3))""",
    "drain": '(here / f"{words[0]}.state").write_text("drained")',
    "ready": '(here / f"{words[0]}.state").write_text("ready")',
    "states": 'print("\\n".join(f"web{n} " + (here / f"web{n}.state").read_text() for n in (1, 2, 3)))',
    "healthy": """
sick = (here / f"{words[0]}.sick").exists() and (here / f"{words[0]}.version").read_text() == "2.0"
sys.exit("it does not answer" if sick else 0)""",
}
BLUE_GREEN = """
blue_green:
  live: blue
  idle: green
  test: [{name: smoke, check: command, command: ["./smoke", "{idle}"], within: 0.5s}]
  warm: %s
  tick: 0.5s
  release: {driver: shell, command: ["./scale", "{live}", "0"]}
deploy: [{name: script, driver: shell, command: ["./deploy", "{idle}", "{version}"]}]
"""
ROLLING = """
rolling:
  servers: [web1, web2, web3]
  watch: 2s
  healthy_within: 0.5s
  pool: {driver: shell, drain: ["./drain", "{server}"], ready: ["./ready", "{server}"], states: ["./states"]}
  health: {check: command, command: ["./healthy", "{server}"]}
deploy: [{driver: shell, command: ["./install", "{server}", "{version}"]}]
"""


@pytest.fixture
def stage(stage: Stage, tmp_path: Path) -> Stage:
    for name, body in BODIES.items():
        (stage.folder / name).write_text(SCRIPT.format(python=sys.executable, body=body))
        (stage.folder / name).chmod(0o755)
    for number in (1, 2, 3):
        (stage.folder / f"web{number}.version").write_text("1.0")
        (stage.folder / f"web{number}.state").write_text("ready")
    return stage


def started(coordinator: Local, body: dict[str, Any], strategy: str, without: tuple[str, ...] = ()) -> str:
    lines = body["plan"].replace("strategy: canary", f"strategy: {strategy}").splitlines()
    body["plan"] = "\n".join(line for line in lines if not line.startswith(without)) if without else "\n".join(lines)
    return str(coordinator.api.post("/v1/rollouts", body)["id"])


def blue_green(coordinator: Local, stage: Stage, service: str, warm: str = "1s", watch: str = "2s") -> str:
    phases = f"[{{weight: 100%, watch: {watch}}}]"
    return started(coordinator, stage.plan(service, phases=phases, more=BLUE_GREEN % warm), "blue-green")


def rolling(coordinator: Local, stage: Stage, service: str) -> str:
    return started(
        coordinator, stage.plan(service, more=ROLLING), "rolling", ("phases:", "traffic:", "  - {name: splitter")
    )


def done(stage: Stage, *names: str) -> list[str]:
    """What was called by these commands, in order."""
    log = stage.folder / "done.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [line for line in lines if line.split()[0] in names]


def told(coordinator: Local, rollout: str, *kinds: str) -> list[dict[str, Any]]:
    events = (one["event"] for one in coordinator.api.get(f"/v1/rollouts/{rollout}/events"))
    return [one for one in events if one["kind"] in kinds]


def test_the_idle_colour_is_tested_switched_to_kept_warm_and_then_the_old_one_is_released(
    coordinator: Local, stage: Stage
) -> None:
    rollout = blue_green(coordinator, stage, "bluegreen")
    assert (coordinator.ended(rollout)["status"], stage.weight()) == ("promoted", 100)
    coordinator.until(rollout, lambda _: bool(told(coordinator, rollout, "released")))
    assert done(stage, "deploy", "smoke", "scale") == ["deploy green 2.0", "smoke green", "scale blue 0"]
    names = [one["name"] for one in told(coordinator, rollout, "phase_started")]
    assert names == ["baseline", "test green", "switch to green", "blue kept warm"]


def test_a_green_that_fails_its_test_never_gets_a_request(coordinator: Local, stage: Stage) -> None:
    (stage.folder / "broken-green").touch()
    rollout = blue_green(coordinator, stage, "broken-green")
    view = coordinator.ended(rollout)
    assert view["status"] == "rolled back"
    assert "the smoke test fails after 0.5 s" in view["reason"]
    assert [one["in_force"] for one in told(coordinator, rollout, "weight_set")] == [0]


def test_one_call_switches_back_also_while_the_old_colour_is_only_kept_warm(coordinator: Local, stage: Stage) -> None:
    rollout = blue_green(coordinator, stage, "warm", warm="60s", watch="1s")
    coordinator.until(rollout, lambda view: view["phase"] == 3 and view["status"] == "watching")
    assert order(coordinator, rollout, "rollback")["done"] is True
    assert stage.weight() == 0
    assert told(coordinator, rollout, "rolled_back")[0]["method"] == "switch"
    assert done(stage, "scale") == []


def test_a_release_that_fails_undoes_nothing(coordinator: Local, stage: Stage) -> None:
    (stage.folder / "no-quota").touch()
    rollout = blue_green(coordinator, stage, "unreleased")
    assert coordinator.ended(rollout)["status"] == "promoted"
    coordinator.until(rollout, lambda _: bool(done(stage, "scale")))
    assert (coordinator.view(rollout)["status"], stage.weight()) == ("promoted", 100)


def test_servers_are_changed_one_after_the_other_each_out_of_rotation(coordinator: Local, stage: Stage) -> None:
    rollout = rolling(coordinator, stage, "rolls")
    view = coordinator.ended(rollout)
    assert (view["status"], view["weight_in_force"]) == ("promoted", 100)
    calls = [line.split()[:2] for line in done(stage, "drain", "install", "ready")]
    assert calls == [[name, f"web{n}"] for n in (1, 2, 3) for name in ("drain", "install", "ready")]
    assert [one["share"] for one in told(coordinator, rollout, "deployed")] == [33.3, 66.7, 100]
    assert "well after" in told(coordinator, rollout, "deployed")[0]["detail"]


def test_a_server_that_fails_stops_it_and_what_was_done_is_undone_in_reverse(coordinator: Local, stage: Stage) -> None:
    (stage.folder / "web2.sick").touch()
    rollout = rolling(coordinator, stage, "sick")
    view = coordinator.ended(rollout)
    assert view["status"] == "rolled back"
    assert "web2: not healthy after 0.5 s" in view["reason"]
    installs = ["install web1 2.0", "install web2 2.0", "install web2 1.0", "install web1 1.0"]
    assert done(stage, "install") == installs
    assert {(stage.folder / f"web{n}.state").read_text() for n in (1, 2, 3)} == {"ready"}
    assert view["weight_in_force"] == 0


def test_the_judge_sends_servers_back_as_it_does_traffic(coordinator: Local, stage: Stage) -> None:
    stage.error_rate["new"] = 0.4
    rollout = rolling(coordinator, stage, "worse")
    view = coordinator.ended(rollout)
    assert (view["status"], stage.weight()) == ("rolled back", 0)
    assert done(stage, "install") == ["install web1 2.0", "install web1 1.0"]
    assert told(coordinator, rollout, "rolled_back")[0]["method"] == "redeploy"


def test_a_batch_goes_on_where_it_stopped_when_everything_is_killed(stage: Stage, tmp_path: Path) -> None:
    (stage.folder / "slow").touch()
    with local(tmp_path / "state") as own:
        rollout = rolling(own, stage, "killed")
        wait_for(lambda: bool(done(stage, "install")), 60)
        own.kill_worker()
        own.kill_engine()
        (stage.folder / "slow").unlink()
        own.up()
        view = own.ended(rollout, 120)
    assert view["status"] == "promoted", view["reason"]
    assert done(stage, "install") == [f"install web{n} 2.0" for n in (1, 2, 3)]
    assert done(stage, "drain") == [f"drain web{n}" for n in (1, 2, 3)]
