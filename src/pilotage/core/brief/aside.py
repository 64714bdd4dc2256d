"""What a brief quotes (logs, code, stack traces, other people) is data: it is set aside before facts are read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pilotage.core.brief.patterns import Pattern

_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|FATAL|CRITICAL|CRIT|PANIC)"
_STAMP = (
    r"(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?|[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d)"
)
_STAMPED = rf"{_STAMP}[^\w\n]{{1,4}}(?:[^\n]{{0,60}}?(?i:\b{_LEVEL}\b)|\[)"
_FRAME = r"\bat (?:[\w$]{1,60}\.){1,12}[\w$<>]{1,60}\([^)\n]{0,120}\)"
_RAISED = r"\b(?:[a-z_]\w{0,40}\.){1,10}[A-Z]\w{0,60}(?:Exception|Error): "
_OBJECT = r'\{ {0,4}"[\w.@-]{1,60}" {0,4}:'
_LOGFMT = r"\b(?:level|lvl|msg|ts)=\S"
_LEVEL_FIRST = r"(?:ERROR|FATAL|DEBUG|TRACE|SEVERE|WARN|PANIC)(?:\]|:| \[| -| (?!(?i:rate|budget|count|quote)))"

_FENCE = Pattern(r" {0,3}(```|~~~)")
_QUOTE = Pattern(r" {0,3}>(?![=>])")
_LINE = Pattern(
    rf" {{0,40}}\W{{0,3}}(?:{_LEVEL_FIRST}|Traceback \(most recent|Caused by: |\.\.\. \d{{1,4}} (?:more|common)"
    rf"|goroutine \d"
    rf'|panic: |Exception in thread|File "[^"\n]{{1,200}}", line \d|[A-Z]\w{{0,60}}(?:Exception|Error): '
    rf"|\d{{1,3}}(?:\.\d{{1,3}}){{3}} - |{_FRAME}|{_RAISED})"
)
_ANYWHERE = Pattern(rf"{_STAMPED}|{_FRAME}|{_RAISED}|{_OBJECT}|{_LOGFMT}")
_INLINE_CODE = Pattern(r"```.{0,4000}?(?:```|$)", re.S)
_QUOTED = Pattern(r"\"[^\"]{0,1000}\"|(?<!\w)'[^'\n]{2,400}'(?!\w)|`[^`\n]{0,400}`")
_IN_QUOTES = Pattern(
    rf"\s{{0,4}}\[?(?:{_LEVEL}\b[\]: ]|{_STAMP}\W{{1,4}}\w)|{_STAMPED}|{_FRAME}|{_RAISED}|{_OBJECT}|{_LOGFMT}"
)
_SAID = Pattern(
    r"\b(?:logs?|log ?(?:line|file|entry|zeile)|message|output|says?|said|wrote|writes|reads|reports?|meldung"
    r"|fehlermeldung|schreibt"
    r"|schrieb|sagt|ausgabe|mensaje|registro|dice|dijo|escribio|salida)\b[^\"'`\n.]{0,30}$"
)


def quoted(plain: str, low: str) -> Iterator[tuple[int, int]]:
    """Spans of `plain` that are quoted or logged. Every pass is linear: its repetitions are bounded."""
    yield from _lines(plain)
    yield from (match.span() for match in _INLINE_CODE.finditer(plain))
    for match in _ANYWHERE.finditer(plain):
        yield match.start(), _line_end(plain, match.end())
    for match in _QUOTED.finditer(plain):
        inside = plain[match.start() + 1 : match.end() - 1]
        if (
            _IN_QUOTES.match(inside)
            or _IN_QUOTES.search(inside)
            or (match[0][0] != "`" and _SAID.search(low, max(0, match.start() - 60), match.start()))
        ):
            yield match.span()


def _lines(plain: str) -> Iterator[tuple[int, int]]:
    fence, opened, start = "", 0, 0
    for line in plain.split("\n"):
        end = start + len(line)
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1] == fence:
                yield opened, end
                fence = ""
        elif mark and mark[1] not in line[mark.end() :]:
            fence, opened = mark[1], start
        elif _QUOTE.match(line) or _LINE.match(line):
            yield start, end
        start = end + 1
    if fence:
        yield opened, len(plain)


def _line_end(plain: str, start: int) -> int:
    end = plain.find("\n", start)
    return len(plain) if end < 0 else end
