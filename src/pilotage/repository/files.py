"""The files of a repository, by name and by line: bounded, never out of the repository, never run."""

from __future__ import annotations

import heapq
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pilotage.core.proposals import Trace
from pilotage.core.redact import redact

MOST_NAMES = 2000
MOST_FILES = 300
MOST_BYTES = 256 * 1024
MOST_BYTES_IN_ALL = 8 * 1024 * 1024
DEEPEST = 6
MOST_NOTES = 20
LONGEST_LINE = 1000
LONGEST_TRACE = 120
_SKIPPED = re.compile(
    r"\.git|\.hg|\.svn|node_modules|bower_components|vendor|\.?venv|site-packages|dist|build|target|__pycache__|\.tox|\.nox"
    r"|\.\w+[_-]?cache|\.cache|\.idea|\.vscode|\.gradle|\.terraform|\.next|.*\.egg-info"
)
_TELLING = re.compile(
    r"\.github|\.circleci|\.buildkite|workflows|scripts?|bin|ops|deploy\w*|infra\w*|k8s|kube\w*|manifests?|charts?|helm"
    r"|config\w*|conf|envoy|proxy|traffic|flags?|flagd|monitoring|prometheus|observability|systemd|etc|docker|compose"
)


@dataclass(frozen=True)
class Line:
    """`number` counts from 1. JSON on one long line is taken apart; `written` is where the line really is."""

    number: int
    text: str
    written: int = 0


@dataclass
class Files:
    """`names` are relative to the top, the nearest first, with ``/`` between their parts."""

    top: Path
    names: list[str] = field(default_factory=list)
    programs: set[str] = field(default_factory=set)
    """Names of files that may be executed."""
    notes: list[str] = field(default_factory=list)
    _read: dict[str, tuple[list[Line], str]] = field(default_factory=dict)
    _files: int = 0
    _bytes: int = 0
    _said: set[str] = field(default_factory=set)

    def named(self, pattern: re.Pattern[str]) -> list[str]:
        """The names that match as a whole."""
        return [name for name in self.names if pattern.fullmatch(name)]

    def lines(self, name: str) -> list[Line]:
        """What a file says; nothing when it is too large, cannot be read or is not text."""
        return self._both(name)[0]

    def text(self, name: str) -> str:
        """The same uncut."""
        return self._both(name)[1]

    def note(self, text: str) -> None:
        """Said once, and of many only the first."""
        if text not in self._said and len(self.notes) <= MOST_NOTES:
            self._said.add(text)
            self.notes.append(text if len(self.notes) < MOST_NOTES else "and more of that kind")

    def _both(self, name: str) -> tuple[list[Line], str]:
        if name not in self._read:
            text = self._text(name)
            self._read[name] = _lines(name, text), text
        return self._read[name]

    def _text(self, name: str) -> str:
        if self._files >= MOST_FILES or self._bytes >= MOST_BYTES_IN_ALL:
            self.note(f"only {self._files} files were read ({MOST_FILES}, or 8 MiB, at most)")
            return ""
        try:
            data = bytes_of(self.top, name)
        except (OSError, ValueError) as error:
            self.note(f"{shown(name)} was not read: {_reason(error)}")
            return ""
        self._files += 1
        self._bytes += len(data)
        return "" if b"\0" in data else data.decode("utf-8", "replace")


def _lines(name: str, text: str) -> list[Line]:
    lines, written = text.splitlines(), 0
    if len(lines) == 1 and len(text) > LONGEST_LINE and name.endswith(".json"):
        with suppress(ValueError, RecursionError):
            lines, written = json.dumps(json.loads(text), indent=1, ensure_ascii=False).splitlines(), 1
    return [Line(place, line[:LONGEST_LINE], written) for place, line in enumerate(lines, 1)]


def trace(name: str, line: Line | None = None, text: str = "") -> Trace:
    """What was seen, on one short line, without secrets."""
    said = shown(text or (line.text.strip() if line else ""))
    return Trace(shown(name), (line.written or line.number) if line else 0, said)


