"""What a stack trace is about: the exception's type, the function on top, and the message.

Line numbers, addresses, generated lambda and proxy names are left out: they change from build to build.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_EXCEPTION = r"(?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*"
_PYTHON_FRAME = re.compile(r'^\s*File "([^"]+)", line \d+, in (.+?)\s*$')
_PYTHON_END = re.compile(rf"^({_EXCEPTION})(?:: ?(.*))?$")
_JAVA_FRAME = re.compile(r"^\s+at ((?:[\w$.@/-]+/)?[\w$.<>]+)\(([^()]*)\)")
_JAVA_HEAD = re.compile(
    rf"(?:^|\s|: )(?:Exception in thread \"[^\"]*\" )?({_EXCEPTION}(?:Exception|Error|Throwable|Failure|Fault))"
    r"(?:: (.*))?$"
)
_CAUSE = re.compile(rf"^\s*Caused by: ({_EXCEPTION})(?:: (.*))?$")
_NODE_FRAME = re.compile(
    r"^\s+at (?:(?:async |new )?([^\s(][^(]*?) \(([^()]*)\)|((?:async )?(?:file://)?/?[\w@./\\:-]+:\d+:\d+))"
)
_NODE_HEAD = re.compile(r"(?:^|[\s:])((?:[A-Z][\w$]*)?(?:Error|Exception))(?: \[(\w+)\])?(?:: (.*))?$")
_NODE_CAUSE = re.compile(rf"^\s*\[cause\]: ({_EXCEPTION})(?:: (.*))?$")
_GO_PANIC = re.compile(r"(?:^|\s)panic: (.*)$")
_GO_FRAME = re.compile(r"^([\w./*()\[\]{}$~-]+?)\((?:[^()]*|.*\.\.\.)\)$")
_GO_NAME = re.compile(r"^([\w./*()\[\]{}$~-]+?)(?:\([^()]*\))?$")
_GO_PLACE = re.compile(r"^\t\S+\.go:\d+")
_GO_NOT_OURS = ("panic", "runtime.", "runtime/", "log.", "testing.")
_GENERATED = re.compile(
    r"\$\$[A-Za-z]+(?:By\w+)?\$\$[\w]+|\$\$Lambda(?:[$/][\w$/]+)?|lambda\$(\w+?)\$\d+|\$Proxy\d+|GeneratedMethodAccessor\d+|0x[0-9a-f]+"
)
_PLACE = re.compile(r":(\d+)(?::\d+)?$")


@dataclass(frozen=True)
class Trace:
    """`types` and `tops` name the outermost exception and, when it differs, the root cause. `message` is the root's.

    `head` is the text above the trace (a log line, or nothing).
    """

    types: tuple[str, ...]
    tops: tuple[str, ...]
    message: str
    head: str


def parse(lines: list[str]) -> Trace | None:
    """The trace in an entry's lines; None when they hold none."""
    for language in (_python, _go, _java, _node):
        if found := language(lines):
            return found
    return None


