"""The log miner on logs whose answer is known: accuracy, throughput, memory, detection.

.venv/bin/python -m benchmarks.logs.run [--only accuracy,missed,detection,throughput,memory] [--quick]
                                       [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.logs import tables

BEGIN, END = "<!-- bench-logs begin -->", "<!-- bench-logs end -->"
PARTS: dict[str, Callable[[bool], list[str]]] = {
    "accuracy": tables.accuracy,
    "missed": tables.missed_by_style,
    "detection": tables.detection,
    "throughput": tables.throughput,
    "memory": tables.memory,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="A tenth of everything, to see that it runs.")
    parser.add_argument("--write", type=Path, help="Put the tables between the markers of this page.")
    options = parser.parse_args()
    lines: list[str] = []
    for name in options.only.split(","):
        part = PARTS[name](options.quick)
        print("\n".join(part), flush=True)
        lines += ["", *part]
    if options.write:
        before, rest = options.write.read_text().split(BEGIN, 1)
        options.write.write_text("\n".join([before + BEGIN, *lines, "", END]) + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
