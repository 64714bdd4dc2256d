"""Markdown, tables and hard-wrapped lines are smoothed for the rules; every character keeps its place."""

from __future__ import annotations

from pilotage.core.brief.dates import MONTH
from pilotage.core.brief.patterns import Pattern

WRAPPED = 55
"""Characters from which on a line may have been wrapped by a machine."""
BREAK = "\n"
"""What no rule reads across: a line's end, or a passage that was set aside."""

_MARKERS = str.maketrans('*`"', "   ")
_LEAD = Pattern(r" {0,12}(?:[-+•–·◦‣>]|#{1,6}|\[[ x]\])(?= )")
_RULE = Pattern(r"[ |:=+-]*$")
_LABELLED = Pattern(r" {0,12}[\w(][\w() /'-]{0,40}[:=]")
_LISTED = Pattern(r" {0,12}(?:[-+•–·]|#{1,6}|\d{1,2}[.)]) ")
_DOTS = Pattern(
    r"\b(?:mio|mrd|tsd|ca|aprox|approx|nr|bzw|z|vs|resp|bzgl|inkl|incl|max|ing|sr|sra|hr|fr|mr|ms|dr)\.(?= )"
    r"|\b(?:a|p)\.? ?m(?:\.|\b)|\b(?:min|mins|sec|secs|std|sek|seg|hrs|h)\.(?= (?:[a-z0-9(,]))"
)
_ORDINAL = Pattern(rf"\b\d{{1,2}}(?:\.|st|nd|rd|th)(?= (?:of )?{MONTH}\b)")


def smooth(low: str, aside: list[tuple[int, int]]) -> str:
    """`low` as long as before: what stands `aside` becomes breaks, markers spaces, wrapped lines one line."""
    pieces, done = [], 0
    for start, end in sorted(aside):
        if end > done:
            start = max(start, done)
            pieces += [low[done:start], BREAK * (end - start)]
            done = end
    text = "".join([*pieces, low[done:]]).translate(_MARKERS)
    return _dots("".join(_joined(text.split("\n"))))


def _line(line: str) -> str:
    if lead := _LEAD.match(line):
        line = " " * lead.end() + line[lead.end() :]
    if line.count("|") >= 2 and line.strip().startswith("|"):
        if _RULE.match(line):
            return " " * len(line)
        first = line.index("|")
        second = line.index("|", first + 1)
        return (line[:first] + " " + line[first + 1 : second] + ":" + line[second + 1 :]).replace("|", " ")
    return line


def _joined(lines: list[str]) -> list[str]:
    """Lines with what stands between them: a space where a sentence goes on, else a break."""
    out: list[str] = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        goes_on = (
            len(line.strip()) > WRAPPED
            and after.strip()
            and line.rstrip()[-1] not in ".!?:;|"
            and not _LABELLED.match(after)
            and not _LISTED.match(after)
            and not _LABELLED.match(line)
        )
        out += [_line(line), " " if goes_on else BREAK]
    return out[:-1]


def _dots(text: str) -> str:
    """Full stops that end no sentence (5 Mio. Anfragen, 25. November, 10 p.m.) become spaces."""
    for pattern in (_DOTS, _ORDINAL):
        pieces, done = [], 0
        for match in pattern.finditer(text):
            if pattern is _ORDINAL:
                digits = len(match[0].rstrip(".stndrh"))
                instead = match[0][:digits] + " " * (len(match[0]) - digits)
            elif match[0][0] in "ap" and "m" in match[0] and len(match[0].replace(".", "").replace(" ", "")) == 2:
                instead = (match[0][0] + "m").ljust(len(match[0]))
            else:
                instead = match[0].replace(".", " ")
            pieces += [text[done : match.start()], instead]
            done = match.end()
        text = "".join([*pieces, text[done:]])
    return text
