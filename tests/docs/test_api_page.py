"""docs/api.md as somebody reads it: its commands in a shell, one after another, against a real coordinator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pilotage.server.api.models.problem import TELLS
from tests.stage import Stage, local

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
AFTER = "\necho; echo --end--\n"


def test_every_status_that_the_description_knows_is_on_the_page() -> None:
    told = {int(one) for row in re.findall(r"^\| ([0-9, ]+) \|", PAGE, re.MULTILINE) for one in row.split(",")}
    assert told - {405} == set(TELLS) - {408, 500}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's commands are curl's")
def test_the_pages_commands_do_what_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    folder.mkdir()
    stage = Stage(folder)
    try:
        (folder / "plan.yaml").write_text(
            stage.plan(phases="[{weight: 10%, watch: 60s}, {weight: 100%, watch: 2s}]")["plan"]
        )
        with local(tmp_path / "state") as own:
            credentials, listing, latest, begin, back, unknown, paged, live = SHELL
            order = (listing, begin, latest, back, unknown, paged, live)
            script = "set -eu\n" + credentials + "".join(block + AFTER for block in order)
            done = subprocess.run(
                ["sh", "-c", script],
                cwd=folder,
                env={**os.environ, "PILOTAGE_STATE": str(own.state)},
                capture_output=True,
                text=True,
                timeout=180,
            )
            said = done.stdout.split("--end--")
            assert len(said) == len(order) + 1 or done.returncode == 28, done.stderr
            assert json.loads(said[0]) == []
            checked, started = re.findall(r"\{.*?\}(?=\{|\s*$)", said[1], re.DOTALL)
            assert json.loads(checked)["ok"] is True
            rollout = json.loads(started)["id"]
            assert json.loads(said[2])["id"] == rollout
            assert json.loads(said[3])["id"] == rollout
            assert own.ended(rollout)["status"] == "rolled back"
            example = next(one for one in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
            assert {**json.loads(said[4]), "request_id": ""} == {**json.loads(example), "request_id": ""}
            assert re.search(
                r'^link: </v1/audit\?limit=2&cursor=.*>; rel="next"', said[5], re.MULTILINE | re.IGNORECASE
            )
            assert "id: 1\nevent: phase_started\n" in said[6] or "id: 1\nevent: " in said[6]
    finally:
        stage.close()
