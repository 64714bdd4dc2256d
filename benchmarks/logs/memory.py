"""Peak memory of a process that puts a gigabyte of logs with 20,000 signatures through the miner.

The logs come through a pipe, so that neither a file nor the generator's memory counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.logs.volume import chunks, known

SIGNATURES = 20_000
ERRORS = 0.05
"""Of the entries: three hundred thousand in a gigabyte, each signature at least once."""


def measure(size: int, count: int = SIGNATURES) -> dict[str, Any]:
    """{"before": MB after imports, "peak": MB, "entries", "signatures", "cpu": seconds, "bytes"}."""
    command = [sys.executable, "-m", "benchmarks.logs.memory"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        written = 0
        for data in chunks(size, ERRORS, known(count)):
            child.stdin.write(data)
            written += len(data)
        child.stdin.close()
        return {**json.loads(child.stdout.read()), "bytes": written}


def peak() -> float:
    """MB. Not getrusage's maxrss: on Linux it begins with what the parent had when it started this process."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def main() -> None:
    from pilotage.core.signatures import Miner
    from pilotage.logs.reading import Troubles, stream
    from pilotage.logs.search import fastest

    before = peak()
    miner, search, entries = Miner(), fastest(), 0
    began = time.process_time()
    for data, stop in stream(sys.stdin.buffer, "stdin", Troubles()):
        entries += len(miner.mine(data, search, stop)[0])
    found = {
        "before": before,
        "peak": peak(),
        "entries": entries,
        "signatures": len({miner.group(number) for number in miner.counts}),
        "cpu": time.process_time() - began,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
