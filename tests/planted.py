"""Where planted secrets are found on a disk."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path


def found_in(folder: Path, secrets: Collection[str], but: Callable[[Path], bool] = lambda _: False) -> dict[str, str]:
    """Files below `folder` with one of `secrets` in any byte, and the secret. `but` says which are passed over.

    A supervisor of a command may still tidy up: a file that goes away, or is renamed, while it is looked for has all be
    looked at once more.
    """
    for _ in range(20):
        found, all_there = {}, True
        for path in sorted(folder.rglob("*")):
            if path.is_dir() or but(path):
                continue
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                all_there = False
                continue
            except OSError as error:
                if path.is_socket() or path.is_fifo():
                    continue
                raise AssertionError(f"{path} was not looked at: {error}") from None
            found.update({str(path.relative_to(folder)): one for one in secrets if one.encode() in data})
        if all_there:
            return found
    raise AssertionError(f"the files below {folder} change all the time: they could not be looked at")
