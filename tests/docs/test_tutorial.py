"""The tutorial's commands, run one after the other as a reader would."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from tests.stage import wait_for

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
COMMANDS = [line.removeprefix("$ ") for line in PAGE.read_text().splitlines() if line.startswith("$ ")]


def test_every_command_of_the_tutorial_works_in_its_order(tmp_path: Path) -> None:
    folder = tmp_path / "play"
    folder.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "PILOTAGE_"))}
    environment = {**clean, "PILOTAGE_STATE": str(tmp_path / "state")}

    def argv(line: str) -> list[str]:
        words = shlex.split(line)
        assert words[0] == "pilotage"
        return [sys.executable, "-m", *words]

    assert COMMANDS[0] == "pilotage demo --serve"
    stage = subprocess.Popen(argv(COMMANDS[0]), cwd=folder, env=environment, stdout=subprocess.PIPE)
    try:
        wait_for(lambda: (folder / "plan.yaml").exists(), 30)
        for line in COMMANDS[1:]:
            done = subprocess.run(
                argv(line), cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            if "pause" in line:
                assert "paused" in done.stdout
        assert "Rolled back to 2.4.0" in (folder / "report.md").read_text()
    finally:
        stage.send_signal(signal.SIGINT)
        stage.wait(15)
