"""The benchmark's tables, in Markdown."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.logs import detection as simulated
from benchmarks.logs import memory as usage
from benchmarks.logs import throughput as speed
from benchmarks.logs.accuracy import Score, mean, score
from benchmarks.logs.references import Drain, Grouper, MaskAndHash
from benchmarks.logs.styles import COUNT, STYLES
from pilotage.core.signatures import Miner

GROUPERS: dict[str, Callable[[], Grouper]] = {
    "Pilotage": Miner,
    "Drain": lambda: Drain(masked=False, first_line=False),
    "Drain, masked": lambda: Drain(masked=True, first_line=False),
    "Drain, masked, first line": lambda: Drain(masked=True, first_line=True),
    "mask and hash": lambda: MaskAndHash(first_line=False),
    "mask and hash, first line": lambda: MaskAndHash(first_line=True),
}
SEEDS, ENTRIES = 5, 4000
FEWER = 4
FRESH = 301
"""Seeds from here on: none of them was looked at while the miner was written."""


def accuracy(quick: bool) -> list[str]:
    """Grouping accuracy by style; new signatures and the hard rules over all styles."""
    seeds, count = (1, 1000) if quick else (SEEDS, ENTRIES)
    scores: dict[str, dict[str, list[Score]]] = {
        name: {style: [score(maker(), style, count, seed) for seed in range(FRESH, FRESH + seeds)] for style in STYLES}
        for name, maker in GROUPERS.items()
    }
    lines = [
        f"{seeds} seeds x {count} entries for each style, {COUNT} true signatures, Zipf 1.2; one miner with one",
        "setting for all styles. Grouping accuracy, means over the seeds:",
        "",
        _row("style", *GROUPERS),
        _row(*["---"] * (len(GROUPERS) + 1)),
    ]
    for style in STYLES:
        lines.append(_row(style, *(f"{mean(one.accuracy for one in scores[name][style]):.3f}" for name in GROUPERS)))
    every = {name: [one for found in scores[name].values() for one in found] for name in GROUPERS}
    lines += [
        _row("mean", *(f"{mean(one.accuracy for one in every[name]):.3f}" for name in GROUPERS)),
        "",
        "A fifth of the signatures come in the second half only. Missed: new signatures that got no new number. False:",
        "entries (signatures) known from the first half that got a new number. Means over styles and seeds:",
        "",
        _row("", *GROUPERS),
        _row(*["---"] * (len(GROUPERS) + 1)),
        _row("missed new", *(f"{mean(one.novel.missed for one in every[name]):.1%}" for name in GROUPERS)),
        _row(
            "false new, entries", *(f"{mean(one.novel.false_entries for one in every[name]):.2%}" for name in GROUPERS)
        ),
        _row(
            "false new, signatures",
            *(f"{mean(one.novel.false_signatures for one in every[name]):.1%}" for name in GROUPERS),
        ),
    ]
    pairs = len(STYLES) * seeds * COUNT
    lines += [
        "",
        "The hard rules: pairs of signatures merged although this differs; then pairs of entries, equal but for this,",
        f"told apart (of {pairs} pairs, summed over styles and seeds):",
        "",
        _row("", *GROUPERS),
        _row(*["---"] * (len(GROUPERS) + 1)),
    ]
    for key in every["Pilotage"][0].merged:
        lines.append(_row(f"merged: {key}", *(str(sum(one.merged[key] for one in every[name])) for name in GROUPERS)))
    for key in every["Pilotage"][0].split:
        lines.append(_row(f"split: {key}", *(str(sum(one.split[key] for one in every[name])) for name in GROUPERS)))
    return lines


def missed_by_style(quick: bool) -> list[str]:
    """Missed new signatures of the miner, style by style."""
    seeds, count = (1, 1000) if quick else (SEEDS, ENTRIES)
    rows = []
    for style in STYLES:
        found = [score(Miner(), style, count, seed).novel for seed in range(FRESH, FRESH + seeds)]
        rows.append(
            _row(style, f"{mean(one.missed for one in found):.1%}", f"{mean(one.false_entries for one in found):.2%}")
        )
    return [_row("style", "missed new", "false new, entries"), _row("---", "---", "---"), *rows]


def throughput(quick: bool) -> list[str]:
    """MB/s of one core, side by side."""
    size = 20_000_000 if quick else 200_000_000
    lines: list[str] = []
    for share in (0.01, 1.0):
        measured = speed.measure(size if share < 1 else size // 4, share, 2 if quick else speed.ROUNDS)
        grep = measured.speeds[0].megabytes
        lines += [
            f"{measured.size / 1e6:.0f} MB, {measured.found:,} entries with a token, {share:.0%} of all are errors:",
            "",
            _row("", "MB/s of CPU time", "of grep's"),
            _row("---", "---", "---"),
            *(_row(one.name, f"{one.megabytes:,.0f}", f"{one.megabytes / grep:.0%}") for one in measured.speeds),
            "",
            *(f"Where the time goes, {state}: {text}." for state, text in measured.profiles.items()),
            "",
        ]
    return lines


def memory(quick: bool) -> list[str]:
    size = 100_000_000 if quick else 1_000_000_000
    found = usage.measure(size)
    return [
        f"{found['bytes'] / 1e6:,.0f} MB of logs through one miner: {found['entries']:,} entries with a token, "
        f"{found['signatures']:,} signatures; the process's peak {found['peak']:.0f} MB ({found['before']:.0f} MB "
        f"before the first line), {found['cpu']:.0f} s of CPU.",
    ]


def detection(quick: bool) -> list[str]:
    phases = 100 if quick else 1000
    rows = []
    for world in simulated.WORLDS:
        one = simulated.measure(world, phases if world.main else phases // FEWER, 7)
        wrong = world.bug > 0 or world.rise > 1
        when = "-" if one["median_s"] is None else f"{one['median_s']:.0f} s"
        found = f"{when} ({one['found']:.0%})" if wrong else ""
        name = f"**{world.name}**" if world.main else world.name
        shares = [f"{one[key]:.1%}" for key in ("any", "new", "rising")]
        rows.append(_row(name, *shares, f"{one['naive']:.0f}", found))
    head = ("", "false alarms", "of them new", "rising", "naive: signatures never seen", "found, median (share)")
    return [
        f"{phases:,} ten-minute phases for rows in bold, {phases // FEWER} for the others; 10 % canary, 10 s ticks,",
        "2,000 signatures by Zipf's law, incidents of 1 to 50 lines. *Naive*: signatures of the canary that neither",
        "history nor control has shown, a phase:",
        "",
        _row(*head),
        _row(*["---"] * len(head)),
        *rows,
    ]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
