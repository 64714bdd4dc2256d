"""Log bytes -> error entries: a line that holds an error token, with the lines of its stack trace.

Only lines with a token are ever cut out, so that gigabytes of ordinary lines cost a search and nothing else. What
follows a line and belongs to it is decided by how Python, Java, Node and Go print their traces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

TOKENS = (
    b"rror",
    b"ERR",
    b"xception",
    b"FATAL",
    b"atal",
    b"CRIT",
    b"crit",
    b"SEVERE",
    b"panic",
    b"PANIC",
    b"raceback",
    b'"level":50',
    b'"level":60',
)
"""What a line must hold to be looked at; what it really is, is decided from the whole entry (see signatures.py)."""

MAX_ENTRY = 64 * 1024
"""Bytes of an entry that are looked at; a longer trace ends there, its other lines are passed over."""
_MAX_BACK = 200

Search = Callable[[bytes], Callable[[int], int]]
"""data -> (place -> the next token's place at or after it, or len(data))."""

_NEXT = bytearray(256)
"""By a line's first byte: 1 = belongs to the entry above, 2 = may belong to it."""
for _byte in b" \t}":
    _NEXT[_byte] = 1
for _byte in b"\r\n)^_[$" + bytes(range(65, 91)) + bytes(range(97, 123)):
    _NEXT[_byte] = 2

_EXCEPTION = (
    rb"(?:[A-Za-z_$][\w$]*\.)*(?:[A-Za-z_$][\w$]*)?(?:Exception|Error|Throwable|Failure|Fault|Exit|Interrupt)"
    rb"(?::|\r?\n|\r?$)"
)
_FIRST = re.compile(rb"Traceback \(most recent|Exception in thread|panic: |" + _EXCEPTION)
"""Begins a trace, below a log line or on its own."""
_LATER = re.compile(
    rb"Caused by: |During handling of the above|The above exception was|goroutine \d|created by |exit status \d"
    rb"|\[signal |\) \{"
)
"""Only ever goes on."""
_PYTHON_END = re.compile(rb"[A-Za-z_][\w.]*(?:: |:?\r?(?:\n|$))")
_GO_FUNCTION = re.compile(rb"[\w./*$~-]+(?:\([^()\n]*\))?[\w.\[\]{}*]*\(.*\)\r?(?:\n|$)")
_GO_PAIR = re.compile(rb"[\w./*()\[\]{}$~-]+\r?\n\t\S*\.go:\d")
_GO_NAME = re.compile(rb"[\w-]+\.[\w.-]+/[\w./-]+\.(?:[\w.]|\(\*\w+\))+\r?(?:\n|$)|main\.\w")
_AFTER_BLANK = re.compile(
    rb"During handling of the above|The above exception was|Traceback \(most|goroutine \d|\[signal "
)
_LONG_ENOUGH = 200
"""Bytes of a line that is not complete yet that tell whether it belongs to the entry above."""
_HEAD = b"0123456789[{<"
"""First bytes that start an entry in nearly every format."""


def find_tokens(tokens: Sequence[bytes]) -> Search:
    """A search in plain Python: one `bytes.find` per token, each remembered until it is passed."""

    def search(data: bytes) -> Callable[[int], int]:
        end = len(data)
        find = data.find
        known = [(place if (place := find(token)) >= 0 else end, token) for token in tokens]
        alive = [one for one in known if one[0] < end]

        def next_from(start: int) -> int:
            nonlocal alive
            best, stale = end, False
            for place, _ in alive:
                if place < start:
                    stale = True
                    break
                if place < best:
                    best = place
            if not stale:
                return best
            fresh = []
            best = end
            for place, token in alive:
                if place < start:
                    place = find(token, start)
                    if place < 0:
                        continue
                if place < best:
                    best = place
                fresh.append((place, token))
            alive = fresh
            return best

        return next_from

    return search


def boundary(data: bytes) -> int:
    """Where the last entry of `data` begins: what comes from there may not be complete yet. 0 when nothing is."""
    end = len(data)
    lowest = max(0, end - MAX_ENTRY)
    newline = data.rfind(b"\n", lowest)
    if newline < 0:
        return data.rfind(b"\n", 0, lowest) + 1  # the last line alone is longer than an entry may be
    last = newline + 1
    while newline >= lowest and newline >= 0:
        start = newline + 1
        if start < end and _begins(data, start, end, last):
            return start
        newline = data.rfind(b"\n", lowest, newline)
    return 0 if lowest == 0 else last


def _begins(data: bytes, start: int, end: int, last: int) -> bool:
    """Whether the line at `start` is surely an entry's first."""
    first = data[start]
    if first in _HEAD:
        return not b"[signal ".startswith(data[start : start + 8]) if first == 91 else True
    if _NEXT[first] == 1 or first in b"\r\n":
        return False
    above = data[data.rfind(b"\n", 0, start - 1) + 1]
    if _NEXT[above] == 1 or above in b"\r\n":
        return False
    if _NEXT[first] == 0:
        return True
    if start == last and end - start < _LONG_ENOUGH:
        return False
    later = _FIRST.match(data, start) or _LATER.match(data, start) or _GO_FUNCTION.match(data, start)
    return not later and not _GO_NAME.match(data, start)


def entries(data: bytes, search: Search, stop: int | None = None) -> Iterator[tuple[int, int]]:
    """(start, end) of each entry in `data` with a token, in their order; the last newline is left out.

    `data` begins at an entry's first byte, and one ends at `stop` (see `boundary`) or with the data.
    """
    size = len(data) if stop is None else stop
    next_from = search(data)
    find, rfind, next_kind = data.find, data.rfind, _NEXT
    done = 0
    place = next_from(0)
    while place < size:
        start = rfind(b"\n", done, place) + 1 or done
        if next_kind[data[start]] == 1 and start > done:
            start = _back(data, start, done)
        end = find(b"\n", place, size)
        if end < 0:
            end = size
        elif end + 1 < size and next_kind[data[end + 1]]:
            end = _extended(data, start, end, size)
        yield start, end
        done = end + 1
        place = next_from(done)


def _back(data: bytes, start: int, done: int) -> int:
    """A token inside a trace: up to the line that the trace belongs to."""
    for _ in range(_MAX_BACK):
        if start <= done or _NEXT[data[start]] != 1:
            break
        start = data.rfind(b"\n", done, start - 1) + 1 or done
    return start


def _extended(data: bytes, start: int, end: int, size: int) -> int:
    """`end` is a newline's place; the end of the last line below that belongs to the entry."""
    limit = start + MAX_ENTRY
    python = data.find(b"Traceback (most recent", start, end) >= 0
    go = data.find(b"panic: ", start, end) >= 0 or data.find(b"goroutine ", start, end) >= 0
    started = python or go or _FIRST.match(data, start) is not None
    above = start
    while end + 1 < size:
        begin = end + 1
        first = data[begin]
        kind = _NEXT[first]
        if kind == 0:
            return end
        line_end = data.find(b"\n", begin, size)
        line_end = size if line_end < 0 else line_end
        if kind == 2:
            if first in b"\r\n":
                ahead = line_end + 1
                caret = data[above:end].strip() in (b"^", b"~")
                if not (_AFTER_BLANK.match(data, ahead) or (go and _go_goes_on(data, ahead))):
                    if not (caret and _FIRST.match(data, ahead)):
                        return end
                    started = False
            elif _LATER.match(data, begin):
                go = go or first in b"gc["
            elif _FIRST.match(data, begin) and (not started or data[above] in b"\r\n"):
                started = True
                python = python or data.startswith(b"Traceback", begin)
                go = go or data.startswith(b"panic: ", begin)
            elif python and _NEXT[data[above]] == 1 and _PYTHON_END.match(data, begin):
                python = False
            elif not (go and _go_goes_on(data, begin)) and not _GO_PAIR.match(data, begin):
                return end
            if data.startswith(b"Traceback", begin):
                python = True
        if line_end > limit:
            return _passed_over(data, line_end, size) if kind == 1 else end
        above, end = begin, line_end
    return min(end, size)


def _go_goes_on(data: bytes, begin: int) -> bool:
    return _GO_FUNCTION.match(data, begin) is not None or data.startswith((b"goroutine ", b"created by "), begin)


def _passed_over(data: bytes, end: int, size: int) -> int:
    """The end of an over-long trace."""
    while end + 1 < size and _NEXT[data[end + 1]] == 1:
        following = data.find(b"\n", end + 1, size)
        end = size if following < 0 else following
    return end
