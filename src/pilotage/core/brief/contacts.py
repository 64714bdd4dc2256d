"""Who is reached how: labelled by role, or said in a sentence that names the role."""

from __future__ import annotations

from pilotage.core.brief.facts import ContactFact, Value
from pilotage.core.brief.patterns import Pattern, words
from pilotage.core.brief.reading import Reading

_ROLES = {
    "on-call": r"(?:on[- ]?call|bereitschaft|rufbereitschaft|(?:de )?guardia)",
    "tester": r"(?:tested|verified|getestet|gepruft|probad[oa]|tester(?:in)?|probador)",
    "escalation": r"(?:escalat(?:e|ion|es)|eskalation|eskalier\w*|escalado|escalar|escalacion)",
    "owner": r"(?:owner|owned|verantwortlich\w*|responsable|propietari[oa])",
}
_MAIL = r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63}){1,3}"
_HANDLE = r"(?<![\w.])@[A-Za-z][\w-]{0,38}(?:[./][\w-]{1,38})?"
_PHONE = r"\+\d[\d ()/-]{6,18}\d"
_CHANNEL = r"(?<![\w&#/])#[a-zA-Z][\w-]{1,79}"
_PERSON = r"[A-ZÀ-Ý][\wà-ÿ'-]{1,30}(?: (?:von |van |de |del )?[A-ZÀ-Ý][\wà-ÿ'-]{1,30}){0,2}"
_PART = Pattern(
    rf"(?P<reach>{_MAIL}|{_HANDLE}|{_PHONE}|{_CHANNEL})|(?P<name>{_PERSON}|[a-z][\w-]{{1,40}}(?: "
    rf"[a-z][\w-]{{1,40}})?)"
)
_WHO = rf"(?:(?P<mail>{_MAIL}|{_HANDLE})|(?P<name>{_PERSON})(?: ?[(<,]? ?(?P<reach>{_MAIL}|{_HANDLE}|{_PHONE})[)>]?)?)"
_BY = (
    r"(?:is|ist|es|are|by|to|von|durch|por|an|a|hat|tiene|will be|engineer is|contact is|contact|person is"
    r"|lead is|:|durch|la|el|esta semana es)"
)
_AFTER = Pattern(rf"[ :]{{0,2}}(?:{_BY}[ :]{{1,2}}){{1,2}}{_WHO}")
_BEFORE = Pattern(
    rf"{_WHO} (?:is|ist|esta|es|has|hat|tiene|will be|ubernimmt)(?: (?:the|der|die|el|la|in|on|service|primary"
    rf"|unser|our|de))* $"
)
_CHANNELS = Pattern(_CHANNEL)
_NO_NAME = {
    "none",
    "qa",
    "nobody",
    "tbd",
    "unknown",
    "n/a",
    "na",
    "the",
    "niemand",
    "nadie",
    "team",
    "yes",
    "no",
    "is",
    "please",
    "and",
    "und",
    "or",
    "see",
}

_OTHERS = words(
    "ticket tickets issue issues incident window region regions service services version severity "
    "strategy flag channel traffic "
    "environment kanal canal dienst umgebung strategie wartungsfenster fenster ventana servicio entorno "
    "estrategia vorfall incidencia"
)


def contacts(reading: Reading) -> tuple[Value[ContactFact], ...]:
    found: list[Value[ContactFact]] = []
    for role in (*_ROLES, "incident-channel"):
        for segment in reading.labels.of(role):
            found += _listed(reading, role, segment.start, segment.end, segment.confidence)
    for role, pattern in _PATTERNS.items():
        for match in pattern.finditer(reading.low):
            if not reading.in_label(match.start(), *_ROLES, "incident-channel"):
                found += _said(reading, role, match.start(), match.end())
    for match in _CHANNELS.finditer(reading.cased):
        if not any(one.value.reach == match[0] for one in found):
            found.append(reading.value(*match.span(), ContactFact("incident-channel", reach=match[0]), 0.9))
    unique = {one.value: one for one in reversed(found)}
    return tuple(sorted(unique.values(), key=lambda one: one.start))


_PATTERNS = {role: Pattern(rf"\b{words}\b") for role, words in _ROLES.items()}


def _listed(reading: Reading, role: str, start: int, end: int, sure: float) -> list[Value[ContactFact]]:
    """``Alice Meyer (alice@acme.com), Bob`` is two people, one of them with an address."""
    people: list[tuple[int, int, str, str]] = []
    for part in _PART.finditer(reading.cased, start, min(end, start + 200)):
        if part["reach"]:
            if people and people[-1][2] and not people[-1][3]:
                first, _, name, _ = people.pop()
                people.append((first, part.end(), name, part["reach"]))
            else:
                people.append((part.start(), part.end(), "", part["reach"]))
        elif _of_something_else(part["name"]):
            break
        elif part["name"].lower() not in _NO_NAME and not (people and part["name"].islower()):
            people.append((part.start(), part.end(), part["name"], ""))
    return [reading.value(first, last, ContactFact(role, name, reach), sure) for first, last, name, reach in people]


def _of_something_else(name: str) -> bool:
    """Another fact begins here: ``Ann, Ticket SHOP-123``."""
    return name.split()[0].lower() in _OTHERS or any(sign.isdigit() for sign in name)


def _said(reading: Reading, role: str, start: int, end: int) -> list[Value[ContactFact]]:
    for match in (
        _AFTER.match(reading.cased, end, end + 120),
        _BEFORE.search(reading.cased, max(0, start - 120), start),
    ):
        if match and (match["name"] or "").lower() not in _NO_NAME:
            name, reach = match["name"] or "", match["mail"] or match["reach"] or ""
            first = match.start("name") if name else match.start("mail")
            last = max(match.end("name"), match.end("mail"), match.end("reach"))
            return [reading.value(first, last, ContactFact(role, name, reach), 0.8)]
    return []
