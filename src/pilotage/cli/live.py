"""The live view: one picture of a rollout from the API's answer. All text from outside is shown as plain text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

View = dict[str, Any]

COLOURS = {
    "watching": "cyan",
    "shifting": "cyan",
    "starting": "cyan",
    "held": "yellow",
    "paused": "yellow",
    "awaiting approval": "yellow",
    "rolling back": "red",
    "rolled back": "red",
    "failed": "red",
    "promoted": "green",
}
MARKS = {"PROMOTE": ("✓", "green"), "WATCH": ("…", "dim"), "HOLD": ("!", "yellow"), "ROLLBACK": ("✗", "red")}
_URGENCY = ("ROLLBACK", "HOLD", "WATCH", "PROMOTE")


@dataclass(frozen=True)
class _Detail:
    """How much is shown: lines of the timeline, findings that are met, rows of the table, whole sentences; at most
    so many findings that are not met (None: all)."""

    timeline: int = 5
    met: bool = True
    rows: tuple[str, ...] | None = None
    table: bool = True
    wrap: bool = True
    asking: int | None = None


_SHORT = ("error rate", "p95")
_DETAILS = (
    _Detail(),
    _Detail(timeline=3),
    _Detail(timeline=1),
    _Detail(timeline=1, wrap=False),
    _Detail(timeline=0, met=False),
    _Detail(timeline=0, met=False, wrap=False, rows=_SHORT),
    _Detail(timeline=0, met=False, wrap=False, table=False),
    _Detail(timeline=0, met=False, wrap=False, table=False, asking=2),
)


def render(view: View, console: Console | None = None) -> RenderableType:
    """As much as fits the terminal's height. What a person has to act on comes first and is never left out."""
    if console is None:
        return _picture(view, _DETAILS[0])
    room = console.size.height - 1
    for detail in _DETAILS:
        picture = _picture(view, detail)
        if len(console.render_lines(picture, pad=False)) <= room:
            break
    return picture


def _picture(view: View, detail: _Detail) -> RenderableType:
    parts: list[RenderableType] = [_phases(view), _progress(view), _weights(view)]
    if view["needs_person"]:
        parts += _needed(view)
    gap = [Text()] if detail.wrap else []
    if view["comparison"]["rows"] and detail.table:
        parts += [*gap, _comparison(view, detail.rows)]
    if view["findings"]:
        parts += [*gap, *_findings(view, detail)]
    if view["timeline"] and detail.timeline:
        parts += [*gap, *_timeline(view, detail.timeline)]
    colour = COLOURS.get(view["status"], "white")
    title = Text(f"{view['service']} {view['previous']} -> {view['version']} in {view['environment']}", style="bold")
    title.append(f" · {view['severity']} · {view['id']}", style="dim")
    return Panel(Group(*parts), title=title, title_align="left", border_style=colour)


def summary_line(view: View) -> str:
    """One line that changes when something worth telling has changed."""
    share = view["share_observed"]
    seen = "" if share is None else f", {share:.0f} % observed"
    why = f": {view['reason']}" if view["reason"] else ""
    done = f", {view['progress']:.0%} of the watch" if view["status"] == "watching" else ""
    force = f", {view['weight_in_force']:g} % in force" if view["share_known"] else ""
    return f"{view['status']}, phase {view['phase_name']}{force}{seen}{done}{why}"


def _phases(view: View) -> Text:
    strip = Text()
    for index, phase in enumerate(view["phases"]):
        if index:
            strip.append(" -> ", style="dim")
        if index < view["phase"] or view["status"] == "promoted":
            strip.append(f"✓ {phase['name']}", style="green")
        elif index == view["phase"]:
            strip.append(f"▶ {phase['name']}", style=f"bold {COLOURS.get(view['status'], 'white')}")
        else:
            strip.append(phase["name"], style="dim")
    strip.append(f"   {view['status']}", style=f"bold {COLOURS.get(view['status'], 'white')}")
    return strip


def _progress(view: View) -> RenderableType:
    row = Table.grid(padding=(0, 1))
    left = view["time_left_s"]
    row.add_row(
        ProgressBar(total=1.0, completed=view["progress"], width=40),
        Text(f"{view['progress']:4.0%}" + ("" if left is None else f"  {_clock(left)} left in this phase")),
    )
    return row


def _weights(view: View) -> Text:
    share = view["share_observed"]
    observed = "the observed share is not yet known" if share is None else f"{share:.1f} % observed"
    if not view["share_known"]:  # a cohort, copies, or splitters at different weights: no one number is wanted
        return Text(f"traffic to the canary: {view['phase_name']}, {observed}")
    return Text(
        f"traffic to the canary: {view['weight_wanted']:g} % wanted, {view['weight_in_force']:g} % in force, {observed}"
    )


def _comparison(view: View, only: tuple[str, ...] | None) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for index, column in enumerate(view["comparison"]["columns"]):
        table.add_column(Text("canary (control)" if index == 0 else column), justify="left" if index == 0 else "right")
    for row in view["comparison"]["rows"]:
        if only is not None and row[0] not in only:
            continue
        table.add_row(*[Text(cell.replace("(control ", "(")) for cell in row])
    return table


def _findings(view: View, detail: _Detail) -> list[Text]:
    lines = []
    shown = [one for one in view["findings"] if detail.met or one["action"] != "PROMOTE"]
    met = len(view["findings"]) - len(shown)
    if detail.asking is not None:
        shown = sorted(shown, key=lambda one: _URGENCY.index(one["action"]))[: detail.asking]
    more = len(view["findings"]) - met - len(shown)
    for finding in shown:
        mark, colour = MARKS.get(finding["action"], ("?", "white"))
        line = Text(f"{mark} ", style=colour, no_wrap=not detail.wrap, overflow=None if detail.wrap else "ellipsis")
        if not finding["sentence"].startswith(finding["metric"]):
            line.append(f"{finding['metric']}: ", style="bold")
        line.append(finding["sentence"])
        lines.append(line)
    if more:
        lines.append(Text(f"! and {more} more, not met: pilotage explain {view['id']}", style="yellow"))
    if met:
        lines.append(Text(f"✓ {met} {'criterion is' if met == 1 else 'criteria are'} met", style="green"))
    return lines


def _timeline(view: View, most: int) -> list[Text]:
    lines = []
    for one in view["timeline"][-most:]:
        at = datetime.fromtimestamp(one["at"]).astimezone()
        line = Text(f"{at:%H:%M:%S} ", style="dim", overflow="ellipsis", no_wrap=True)
        line.append(one["sentence"] if one["by"] == "pilotage" else f"{one['by']}: {one['sentence']}")
        lines.append(line)
    return lines


def _needed(view: View) -> list[Text]:
    lines = [Text(f"A person is needed: {view['reason']}", style="bold yellow")]
    lines += [Text(f"  pilotage {command} {view['id']}", style="yellow") for command in view["commands"]]
    return lines


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
