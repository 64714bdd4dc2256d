"""The command line as a person meets it: real processes, real exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.planted import found_in
from tests.stage import Stage, wait_for


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    (folder / "plan.yaml").write_text(stage.plan()["plan"])
    yield stage
    pilotage(stage.folder, "down")
    stage.close()


def pilotage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    state = folder.parent / "state"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "PILOTAGE_"))}
    return subprocess.run(
        [sys.executable, "-m", "pilotage", *arguments],
        cwd=folder,
        env={**clean, "PILOTAGE_STATE": str(state), **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_run_starts_the_coordinator_follows_and_ends_with_0_when_promoted(stage: Stage) -> None:
    done = pilotage(stage.folder, "run", "plan.yaml")
    assert done.returncode == 0, done.stderr
    assert "promoted" in done.stdout
    assert pilotage(stage.folder, "list").stdout.count("promoted") == 1
    written = pilotage(stage.folder, "report", "-o", "report.md")
    assert written.returncode == 0
    assert "## Comparison" in (stage.folder / "report.md").read_text()


def test_run_ends_with_1_when_rolled_back(stage: Stage) -> None:
    stage.error_rate["new"] = 0.5
    assert pilotage(stage.folder, "run", "plan.yaml").returncode == 1


def test_run_in_a_pipe_ends_with_3_when_a_person_is_needed_and_names_the_command(stage: Stage) -> None:
    text = stage.plan(phases="[{weight: 10%, watch: 1s, approval: true}, {weight: 100%, watch: 1s}]")["plan"]
    (stage.folder / "plan.yaml").write_text(text)
    done = pilotage(stage.folder, "run", "plan.yaml")
    assert done.returncode == 3
    assert "approve" in done.stdout
    assert pilotage(stage.folder, "rollback").returncode == 0


def test_a_detached_run_answers_status_pause_and_rollback(stage: Stage) -> None:
    text = stage.plan(phases="[{weight: 10%, watch: 60s}, {weight: 100%, watch: 1s}]")["plan"]
    (stage.folder / "plan.yaml").write_text(text)
    rollout = pilotage(stage.folder, "run", "plan.yaml", "--detach").stdout.strip()
    view = json.loads(pilotage(stage.folder, "status", "--json").stdout)
    assert view["id"] == rollout
    assert rollout in pilotage(stage.folder, "doctor").stdout
    done = pilotage(stage.folder, "rollback", rollout)
    assert (done.returncode, stage.weight()) == (0, 0)


def test_a_wrong_plan_ends_with_2_names_line_and_meaning_and_starts_nothing(stage: Stage) -> None:
    text = stage.plan()["plan"].replace("service: shop", "servise: shop")
    (stage.folder / "plan.yaml").write_text(text)
    done = pilotage(stage.folder, "run", "plan.yaml")
    assert done.returncode == 2
    assert "line 3" in done.stderr
    assert 'Did you mean "service"' in done.stderr
    assert not (stage.folder.parent / "state" / "coordinator.json").exists()


def test_a_missing_secret_is_named_with_its_line_and_starts_nothing(stage: Stage) -> None:
    more = "notify:\n  - {driver: webhook, url: {env: NO_SUCH_HOOK}}"
    (stage.folder / "plan.yaml").write_text(stage.plan(more=more)["plan"])
    done = pilotage(stage.folder, "check", "plan.yaml")
    assert done.returncode == 2
    assert "NO_SUCH_HOOK" in done.stderr


def test_a_secret_is_in_no_file_of_the_state(stage: Stage) -> None:
    planted = "planted-7f3a9c"
    more = "notify:\n  - {driver: webhook, url: 'http://127.0.0.1:9/', secret: {env: HOOK_KEY}}"
    (stage.folder / "plan.yaml").write_text(stage.plan(more=more)["plan"])
    assert pilotage(stage.folder, "run", "plan.yaml", HOOK_KEY=planted).returncode == 0
    pilotage(stage.folder, "down")
    assert found_in(stage.folder.parent / "state", [planted]) == {}


def test_a_coordinator_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    done = pilotage(tmp_path, "status", PILOTAGE_URL="http://127.0.0.1:9")
    assert done.returncode == 4
    assert "`pilotage up` starts one" in done.stderr


HEAVY = {"temporalio", "pydantic", "fastapi", "httpx", "rich", "sqlalchemy", "pandas", "mcp"}
MODELS = {"pydantic_ai", "anthropic", "openai", "google.genai"}


def imported_by(code: str, *names: str) -> str:
    """Which of `names` are there after `code`, and what went wrong."""
    asked = f"import sys\n{code}\nsys.exit(', '.join({set(names)!r} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False).stderr.strip()


def test_the_light_commands_import_nothing_heavy() -> None:
    assert imported_by("import pilotage.cli.main, pilotage.cli.client", *HEAVY, *MODELS, "pilotage.agent") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["rollback"],
        ["ask", "latest", "why?"],
        ["plan", "Payment hot-fix. P0. Production.", "--json"],
        ["plan", "Payment hot-fix. P0. Production.", "--no-repository"],
    ],
)
def test_without_model_no_command_imports_what_speaks_to_one(arguments: list[str]) -> None:
    """The commands really run: `status`, `rollback` and `ask` against a coordinator that is not there."""
    code = (
        "import os, contextlib, io\n"
        "os.environ['PILOTAGE_URL'] = 'http://127.0.0.1:9'\n"
        f"sys.argv = ['pilotage', *{arguments!r}]\n"
        "from pilotage.cli.main import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as out, "
        "contextlib.redirect_stderr(io.StringIO()) as err:\n"
        "    main()\n"
        "assert 'coordinator' in err.getvalue() or 'Payment' in out.getvalue(), err.getvalue()"
    )
    more = () if arguments[0] == "plan" else HEAVY
    assert imported_by(code, *MODELS, *more) == ""


def test_down_returns_when_the_coordinator_and_its_engine_have_really_ended(stage: Stage) -> None:
    assert pilotage(stage.folder, "run", "--detach", "plan.yaml").returncode == 0
    up = json.loads(pilotage(stage.folder, "doctor", "--json").stdout)
    running = [psutil.Process(up["pid"]), psutil.Process(up["engine_pid"])]
    assert "has stopped" in pilotage(stage.folder, "down").stdout
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in running)
    assert not (stage.folder.parent / "state" / "engine.json").exists()
    assert "No coordinator is running" in pilotage(stage.folder, "down").stdout


def test_down_ends_a_coordinator_that_is_still_starting(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    starting = subprocess.Popen(
        [sys.executable, "-m", "pilotage", "up", "--quiet"],
        env={**os.environ, "PILOTAGE_STATE": str(state)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: (state / "engine.json").exists(), 30)
        engine = psutil.Process(json.loads((state / "engine.json").read_text())["pid"])
        said = pilotage(tmp_path, "down", PILOTAGE_STATE=str(state)).stdout
        assert f"The coordinator (pid {starting.pid}) has stopped" in said
        assert starting.poll() == 0
        assert not engine.is_running()
    finally:
        starting.kill()
        starting.wait()
