"""A change of the database, and whether it can be undone. When in doubt it cannot."""

from __future__ import annotations

from pilotage.core.brief.facts import Conflict, Migration, Value
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading
from pilotage.core.brief.severity import DENIED

_IS = Pattern(
    r"\b(?:(?:db|database|data|schema|datenbank|daten)[ -]?)?(?:migrations?|migrationen|migracion(?:es)?"
    r"|schema ?change|schemaanderung(?:en)?"
    r"|schema update|cambio de esquema|alter table|datenbankanderung(?:en)?|datenbankmigration(?:en)?"
    r"|changes? (?:to )?the (?:db |database )?schema)\b"
)
_NONE = Pattern(
    r"\W{0,4}(?:no|none|not? (?:needed|required)|nein|keine?|ninguna?|n/a|sin|without)\b(?! (?:reversible"
    r"|es reversible|se puede|umkehrbar))"
)
_OBJECT = r"(?:the |a |an |one |eine |die |una |la |el |old |alte |unused )*(?:\w{1,30} )?"
_NEVER = Pattern(
    r"\b(?:irreversib\w{0,5}|not reversible|non-reversible|(?:can ?not|can't|cannot|can never) be (?:undone"
    r"|reverted|reversed|rolled back)"
    r"|one-way|nicht umkehrbar\w{0,2}|unumkehrbar\w{0,2}|nicht reversib\w{0,3}|(?:nicht|nie) (?:mehr )?ruckgangig"
    r"|nicht zuruck(?:gerollt|genommen)"
    r"|no (?:es )?reversible|(?:rollback|rolling back|going back|undo|way back) (?:is )?(?:not possible|impossible)"
    r"|no way back|cannot roll back|no hay vuelta atras|kein zuruck|no se puede (?:deshacer|revertir)"
    r"|no reversibles?|sin vuelta atras"
    rf"|(?:drops?|dropping|deletes?|deleting|removes?|removing|renames?|renaming) {_OBJECT}(?:columns?|tables?)"
    rf"|(?:loscht|entfernt|benennt) {_OBJECT}(?:spalten?|tabellen?)|(?:elimina|borra"
    rf"|renombra) {_OBJECT}(?:columnas?|tablas?))\b"
)
_CAN = Pattern(
    r"\b(?:reversib(?:le|el|les)|backwards?[- ]compatible|can be (?:undone|reverted|reversed|rolled back)"
    r"|umkehrbar\w{0,2}|ruckwartskompatib\w{1,3}"
    r"|(?:kann|lasst sich|ist) (?:\w{1,15} )?ruckgangig|se puede (?:deshacer|revertir)|compatible hacia atras"
    r"|retrocompatible)\b"
)
_CLOSED = ("service", "flag", "version", "previous")


def migration(reading: Reading) -> Value[Migration] | None:
    """None: none is said, or it is said that there is none."""
    said: tuple[int, int] | None = None
    for match in _IS.finditer(reading.low):
        if reading.in_label(match.start(), *_CLOSED):
            continue
        if DENIED.search(reading.low, max(0, match.start() - 25), match.start()):
            continue
        segment = reading.labels.at(match.start())
        if segment and segment.key == "migration" and segment.label <= match.start() < segment.start:
            if _NONE.match(reading.low, segment.start, segment.end):
                continue
            said = said or (match.start(), segment.end)
        said = said or match.span()
    never = _first(reading, _NEVER, ())
    can = _first(reading, _CAN, () if never is None else (never,))
    if said is None and never is None:
        return None
    if never and can:
        reading.conflicts.append(
            Conflict(
                "migration reversible",
                ("it can be undone", "it cannot be undone"),
                "it cannot",
                "no return is promised",
            )
        )
    decided = never or can
    if decided is None:
        assert said is not None
        return reading.value(*said, Migration(None), 0.9)
    start = min(decided[0], said[0] if said else decided[0])
    end = max(decided[1], said[1] if said else decided[1])
    return reading.value(start, end, Migration(never is None), 0.95 if said else 0.8)


def _first(reading: Reading, pattern: Pattern, without: tuple[tuple[int, int], ...]) -> tuple[int, int] | None:
    for match in pattern.finditer(reading.low):
        if reading.in_label(match.start(), *_CLOSED) or any(start <= match.start() < end for start, end in without):
            continue
        if pattern is _CAN and (
            DENIED.search(reading.low, max(0, match.start() - 25), match.start())
            or _within_never(reading, match.start())
        ):
            continue
        return match.span()
    return None


def _within_never(reading: Reading, place: int) -> bool:
    return any(
        match.start() <= place < match.end() for match in _NEVER.finditer(reading.low, max(0, place - 40), place + 40)
    )
