"""The benchmark's tables, in Markdown."""

from __future__ import annotations

from collections.abc import Callable

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


def accuracy(quick: bool) -> list[str]:
    """Grouping accuracy by style; new signatures and the hard rules over all styles."""
    seeds, count = (1, 1000) if quick else (SEEDS, ENTRIES)
    scores: dict[str, dict[str, list[Score]]] = {
        name: {style: [score(maker(), style, count, seed) for seed in range(1, seeds + 1)] for style in STYLES}
        for name, maker in GROUPERS.items()
    }
    lines = [
        f"`make bench-logs`: {seeds} seeds x {count} entries for each style, {COUNT} true signatures, Zipf 1.2; one miner with one",
        "setting for each run. Grouping accuracy, means over the seeds:",
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
        "A fifth of the signatures come in the second half only. Missed: new signatures that got no new number. False: entries",
        "(signatures) known from the first half that got a new number. Means over styles and seeds:",
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
        "The hard rules: pairs of signatures merged although this differs; then pairs of entries, equal but for this, told apart",
        f"(of {pairs} pairs, summed over styles and seeds). All of Pilotage's should be 0:",
        "",
        _row("", *GROUPERS),
        _row(*["---"] * (len(GROUPERS) + 1)),
    ]
    for key in every["Pilotage"][0].merged:
        lines.append(_row(f"merged: {key}", *(str(sum(one.merged[key] for one in every[name])) for name in GROUPERS)))
    for key in every["Pilotage"][0].split:
        lines.append(_row(f"split: {key}", *(str(sum(one.split[key] for one in every[name])) for name in GROUPERS)))
    return lines


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
