"""The Markdown that Pilotage's own documents are written in (a plan's, a review's draft) as a piece of a HTML page.

Only what they use is known: headings, paragraphs, lists with boxes to tick, numbered lists, quotes, tables, excerpts,
code, strong and emphasised text. Everything else, links and tags too, is text and stays text: all of it is escaped.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator

from pilotage.core.svg import text_safe
from pilotage.core.words import printable

_HEADING = re.compile(r"(#{1,6}) +(.*)")
_ITEM = re.compile(r"- (?:\[([ x])\] )?(.*)")
_NUMBERED = re.compile(r"\d{1,9}\. (.*)")
_RULE = re.compile(r"\|(?: *:?-+:? *\|)+")
_RUN = re.compile(
    r"(?P<escaped>\\[\\|<\[\]*`#>+=~_.)-])|(?P<fence>`+)"
    r"|\*\*(?P<strong>(?:\\.|[^\\*])+)\*\*|\*(?P<soft>(?:\\.|[^\\*])+)\*"
)
_FENCE = re.compile(r"`+")
_CELL_END = re.compile(r"(?<!\\)((?:\\\\)*)\|")
EXCERPT = " " * 6


def fragment(markdown: str, lowest: int = 2) -> str:
    """Its first heading, the title, is left out; `lowest` is the level of the ones below it."""
    return "\n".join(_blocks(markdown.splitlines(), lowest))


def excerpt_of(text: str) -> str:
    """Lines as they are, to be read sign by sign."""
    return "\n".join(_text(line) for line in text.splitlines())


def title_of(markdown: str) -> str:
    """The first heading, as text."""
    found = next((one for line in markdown.splitlines() if (one := _HEADING.fullmatch(line))), None)
    return re.sub(r"\\(.)", r"\1", found[2]) if found else ""


def _blocks(lines: list[str], lowest: int, quoted: bool = False) -> Iterator[str]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if not line.strip():
            place += 1
            continue
        taken, html = _block(lines, place, lowest, quoted)
        place += max(1, taken)
        if html:
            yield html


def _block(lines: list[str], place: int, lowest: int, quoted: bool) -> tuple[int, str]:
    """How many lines it takes, and what becomes of them."""
    line = lines[place]
    if heading := _HEADING.fullmatch(line):
        level = len(heading[1])
        if level == 1:
            return 1, ""
        tag = f"h{min(6, lowest + level - 2)}"
        return 1, f"<{tag}>{_inline(heading[2])}</{tag}>"
    if line.startswith("|") and place + 1 < len(lines) and _RULE.fullmatch(lines[place + 1].strip()):
        rows = _while(lines, place, lambda one: one.startswith("|"))
        return len(rows), _table(rows)
    if line.startswith(">") and not quoted:
        said = _while(lines, place, lambda one: one.startswith(">"))
        inside = "\n".join(_blocks([one[1:].removeprefix(" ") for one in said], lowest, quoted=True))
        return len(said), f"<blockquote>{inside}</blockquote>"
    if _ITEM.fullmatch(line):
        return _list(lines, place)
    if _NUMBERED.match(line):
        items = _while(lines, place, lambda one: bool(_NUMBERED.match(one)))
        told = (f"<li>{_inline(found[1])}</li>" for one in items if (found := _NUMBERED.fullmatch(one)))
        return len(items), "\n".join(["<ol>", *told, "</ol>"])
    said = _while(lines, place, _is_text)
    return len(said), f"<p>{_inline(' '.join(one.strip() for one in said))}</p>"


def _is_text(line: str) -> bool:
    return bool(line.strip()) and not (line[0] in "|>" or any(one.match(line) for one in (_HEADING, _ITEM, _NUMBERED)))


def _while(lines: list[str], place: int, holds: Callable[[str], bool]) -> list[str]:
    end = place
    while end < len(lines) and holds(lines[end]):
        end += 1
    return lines[place : max(end, place + 1)]


def _list(lines: list[str], place: int) -> tuple[int, str]:
    """Items may have blank lines between them, and an excerpt each."""
    begin, parts = place, []
    while place < len(lines) and (found := _ITEM.fullmatch(lines[place])):
        place += 1
        mark = "" if found[1] is None else f'<span class="box">{"☑" if found[1] == "x" else "☐"}</span> '
        after = place
        while after < len(lines) and not lines[after].strip():
            after += 1
        excerpt = []
        while after < len(lines) and lines[after].startswith(EXCERPT):
            excerpt.append(_text(lines[after][len(EXCERPT) :]))
            after += 1
        while after < len(lines) and not lines[after].strip():
            after += 1
        if excerpt or (after < len(lines) and _ITEM.fullmatch(lines[after])):
            place = after
        said = f"<pre>{chr(10).join(excerpt)}</pre>" if excerpt else ""
        parts.append(f"<li>{mark}{_inline(found[2])}{said}</li>")
    return place - begin, "\n".join(["<ul>", *parts, "</ul>"])


def _table(lines: list[str]) -> str:
    rows = [_cells(one) for one in [lines[0], *lines[2:]]]
    head, body = rows[0], rows[1:]
    told = ['<div class="scroll" tabindex="0"><table>']
    if any(head):
        told.append("<thead><tr>" + "".join(f'<th scope="col">{_inline(one)}</th>' for one in head) + "</tr></thead>")
    told.append("<tbody>")
    for first, *rest in body:
        cells = "".join(f"<td>{_inline(one)}</td>" for one in rest)
        told.append(f'<tr><th scope="row">{_inline(first)}</th>{cells}</tr>')
    return "\n".join([*told, "</tbody></table></div>"])


def _cells(line: str) -> list[str]:
    parts = _CELL_END.sub(r"\1\n", line.strip().removeprefix("|")).split("\n")
    return [one.strip() for one in parts[:-1] or parts]


def _inline(text: str) -> str:
    parts, last = [], 0
    fences: dict[int, list[int]] = {}
    for fence in _FENCE.finditer(text):
        fences.setdefault(len(fence[0]), []).append(fence.start())
    while found := _RUN.search(text, last):
        parts.append(_text(text[last : found.start()]))
        last = found.end()
        if found["escaped"]:
            parts.append(_text(found["escaped"][1:]))
        elif found["fence"]:
            width = len(found["fence"])
            same = fences.get(width, [])
            place = bisect_left(same, last)
            if place == len(same):
                parts.append(_text(found["fence"]))
                continue
            inside, last = text[last : same[place]].replace("\\|", "|"), same[place] + width
            padded = inside.startswith(" `") or inside.endswith("` ")
            parts.append(f"<code>{_text(inside[1:-1] if padded else inside)}</code>")
        else:
            tag, said = ("strong", found["strong"]) if found["strong"] is not None else ("em", found["soft"])
            parts.append(f"<{tag}>{_inline(said)}</{tag}>")
    parts.append(_text(text[last:]))
    return "".join(parts)


def _text(text: str) -> str:
    return text_safe(printable(text))
