"""Error entries out of bytes: whole, with their traces, however the bytes arrive."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.core.cutter import LONGEST_LINE, Cutter
from pilotage.core.entries import MAX_ENTRY, TOKENS, boundary, entries, find_tokens
from pilotage.logs.search import fastest
from tests.core.test_signatures import TRACES, USUAL

SEARCHES = {"plain": find_tokens(TOKENS), "fastest": fastest(TOKENS)}
INFO = "2026-11-23 10:00:00 INFO all is well"
LINES = [
    INFO,
    "2026-11-23 10:00:01 ERROR one line",
    '{"level":"error","msg":"json line"}',
    "[2026-11-23 10:00:02] ERROR in brackets",
    *(trace.format(**USUAL) for trace in TRACES.values()),
]


def cut(data: bytes, search: object = SEARCHES["plain"]) -> list[bytes]:
    return [data[start:end] for start, end in entries(data, search)]  # type: ignore[arg-type]


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
@pytest.mark.parametrize("trace", TRACES, ids=TRACES)
def test_a_trace_is_one_entry_with_all_its_lines(trace: str, search: object) -> None:
    text = TRACES[trace].format(**USUAL)
    assert cut(f"{INFO}\n{text}\n{INFO}\n".encode(), search) == [text.encode()]
    assert cut(f"{INFO}\n{text}\n{text}\n".encode(), search) == [text.encode()] * 2


@pytest.mark.parametrize(
    "text",
    [
        "Error: gone\n    at charge (/app/pay.js:1:2) {\n  code: 'E_GONE',\n  errno: -2\n}",
        "/app/pay.js:10\n    throw new Error('x');\n    ^\n\nError: x\n    at charge (/app/pay.js:10:3)",
        "panic: boom [recovered]\n\tpanic: boom\n\ngoroutine 1 [running]:\nmain.(*T).f(...)\n\t/a.go:1\n"
        "created by main.g in goroutine 7\n\t/a.go:9 +0x1\n\ngoroutine 2 [select]:\nmain.h()\n\t/a.go:3 +0x4",
        "2026-11-23 10:00:00 ERROR retry\njava.io.IOException\n\tat a.B.c(B.java:1)\n"
        "\tSuppressed: x.YException: z\n\t\tat d.E.f(E.java:2)",
        "ERROR windows\r\nTraceback (most recent call last):\r\n"
        '  File "a.py", line 1, in f\r\n    g()\r\nValueError: x\r',
    ],
)
def test_the_many_ways_a_trace_goes_on(text: str) -> None:
    assert cut(f"{INFO}\n{text}\n{INFO}\n".encode()) == [text.encode()]


@given(
    st.lists(st.sampled_from(LINES), min_size=1, max_size=12),
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
    st.sampled_from(list(SEARCHES)),
)
def test_however_the_bytes_arrive_the_entries_are_the_same(lines: list[str], sizes: list[int], search: str) -> None:
    data = "".join(f"{line}\n{INFO}\n" for line in lines).encode()
    cutter, found, place, turn = Cutter(), [], 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        found += cut(cutter.feed(data[place : place + size]), SEARCHES[search])
        place, turn = place + size, turn + 1
    found += cut(cutter.flush(), SEARCHES[search])
    assert found == cut(data)
    assert len(found) == sum(line != INFO for line in lines)


@given(st.binary(max_size=3000), st.lists(st.integers(1, 500), min_size=1, max_size=10))
def test_any_bytes_are_cut_without_loss(data: bytes, sizes: list[int]) -> None:
    cutter, out, place, turn = Cutter(), b"", 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        out += cutter.feed(data[place : place + size])
        place, turn = place + size, turn + 1
    assert out + cutter.flush() == data
    assert 0 <= boundary(data) <= len(data)


@given(st.binary(max_size=2000))
def test_entries_never_overlap_and_hold_a_token(data: bytes) -> None:
    done = 0
    noisy = data.replace(b"\x00", b"ERROR").replace(b"\x01", b"\n").replace(b"\x02", b"\n  ")
    for search in SEARCHES.values():
        done = 0
        for start, end in entries(noisy, search):
            assert done <= start <= end <= len(noisy)
            assert any(token in noisy[start:end] for token in TOKENS)
            done = end


def test_a_line_of_100_mb_is_cut_and_said_and_the_next_one_is_whole() -> None:
    cutter, found = Cutter(), []
    for piece in [b"ERROR " + b"x" * 50_000, *[b"y" * LONGEST_LINE] * 100, b"end\nERROR next\n"]:
        found += cut(cutter.feed(piece))
        assert cutter.held <= 2 * LONGEST_LINE
    found += cut(cutter.flush())
    assert cutter.long_lines == 1
    assert [len(found[0]) <= MAX_ENTRY, found[1:]] == [True, [b"ERROR next"]]


def test_an_endless_trace_is_cut_and_its_rest_passed_over() -> None:
    frames = b"".join(b"\tat a.B.c(B.java:%d)\n" % line for line in range(20_000))
    found = cut(b"ERROR deep\nx.StackOverflowError: y\n" + frames + b"ERROR next\n")
    assert len(found) == 2
    assert found[1] == b"ERROR next"


def test_nul_bytes_are_counted() -> None:
    cutter = Cutter()
    cutter.feed(b"ERROR \x00\nERROR ok\n")
    cutter.flush()
    assert cutter.binary == 1


def test_both_searches_find_the_same_places() -> None:
    dice = random.Random(7)
    data = b"".join(
        dice.choice([b"ERROR x\n", b"info\n", b"Exception\n", b"panic: x\n", b"  at y\n"]) for _ in range(5000)
    )
    assert cut(data, SEARCHES["plain"]) == cut(data, SEARCHES["fastest"])
