"""Files into a folder that belongs to somebody: what is there already is not touched unasked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pilotage.core.errors import PilotageError
from pilotage.integrations.targets import Package
from pilotage.integrations.tools import Allow

Did = Literal["written", "replaced", "as it is", "kept"]


@dataclass(frozen=True)
class Placed:
    """`kept`: another file is there; `text` is what it would have been."""

    path: str
    did: Did
    shared: bool
    text: str


def place(package: Package, folder: Path, allow: Allow, force: bool = False) -> list[Placed]:
    """Writes what is missing. With `force` our own files are replaced, and those that others use as well never are.

    Raises PilotageError for a link that leads out of `folder`, before anything is written.
    """
    wanted = {str(Path(package.place) / name): text for name, text in package.files(allow).items()}
    shared = {str(Path(package.place) / name) for name in package.shared}
    home = folder.resolve()
    for name in wanted:
        if not (home / name).resolve().is_relative_to(home):
            raise PilotageError(f"{folder / name} leads out of {folder}: nothing was written")
    return [_one(folder, name, text, name in shared, force) for name, text in wanted.items()]


def _one(folder: Path, name: str, text: str, shared: bool, force: bool) -> Placed:
    file = folder / name
    there = file.exists() or file.is_symlink()
    if there and file.is_file() and file.read_bytes() == text.encode():
        return Placed(name, "as it is", shared, text)
    if there and (shared or not force):
        return Placed(name, "kept", shared, text)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}.new")  # a reader sees the whole file or none
    new.write_text(text, encoding="utf-8", newline="\n")
    new.replace(file)
    return Placed(name, "replaced" if there else "written", shared, text)
