"""The servers of a rolling deployment: by name ("3 servers: web1, web2 and web3"), or how many there are."""

from __future__ import annotations

from pilotage.core.brief.facts import Value
from pilotage.core.brief.patterns import Pattern
from pilotage.core.brief.reading import Reading

_ONE = r"[a-z][a-z0-9.-]{0,40}\d[a-z0-9.-]{0,40}"
"""A server's name has a number: other words are none."""
_SERVERS = r"(?:servers?|nodes?|hosts?|machines?|server|knoten|rechner|servidores|nodos|maquinas)"
_NAMED = Pattern(
    rf"(?<![\w-]){_SERVERS}(?: (?:are|called|named|sind|heissen|namens|son|llamados))? ?[:(]? ?"
    rf"({_ONE}(?:(?:,| and| und| y|, and) ?{_ONE}){{1,49}})(?![\w%/])"
)
_EACH = Pattern(rf"(?<![\w.-]){_ONE}")
_COUNTED = Pattern(rf"(?<![\w.,:/-])([2-9]|[1-4]\d) (?:[a-z-]{{2,12}} )?{_SERVERS}(?![\w-])")


def servers(reading: Reading) -> tuple[Value[str], ...]:
    """In the order in which they are named, each once; of two lists the first."""
    found = _NAMED.search(reading.low)
    if found is None:
        return ()
    names: dict[str, Value[str]] = {}
    for one in _EACH.finditer(reading.low, *found.span(1)):
        start, end = one.start(), one.end() - (len(one[0]) - len(one[0].rstrip(".-")))
        names.setdefault(one[0].rstrip(".-"), reading.value(start, end, reading.cased[start:end], 0.9))
    return tuple(names.values()) if len(names) > 1 else ()


def fleet(reading: Reading) -> Value[int] | None:
    """How many servers there are, as far as one number is said."""
    found = [reading.value(*one.span(), int(one[1]), 0.8) for one in _COUNTED.finditer(reading.low)]
    return found[0] if len({one.value for one in found}) == 1 else None
