"""Names in options that git understands, and that are no option of a command."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from pilotage.core.git import is_name


def _checked(name: str) -> str:
    if not is_name(name):
        raise ValueError("a commit's hash, a branch or a tag")
    return name


CommitName = Annotated[str, AfterValidator(_checked)]
"""A commit's hash, a branch or a tag."""
