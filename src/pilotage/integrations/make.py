"""`python -m pilotage.integrations.make FOLDER`: every package, below FOLDER; what nobody makes any more goes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from pilotage.integrations.targets import TARGETS


def made() -> dict[str, str]:
    """Paths below `integrations/`, and their texts."""
    return {f"{name}/{path}": text for name, package in TARGETS.items() for path, text in package.files().items()}


def write(folder: Path) -> None:
    for name in TARGETS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for path, text in made().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
