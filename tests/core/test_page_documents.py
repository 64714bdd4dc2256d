"""Our own documents as a piece of a page: everything in them is there, and nothing from outside becomes markup."""

from __future__ import annotations

import html.parser
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.markdown import Marked, code, inline, table
from pilotage.core.pages.documents import fragment, title_of

OURS = {"h2", "h3", "p", "ul", "ol", "li", "span", "pre", "blockquote", "div", "table", "thead", "tbody", "tr", "th"}
OURS |= {"td", "strong", "em", "code", "h4", "h5", "h6"}


class Read(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in OURS
        assert {name for name, _ in attrs} <= {"class", "scope", "tabindex"}
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_example_plan_is_all_there() -> None:
    example = Path("docs/example-plan.md").read_text().split("# Deployment plan", 1)[1]
    read = Read(fragment("# Deployment plan" + example.split("\n## The plan file")[0]))
    assert not read.open
    for tag in ("h2", "h3", "table", "ol", "blockquote", "code", "strong", "em"):
        assert tag in read.tags
    assert "☐ The hot-fix is tested" in read.text
    for sign in ("**", "| ---", "\n- ", "`"):
        assert sign not in read.text


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("## A\ntext", "<h2>A</h2>\n<p>text</p>"),
        ("- [ ] one", '<ul>\n<li><span class="box">☐</span> one</li>\n</ul>'),
        ("- [x] two", '<ul>\n<li><span class="box">☑</span> two</li>\n</ul>'),
        ("- a\n\n      x = 1\n      y\n\n- b", "<ul>\n<li>a<pre>x = 1\ny</pre></li>\n<li>b</li>\n</ul>"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("> **a**\n>\n> - b", "<blockquote><p><strong>a</strong></p>\n<ul>\n<li>b</li>\n</ul></blockquote>"),
        ("a `b*c` \\*d\\*", "<p>a <code>b*c</code> *d*</p>"),
        ("``a ` b``", "<p><code>a ` b</code></p>"),
        ("![x](<y>) [a](b) <i>", "<p>![x](&lt;y&gt;) [a](b) &lt;i&gt;</p>"),
    ],
)  # fmt: skip
def test_each_part(markdown: str, expected: str) -> None:
    assert fragment(markdown) == expected


def test_a_cell_keeps_its_bars() -> None:
    found = fragment("\n".join(table(("a", "b"), [("x|y", Marked(code("p | q")))])))
    assert '<th scope="row">x|y</th><td><code>p | q</code></td>' in found


def test_the_title_is_read_apart() -> None:
    assert title_of("# a \\[b\\]\ntext") == "a [b]"
    assert "a" not in fragment("# a\n")
    assert title_of("text") == ""


@given(st.text(max_size=200))
def test_text_from_outside_comes_back_as_it_was(text: str) -> None:
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    read = Read(fragment(f"x {inline(text)} x"))
    assert read.tags == ["p"]
    shown = "".join(sign if sign.isprintable() else " " for sign in read.text)
    assert (
        " ".join(shown.replace("\ufffd", " ").split())
        == " ".join("".join(sign for sign in f"x {flat} x" if sign.isprintable()).split())
        or "\ufffd" in read.text
    )


@given(st.text(alphabet=st.sampled_from("#*`|->\\ \n1.[x]<a&_-"), max_size=300) | st.text(max_size=100))
def test_no_text_breaks_out_of_it(text: str) -> None:
    assert not Read(fragment(text)).open


@pytest.mark.parametrize("sign", ["*", "`", "**", "\\", "|", "> ", "`a", "*a", "|-", "- ", "1. ", "**a\\"])
def test_no_text_takes_long(sign: str) -> None:
    began = time.process_time()
    fragment(sign * 20_000)
    assert time.process_time() - began < 2
