"""A page says the same in both forms, and text from outside stays text in either."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from pilotage.core.markdown import inline
from pilotage.core.pages import Bullet, Bullets, Code, Facts, Page, Paragraph, Picture, Section, Strong, Table
from pilotage.core.pages.html import html
from pilotage.core.pages.markdown import markdown
from pilotage.core.report import report, report_page
from pilotage.core.review import review
from tests.core.afterwards import TEXTS, story

HOSTILE = (
    "<script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)> | \"'` </title></style> & "
    "\x1b[31m\u202eright\u2066 to left\x00\n\n# heading\n- item [a](javascript:x) ![b](https://evil.example/y) \ud800"
)
CODE = re.compile(r"(?<![\\`])(`+)(?!`).*?(?<!`)\1(?!`)|^ {6}.*$", re.MULTILINE)
"""Where Markdown takes every sign as it is: code spans, and the lines of an example."""
VOID = {"meta", "img", "br", "hr", "input", "link"}


class Read(HTMLParser):
    """Every element and text, and whether what is opened is closed, in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.said: list[str] = []
        """The words without the head, the captions and the picture."""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)
            if not {"head", "caption", "svg"} & set(self.open):
                self.said.append(data)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def page_of(text: Callable[[str], str]) -> str:
    its = story(text)
    return report_page(its.plan, its.record, its.samples, its.verdicts, its.messages)


def markdown_of(text: Callable[[str], str]) -> str:
    its = story(text)
    return report(its.plan, its.record, its.samples, its.verdicts, "report.svg", its.messages)


def told(name: str) -> str:
    return TEXTS.get(name, name)


def hostile(name: str) -> str:
    return name + HOSTILE


@pytest.mark.parametrize("text", [told, hostile])
def test_the_page_is_whole_and_loads_and_runs_nothing(text: Callable[[str], str]) -> None:
    page = page_of(text)
    read = Read(page)
    assert read.open == []
    assert not read.tags() & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "image", "use"}
    names = {name for _, attributes in read.elements for name in attributes}
    assert not names & {"src", "href", "xlink:href", "srcset", "action", "style"}
    assert not {name for name in names if name.startswith("on")}
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(styles) == 2
    assert not any("url(" in one or "@import" in one for one in styles)


def test_hostile_text_makes_no_element_of_its_own_and_steers_nothing() -> None:
    calm, wild = Read(page_of(told)), Read(page_of(hostile))
    assert calm.tags() == wild.tags()
    assert "<script>alert(1)</script>" in "".join(wild.words)
    page = page_of(hostile)
    assert not any(sign in page for sign in "\x1b\u202e\u2066\x00\ud800")
    page.encode("utf-8")


def test_every_text_from_outside_was_hostile() -> None:
    """Else the tests above prove less than they say."""
    seen: set[str] = set()

    def noted(name: str) -> str:
        seen.add(name)
        return f"<{name}>"

    words = "".join(Read(page_of(noted)).words)
    assert [name for name in sorted(seen) if f"<{name}>" not in words and name not in UNSAID] == []


UNSAID = ("2.4.1", "control's log is gone")
"""Said only inside another text, or by the review."""


@pytest.mark.parametrize("write", [markdown_of, lambda text: _review(text)])
def test_hostile_text_stays_in_its_line_of_markdown(write: Callable[[Callable[[str], str]], str]) -> None:
    calm, wild = write(told), write(hostile)
    assert _shape(calm) == _shape(wild)
    assert not any(sign in wild for sign in "\x1b\u202e\u2066\x00")
    assert not re.search(r"(?<!\\)<(script|img)", CODE.sub("", wild))


def _shape(text: str) -> list[str]:
    """How each block begins; lines of a log's example, which may be more, are left out."""
    lines = [line for line in text.splitlines() if not line.startswith("      ") and line]
    return [re.match(r"#*|-|\||!", line)[0] + str(len(re.findall(r"(?<!\\)\|", line))) for line in lines]  # type: ignore[index]


def _review(text: Callable[[str], str]) -> str:
    its = story(text)
    return review(its.plan, its.record, its.samples, its.verdicts, its.messages)


def test_both_forms_say_the_same_in_the_same_order() -> None:
    """Word by word; a table's caption and the picture are in HTML only, the link to the picture in Markdown only."""
    said = [line for line in markdown_of(told).splitlines() if not line.startswith(("![", "| ---"))]
    assert re.findall(r"\w+", " ".join(Read(page_of(told)).said)) == re.findall(r"\w+", " ".join(said))


def test_it_can_be_read_by_those_who_do_not_see_it() -> None:
    read = Read(page_of(told))
    assert ("html", {"lang": "en"}) in read.elements
    levels = [int(tag[1]) for tag in (tag for tag, _ in read.elements) if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    heads = [attributes for tag, attributes in read.elements if tag == "th"]
    assert heads
    assert {one.get("scope") for one in heads} == {"col", "row"}
    tables = [tag for tag, _ in read.elements if tag == "table"]
    assert len([tag for tag, _ in read.elements if tag == "caption"]) == len(tables) >= 4
    (drawing,) = (attributes for tag, attributes in read.elements if tag == "svg")
    assert drawing["role"] == "img"
    assert drawing["aria-labelledby"] == "pilotage-title pilotage-desc"
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(attributes.get("aria-label") for _, attributes in read.elements if attributes.get("tabindex"))


def test_light_dark_phone_and_paper() -> None:
    page = page_of(told)
    assert "@media screen and (prefers-color-scheme:dark)" in page
    assert "@media print" in page
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page


def test_the_page_uses_no_class_of_the_picture_in_it() -> None:
    page = page_of(told)
    style, drawing = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert not set(re.findall(r"\.([a-z][\w-]*)", drawing)) & set(re.findall(r"\.([a-z][\w-]*)", style))


SMALL = Page(
    "T",
    "it went",
    (Facts((("Plan", Code("a`b")),)),),
    (
        Section("One", (Paragraph("# no heading"), Bullets((Bullet("1. no list"), Bullet((Strong("x"), ": y")))))),
        Section("Two", (Table("t", ("a", "b"), (("1 | 2", ("c ", Code("d|e"))),)), Picture("p")), (Section("Three"),)),
    ),
)


def test_markdown_of_every_block() -> None:
    assert markdown(SMALL) == (
        "# T\n\n**it went**\n\n- Plan: ``a`b``\n\n## One\n\n\\# no heading\n\n- 1\\. no list\n- **x**: y\n\n"
        "## Two\n\n| a | b |\n| --- | --- |\n| 1 \\| 2 | c `d\\|e` |\n\n### Three\n"
    )


def test_html_of_every_block() -> None:
    text = html(SMALL)
    assert "<dl>\n<dt>Plan</dt><dd><code>a`b</code></dd>\n</dl>" in text
    assert "<ul>\n<li>1. no list</li>\n<li><strong>x</strong>: y</li>\n</ul>" in text
    assert '<tr><th scope="row" class="short">1 | 2</th><td>c <code>d|e</code></td></tr>' in text
    assert "<figure" not in text
    assert "<section>\n<h3>Three</h3>\n</section>" in text


@pytest.mark.parametrize("text", ["# x", "- x", "> x", "+ x", "1. x", "23) x", "~~~", "===", "___"])
def test_no_text_begins_a_block(text: str) -> None:
    block = markdown(Page("t", "l", (Paragraph(text),), ())).splitlines()[4]
    assert "\\" in block
    assert block.replace("\\", "") == inline(text)
