"""Tickets: PAY-123, "issue #1234", INC0012345, addresses of GitHub and Jira."""

from __future__ import annotations

from pilotage.core.brief.facts import Value
from pilotage.core.brief.patterns import Pattern, words
from pilotage.core.brief.reading import Reading

_KEY = Pattern(r"(?<![\w/.=-])([A-Z][A-Z0-9]{1,9})-(\d{1,7})(?![\w]|-\d|\.\d)")
_NO_KEY = words(
    "UTF SHA ISO RFC TLS SSL HTTP MD AES RSA BASE CVE SEV PCI ASCII UTC GMT COVID EU US UK PY JDK JAVA IPV X V P S "
    "H ES GPT HMAC ECMA ANSI IEEE CP LATIN WINDOWS BLUE GREEN"
)
_NUMBERED = Pattern(
    r"\b(?:issues?|tickets?|incidents?|bugs?|pr|pull request|story|task|case|fixes|closes|resolves|vorfall|fehler"
    r"|vorgang|incidencia|incidente|tique)"
    r"(?: (?:nr|no|number|numero|num|id))? ?[:.]? ?(#\d{1,8})(?!\w)"
)
_PLAIN = Pattern(
    r"\b(?:ticket|issue|incident|vorfall|vorgang|incidencia|tique)(?: (?:nr|no|number|numero|num|id))?\.? "
    r"(?!(?:19|20)\d\d\b)(\d{3,8})(?![\w%]|[.,:]\d| (?:errors?|fehler|errores|users|%))"
)
_SERVICE_NOW = Pattern(r"\b(?:INC|CHG|PRB|REQ|RITM|TASK)\d{5,10}\b")
_ADDRESS = Pattern(
    r"https?://[\w.-]{1,100}/(?:[\w.~-]{1,100}/){0,8}(?:(?:issues|pull|issue|merge_requests|-/issues)/\d{1,8}"
    r"|browse/(?P<key>[A-Z][A-Z0-9]{1,9}-\d{1,7}))(?![\w])"
)
_LABELLED = Pattern(r"#?\d{2,9}(?![\w.:%])")


def tickets(reading: Reading) -> tuple[Value[str], ...]:
    found: list[Value[str]] = []
    for match in _ADDRESS.finditer(reading.cased):
        group = "key" if match["key"] else 0
        found.append(reading.value(*match.span(group), match[group]))
    for match in _KEY.finditer(reading.cased):
        if match[1] not in _NO_KEY and not reading.in_label(match.start(), "version", "previous", "regions", "service"):
            found.append(reading.value(*match.span(), match[0], 0.95))
    for match in _SERVICE_NOW.finditer(reading.cased):
        found.append(reading.value(*match.span(), match[0]))
    for match in _NUMBERED.finditer(reading.low):
        found.append(reading.value(*match.span(1), match[1], 0.95))
    for match in _PLAIN.finditer(reading.low):
        found.append(reading.value(*match.span(1), match[1], 0.9))
    for segment in reading.labels.of("ticket"):
        if number := _LABELLED.match(reading.low, _skip(reading.low, segment.start), segment.end):
            found.append(reading.value(*number.span(), number[0], segment.confidence))
    unique = {one.value: one for one in sorted(found, key=lambda one: (-one.confidence, -one.start))}
    return tuple(sorted(unique.values(), key=lambda one: one.start))


def _skip(low: str, place: int) -> int:
    while place < len(low) and low[place] == " ":
        place += 1
    return place