def _python(lines: list[str]) -> Trace | None:
    starts = [index for index, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    if not starts:
        return None
    parts: list[tuple[str, str, str]] = []
    for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        top, kind, message = "", "", ""
        for line in lines[begin + 1 : end]:
            if frame := _PYTHON_FRAME.match(line):
                top, kind = f"{_file(frame[1])}:{frame[2]}", ""
            elif top and not kind and line and not line[0].isspace() and (last := _PYTHON_END.match(line.rstrip())):
                kind, message = last[1], last[2] or ""
        if kind:
            parts.append((kind, top, message))
    if not parts:
        return None
    before = lines[: starts[0]]
    head = "\n".join([*before, lines[starts[0]].split("Traceback (most recent call last)")[0]]).strip()
    return _trace(parts[-1], parts[0], head)


def _go(lines: list[str]) -> Trace | None:
    at = next((index for index, line in enumerate(lines) if line.startswith("goroutine ")), None)
    if at is None:
        return _go_error(lines)
    said = next((found for line in lines if (found := _GO_PANIC.search(line))), None)
    top = ""
    for line in lines[at + 1 :]:
        if line.startswith("goroutine "):
            break
        frame = _GO_FRAME.match(line)
        if frame and not frame[1].startswith(_GO_NOT_OURS):
            top = frame[1]
            break
    message = (said[1] if said else lines[0]).removesuffix("[recovered]").strip()
    kind = "panic" if said else "goroutine"
    head = "" if said and lines[0].startswith("panic: ") else lines[0]
    if said and not head.startswith("panic: "):
        head = head.split("panic: ")[0].strip()
    if message.startswith("runtime error: "):
        kind, message = "runtime error", message.removeprefix("runtime error: ")
    return Trace((kind,), (_clean(top),), message, head)


def _go_error(lines: list[str]) -> Trace | None:
    """An error with its stack (pkg/errors, zap): a function a line, its place below it."""
    for index, (line, below) in enumerate(pairwise(lines)):
        if _GO_PLACE.match(below) and (found := _GO_NAME.match(line)):
            return Trace((), (_clean(found[1]),), "", "\n".join(lines[:index]))
    return None


def _java(lines: list[str]) -> Trace | None:
    first = next((index for index, line in enumerate(lines) if _JAVA_FRAME.match(line) and not _is_node(line)), None)
    if first is None or first == 0:
        return None
    above = lines[:first]
    named = next((index for index in range(first - 1, -1, -1) if _JAVA_HEAD.search(above[index])), None)
    if named is None:
        return None
    found = _JAVA_HEAD.search(above[named])
    assert found is not None
    outer = (found[1], _java_frame(lines[first]), found[2] or "")
    root = outer
    for index in range(first, len(lines)):
        if cause := _CAUSE.match(lines[index]):
            frame = next((_java_frame(line) for line in lines[index + 1 :] if _JAVA_FRAME.match(line)), "")
            root = (cause[1], frame, cause[2] or "")
    head = "\n".join([*above[:named], above[named][: found.start(1)]]).strip()
    return _trace(outer, root, head.removesuffix(":"))


def _node(lines: list[str]) -> Trace | None:
    first = next((index for index, line in enumerate(lines) if _NODE_FRAME.match(line)), None)
    if first is None or first == 0:
        return None
    above = lines[:first]
    named = next((index for index in range(first - 1, -1, -1) if _NODE_HEAD.search(above[index])), None)
    if named is None:
        return None
    found = _NODE_HEAD.search(above[named])
    assert found is not None
    outer = (found[1], _node_frame(lines[first]), found[3] or "")
    root = outer
    for index in range(first, len(lines)):
        if cause := _NODE_CAUSE.match(lines[index]):
            frame = next((_node_frame(line) for line in lines[index + 1 :] if _NODE_FRAME.match(line)), "")
            root = (cause[1], frame, cause[2] or "")
    head = "\n".join([*above[:named], above[named][: found.start(1)]]).strip()
    return _trace(outer, root, head.removesuffix(":"))


def _trace(outer: tuple[str, str, str], root: tuple[str, str, str], head: str) -> Trace:
    same = outer[:2] == root[:2]
    types = (outer[0],) if same else (outer[0], root[0])
    tops = (_clean(outer[1]),) if same else (_clean(outer[1]), _clean(root[1]))
    return Trace(types, tops, root[2], head)


def _is_node(line: str) -> bool:
    """``at charge (/app/pay.js:1:2)`` has a place with a column; Java's has a file and a line, or Native Method."""
    return bool(re.search(r":\d+:\d+\)?\s*\{?\s*$", line)) or "(node:" in line or "(<anonymous>)" in line


def _java_frame(line: str) -> str:
    found = _JAVA_FRAME.match(line)
    return found[1].rsplit("/", 1)[-1] if found else ""


def _node_frame(line: str) -> str:
    found = _NODE_FRAME.match(line)
    if not found:
        return ""
    place = found[2] or found[3] or ""
    return f"{_file(_PLACE.sub('', place))}:{found[1] or '(top)'}"


def _file(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


def _clean(name: str) -> str:
    return _GENERATED.sub(lambda found: f"lambda${found[1]}" if found[1] else "$", name)
