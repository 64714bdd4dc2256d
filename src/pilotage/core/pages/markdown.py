"""A page as Markdown."""

from __future__ import annotations

import re

from pilotage.core.markdown import Marked, address, code, inline, table
from pilotage.core.pages import Block, Bullets, Code, Facts, Line, Page, Paragraph, Picture, Section, Strong, Table
from pilotage.core.words import printable

_BEGINS_A_BLOCK = re.compile(r"(\d{0,9})[#>+=~_.)-]")


def markdown(page: Page) -> str:
    lines = [f"# {inline(page.title)}", "", f"**{inline(page.lead)}**", ""]
    for block in page.blocks:
        lines += _block(block)
    for section in page.sections:
        lines += _section(section, 2)
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(section: Section, level: int) -> list[str]:
    lines = [f"{'#' * level} {inline(section.title)}", ""]
    for block in section.blocks:
        lines += _block(block)
    for part in section.parts:
        lines += _section(part, level + 1)
    return lines


def _block(block: Block) -> list[str]:
    match block:
        case Paragraph(line):
            return [_first(line), ""]
        case Facts(rows):
            return [*(f"- {inline(name)}: {_line(line)}" for name, line in rows), ""]
        case Table(_, columns, rows):
            return [*table(columns, [[_line(cell) for cell in row] for row in rows]), ""]
        case Bullets():
            return _bullets(block)
        case Picture(about, _, where):
            return [f"![{inline(about)}](<{address(where)}>)", ""] if where else []


def _bullets(block: Bullets) -> list[str]:
    """With an excerpt in it the list is a loose one."""
    loose = any(one.excerpt for one in block.items)
    lines = []
    for one in block.items:
        lines += [f"- {_first(one.line)}", *([""] if loose else [])]
        lines += [f"      {printable(line)}" for line in one.excerpt] + ([""] if one.excerpt else [])
    return lines if loose else [*lines, ""]


def _first(line: Line) -> str:
    """At the beginning of a block: text that would begin a heading or a list stays text."""
    text = _line(line)
    begins = _BEGINS_A_BLOCK.match(text) if isinstance(line[0] if isinstance(line, tuple) else line, str) else None
    return f"{begins[1]}\\{text[begins.end(1) :]}" if begins else text


def _line(line: Line) -> Marked:
    runs = line if isinstance(line, tuple) else (line,)
    return Marked("".join(_run(run) for run in runs))


def _run(run: str | Strong | Code) -> str:
    match run:
        case Strong(text):
            return f"**{inline(text)}**" if inline(text) else ""
        case Code(text):
            return code(text)
        case _:
            return _inner(run)


def _inner(text: str) -> str:
    """`inline`, with the spaces that part it from its neighbours."""
    before = " " if text[:1] == " " else ""
    after = " " if text[-1:] == " " and text.strip() else ""
    return before + inline(text) + after
