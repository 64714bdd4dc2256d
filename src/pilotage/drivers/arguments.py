"""Placeholders in a command's arguments: replaced inside each argument, never by a shell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import AfterValidator

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def check_placeholders(argv: Sequence[str], known: Sequence[str]) -> list[str]:
    """The arguments as they are. Raises ValueError (a noun phrase): an empty command, a placeholder nobody fills in."""
    if not argv or not argv[0]:
        raise ValueError("a list with a command and its arguments, not an empty one")
    for argument in argv:
        for name in _PLACEHOLDER.findall(argument):
            if name not in known:
                possible = ", ".join(f"{{{one}}}" for one in known)
                only = f"only the placeholders {possible}" if known else "no placeholder"
                raise ValueError(f"{only} in its arguments, not {{{name}}}")
    return list(argv)


def only(*known: str) -> AfterValidator:
    """For an option that is an argument list, ``Annotated[list[str], only("version")]``: as `check_placeholders`."""
    return AfterValidator(lambda argv: check_placeholders(argv, known))


def fill(argv: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """One pass over each argument, so that a value that looks like a placeholder stays as it is."""
    return [_PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), argument) for argument in argv]


def versioned(text: str) -> str:
    """For an option of one text that is to hold {version} and nothing else. Raises ValueError (a noun phrase)."""
    check_placeholders([text], ("version",))
    if "{version}" not in text or not text.isprintable() or " " in text:
        raise ValueError("a text without spaces that has {version} in it")
    return text
