"""The example plan of the docs, made in a real repository by the real command.

.venv/bin/python -m tests.docs.example     writes docs/example-plan.md anew
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "example-plan.md"
BRIEF = (
    "Create deployment plan for payment null pointer hot-fix. Severity: P0 (45% of checkouts failing). "
    "Environment: Production (5M requests/day). Strategy: Canary deployment with feature flag."
)
OPTIONS = ["--on-call", "Ann Example @ann"]
_WHO = {"NAME": "Ann Example", "EMAIL": "ann@example.com", "DATE": "2026-11-20T03:00:00Z"}
_HEAD = """<!-- Made by `python -m tests.docs.example`; a test compares it with what the command writes. -->

!!! note "Made from one sentence"
    The document that `pilotage plan` writes beside the plan file, in the repository `examples/payment` (tagged
    2.4.0 and 2.4.1), for

    > {brief}

    with `--on-call "Ann Example @ann"`. [From a brief to a plan](planning.md) says how; the plan file itself is at
    the end.

"""


def repository(folder: Path) -> Path:
    """examples/payment as a git repository with two tagged commits."""
    place = folder / "payment"
    shutil.copytree(ROOT / "examples" / "payment", place)
    identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> None:
        environment = {**clean, **identity, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", *arguments], cwd=place, env=environment, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch=main")
    git("remote", "add", "origin", "https://github.com/example/payment.git")
    git("add", ".")
    git("commit", "--quiet", "-m", "payment 2.4.0")
    git("tag", "v2.4.0")
    git("commit", "--quiet", "--allow-empty", "-m", "Checkout without an address no longer fails")
    git("tag", "v2.4.1")
    return place


def page(folder: Path) -> str:
    """The page's text, made in an empty folder."""
    place = repository(folder)
    subprocess.run(
        [sys.executable, "-m", "pilotage", "plan", BRIEF, *OPTIONS, "-o", "plan.yaml"],
        cwd=place,
        env={**os.environ, "PILOTAGE_STATE": str(folder / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    plan = (place / "plan.yaml").read_text(encoding="utf-8")
    text = (place / "plan.md").read_text(encoding="utf-8")
    return f"{_HEAD.format(brief=BRIEF)}{text}\n## The plan file\n\n```yaml\n{plan}```\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(Path(folder)), encoding="utf-8")
