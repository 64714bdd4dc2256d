"""`pilotage logs`: what is new in these log files?"""

from __future__ import annotations

import glob
import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pilotage.cli.output import as_json

if TYPE_CHECKING:
    from pilotage.core.signatures import Miner
    from pilotage.logs.batch import Difference, Group
    from pilotage.logs.reading import Troubles

ALPHA = 0.01
NEW = 1
_KINDS = ("new", "perhaps new", "rising", "known")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--baseline", multiple=True, metavar="FILE", help="Logs of before (or of control); may be given again.")
@click.option("--token", multiple=True, help="Look at lines with this text only (default: the usual words of errors).")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), help="Signatures to show of each kind.")
@as_json
def logs(files: tuple[str, ...], baseline: tuple[str, ...], token: tuple[str, ...], top: int, json_out: bool) -> None:
    """What is new in these logs?

    Errors are grouped into signatures: text or JSON lines, with the stack traces of Python, Java, Node and Go. With
    --baseline the answer says which are new, and which have risen; without it, which there are. Files may be
    compressed with gzip, patterns in quotes ("app.log*"), or - for standard input.

    Exit code: 0 nothing is new, 1 something is, 2 a file could not be read or the command line is wrong.
    """
    from pilotage.core.entries import TOKENS
    from pilotage.core.signatures import Miner
    from pilotage.logs.batch import Group, compare
    from pilotage.logs.reading import Troubles
    from pilotage.logs.search import fastest

    search = fastest([one.encode() for one in token] or TOKENS)
    miner, troubles, year = Miner(), Troubles(), datetime.now(UTC).year
    groups: list[Group] = []
    for names in (baseline, files):
        group = Group()
        for name in names:
            for pieces in _opened(name, troubles):
                group.take(miner, search, pieces, year)
        groups.append(group)
    before, now = groups
    for group in groups:
        group.fold(miner.same)
    _doubts(groups, troubles, miner)
    if baseline:
        found = sorted(compare(miner, now, before, ALPHA), key=lambda one: (_KINDS.index(one.kind), -one.entries))
    else:
        found = sorted(compare(miner, now, Group(), 0.0), key=lambda one: -one.entries)
    if json_out:
        click.echo(json.dumps(_data(miner, found, groups, troubles, bool(baseline)), indent=2))
    else:
        _print(miner, found, now, before if baseline else None, troubles, top)
    if not now.volume or (baseline and not before.volume):
        sys.exit(2)
    sys.exit(NEW if baseline and any(one.kind == "new" for one in found) else 0)


def _opened(name: str, troubles: Troubles) -> Iterator[Iterable[tuple[bytes, int]]]:
    from pilotage.logs.reading import pieces, stream

    if name == "-":
        yield stream(sys.stdin.buffer, "standard input", troubles)
        return
    matches = [name] if Path(name).exists() else sorted(glob.glob(name, recursive=True))
    if not matches:
        troubles.say(f"{name}: no such file. Try: ls -l '{name}'")
    for match in matches:
        path = Path(match)
        inside = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
        for file in inside:
            yield pieces(file, troubles)


def _doubts(groups: list[Group], troubles: Troubles, miner: Miner) -> None:
    undated = sum(group.undated for group in groups)
    if undated:
        troubles.say(f"{undated} entries have no readable time: those of a signature count as one incident")
    if back := sum(group.went_back for group in groups):
        troubles.say(f"a clock goes back by more than a minute, {back} times: times are as written")
    if miner.invalid:
        troubles.say(f"{miner.invalid} kinds of entries are not UTF-8: shown with replacement characters")
    if miner.overflowed:
        troubles.say(f"too many different errors: {miner.overflowed} entries were left out")


def _data(
    miner: Miner, found: list[Difference], groups: list[Group], troubles: Troubles, compared: bool
) -> dict[str, Any]:
    before, now = groups
    return {
        "compared": compared,
        "volume": {"bytes": now.volume, "baseline_bytes": before.volume},
        "signatures": [
            {
                "kind": one.kind if compared else "found",
                "number": one.number,
                "title": miner.signatures[one.number].title(),
                "critical": miner.signatures[one.number].critical,
                "entries": one.entries,
                "incidents": one.incidents,
                "baseline_entries": one.baseline_entries,
                "baseline_incidents": one.baseline_incidents,
                "since": _iso(one.since),
                "chance": one.chance if compared else None,
                "example": miner.signatures[one.number].example,
            }
            for one in found
        ],
        "troubles": troubles.said,
    }


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _print(
    miner: Miner, found: list[Difference], now: Group, before: Group | None, troubles: Troubles, top: int
) -> None:
    entries = sum(one.entries for one in found)
    said = f"{entries:,} error entries in {_size(now.volume)}, {len(found):,} signatures"
    if before is not None:
        hours = f" over {before.seconds / 3600:.1f} h" if before.seconds else ""
        said += f"; the baseline has {len(before.entries):,} in {_size(before.volume)}{hours}"
    click.echo(said + ".")
    for kind in _KINDS[:3] if before is not None else ("found",):
        chosen = [one for one in found if before is None or one.kind == kind]
        if not chosen:
            continue
        click.echo(f"\n{_title(kind)} ({len(chosen)})")
        for one in chosen[:top]:
            _print_one(miner, one, before is not None)
        if len(chosen) > top:
            click.echo(f"  … and {len(chosen) - top} more (--top {len(chosen)} shows all)")
    if not now.volume or (before is not None and not before.volume):
        click.echo("\nNothing was read" + (" of the baseline." if now.volume else "."))
    elif before is None:
        click.echo("\nNothing to compare with: --baseline FILE says which of them are new.")
    elif not any(one.kind == "new" for one in found):
        click.echo("\nNothing is surely new.")
    for trouble in troubles.said:
        click.echo(f"! {trouble}", err=True)


def _title(kind: str) -> str:
    return {
        "new": "NEW: not in the baseline, and too often for chance",
        "perhaps new": "Perhaps new: not in the baseline, but too seldom to be sure",
        "rising": "RISING: more often than in the baseline",
        "found": "Errors, the most frequent first",
    }[kind]


def _print_one(miner: Miner, one: Difference, compared: bool) -> None:
    signature = miner.signatures[one.number]
    mark = "!! " if signature.critical else ""
    counts = f"{one.entries:,}x"
    if one.kind == "rising":
        counts += f" (baseline {one.baseline_entries:,}x)"
    since = f" since {_iso(one.since)}" if one.since is not None else ""
    sure = f", chance below {one.chance:.1g}" if compared and 0 < one.chance < ALPHA else ""
    click.echo(f"  {mark}{signature.title()}\n      {counts}{since}{sure}")
    first = signature.example.splitlines()
    for line in first[:1] + (first[-1:] if len(first) > 1 else []):
        click.echo(f"      | {line[:160]}")


def _size(volume: float) -> str:
    for unit in ("B", "kB", "MB"):
        if volume < 1000:
            return f"{volume:,.0f} {unit}"
        volume /= 1000
    return f"{volume:,.1f} GB"
