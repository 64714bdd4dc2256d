"""What `pilotage mcp` costs until it has answered `initialize`: processor seconds.

python benchmarks/mcp_start.py [RUNS]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import psutil

ASKED = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}


def once() -> float:
    child = subprocess.Popen(
        [sys.executable, "-m", "pilotage", "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(ASKED).encode() + b"\n")
        child.stdin.flush()
        answer = json.loads(child.stdout.readline())
        assert answer["result"]["serverInfo"]["name"] == "pilotage", answer
        used = psutil.Process(child.pid).cpu_times()
    finally:
        child.stdin.close()
        child.wait(10)
    return float(used.user + used.system)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    once()  # writes the bytecode where it is missing
    seconds = sorted(once() for _ in range(runs))
    print(f"{runs} runs: least {seconds[0]:.2f} s, middle {statistics.median(seconds):.2f} s, most {seconds[-1]:.2f} s")


if __name__ == "__main__":
    main()
