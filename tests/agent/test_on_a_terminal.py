"""`pilotage plan --model` as a process: a person at a terminal who approves a command, and one who presses Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.agent.here import KEY
from tests.agent.messages_api import Calls, Hangs, fills, messages_api
from tests.agent.shop import BRIEF, PREVIOUS, VERSION, shop
from tests.cli.terminal import Terminal
from tests.repositories import Repo
from tests.stage import wait_for

WHOLE = f"{BRIEF} Version 2.4.1 replaces 2.4.0. On call: Ann Example @ann."


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    return shop(tmp_path / "shop")


@pytest.mark.parametrize(("answer", "ran"), [("y", True), ("n", False), ("", False)])
def test_a_person_sees_the_exact_command_and_decides(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, answer: str, ran: bool
) -> None:
    script = (Calls("run", {"argv": ["touch", "seen by a person", "a\x1b[2Jb"]}), fills())
    with messages_api(*script) as fake:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", fake.url)
        terminal = Terminal(repo.path, "plan", WHOLE, "--model", "anthropic:sonnet", "-o", "plan.yaml")
        terminal.answer("Run it? [y/N]", answer)
        code = terminal.ended()
        terminal.close()
    assert '"touch" "seen by a person" "a\\u001b[2Jb"' in terminal.shown
    assert (repo.path / "seen by a person").exists() is ran
    assert ("Exit code 0" if ran else "The person said no") in fake.told(1)
    assert code == 2
    assert (repo.path / "plan.yaml").exists()


def test_ctrl_c_gives_the_draft_with_what_was_filled_in(repo: Repo) -> None:
    over = threading.Event()
    with messages_api(fills(VERSION, {**PREVIOUS, "line": 1}), Hangs(over)) as fake:
        process = subprocess.Popen(
            [sys.executable, "-m", "pilotage", "plan", BRIEF, "--model", "anthropic:sonnet", "-o", "plan.yaml"],
            cwd=repo.path,
            env={**os.environ, "ANTHROPIC_BASE_URL": fake.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for(lambda: len(fake.bodies) == 2, 60)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
            over.set()
    assert process.returncode == 2
    assert "it was interrupted; what it had filled in until then is kept" in err
    assert "Traceback" not in err
    assert 'version: "2.4.1"' in (repo.path / "plan.yaml").read_text()
