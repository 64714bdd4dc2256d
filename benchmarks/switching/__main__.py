"""What a change of the weight costs at each proxy: failed requests, the share reached, the time it takes.

.venv/bin/python -m benchmarks.switching [--only envoy,haproxy] [--switches 100] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections import Counter
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
    return [
        f"| | failed of all requests in {len(SHIFTS)} shifts | share reached at {steps} % | furthest off, of what is allowed "
        f"| after a restart at {RESTART_AT} % |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {one.kind.name} | {failed(*one.shifts)} | {' / '.join(f'{share:.1f}' for _, share, _ in one.shares)} "
            f"| {bold(f'{one.furthest():.0%}', one.furthest() > 1)} | {one.restarted[0]:.1f} % |"
            for one in rows
        ),
        "",
        "| | `set_weight`, median / p99 / most | first answer of the other side, median / p99 / most | "
        "answered by the old side although sent later | failed of all requests | CPU of a switch |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {one.kind.name} | {spread(one.set_s)} | {spread(one.first_s)} | {one.after} | {failed(*one.turns)} "
            f"| {one.cpu_s * 1e3:.1f} ms |"
            for one in rows
        ),
    ]


def failed(count: int, requests: int, kinds: Counter[str]) -> str:
    named = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    return f"{count} of {requests:,}" + (f" ({named})" if named else "")


def spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return " / ".join(f"{one * 1e3:.0f}" for one in (statistics.median(ordered), p99, ordered[-1])) + " ms"


def bold(text: str, really: bool) -> str:
    return f"**{text}**" if really else text


def write(page: Path, rows: list[Measured], switches: int) -> None:
    before, rest = page.read_text().split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    body = [
        BEGIN,
        "",
        f"`{COMMAND}`: {CLIENTS} clients, {PER_STEP:,} requests after each shift; then {switches} switches between 0 and 100 %,",
        "whose times run from the call of `set_weight`. *Sent later*: after `set_weight` had returned.",
        "",
        *tables(rows),
        "",
        END,
    ]
    page.write_text(before + "\n".join(body) + after)


if __name__ == "__main__":
    main()
