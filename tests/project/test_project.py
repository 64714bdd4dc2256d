"""Promises about the project itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOSTS = ["pypi" + ".org", "pythonhosted" + ".org", "registry" + ".npmjs", "proxy" + ".golang", "crates" + ".io"]


def test_no_file_names_a_registrys_host() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for file in files:
        text = (ROOT / file).read_text(errors="replace")
        assert [host for host in HOSTS if host in text] == [], file


def test_every_locked_requirement_has_a_hash() -> None:
    text = (ROOT / "requirements.lock").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "==" in line]
    assert len(lines) > 50
    assert [line for line in lines if "--hash=sha256:" not in line] == []
