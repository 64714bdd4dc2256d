"""A search in a process of its own: some regular expressions never end, and a process can be ended.

Run as a file: JSON comes in by standard input and goes out by standard output. Standard library only.
"""

import json
import re
import sys


def main() -> None:
    asked = json.load(sys.stdin)
    try:
        pattern = re.compile(asked["pattern"])
    except (re.error, RecursionError, OverflowError):
        sys.exit(2)
    hits: list[tuple[str, int, str]] = []
    for name, lines in asked["texts"].items():
        for number, line in enumerate(lines, 1):
            if pattern.search(line):
                hits.append((name, number, line))
                if len(hits) >= asked["most"]:
                    break
        if len(hits) >= asked["most"]:
            break
    json.dump(hits, sys.stdout)


if __name__ == "__main__":
    main()
