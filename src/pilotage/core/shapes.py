"""One log entry -> what it says: what is never merged (level, status, exception, function on top), and its words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pilotage.core import masking, stacktraces, structured
from pilotage.core.heads import head_of
from pilotage.core.identity import status_of, type_of

ERROR, WARN, FATAL = 5, 4, 6
_UNCAUGHT = (
    *("uncaught", "unhandled", "out of memory", "outofmemory", "stack overflow", "stackoverflow", "segmentation fault"),
    *("sigsegv", "sigabrt", "core dumped", "exception in thread", "unrecovered", "fatal error:"),
)
_DIGITS = re.compile(r":?\d+")


@dataclass(frozen=True)
class Shape:
    """Two entries with equal `identity` and alike `words` say the same thing.

    `identity`: level, who logged it, HTTP status, exception types, functions on top.
    """

    identity: tuple[str, ...]
    words: tuple[str, ...]
    critical: bool = False

    @property
    def traced(self) -> bool:
        """It came with a stack trace."""
        return bool(self.identity[4])


def shape_of(text: str) -> Shape | None:
    """What an entry says; None when it is no error: a lower level, and no stack trace."""
    record = structured.parse(text) if text.lstrip()[:1] == "{" or "=" in text[:400] else None
    if record is not None:
        return _of_record(record, text)
    return _of_text(text)


def _of_record(record: structured.Fields, text: str) -> Shape | None:
    if record.level == 0 and not record.stack and record.message:
        inner = _of_text(record.message) if not record.message.startswith("{") else shape_of(record.message)
        if inner is None or not (record.error or record.type):
            return inner
    trace = stacktraces.parse(record.stack.split("\n")) if record.stack else None
    if trace is None and "\n" in text:  # printed below the record
        trace = stacktraces.parse(text.split("\n"))
    message = record.message or (trace.message if trace else "") or record.error
    if trace is None and "\n" in message:
        lines = message.split("\n")
        if trace := stacktraces.parse(lines):
            message = trace.head or trace.message
    if not _counts(record.level, trace is not None, bool(record.type)):
        return None
    kind = (
        (record.type,) if record.type and trace is None else trace.types if trace else _type_in(record.error or message)
    )
    said = " ".join(masking.words(message))
    details = "" if record.error == record.message else record.error or (trace.message if trace else "")
    words = [*said.split(), *masking.words(details)] if details and details not in message else said.split()
    status = record.status or status_of(message)[0] or status_of(record.error)[0]
    logger = _DIGITS.sub("", record.logger)[:120]
    critical = record.level >= FATAL or _is_uncaught(f"{message} {record.error}")
    return _shape(record.level, logger, status, kind, _tops_of(record, trace), words, critical)


def _tops_of(record: structured.Fields, trace: stacktraces.Trace | None) -> tuple[str, ...]:
    return trace.tops if trace else (record.function,) if record.function else ()


def _of_text(text: str) -> Shape | None:
    lines = text.split("\n")
    if lines[0][:1] in (" ", "\t"):
        return None  # the rest of a trace whose beginning was passed over
    trace = stacktraces.parse([line.rstrip("\r") for line in lines]) if len(lines) > 1 else None
    line = lines[0] if trace is None else trace.head.split("\n")[0]
    level, logger, message = head_of(line)
    kinds, tops = (trace.types, trace.tops) if trace else (_type_in(message), ())
    if not _counts(level, trace is not None, bool(kinds)):
        return None
    status = status_of(message)[0] or (status_of(trace.message)[0] if trace else "")
    words = masking.words(message)
    if trace:
        words = [*words, *masking.words(trace.message)][: masking.MOST_WORDS]
    bare = trace is not None and not trace.head.strip()
    critical = level >= FATAL or bare or "panic: " in text or _is_uncaught(lines[0])
    return _shape(level, logger, status, kinds, tops, words, critical)


def _counts(level: int, traced: bool, typed: bool) -> bool:
    return level == 0 or level >= ERROR or traced or (level == WARN and typed)


def _is_uncaught(text: str) -> bool:
    lower = text.lower()
    return any(one in lower for one in _UNCAUGHT)


def _type_in(message: str) -> tuple[str, ...]:
    found = type_of(message)[0]
    return (found,) if found else ()


def _shape(
    level: int,
    logger: str,
    status: str,
    kinds: tuple[str, ...],
    tops: tuple[str, ...],
    words: list[str],
    critical: bool,
) -> Shape:
    short = tuple(kind.rsplit(".", 1)[-1] for kind in kinds)
    return Shape((str(level), logger, status, "|".join(short), "|".join(tops)), tuple(words), critical)
