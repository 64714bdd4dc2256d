"""What failed in the run before, once more and alone: `.ci/run` asks for it.

Most tests of ours start real servers and processes; on a machine shared with others some fail for want of CPU alone. A
test that fails here, too, fails; more than `MOST` are no accident. Those that pass are named: they are to be mended.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MOST = 5
CACHE = Path(".pytest_cache/v")


def main() -> int:
    last, failed = kept("pilotage/exit"), sorted(kept("cache/lastfailed") or {})
    if last != pytest.ExitCode.TESTS_FAILED or not 0 < len(failed) <= MOST:
        print(
            f"{len(failed)} tests failed (pytest ended with {last}); 1 to {MOST} would be tried again, of a whole run"
        )
        return 1
    code = subprocess.call(
        [sys.executable, "-m", "pytest", "-n", "0", "--last-failed", "--last-failed-no-failures=none"]
    )
    print("failed beside others, then alone", "passed" if code == 0 else "failed", "(mend them):", *failed, sep="\n  ")
    return code


def kept(name: str) -> Any:
    path = CACHE / name
    return json.loads(path.read_text()) if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
