"""What a change of the weight costs at each proxy: failed requests, the share reached, the time it takes.

.venv/bin/python -m benchmarks.switching [--only envoy,haproxy] [--switches 100] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections import Counter
from collections.abc import Callable
from math import ceil
from pathlib import Path

from benchmarks.switching.measure import CLIENTS, PER_STEP, RESTART_AT, SHIFTS, Measured, measure
from tests.proxies.kinds import KINDS
from tests.proxies.upstream import upstream

BEGIN, END = "<!-- bench-switching begin -->", "<!-- bench-switching end -->"
COMMAND = "make bench-switching"


def main() -> None:
    names = [kind.name for kind in KINDS]
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(names), help="proxies, with commas")
    parser.add_argument("--switches", type=int, default=100)
    parser.add_argument("--write", type=Path, help="put the tables between the markers of this page")
    asked = parser.parse_args()
    only = asked.only.split(",")
    if unknown := set(only) - set(names):
        raise SystemExit(f"expected some of {', '.join(names)}, got {', '.join(sorted(unknown))}")
    rows = []
    with upstream("stable") as stable, upstream("canary") as canary:
        for kind in (one for one in KINDS if one.name in only):
            with tempfile.TemporaryDirectory() as name, kind.start(Path(name) / "proxy", stable, canary) as proxy:
                (folder := Path(name) / "plan").mkdir()
                rows.append(asyncio.run(measure(kind, proxy, folder, asked.switches)))
            print("\n".join(tables(rows[-1:])), flush=True)
    if asked.write:
        write(asked.write, rows, asked.switches)


def tables(rows: list[Measured]) -> list[str]:
    steps = " / ".join(str(weight) for weight in SHIFTS)
    shares = {
        f"failed of all requests, {len(SHIFTS)} shifts": lambda one: failed(*one.shifts),
        f"share reached at {steps} %": lambda one: " / ".join(f"{share:.1f}" for _, share, _ in one.shares),
        "furthest off, of what is allowed": lambda one: bold(f"{one.furthest():.0%}", one.furthest() > 1),
        f"after a restart at {RESTART_AT} %": lambda one: f"{one.restarted[0]:.1f} %",
    }
    times = {
        "`set_weight`, median / p99 / most": lambda one: spread(one.set_s),
        "first answer of the other side, median / p99 / most": lambda one: spread(one.first_s),
        "answered by the old side too late": lambda one: late(one.late_s),
        "failed of all requests": lambda one: failed(*one.turns),
        "CPU of a switch": lambda one: f"{one.cpu_s * 1e3:.1f} ms",
    }
    return [*table(shares, rows), "", *table(times, rows)]


def table(columns: dict[str, Callable[[Measured], str]], rows: list[Measured]) -> list[str]:
    return [
        f"| | {' | '.join(columns)} |",
        "| --- " * (len(columns) + 1) + "|",
        *(f"| {one.kind.name} | {' | '.join(said(one) for said in columns.values())} |" for one in rows),
    ]


def failed(count: int, requests: int, kinds: Counter[str]) -> str:
    named = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    return f"{count} of {requests:,}" + (f" ({named})" if named else "")


def late(seconds: list[float]) -> str:
    return f"{len(seconds)}, after {max(seconds) * 1e3:.1f} ms at most" if seconds else "0"


def spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[ceil(len(ordered) * 0.99) - 1]
    return " / ".join(f"{one * 1e3:.0f}" for one in (statistics.median(ordered), p99, ordered[-1])) + " ms"


def bold(text: str, really: bool) -> str:
    return f"**{text}**" if really else text


def write(page: Path, rows: list[Measured], switches: int) -> None:
    before, rest = page.read_text().split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    body = [
        BEGIN,
        "",
        f"`{COMMAND}`: {CLIENTS} clients, {PER_STEP:,} requests after each shift, then {switches} switches",
        "between 0 and 100 %, whose times run from the call of `set_weight`. *Too late*: sent after it had returned.",
        "",
        *tables(rows),
        "",
        END,
    ]
    page.write_text(before + "\n".join(body) + after)


if __name__ == "__main__":
    main()
