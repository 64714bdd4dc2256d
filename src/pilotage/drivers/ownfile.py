"""A file that is Pilotage's own inside another program's configuration: written whole, by one rename."""

from __future__ import annotations

import os
from pathlib import Path

from pilotage.core.errors import PermanentError
from pilotage.drivers import files

FIRST_LINE = "# Written by Pilotage."


def check(path: Path) -> None:
    """Raises PermanentError unless `replace` may write here."""
    if not path.parent.is_dir():
        raise PermanentError(f"cannot write {path}: its folder does not exist")
    if not os.access(path.parent, os.W_OK):
        raise PermanentError(f"cannot write {path}: its folder is not writable (the file is replaced by a rename)")
    read(path)


def read(path: Path) -> str:
    """What it holds, "" when it is not there. Raises PermanentError when it is somebody else's."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(f"cannot read {path}: {getattr(error, 'strerror', 'it is no text')}") from None
    if not text.startswith(FIRST_LINE):
        raise PermanentError(
            f"{path} would be written whole, but it does not begin with {FIRST_LINE!r}: give Pilotage a file of its own"
        )
    return text


def replace(path: Path, text: str) -> None:
    """As `files.replace`. `text` begins with the first line, without which it is refused later."""
    check(path)
    files.replace(path, text)
