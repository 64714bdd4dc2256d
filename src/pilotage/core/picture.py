"""A rollout as one picture (SVG): per metric the canary against control, and the evidence against its limit, over time.

Pure: the plan and the stored verdicts in, text out. Time is ticks times the phase's tick length, one phase after the
other, from the first judged phase on. Lines can be told apart without colour: by dashes and by full or hollow dots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pilotage.core.course import Course, Shown, course_of, named
from pilotage.core.model import Action, Plan, Verdict
from pilotage.core.svg import Scale, band, fitting, label, line, rect, rule, runs, steps, text_safe, wrapped
from pilotage.core.words import e_value, unit_of

WIDTH = 900
PLOT_W, PLOT_H = 366, 120
LEFT, RIGHT = 60, 520
ROW_H = PLOT_H + 76
EVIDENCE_TOP, EVIDENCE_BOTTOM = 12.0, -4.0
"""Powers of ten: evidence beyond them is drawn at the edge, with its value."""
MANY = 60
HUGE, TINY = 1e9, 1e-6
LETTER_H = 11
LOG10 = math.log(10)
_STYLES = ("e0", "e1", "e2")

_CSS = """
.bg{fill:#fff}.t{font:11px system-ui,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif;fill:#1f2328}
.h{font-size:17px;font-weight:600}.b{font-size:12.5px;font-weight:600}.m{fill:#59636e}
.halo{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.frame{fill:none;stroke:#818b98}.grid{stroke:#d1d9e0;stroke-width:.7}.even{fill:#818b98;fill-opacity:.09}
.edge{stroke:#818b98;stroke-width:1;stroke-dasharray:1 3}.turn{stroke:#1f2328;stroke-width:1.6}
.canary,.e0{fill:none;stroke:#a33a00;stroke-width:2.2}.canary-dot,.e0-dot{fill:#a33a00}
.e1-dot,.e2-dot{fill:#fff;stroke:#a33a00;stroke-width:1.4}.control-dot{fill:#fff;stroke:#2f81d6;stroke-width:1.4}
.control{fill:none;stroke:#2f81d6;stroke-width:2;stroke-dasharray:6 4}
.band{fill:#d9793f;fill-opacity:.28}.limit{stroke:#1f2328;stroke-width:1.2;stroke-dasharray:9 3 2 3}
.e1{fill:none;stroke:#a33a00;stroke-width:1.8;stroke-dasharray:7 4}
.e2{fill:none;stroke:#a33a00;stroke-width:1.8;stroke-dasharray:2 3}
@media screen and (prefers-color-scheme:dark){.bg{fill:#0d1117}.t{fill:#e6edf3}.m{fill:#9198a1}.halo{stroke:#0d1117}
.frame,.edge{stroke:#6e7681}.grid{stroke:#30363d}.even{fill:#9198a1}.turn,.limit{stroke:#e6edf3}
.canary,.e0,.e1,.e2{stroke:#ffa657}.canary-dot,.e0-dot{fill:#ffa657}
.e1-dot,.e2-dot{fill:#0d1117;stroke:#ffa657}.control-dot{fill:#0d1117;stroke:#79c0ff}
.control{stroke:#79c0ff}.band{fill:#ffa657;fill-opacity:.22}}
"""


def picture(plan: Plan, verdicts: Mapping[tuple[int, int], Verdict], outcome: str = "") -> str:
    """SVG text, 900 pixels wide, as high as it has metrics; `outcome` is the sentence below its title."""
    course = course_of(plan, verdicts)
    rows = [(name, metrics) for name, metrics in course.rows() if _says_something(course, metrics)]
    title = f"{plan.service} {plan.version} in {plan.environment}"
    said = wrapped(outcome, WIDTH - 40, 12, 2)
    top = 44 + 17 * len(said)
    height = top + 30 + max(1, len(rows)) * ROW_H
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'role="img" aria-labelledby="pilotage-title pilotage-desc">',
        f'<title id="pilotage-title">{text_safe(title)}</title>',
        f'<desc id="pilotage-desc">{text_safe(_described(plan, course, outcome))}</desc>',
        f"<style>{_CSS}</style>",
        rect(0, 0, WIDTH, height, "bg"),
        label(20, 30, fitting(title, WIDTH - 40, 17), "h"),
        *[label(20, 50 + 17 * number, one, "m") for number, one in enumerate(said)],
    ]
    if not rows:
        parts.append(label(WIDTH / 2, top + 60, "No judged tick is stored yet.", "m", "middle"))
    else:
        parts.append(_legend(top + 12))
    for number, (name, metrics) in enumerate(rows):
        y = top + 66 + number * ROW_H
        parts.append(_values(plan, course, name, metrics, y))
        parts.append(_evidence(course, metrics, y))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _says_something(course: Course, metrics: list[str]) -> bool:
    """A log without any new or rising error is a flat line at nothing."""
    shown = [each.finding for one in metrics if one.startswith("logs") for each in course.metrics[one]]
    return not shown or any(finding.canary or finding.shows for finding in shown)


def _described(plan: Plan, course: Course, outcome: str) -> str:
    """For those who cannot see it: the outcome and the last values of every metric."""
    said = [outcome] if outcome else []
    said.append("Phases: " + ", ".join(one.name for one in course.stretches) + "." if course.metrics else "No data.")
    for metric, shown in course.metrics.items():
        last, unit = shown[-1].finding, unit_of(metric, shown[-1].finding.unit)
        values = [
            f"{who} {unit(value)}"
            for who, value in (("canary", last.canary), ("control", last.control))
            if _finite(value) and value is not None
        ]
        if last.evidence is not None and last.threshold is not None:
            values.append(f"evidence {e_value(last.evidence)}, limit {e_value(last.threshold)}")
        said.append(f"{named(plan, metric)} at the last tick: {', '.join(values) or 'unknown'}.")
    return " ".join(said)


def _legend(y: float) -> str:
    parts = [line([(20, y - 4), (50, y - 4)], "canary", True), label(56, y, "canary")]
    parts += [rect(116, y - 9, 28, 10, "band"), label(150, y, "its 95 % interval")]
    parts += [rule(262, y - 4, 292, y - 4, "control"), label(298, y, "control (without one: the baseline)")]
    parts += [rule(RIGHT, y - 4, RIGHT + 30, y - 4, "limit"), label(RIGHT + 36, y, "evidence above this limit decides")]
    return "".join(parts)


# ------------------------------------------------------------------ the charts


def _values(plan: Plan, course: Course, name: str, metrics: list[str], y: float) -> str:
    """The canary with its interval against control: the values of the group's first metric that has a control."""
    best = max(metrics, key=lambda one: sum(each.finding.control is not None for each in course.metrics[one]))
    shown = course.metrics[best]
    unit = unit_of(best, shown[-1].finding.unit)
    lines = [value for one in shown for value in (one.finding.canary, one.finding.control) if _finite(value)]
    tops = [one.finding.high for one in shown if _finite(one.finding.high) and _finite(one.finding.canary)]
    high = _top([value for value in lines if value is not None], [value for value in tops if value is not None])
    marks = steps(high, 5)
    along = Scale(0, course.shown, LEFT, LEFT + PLOT_W)
    up = Scale(0, high, y + PLOT_H, y)
    parts = [_ground(course, along, y, named(plan, name if len(metrics) > 1 else best))]
    parts += [_mark(LEFT, up(value), _short(unit(value))) for value in marks]
    if not lines:
        parts.append(label(LEFT + PLOT_W / 2, y + PLOT_H / 2, "no value", "m", "middle"))
    for stretch in range(len(course.stretches)):
        here = [one for one in shown if one.stretch == stretch]
        parts += _bands(here, along, up)
        for kind in ("control", "canary"):
            pairs = [(along(one.at), getattr(one.finding, kind)) for one in here]
            parts += [
                line([(x, up(value)) for x, value in run], kind, kind == "canary" and len(shown) <= MANY)
                for run in runs(pairs, _finite)
            ]
    return "\n".join(parts)


def _bands(here: list[Shown], along: Scale, up: Scale) -> list[str]:
    known = [
        (one.at, one.finding.low, one.finding.high)
        if _finite(one.finding.low) and _finite(one.finding.high) and _finite(one.finding.canary)
        else (one.at, None, None)
        for one in here
    ]
    lows = runs([(along(at), low) for at, low, _ in known], _finite)
    highs = runs([(along(at), high) for at, _, high in known], _finite)
    return [
        band([(x, up(value)) for x, value in low], [(x, up(value)) for x, value in high], "band")
        for low, high in zip(lows, highs, strict=True)
    ]


def _evidence(course: Course, metrics: list[str], y: float) -> str:
    with_evidence = [one for one in metrics if any(each.finding.evidence is not None for each in course.metrics[one])]
    powers = [power for one in with_evidence for each in course.metrics[one] if (power := _power(each)) is not None]
    limits = {
        round(each.finding.threshold / LOG10, 2)
        for one in with_evidence
        for each in course.metrics[one]
        if each.finding.threshold is not None and math.isfinite(each.finding.threshold)
    }
    finite = [one for one in powers if math.isfinite(one)]
    high = min(EVIDENCE_TOP, max([3.0, *(one + 0.5 for one in [*finite, *limits])]))
    high = EVIDENCE_TOP if math.inf in powers else math.ceil(high)
    low = max(EVIDENCE_BOTTOM, math.floor(min([-1.0, *finite])))
    along, up = Scale(0, course.shown, RIGHT, RIGHT + PLOT_W), Scale(low, high, y + PLOT_H, y)
    parts = [_ground(course, along, y, "evidence"), _keys(with_evidence, y)]
    step = 1 if high - low <= 5 else 2 if high - low <= 10 else 4
    first = math.ceil(low / step) * step
    decisive = [limit for limit in sorted(limits) if low <= limit <= high]
    parts += [
        _mark(RIGHT, up(power), _ten(power))
        for power in range(first, int(high) + 1, step)
        if all(abs(up(power) - up(limit)) > LETTER_H for limit in decisive)
    ]
    parts += [
        rule(RIGHT, up(limit), RIGHT + PLOT_W, up(limit), "limit")
        + label(RIGHT - 6, up(limit) + 4, f"{10**limit:,.0f}", "b", "end")
        for limit in decisive
    ]
    if not powers:
        parts.append(label(RIGHT + PLOT_W / 2, y + PLOT_H / 2, "no evidence: nothing to compare with", "m", "middle"))
    beyond = []
    for place, metric in enumerate(with_evidence):
        shown = course.metrics[metric]
        kind = _STYLES[min(place, len(_STYLES) - 1)]
        for stretch in range(len(course.stretches)):
            pairs = [(along(one.at), _power(one)) for one in shown if one.stretch == stretch]
            parts += [
                line([(x, up(power)) for x, power in run], kind, len(shown) <= MANY)
                for run in runs(pairs, lambda power: not math.isnan(power))
            ]
        top = max((power for one in shown if (power := _power(one)) is not None), default=low)
        if top > high:
            name = f"{metric} " if len(with_evidence) > 1 else ""
            beyond.append(f"{name}up to {'infinity' if math.isinf(top) else '10' + _superscript(round(top))}")
    if beyond:
        parts.append(label(RIGHT + 4, y + 15, f"beyond the top: {', '.join(beyond)}", "m halo"))
    return "\n".join(parts)


def _ground(course: Course, along: Scale, y: float, title: str) -> str:
    """Title, phases, frame and time axis."""
    parts = [label(along.start, y - 22, fitting(title, PLOT_W - 90, 12.5), "b")]
    for number, one in enumerate(course.stretches):
        x, width = along(one.begin), along(one.end) - along(one.begin)
        if number % 2 == 0:
            parts.append(rect(x, y, width, PLOT_H, "even"))
        if number:
            parts.append(rule(x, y, x, y + PLOT_H, "edge"))
        parts.append(label(x + 3, y - 6, fitting(one.name, width - 4, 11), "m"))
    for at in _moments(course.seconds):
        parts.append(label(along(at), y + PLOT_H + 14, _clock(at, course.seconds), "m", "middle"))
        parts.append(rule(along(at), y + PLOT_H, along(at), y + PLOT_H + 3, "frame"))
    return "\n".join([*parts, rect(along.start, y, PLOT_W, PLOT_H, "frame"), _turn(course, along, y)])


def _keys(metrics: list[str], y: float) -> str:
    """Which line is which, when there is more than one."""
    parts, x = [], RIGHT + 72.0
    for place, metric in enumerate(metrics if len(metrics) > 1 else []):
        parts.append(line([(x, y - 26), (x + 26, y - 26)], _STYLES[min(place, len(_STYLES) - 1)], True))
        parts.append(label(x + 31, y - 22, metric))
        x += 31 + 6.6 * len(metric) + 16
    return "".join(parts)


def _mark(x: float, y: float, text: str) -> str:
    return rule(x, y, x + PLOT_W, y, "grid") + label(x - 6, y + 4, text, "m", "end")


def _turn(course: Course, along: Scale, y: float) -> str:
    """The last tick's verdict: its line, and its word above the line."""
    if course.turn is None or course.turn is Action.WATCH:
        return ""
    x = along(course.turn_at)
    return rule(x, y - 18, x, y + PLOT_H, "turn") + label(x - 5, y - 22, course.turn.value, "b", "end")


# ------------------------------------------------------------------ scales


def _top(lines: list[float], highs: list[float]) -> float:
    """Room for the lines, and for as much of the interval as does not squeeze them flat."""
    line_top, band_top = max(lines, default=0.0), max(highs, default=0.0)
    if line_top <= 0:
        return band_top * 1.1 if band_top > TINY else 0.01
    return max(TINY, 1.15 * max(line_top, min(band_top, 2 * line_top)))


def _moments(seconds: float) -> list[float]:
    units = (1, 2, 5) if seconds <= 180 else (1, 2, 3, 5)
    scale = 1 if seconds <= 180 else 60 if seconds <= 3 * 3600 else 3600
    return [one * scale for one in steps(seconds / scale, 6, units)]


def _clock(at: float, seconds: float) -> str:
    if seconds <= 180:
        return f"{at:g} s"
    return f"{at / 60:g} min" if seconds <= 3 * 3600 else f"{at / 3600:g} h"


def _power(one: Shown) -> float | None:
    """The evidence as a power of ten."""
    return None if one.finding.evidence is None else one.finding.evidence / LOG10


def _ten(power: int) -> str:
    return {0: "1", 1: "10", 2: "100"}.get(power, f"10{_superscript(power)}")


def _superscript(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _short(text: str) -> str:
    """An axis mark without needless zeros: ``20.00%`` reads 20 %."""
    number, unit = (text[:-1], "%") if text.endswith("%") else text.partition(" ")[::2]
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number.strip() or '0'} {unit}"


def _finite(value: float | None) -> bool:
    """A number that can be drawn: no metric of ours comes near the bound."""
    return value is not None and abs(value) <= HUGE
