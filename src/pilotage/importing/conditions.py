"""`result[0] >= 0.95` and the like -> a bound. What is not one number against the result is left to a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_RESULT = (
    r"(?:result(?:\[0\])?|default\(\s*result(?:\[0\])?\s*,\s*[0-9.]+\s*\)|max\(result\)|asFloat\(result(?:\[0\])?\))"
)
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,9})?)"
_PLAIN = re.compile(rf"{_RESULT}\s*(>=|<=|>|<)\s*{_NUMBER}", re.ASCII)
_TURNED = re.compile(rf"{_NUMBER}\s*(>=|<=|>|<)\s*{_RESULT}", re.ASCII)
_ABSENT = re.compile(r"(?:len\(result\)\s*==\s*0|isNaN\(result(?:\[0\])?\)|result\s*==\s*nil)\s*(?:\|\||\bor\b)\s*")
_PRESENT = re.compile(r"(?:len\(result\)\s*(?:>|>=|!=)\s*[01]|!\s*isNaN\(result(?:\[0\])?\))\s*(?:&&|\band\b)\s*")
_TURN = {">=": "<=", "<=": ">=", ">": "<", "<": ">"}


@dataclass(frozen=True)
class Bound:
    """The result is at `least`, or at `most`, this value. `absent`: no data counted as well."""

    side: Literal["least", "most"]
    value: float
    absent: bool = False


def bound(condition: str) -> Bound | None:
    """Of a condition that has to hold; None when it is not understood."""
    text = " ".join(condition.split())[:500]
    absent = _ABSENT.match(text) is not None
    text = _PRESENT.sub("", _ABSENT.sub("", text, count=1), count=1)
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    if match := _PLAIN.fullmatch(text):
        sign, number = match[1], match[2]
    elif match := _TURNED.fullmatch(text):
        sign, number = _TURN[match[2]], match[1]
    else:
        return None
    return Bound("least" if sign.startswith(">") else "most", float(number), absent)


def opposite(found: Bound) -> Bound:
    """A failure above a value is a success at most there."""
    return Bound("most" if found.side == "least" else "least", found.value, found.absent)
