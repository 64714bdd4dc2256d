"""The steps of the action and of the template, carried out as their runners do.

GitHub's: docs.github.com/actions/reference/workflows-and-actions/workflow-syntax, under jobs.<id>.steps[*].shell.
GitLab's: docs.gitlab.com/ci/yaml, under script; one shell that ends with the first command that fails.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = YAML(typ="safe").load(ROOT / "integrations" / "github" / "action.yml")
TEMPLATE: dict[str, Any] = YAML(typ="safe").load(ROOT / "integrations" / "gitlab" / "pilotage.yml")
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")


@dataclass
class Ran:
    code: int
    out: str
    err: str
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""


def clean() -> dict[str, str]:
    """What a job has of this process: the way to programs, and to this `pilotage`."""
    bad = ("TEMPORAL_", "PILOTAGE_", "GITHUB_", "CI_", "GITLAB_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(bad)}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def action(workspace: Path, environment: dict[str, str], **inputs: str) -> Ran:
    """Every step of the action in `workspace`. An expression that this runner does not know fails."""
    temp = workspace.parent / "runner"
    temp.mkdir(exist_ok=True)
    given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}
    given |= {name.replace("_", "-"): value for name, value in inputs.items()}
    given = {name: _filled(value, {}, environment) for name, value in given.items()}
    files = {name: temp / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH", "GITHUB_ENV")}
    for file in files.values():
        file.write_text("")
    base = {**clean(), **environment, "RUNNER_TEMP": str(temp), **{name: str(file) for name, file in files.items()}}
    out = err = ""
    code = 0
    for step in ACTION["runs"]["steps"]:
        if "if" in step and not _holds(step["if"], given):
            continue
        assert step["shell"] == "bash"
        script = temp / "step.sh"
        script.write_text(step["run"])
        own = {name: _filled(value, given, environment) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            [*BASH, str(script)], cwd=workspace, env={**base, **own}, capture_output=True, text=True, timeout=100
        )
        code, out, err = done.returncode, out + done.stdout, err + done.stderr
        if code:
            break
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return Ran(code, out, err, outputs, files["GITHUB_STEP_SUMMARY"].read_text())


def _holds(condition: str, inputs: dict[str, str]) -> bool:
    found = re.fullmatch(r"inputs\.([\w-]+) != ''", condition)
    assert found, condition
    return inputs[found[1]] != ""


def _filled(value: str, inputs: dict[str, str], environment: dict[str, str]) -> str:
    found = re.fullmatch(r"\$\{\{ (?:inputs\.([\w-]+)|(github\.token)) \}\}", value)
    if not found:
        assert "${{" not in value, value
        return value
    return environment.get("GITHUB_TOKEN", "") if found[2] else inputs[found[1]]


def job(name: str, workspace: Path, environment: dict[str, str], **variables: str) -> Ran:
    """A job of the template that somebody extends."""
    parent, child = TEMPLATE[".pilotage"], TEMPLATE[name]
    assert child["extends"] == ".pilotage"
    given = {**parent["variables"], **child.get("variables", {}), **variables}
    script = "\n".join([*parent["before_script"], *child["script"]])
    done = subprocess.run(
        [*BASH, "-c", script],
        cwd=workspace,
        env={**clean(), **environment, **given},
        capture_output=True,
        text=True,
        timeout=100,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
