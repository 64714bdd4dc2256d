"""Tickets and people."""

from __future__ import annotations

import re

from pilotage.core.brief.facts import ContactFact, Value
from pilotage.core.brief.text import FLAGS, Text
from pilotage.core.brief.vocabulary import words

_KEY = re.compile(r"(?<![\w/-])([A-Z][A-Z0-9]{1,9})-(\d{1,7})(?![\w-])")
_NO_TICKETS = words(
    """
    UTF SHA ISO RFC SEV TLS HTTP HTTPS IPV GMT UTC BLUE GREEN CVE CWE MD AES RSA CP COVID US EU AP GPT H P V
    """
)
_NUMBERED = re.compile(
    r"\b(?:issues?|tickets?|bugs?|incidents?|vorfall|incidencia|pull request|PR|MR|GH)\s*(?:no\.?|nr\.?|"
    r"number|#)?\s*#?(\d{2,8})\b(?!\s?%|\.\d|\s?(?:users|customers|errors))",
    FLAGS,
)
_HASH = re.compile(r"(?<![\w/#])#(\d{2,7})\b")
_DESK = re.compile(r"\b((?:INC|CHG|REQ|RITM|PRB|TASK)\d{5,10})\b")
_LINK = re.compile(r"https?://[^\s)>\]\"']{4,200}/(?:issues|browse|pull|merge_requests|incidents?)/[\w-]{1,40}")


def tickets(text: Text) -> tuple[Value[str], ...]:
    found: list[Value[str]] = []
    links = [match.span() for match in _LINK.finditer(text.matched)]
    found += [text.value(match, match[0]) for match in _LINK.finditer(text.matched)]
    for pattern in (_KEY, _DESK, _NUMBERED, _HASH):
        for match in pattern.finditer(text.matched):
            if any(start <= match.start() < end for start, end in links):
                continue
            if pattern is _KEY and match[1] in _NO_TICKETS:
                continue
            value = f"#{match[1]}" if pattern in (_NUMBERED, _HASH) else match[0]
            group = 1 if pattern in (_NUMBERED, _HASH) else 0
            found.append(text.value(match, value, group))
    by_place = sorted(found, key=lambda one: one.start)
    return tuple({one.value: one for one in reversed(by_place)}.values())[::-1][:20]


_ROLES = ("on-call", "tester", "escalation", "owner")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_HANDLE = re.compile(r"(?<![\w.])@[A-Za-z][\w.-]{1,38}")
_PHONE = re.compile(r"\+\d[\d ()/-]{6,18}\d")
_CHANNEL = re.compile(r"(?<![\w/])#[a-z][a-z0-9_-]{2,79}", FLAGS)
_PERSON = re.compile(
    r"(?:(?:Dr|Prof)\.?\s)?[^\W\d_][^\W\d_'’-]*(?:[-'’][^\W\d_]+)*(?:\s+(?:[a-z]{2,3}\s+)?[A-ZÁÉÍÓÚÄÖÜÑ][\w'’-]*){0,3}"
)
_SAID = (
    (
        "on-call",
        re.compile(
            r"\b([A-ZÄÖÜÁÉÍÓÚÑ][\w'’-]+(?: [A-ZÄÖÜÁÉÍÓÚÑ][\w'’-]+)?)(?: (@[\w.-]+))? (?:is|ist|está|hat) "
            r"(?:on[- ]call|bereitschaft|de guardia)\b"
        ),
    ),
    (
        "tester",
        re.compile(
            r"\b(?i:tested by|getestet von|probado por)\s+([A-ZÄÖÜÁÉÍÓÚÑ][\w'’-]+(?: "
            r"[A-ZÄÖÜÁÉÍÓÚÑ][\w'’-]+)?)(?: (@[\w.-]+))?"
        ),
    ),
)


def contacts(text: Text) -> tuple[Value[ContactFact], ...]:
    """One of each role by a label; a channel also by its own sign."""
    found: list[Value[ContactFact]] = []
    for role in _ROLES:
        for label in text.labelled(role):
            fact, end = _contact(role, text.matched[label.start : label.end])
            if fact is not None:
                found.append(text.at(label.start, label.start + end, fact))
    for role, pattern in _SAID:
        for match in pattern.finditer(text.matched):
            if not any(one.value.role == role for one in found):
                found.append(text.value(match, ContactFact(role, match[1], match[2] or ""), confidence=0.9))
    named = (_CHANNEL.search(text.matched, one.start, one.end) for one in text.labelled("incident-channel"))
    channels = [one for one in named if one is not None]
    confidence = 1.0 if channels else 0.8
    channels = channels or list(_CHANNEL.finditer(text.matched))[:1]
    found += [text.value(one, ContactFact("incident-channel", "", one[0]), confidence=confidence) for one in channels]
    return tuple(found)


def _contact(role: str, said: str) -> tuple[ContactFact | None, int]:
    """Who it is, and where that ends."""
    reaches = [match for pattern in (_MAIL, _HANDLE, _PHONE, _CHANNEL) for match in pattern.finditer(said)]
    reach = min(reaches, key=lambda one: one.start(), default=None)
    head = re.split(r"[,(;|]", said[: reach.start()] if reach else said, maxsplit=1)[0]
    person = _PERSON.search(head)
    name = " ".join(person[0].split())[:80] if person else ""
    if not name and reach is None:
        return None, 0
    end = max(person.end() if person else 0, reach.end() if reach else 0)
    return ContactFact(role, name, reach[0] if reach else ""), end
