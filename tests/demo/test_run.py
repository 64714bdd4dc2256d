"""`pilotage demo` as a person meets it, interrupted at its worst moments: nothing may stay behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.stage import wait_for


def parts_of(folder: Path) -> list[psutil.Process]:
    """Every process that was started with this folder in its arguments or its environment, and has not ended."""
    found = []
    for one in psutil.process_iter():
        try:
            if one.status() != psutil.STATUS_ZOMBIE and str(folder) in " ".join(
                [*one.cmdline(), *one.environ().values()]
            ):
                found.append(one)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "PILOTAGE_"))}
    child = subprocess.Popen(
        [sys.executable, "-m", "pilotage", "demo"],
        env={**clean, "PILOTAGE_STATE": str(tmp_path / "state"), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield child
    child.kill()
    child.communicate()
    for left in parts_of(tmp_path):
        left.kill()


@pytest.mark.parametrize(
    ("moment", "file", "number"),
    [
        ("the stage is being set", "envoy.json", signal.SIGINT),
        ("the coordinator has been started, and is not up", "state/coordinator.log", signal.SIGINT),
        ("the engine is starting", "state/engine.json", signal.SIGINT),
        ("the rollout runs", "state/coordinator.json", signal.SIGINT),
        ("it is asked to end", "state/coordinator.json", signal.SIGTERM),
        ("the terminal is closed", "state/coordinator.json", signal.SIGHUP),
    ],
)
def test_an_interrupted_demo_leaves_no_process_and_no_folder(
    moment: str, file: str, number: int, demo: subprocess.Popen[str], tmp_path: Path
) -> None:
    wait_for(lambda: any(tmp_path.glob(f"pilotage-demo-*/{file}")), 30)
    demo.send_signal(number)
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == 130, said
    assert "The demo is taken down" in said
    assert "Traceback" not in said
    assert parts_of(tmp_path) == []
    assert list(tmp_path.glob("pilotage-demo-*")) == []


def test_an_impatient_second_ctrl_c_changes_nothing(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    wait_for(lambda: any(tmp_path.glob("pilotage-demo-*/state/coordinator.json")), 30)
    demo.send_signal(signal.SIGINT)
    wait_for(lambda: not any(tmp_path.glob("pilotage-demo-*/state/coordinator.json")), 30)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert parts_of(tmp_path) == []
