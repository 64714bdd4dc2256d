"""The repository as the model sees it: read, list, search. Never out of it, never a secret, never much at once."""

from __future__ import annotations

import fnmatch
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pilotage.agent import searching
from pilotage.agent.denied import holds_a_secret, is_denied
from pilotage.core.redact import HIDDEN, secret_places
from pilotage.repository.files import bytes_of, walk

MOST_LINES = 400
MOST_CHARACTERS = 40_000
MOST_NAMES = 200
MOST_HITS = 100
LONGEST_LINE = 500
LONGEST_PATTERN = 200
MOST_SEARCHED = 8 * 1024 * 1024
SEARCH_WITHIN_S = 5.0


class Denied(Exception):
    """What was asked for is not given: a sentence for the model."""


@dataclass
class Jail:
    """`root` is the repository's top. Texts have secrets hidden and keep their line numbers."""

    root: Path
    _texts: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = Path(os.path.realpath(self.root))

    @cached_property
    def names(self) -> list[str]:
        """Those that may be read, the nearest first."""
        return [one for one in walk(self.root, self.root).names if self._real(one) is not None]

    def read(self, path: str, from_line: int = 1, lines: int = MOST_LINES) -> str:
        """Numbered lines. Raises Denied."""
        every = self.lines(path)
        first = max(1, from_line)
        shown, length = [], 0
        for number, line in enumerate(every[first - 1 : first - 1 + max(1, min(lines, MOST_LINES))], first):
            shown.append(f"{number}: {line[:LONGEST_LINE]}")
            length += len(shown[-1])
            if length > MOST_CHARACTERS:
                break
        if not shown:
            return f"(the file has {len(every)} lines)"
        rest = len(every) - first - len(shown) + 1
        return "\n".join([*shown, *([f"({rest} more lines)"] if rest > 0 else [])])

    def lines(self, path: str) -> list[str]:
        """A file's lines, secrets hidden. Raises Denied."""
        name = self.name(path)
        if name not in self._texts:
            try:
                data = bytes_of(self.root, name)
            except (OSError, ValueError) as error:
                why = error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
                raise Denied(f"{name[:200]} cannot be read: {why}") from None
            if b"\0" in data:
                raise Denied(f"{name[:200]} is not text")
            text = data.decode("utf-8", "replace")
            if holds_a_secret(text):
                raise Denied(f"{name[:200]} is not shown: it holds a Kubernetes secret")
            self._texts[name] = hidden(text).removesuffix("\n").split("\n")
        return self._texts[name]

    def name(self, path: str) -> str:
        """The path within the repository, links followed. Raises Denied."""
        found = self._real(path.strip().removeprefix("./"))
        if found is None:
            raise Denied(f"{path[:200]!r} is not shown: it is out of the repository, or may hold secrets")
        return found

    def holds(self, path: str, folder: Path) -> bool:
        """Whether a path, as a plan in `folder` writes it, is of the repository, and may be seen."""
        name = os.path.relpath(os.path.join(os.path.realpath(folder), path), self.root)
        return self._real(name) is not None and os.path.exists(self.root / name)

    def glob(self, pattern: str) -> list[str]:
        """Names that match, such as ``deploy/**/*.yaml``."""
        wanted = pattern[:LONGEST_PATTERN].removeprefix("./")
        shorter = wanted.replace("**/", "")
        return [one for one in self.names if fnmatch.fnmatchcase(one, wanted) or fnmatch.fnmatchcase(one, shorter)]

    def grep(self, pattern: str, glob: str = "**/*") -> str:
        """``name:line: text`` of lines that match a regular expression. Raises Denied.

        It is looked for in what the model may see, so that nothing hidden can be guessed; in a process of its own, as
        some expressions never end.
        """
        if len(pattern) > LONGEST_PATTERN:
            raise Denied(f"expected a pattern of at most {LONGEST_PATTERN} characters")
        texts, size = {}, 0
        for name in self.glob(glob):
            try:
                texts[name] = [line[:LONGEST_LINE] for line in self.lines(name)]
            except Denied:
                continue
            size += sum(len(line) for line in texts[name])
            if size > MOST_SEARCHED:
                break
        asked = json.dumps({"pattern": pattern, "texts": texts, "most": MOST_HITS})
        command = [sys.executable, "-I", "-S", searching.__file__]
        try:
            done = subprocess.run(
                command, input=asked, capture_output=True, text=True, timeout=SEARCH_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise Denied(f"the search took longer than {SEARCH_WITHIN_S:g} s: a simpler pattern, please") from None
        if done.returncode:
            raise Denied("expected a regular expression of Python's")
        hits = json.loads(done.stdout)
        if not hits:
            return f"(no line of {len(texts)} files matches)"
        more = [f"(the first {MOST_HITS} only)"] if len(hits) >= MOST_HITS else []
        return "\n".join([*(f"{name}:{line}: {text}" for name, line, text in hits), *more])

    def _real(self, path: str) -> str | None:
        """Where a path leads to within the repository, or None when the model may not go there."""
        if "\0" in path or not path or path.startswith(("/", "~")) or len(path) > 1000:
            return None
        try:
            real = os.path.realpath(self.root / path)
        except (OSError, ValueError):
            return None
        if not real.startswith(os.path.join(self.root, "")):
            return None
        name = os.path.relpath(real, self.root)
        return None if is_denied(name) or is_denied(os.path.normpath(path)) else name


def hidden(text: str) -> str:
    """Secrets replaced, control characters left out; as many lines as before."""
    clean = "".join(one if one in "\n\t" or one.isprintable() else "" for one in text)
    parts, end = [], 0
    for start, stop in secret_places(clean):
        parts += [clean[end:start], HIDDEN, "\n" * clean.count("\n", start, stop)]
        end = stop
    return "".join([*parts, clean[end:]])
