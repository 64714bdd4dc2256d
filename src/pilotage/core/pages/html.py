"""A page as one HTML file that needs nothing else: no script, nothing loaded, all text escaped."""

from __future__ import annotations

from pilotage.core.pages import (
    Block,
    Bullet,
    Bullets,
    Code,
    Facts,
    Line,
    Page,
    Paragraph,
    Picture,
    Section,
    Strong,
    Table,
)
from pilotage.core.pages.style import STYLE
from pilotage.core.svg import text_safe
from pilotage.core.words import printable

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""A browser loads and runs nothing, even if the escaping had a hole."""


_SHORT = 20


def html(page: Page) -> str:
    parts = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{_text(page.title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        "<main>",
        f"<h1>{_text(page.title)}</h1>",
        f'<p class="lead">{_text(page.lead)}</p>',
        *(_block(block) for block in page.blocks),
        *(_section(section, 2) for section in page.sections),
        "</main>",
        "</body>",
        "</html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _section(section: Section, level: int) -> str:
    inside = [_block(block) for block in section.blocks] + [_section(part, level + 1) for part in section.parts]
    heading = f"<h{level}>{_text(section.title)}</h{level}>"
    return "\n".join(["<section>", heading, *(one for one in inside if one), "</section>"])


def _block(block: Block) -> str:
    match block:
        case Paragraph(line):
            return f"<p>{_line(line)}</p>"
        case Facts(rows):
            pairs = (f"<dt>{_text(name)}</dt><dd>{_line(line)}</dd>" for name, line in rows)
            return "\n".join(["<dl>", *pairs, "</dl>"])
        case Table():
            return _table(block)
        case Bullets(items):
            return "\n".join(["<ul>", *(_bullet(one) for one in items), "</ul>"])
        case Picture(about, svg, _):
            return _scrolled("figure", about, svg.strip()) if svg else ""


def _bullet(one: Bullet) -> str:
    excerpt = "\n".join(_text(line) for line in one.excerpt)
    return f"<li>{_line(one.line)}" + (f"\n<pre>{excerpt}</pre>" if excerpt else "") + "</li>"


def _table(block: Table) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in block.columns)
    rows = [
        "<tr>" + _head(row[0]) + "".join(f"<td>{_line(cell)}</td>" for cell in row[1:]) + "</tr>" for row in block.rows
    ]
    lines = ["<table>", f"<caption>{_text(block.about)}</caption>", f"<thead><tr>{head}</tr></thead>"]
    return _scrolled("div", block.about, "\n".join([*lines, "<tbody>", *rows, "</tbody>", "</table>"]))


def _head(cell: Line) -> str:
    """An instant or a name stays on one line."""
    short = ' class="short"' if isinstance(cell, str) and len(cell) <= _SHORT else ""
    return f'<th scope="row"{short}>{_line(cell)}</th>'


def _scrolled(tag: str, about: str, inside: str) -> str:
    """What may be wider than a phone scrolls by itself, with the keyboard too."""
    return f'<{tag} class="wide" tabindex="0" role="region" aria-label="{_text(about)}">\n{inside}\n</{tag}>'


def _line(line: Line) -> str:
    return "".join(_run(run) for run in (line if isinstance(line, tuple) else (line,)))


def _run(run: str | Strong | Code) -> str:
    match run:
        case Strong(text):
            return f"<strong>{_text(text)}</strong>"
        case Code(text):
            return f"<code>{_text(text)}</code>"
        case _:
            return _text(run)


def _text(text: str) -> str:
    return text_safe(printable(text))
