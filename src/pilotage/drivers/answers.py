"""What a server answered, and what that means: bounded, told in its own words on one line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from pilotage.core.errors import PermanentError
from pilotage.core.redact import redact
from pilotage.drivers.secrets import Secret

MOST_BYTES = 8 * 1024 * 1024
MOST_SKEW_S = 30.0
"""Two clocks that are further apart ask for, or get, another time's numbers."""


@dataclass(frozen=True)
class Answer:
    """`status`, headers with their names in lower case, the decoded JSON (None when there is none), and the `text`.

    `at` is this machine's time when it came, in Unix seconds.
    """

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str = ""
    at: float = field(default_factory=time.time)

    def get(self, name: str) -> Any:
        """A field of the body, None where there is none."""
        return self.body.get(name) if isinstance(self.body, dict) else None

    @property
    def after_s(self) -> float | None:
        """When the server wants to be asked again: ``Retry-After``, in either of its forms (RFC 9110, 10.2.3)."""
        after = self.headers.get("retry-after", "")
        if after.isascii() and after.isdigit() and len(after) < 7:
            return float(after)
        return max(0.0, instant - self.at) if (instant := _instant(after)) is not None else None

    @property
    def skew_s(self) -> float | None:
        """This machine's clock less the server's, by its ``Date``; None when it gives none."""
        return self.at - instant if (instant := _instant(self.headers.get("date", ""))) is not None else None

    @property
    def limited(self) -> bool:
        """It was asked too often."""
        none_left = self.headers.get("x-ratelimit-remaining", self.headers.get("ratelimit-remaining")) == "0"
        says_so = none_left or "retry-after" in self.headers or "rate limit" in said(self).lower()
        return self.status in (420, 429) or (self.status == 403 and says_so)


def check_clock(answer: Answer, who: str) -> None:
    """For what asks for a span of time. Raises PermanentError when the two clocks are too far apart."""
    skew = answer.skew_s
    if skew is not None and abs(skew) > MOST_SKEW_S:
        direction = "ahead of" if skew > 0 else "behind"
        raise PermanentError(
            f"this machine's clock is {abs(skew):.0f} s {direction} {who}'s: the times asked for would be others. "
            "Set it right (timedatectl shows it)"
        )


async def usable(secret: Secret) -> str:
    """The secret as it may stand in a header. Raises DriverErrors without its value: httpx's error would show it."""
    value = (await secret.reveal()).strip()
    if not value or not value.isascii() or not value.isprintable():
        raise PermanentError(f"the secret in {secret.told} cannot be sent: expected one line of printable ASCII")
    return value


def said(answer: Answer) -> str:
    """The server's own words, if it has any: one short line."""
    words = [answer.get(name) for name in ("message", "error", "errors", "detail", "details", "reason")]
    flat = [one for word in words for one in (word if isinstance(word, list) else [word]) if one]
    return one_line("; ".join(_words(one) for one in flat), 200) or "(no explanation)"


def again(answer: Answer) -> str:
    """When the service wants to be asked again, as a clause for an error."""
    return f"; it may be asked again after {answer.after_s:.0f} s" if answer.after_s is not None else ""


def one_line(text: str, most: int) -> str:
    """Words from outside, for a person's terminal."""
    line = " ".join(redact(text[: most * 4]).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def listed(names: list[str], most: int = 5) -> str:
    shown = ", ".join(one_line(name, 60) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _words(value: Any) -> str:
    inner = value.get("message") if isinstance(value, dict) else None
    return str(inner or value)


def _instant(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
