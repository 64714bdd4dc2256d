"""`pilotage logs`, as a person runs it."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pilotage.cli.main import cli

KNOWN = "2026-11-23 {at} ERROR [main] shop.cart - cannot load cart 17\n"
NEW = (
    "2026-11-23 {at} ERROR [main] shop.pay - charge 4 failed for password=hunter2\n"
    'Traceback (most recent call last):\n  File "/srv/pay.py", line 4, in charge\nNoAnswer: no answer from db-7\n'
)
INFO = "2026-11-23 {at} INFO all is well, thank you for asking, and how are you\n"


def log(path: Path, *parts: str) -> str:
    """A file with a part every ten seconds."""
    text = "".join(part.format(at=f"{10 + n // 360:02}:{n // 6 % 60:02}:{n % 6}0") for n, part in enumerate(parts))
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def logs(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["logs", *arguments])


@pytest.fixture
def before(tmp_path: Path) -> str:
    return log(tmp_path / "before.log.gz", *[INFO, KNOWN] * 1000)


def test_what_is_new_is_said_with_its_count_and_since_when_and_the_exit_code_is_1(tmp_path: Path, before: str) -> None:
    found = logs(log(tmp_path / "now.log", *[INFO, KNOWN] * 5, NEW, NEW, NEW), "--baseline", before)
    assert found.exit_code == 1
    assert "NEW: not in the baseline, and too often for chance (1)" in found.output
    assert "NoAnswer" in found.output
    assert "at pay.py:charge" in found.output
    assert "3x since 2026-11-23T10:01:40Z" in found.output
    assert "hunter2" not in found.output
    assert "cannot load cart" not in found.output


def test_once_is_not_enough_to_be_sure(tmp_path: Path, before: str) -> None:
    found = logs(log(tmp_path / "now.log", *[INFO, KNOWN] * 5, NEW), "--baseline", before)
    assert found.exit_code == 0
    assert "Perhaps new" in found.output
    assert "Nothing is surely new." in found.output


def test_what_has_risen_is_said(tmp_path: Path) -> None:
    before = log(tmp_path / "before.log", *[INFO] * 1000, KNOWN, KNOWN)
    found = logs(log(tmp_path / "now.log", *[INFO] * 50, *[KNOWN] * 20), "--baseline", before)
    assert "RISING: more often than in the baseline (1)" in found.output
    assert "20x (baseline 2x)" in found.output


def test_without_a_baseline_it_lists_what_there_is(tmp_path: Path) -> None:
    found = logs(log(tmp_path / "now.log", INFO, KNOWN, NEW, KNOWN))
    assert found.exit_code == 0
    assert found.output.index("2x since") < found.output.index("NoAnswer")
    assert "--baseline FILE says which of them are new" in found.output


def test_json_for_programs(tmp_path: Path, before: str) -> None:
    found = logs(log(tmp_path / "now.log", INFO, KNOWN, NEW, NEW), "--baseline", before, "--json")
    data = json.loads(found.stdout)
    first = data["signatures"][0]
    assert (first["kind"], first["entries"], first["since"]) == ("new", 2, "2026-11-23T10:00:20Z")
    assert "hunter2" not in first["example"]
    assert data["volume"]["baseline_bytes"] > data["volume"]["bytes"] > 0


def test_standard_input_and_patterns(tmp_path: Path) -> None:
    assert "cannot load cart" in CliRunner().invoke(cli, ["logs", "-"], input=KNOWN.format(at="10:00:00")).output
    log(tmp_path / "a.log", KNOWN)
    log(tmp_path / "a.log.1", KNOWN)
    assert "2x since" in logs(str(tmp_path / "a.log*")).output


def test_bad_files_are_said_and_never_a_crash(tmp_path: Path, before: str) -> None:
    (tmp_path / "binary.log").write_bytes(os.urandom(20_000) + b"\x00" * 500)
    (tmp_path / "damaged.gz").write_bytes(gzip.compress(KNOWN.format(at="10:00:00").encode() * 9999)[:-9])
    (tmp_path / "odd.log").write_bytes(b"ERROR \xff\xfe odd\n" + b"ERROR " + b"x" * 3_000_000 + b"\nERROR next\n")
    names = ["binary.log", "damaged.gz", "odd.log", "missing.log", "empty"]
    (tmp_path / "empty").mkdir()
    found = logs(*[str(tmp_path / name) for name in names], "/dev/null")
    assert found.exit_code == 0
    for said in ("looks binary", "is damaged", "longer than 1 MiB", "not UTF-8", "no such file", "not a regular file"):
        assert said in found.stderr, said
    nothing = logs(str(tmp_path / "missing.log"), "--baseline", before)
    assert (nothing.exit_code, "Nothing was read" in nothing.output) == (2, True)


def test_a_clock_that_goes_back_is_said(tmp_path: Path) -> None:
    path = tmp_path / "back.log"
    path.write_text(KNOWN.format(at="12:00:00") + KNOWN.format(at="10:00:00"))
    assert "a clock goes back by more than a minute" in logs(str(path)).stderr


def test_what_would_steer_a_terminal_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "evil.log"
    path.write_text("2026-11-23 10:00:00 ERROR \x1b[2J\x1b]0;owned\x07 hello \u202eolleh\n")
    output = logs(str(path)).output
    assert "\x1b" not in output
    assert "\x07" not in output
    assert "\u202e" not in output


@contextmanager
def kept_out_by_modes() -> Iterator[None]:
    """Root may read everything, so root is somebody else meanwhile."""
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_file_without_permission_is_said() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are their owner's alone
        Path(folder).chmod(0o755)
        path = Path(log(Path(folder) / "secret.log", KNOWN))
        path.chmod(0)
        with kept_out_by_modes():
            found = logs(str(path))
    assert (found.exit_code, "cannot be read: Permission denied" in found.stderr) == (2, True)
