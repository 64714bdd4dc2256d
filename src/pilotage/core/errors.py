"""Every error Pilotage raises on purpose.

PilotageError
├── PlanError                 the plan (or brief) is wrong; carries one Problem per mistake
├── Refused                   a command that cannot be done in the rollout's present state
├── Forbidden                 who asks may not do this
├── Unauthorised              it is not known who asks
├── TooMany                   asked for too often; says when it may be asked again
├── NotFound                  no such rollout
├── WrongRequest              what was asked makes no sense: a cursor of another list, a value that is none
├── PreflightFailed           a driver did not answer before the start; nothing was started
├── ChecklistOpen             a required item of the checklist is open; nothing was started
├── CoordinatorUnreachable    no coordinator answers, or it answered nonsense
└── DriverError               a driver call failed
    ├── TemporaryError        trying again may help
    └── PermanentError        trying again will not help (refused credentials, missing object, bad option)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake in something a person wrote.

    `path` is dotted, as in ``phases[1].weight``; `line` counts from 1, or is None when there is no file.
    """

    path: str
    expected: str
    got: str
    line: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{where}{self.path}: expected {self.expected}, got {self.got}.{hint}"


class PilotageError(Exception):
    """Base of all errors meant for the person at the keyboard."""


class PlanError(PilotageError):
    def __init__(self, problems: tuple[Problem, ...], file: str = "") -> None:
        self.problems = problems
        self.file = file
        prefix = f"{file}: " if file else ""
        super().__init__("\n".join(f"{prefix}{problem}" for problem in problems))


class Refused(PilotageError):
    pass


class Forbidden(PilotageError):
    pass


class Unauthorised(PilotageError):
    pass


class NotFound(PilotageError):
    pass


class TooMany(PilotageError):
    """`after_s`: how many seconds to wait."""

    def __init__(self, text: str, after_s: float) -> None:
        self.after_s = after_s
        super().__init__(text)


class WrongRequest(PilotageError):
    pass


class PreflightFailed(PilotageError):
    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class ChecklistOpen(PilotageError):
    """`problems` are a sentence each with what to type, `seen` the same without; `items` are their ids.

    `note` is a clause about the start that the person should know besides.
    """

    def __init__(
        self, problems: tuple[str, ...], seen: tuple[str, ...] = (), items: tuple[str, ...] = (), note: str = ""
    ) -> None:
        self.problems = problems
        self.seen = seen
        self.items = items
        count = "a required item is" if len(problems) == 1 else f"{len(problems)} required items are"
        first = f"nothing was started: {count} open" + (f" (the start is {note})" if note else "")
        super().__init__("\n  ".join([first, *problems]))


class CoordinatorUnreachable(PilotageError):
    pass


class DriverError(PilotageError):
    pass


class TemporaryError(DriverError):
    """`after_s`: how many seconds the other side asked to wait before it is tried again; None when it did not say."""

    def __init__(self, text: str = "", after_s: float | None = None) -> None:
        self.after_s = after_s
        super().__init__(text)


class PermanentError(DriverError):
    pass
