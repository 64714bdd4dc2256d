"""The example plan in the docs is what the command writes today."""

from __future__ import annotations

from pathlib import Path

from tests.docs import example


def test_the_example_page_is_what_the_command_writes(tmp_path: Path) -> None:
    wanted = "run `.venv/bin/python -m tests.docs.example` and look at the difference"
    assert example.PAGE.read_text(encoding="utf-8") == example.page(tmp_path), wanted
