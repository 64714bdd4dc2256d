"""CPU seconds of the commands that must leave at once, medians of 15 runs.

.venv/bin/python -m benchmarks.cli
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RUNS = 15
EXAMPLE = Path(__file__).parents[1] / "examples" / "payment"
BRIEF = (
    "Create deployment plan for payment null pointer hot-fix. Severity: P0 (45% of checkouts failing). "
    "Environment: Production (5M requests/day). Strategy: Canary deployment with feature flag."
)


def cpu(arguments: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(Path(sys.executable).parent / "pilotage"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as state:
        nowhere = {"PILOTAGE_STATE": state, "PILOTAGE_URL": "http://127.0.0.1:9"}
        for arguments in (["--help"], ["status"], ["rollback"], ["plan", BRIEF, "--repository", str(EXAMPLE)]):
            runs = [cpu(arguments, nowhere) for _ in range(RUNS)]
            print(f"pilotage {arguments[0]:<9} median {statistics.median(runs):.3f} s CPU, most {max(runs):.3f} s")


if __name__ == "__main__":
    main()