def shown(text: str) -> str:
    """Masked before it is cut: half a secret would no longer be known as one."""
    said = " ".join(redact(text.replace("\t", " ").replace("\n", " ")).split())
    said = said if said.isprintable() else "".join(one if one.isprintable() else "?" for one in said)
    return said if len(said) <= LONGEST_TRACE else f"{said[: LONGEST_TRACE - 3]}..."


def walk(top: Path, first: Path) -> Files:
    """All names below `top`: folders whose names tell something, those of `first`, and near ones come first."""
    files = Files(top)
    near = [] if first == top else [first.relative_to(top).as_posix()]
    waiting = [(0, "")]
    found: list[tuple[int, str]] = []
    seen, deep = 0, False
    while waiting and seen < MOST_NAMES:
        _, folder = heapq.heappop(waiting)
        depth = folder.count("/") + 1 if folder else 0
        for name, kind, program in _entries(files, top, folder, MOST_NAMES - seen):
            seen += 1
            path = f"{folder}/{name}" if folder else name
            if kind == "folder":
                if _SKIPPED.fullmatch(name.lower()):
                    continue
                if depth + 1 >= DEEPEST:
                    deep = True
                    continue
                on_the_way = any(
                    one == path or one.startswith(f"{path}/") or path.startswith(f"{one}/") for one in near
                )
                ahead = 0 if on_the_way or _TELLING.fullmatch(name.lower()) else 10
                heapq.heappush(waiting, (depth + 1 + ahead, path))
            else:
                found.append((depth, path))
                if program:
                    files.programs.add(path)
    if seen >= MOST_NAMES:
        files.note(f"more than {MOST_NAMES} files and folders: the rest was not looked at")
    elif deep:
        files.note(f"folders more than {DEEPEST} deep were not looked at")
    files.names = [path for _, path in sorted(found)]
    return files


def _entries(files: Files, top: Path, folder: str, most: int) -> Iterator[tuple[str, str, bool]]:
    """Name, whether file or folder, whether it may be executed; in the order of the names."""
    entries = []
    try:
        with os.scandir(top / folder if folder else top) as there:
            for entry in there:
                entries.append(entry)
                if len(entries) > most:
                    break
    except OSError as error:
        files.note(f"the folder {shown(folder) or '.'} was not read: {_reason(error)}")
        return
    for entry in sorted(entries, key=lambda one: one.name):
        if not entry.name.isprintable() or set("{}\\") & set(entry.name) or len(entry.name) > 120:
            files.note("files with unusual names were left out")
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                yield entry.name, "folder", False
            elif entry.is_file(follow_symlinks=False) or (entry.is_symlink() and _stays(top, entry.path)):
                yield entry.name, "file", _is_script(entry.name) and bool(entry.stat().st_mode & 0o111)
        except OSError:
            continue


def _is_script(name: str) -> bool:
    """Whether it is worth asking for the mode, which costs a call each."""
    return "." not in name or name.rsplit(".", 1)[1] in ("sh", "bash", "zsh", "py", "rb", "pl", "js", "ts", "php")


def _stays(top: Path, path: str) -> bool:
    """Whether a link leads to a file within the repository."""
    real = os.path.realpath(path)
    return real.startswith(os.path.join(top, "")) and ".git" not in Path(real).parts and os.path.isfile(real)


def bytes_of(top: Path, name: str) -> bytes:
    """A file's content. Raises OSError, or ValueError for what is too large, no file, or out of `top`."""
    real = os.path.realpath(top / name)
    if not real.startswith(os.path.join(top, "")):
        raise ValueError("it leads out of the repository")
    handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is not a file")
        if about.st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES // 1024} KiB")
        return os.read(handle, MOST_BYTES)
    finally:
        os.close(handle)


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def first(
    lines: list[Line], pattern: re.Pattern[str], holds: Callable[[re.Match[str]], bool] | None = None
) -> tuple[Line, re.Match[str]] | None:
    """The first line the pattern is found in."""
    for line in lines:
        if (found := pattern.search(line.text)) and (holds is None or holds(found)):
            return line, found
    return None
