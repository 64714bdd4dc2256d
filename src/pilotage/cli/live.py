"""The live view: one picture of a rollout from the API's answer. All text from outside is shown as plain text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
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


def render(view: View) -> RenderableType:
    parts: list[RenderableType] = [_phases(view), _progress(view), _weights(view)]
    if view["comparison"]["rows"]:
        parts += [Text(), _comparison(view)]
    if view["findings"]:
        parts += [Text(), *_findings(view)]
    if view["timeline"]:
        parts += [Text(), *_timeline(view)]
    if view["needs_person"]:
        parts += [Text(), *_needed(view)]
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
    return f"{view['status']}, phase {view['phase_name']}, {view['weight_in_force']:g} % in force{seen}{done}{why}"


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
    return Text(
        f"traffic to the canary: {view['weight_wanted']:g} % wanted, {view['weight_in_force']:g} % in force, {observed}"
    )


def _comparison(view: View) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for index, column in enumerate(view["comparison"]["columns"]):
        table.add_column(Text(column), justify="left" if index == 0 else "right")
    for row in view["comparison"]["rows"]:
        table.add_row(*[Text(cell) for cell in row])
    return table


def _findings(view: View) -> list[Text]:
    lines = []
    for finding in view["findings"]:
        mark, colour = MARKS.get(finding["action"], ("?", "white"))
        line = Text(f"{mark} ", style=colour)
        if not finding["sentence"].startswith(finding["metric"].split()[0]):
            line.append(f"{finding['metric']}: ", style="bold")
        line.append(finding["sentence"])
        lines.append(line)
    return lines


def _timeline(view: View) -> list[Text]:
    lines = []
    for one in view["timeline"][-5:]:
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
