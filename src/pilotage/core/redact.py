"""Examples from logs are shown to people and kept in the record: what looks like a secret is masked first."""

from __future__ import annotations

import re

HIDDEN = "(hidden)"
_STRONG = r"(?:pass(?:word|wd|phrase)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|jwt)\w{0,12}"
_WEAK = (
    r"(?<![a-z])(?:pass|auth|authorization|session|session[_-]?id|cookie|signature|pin|cvv|iban|card|card[_-]?number)"
)
"""Names that also end other words: alone only."""
_VALUE = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\\".*?\\"|[^\s,;&"'}})\]]+)"""
_NAMED = re.compile(rf"""(?i)((?:{_STRONG}|{_WEAK})\\?["']?\s*(?:=>|[=:])\s*){_VALUE}""")
_TOKENS = (
    r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{8,}|AIza[\w-]{30,}|npm_\w{30,}"
    r"|sk[-_](?:live[-_]|test[-_]|proj-|ant-)?[\w-]{16,})"
)
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    (
        ("PRIVATE KEY",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S),
        HIDDEN,
    ),
    (
        ("bearer", "basic", "digest", "negotiate"),
        re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+[\w.~+/=-]{6,}"),
        rf"\1 {HIDDEN}",
    ),
    (("eyj",), re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.?[\w-]*"), HIDDEN),
    (("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), HIDDEN),
    (("gh", "glpat-", "xox", "aiza", "npm_", "sk-", "sk_"), re.compile(_TOKENS), HIDDEN),
    (("://",), re.compile(r"(://)[^\s/:@]*:[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (
        (
            *("pass", "secret", "token", "key", "auth", "credential", "session", "cookie", "jwt", "signature"),
            *("pin", "cvv", "iban", "card"),
        ),
        _NAMED,
        rf"\1{HIDDEN}",
    ),
)
"""What must be there at all (in lower case), the pattern, and what stands instead. Most texts have none of it."""
_CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w.-])")


_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def redact(text: str) -> str:
    """`text` with passwords, tokens, keys, credentials in URLs and card numbers replaced by ``(hidden)``.

    Control characters, which could play tricks on a terminal, are left out.
    """
    return _CARD.sub(_card, redact_named(text))


def redact_named(text: str) -> str:
    """The same but for card numbers, for those who mask every number anyway."""
    text = _CONTROL.sub("", text)
    lower = text.lower()
    for needles, pattern, instead in _PATTERNS:
        if any(needle.lower() in lower for needle in needles):
            text = pattern.sub(instead, text)
    return text


def secret_places(text: str) -> tuple[tuple[int, int], ...]:
    """Where `redact` would write ``(hidden)``: start and end (exclusive), in order, never overlapping.

    For those who must know what stands where afterwards. Take control characters out first: they break up names.
    """
    lower = text.lower()
    places = [match.span() for match in _CARD.finditer(text) if _card(match) == HIDDEN]
    for needles, pattern, instead in _PATTERNS:
        if any(needle.lower() in lower for needle in needles):
            named, ends = instead.startswith(r"\1"), len(instead) - len(instead.rstrip("@"))
            for found in pattern.finditer(text):
                places.append((found.end(1) if named else found.start(), found.end() - ends))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(places):
        start += len(text[start:end]) - len(text[start:end].lstrip())
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)


def _card(found: re.Match[str]) -> str:
    """Numbers that pass Luhn's check (ISO/IEC 7812-1) are taken for card numbers."""
    digits = [int(one) for one in found[0] if one.isdigit()]
    total = sum(digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits)))
    return HIDDEN if total % 10 == 0 else found[0]
