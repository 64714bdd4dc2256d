"""What a rollout's logs have shown, for people: the canary's errors, with counts and an example each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pilotage.core.logwatch import TITLE_CHARACTERS
from pilotage.core.model import LogSignature, Sample
from pilotage.core.pages import Bullet, Bullets, Code, Section, Strong
from pilotage.core.words import printable

MOST_SHOWN = 20
EXAMPLE_LINES = 12


@dataclass(frozen=True)
class LogError:
    """A signature that the canary has shown, with both groups' entries since the start, and since when (Unix seconds).

    `known`: control has shown it too, before the rollout or beside it.
    """

    signature: LogSignature
    canary: int
    control: int
    known: bool
    since: float


class CanaryErrors:
    """Takes samples in their order, so that nobody has to read a long rollout's logs anew."""

    def __init__(self) -> None:
        self._named: dict[int, tuple[LogSignature, float]] = {}
        self._canary: dict[int, int] = {}
        self._control: dict[int, int] = {}
        self._known: set[int] = set()
        self._same: dict[int, int] = {}

    def take(self, sample: Sample) -> None:
        counts = sample.reading.logs
        if counts is None:
            return
        self._same.update(counts.same)
        for one in counts.named:
            self._named.setdefault(one.number, (one, sample.at))
        for seen in counts.seen:
            self._canary[seen.number] = self._canary.get(seen.number, 0) + seen.canary_entries
            self._control[seen.number] = self._control.get(seen.number, 0) + seen.control_entries
        self._known |= {number for number, _ in counts.history.incidents} if counts.history else set()

    def found(self) -> list[LogError]:
        """What only the canary has shown first, then the most frequent."""
        named, canary, control, known = dict(self._named), dict(self._canary), dict(self._control), set(self._known)
        for number, lower in sorted(self._same.items(), reverse=True):
            for counted in (canary, control):
                counted[lower] = counted.get(lower, 0) + counted.pop(number, 0)
            if number in named:
                named.setdefault(lower, named[number])
                del named[number]
            if number in known:
                known.add(lower)
        found = [
            LogError(
                one, canary.get(number, 0), control.get(number, 0), number in known or control.get(number, 0) > 0, at
            )
            for number, (one, at) in named.items()
        ]
        return sorted(found, key=lambda one: (one.known, not one.signature.critical, -one.canary))


def errors_of(samples: Iterable[Sample]) -> list[LogError]:
    """What only the canary has shown first, then the most frequent."""
    errors = CanaryErrors()
    for sample in samples:
        errors.take(sample)
    return errors.found()


def log_section(samples: Iterable[Sample]) -> Section | None:
    """None when the rollout watched no logs or the canary logged no error."""
    found = errors_of(samples)
    if not found:
        return None
    items = [_bullet(one) for one in found[:MOST_SHOWN]]
    if len(found) > MOST_SHOWN:
        items.append(Bullet(f"and {len(found) - MOST_SHOWN} more"))
    return Section("Errors in the canary's log", (Bullets(tuple(items)),))


def _bullet(one: LogError) -> Bullet:
    """With an example where control knows no such error."""
    times = f": {one.canary:,} entries ({one.control:,} in control), "
    if one.known:
        return Bullet((Code(one.signature.title), f"{times}known to control"))
    return Bullet((Code(one.signature.title), times, Strong("only in the canary")), example_lines(one.signature))


def example_lines(signature: LogSignature) -> tuple[str, ...]:
    return tuple(signature.example.splitlines()[:EXAMPLE_LINES])


def example_of(samples: Iterable[Sample], sentence: str) -> list[str]:
    """The example's lines of the signature that a finding's sentence names, else of the first only the canary shows."""
    found = errors_of(samples)
    named = [one for one in found if printable(one.signature.title)[:TITLE_CHARACTERS] in sentence]
    chosen = named or [one for one in found if not one.known]
    return list(example_lines(chosen[0].signature)) if chosen else []
