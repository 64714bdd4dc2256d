"""Examples from logs are shown to people and kept in the record: what looks like a secret is masked first."""

from __future__ import annotations

import re

HIDDEN = "(hidden)"
_NAMES = (
    r"pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth(?:orization)?|credential\w*"
    r"|session(?:id)?|cookie|jwt|signature|pin|cvv|iban|card(?:[_-]?number)?"
)
_PATTERNS = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.?[\w-]*"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), HIDDEN),
    (
        re.compile(
            r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{8,}|sk[-_](?:live[-_]|test[-_]|proj-|ant-)?[\w-]{16,}|AIza[\w-]{30,}|npm_\w{30,})"
        ),
        HIDDEN,
    ),
    (re.compile(r"(\b[a-zA-Z][\w+.-]*://)[^\s/:@]*:[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            rf"""(?i)(["']?[\w.-]*(?:{_NAMES})["']?\s*(?:=>|[=:])\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&"'}})\]]+)"""
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"""(?i)((?:\\?["'])[\w.-]*(?:{_NAMES})(?:\\?["'])\s*:\s*)(\\".*?\\")"""), rf"\1{HIDDEN}"),
    (re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w.-])"), None),
)


_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def redact(text: str) -> str:
    """`text` with passwords, tokens, keys, credentials in URLs and card numbers replaced by ``(hidden)``.

    Control characters, which could play tricks on a terminal, are left out.
    """
    text = _CONTROL.sub("", text)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(_card if instead is None else instead, text)
    return text


def _card(found: re.Match[str]) -> str:
    """Numbers that pass Luhn's check (ISO/IEC 7812-1) are taken for card numbers."""
    digits = [int(one) for one in found[0] if one.isdigit()]
    total = sum(digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits)))
    return HIDDEN if total % 10 == 0 else found[0]
