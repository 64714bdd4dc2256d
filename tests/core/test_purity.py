"""The core floor has no clock, randomness or I/O."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pilotage.core

FILES = sorted(Path(pilotage.core.__file__).parent.rglob("*.py"))
ALLOWED = {
    "bisect",
    "statistics",
    "__future__",
    "collections",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "operator",
    "json",
    "math",
    "re",
    "typing",
    "unicodedata",
    "pilotage",
}
FORBIDDEN_CALLS = {"open", "print", "input", "exec", "eval", "now", "today", "utcnow"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_core_imports_only_pure_modules_and_calls_nothing_impure(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= ALLOWED
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            assert module.split(".")[0] in ALLOWED
            assert not module.startswith("pilotage") or module.startswith("pilotage.core")
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert name not in FORBIDDEN_CALLS, f"{file.name}:{node.lineno} calls {name}()"
