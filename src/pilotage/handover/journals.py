"""What was done about a rollout without the coordinator: a fence first, and later a part of the record.

A journal is written before anything is touched. While a rollout has one, no step forward is taken any more.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pilotage.codec import from_json, to_json
from pilotage.core import events as ev
from pilotage.handover import files, snapshots

FOLDER = "direct"
MERGED = ".merged"
LONGEST_DETAIL = 4000


@dataclass(frozen=True)
class Journal:
    """One try to go back. `run` is its own name; `ways` are the methods that were intended, `method` the one that
    worked (empty: none has), `lines` what was told. `rollout` is empty when only the plan was known.
    """

    rollout: str
    service: str
    environment: str
    version: str
    run: str
    by: str
    at: float
    reason: str
    ways: tuple[str, ...]
    method: str = ""
    took_s: float = 0.0
    lines: tuple[str, ...] = ()
    finished: bool = False
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    format: Literal[1] = 1

    @property
    def sentence(self) -> str:
        at = datetime.fromtimestamp(self.at, UTC)
        return f"rolled back directly by {self.by} at {at:%Y-%m-%d %H:%M:%S} UTC: {self.reason}"

    @property
    def over(self) -> bool:
        """Nothing will be added: it is finished, or its process was killed."""
        return self.finished or (self.host == socket.gethostname() and not _lives(self.pid))

    def event(self) -> ev.DirectRollback:
        reached = () if self.method else (f"not reached; tried: {', '.join(self.ways)}",)
        lines = [" ".join(line.split()) for line in self.lines]
        detail = "; ".join((*reached, *lines))[-LONGEST_DETAIL:]
        return ev.DirectRollback(self.reason, self.at, self.method, detail, self.took_s)


def write(state: Path, journal: Journal) -> None:
    """Raises OSError."""
    files.write(folder(state, journal.rollout or journal.service) / f"{journal.run}.json", to_json(journal))


def went_back(state: Path, rollout: str) -> str:
    """A sentence when somebody has gone back, or begun to, without the coordinator; empty when nobody has."""
    path = next(_files(folder(state, rollout)), None)
    if path is None:
        return ""
    try:
        return read(path).sentence
    except (OSError, ValueError):
        return "rolled back directly, by a journal that cannot be read"


def is_known(state: Path, rollout: str, run: str) -> bool:
    """Whether this try is here, merged or not."""
    names = {path.stem.removesuffix(MERGED) for path in _files(folder(state, rollout))}
    return run in names


def is_back(state: Path, rollout: str) -> bool:
    """Whether one of the tries has worked."""
    return any(one.method for _, one in _readable(_files(folder(state, rollout))))


def read(path: Path) -> Journal:
    """Raises OSError, or ValueError when it is damaged."""
    return from_json(Journal, path.read_text(encoding="utf-8"))


def to_merge(state: Path) -> list[tuple[Path, Journal]]:
    """Those that are over and no part of the record yet, the oldest first."""
    try:
        folders = [Path(one) for one in os.scandir(state / FOLDER)]
    except FileNotFoundError:
        return []
    fresh = (path for one in folders for path in _files(one) if not path.stem.endswith(MERGED))
    return sorted(((path, one) for path, one in _readable(fresh) if one.over), key=lambda pair: pair[1].at)


def merged(path: Path) -> None:
    """It stays as a fence until its rollout has ended."""
    path.rename(path.with_name(f"{path.stem}{MERGED}.json"))


def sweep(state: Path, before: float) -> None:
    """Removes the folders of rollouts that have ended, when all in them is merged and older than `before`."""
    for one in (state / FOLDER).glob("*"):
        held = list(_files(one))
        old = all(path.stem.endswith(MERGED) and path.stat().st_mtime < before for path in held)
        if held and old and not (files.is_name(one.name) and snapshots.place(state, one.name).exists()):
            shutil.rmtree(one, ignore_errors=True)


def folder(state: Path, name: str) -> Path:
    return state / FOLDER / name


def _files(where: Path) -> Iterator[Path]:
    try:
        found = sorted(one.name for one in os.scandir(where))
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (where / name for name in found if name.endswith(".json"))


def _readable(paths: Iterator[Path]) -> Iterator[tuple[Path, Journal]]:
    for path in paths:
        try:
            yield path, read(path)
        except (OSError, ValueError):
            continue


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
