"""Numbers as people write them in three languages: 5M, 120k, 1.2 million, 1,200, 1.200, 5 Mio."""

from __future__ import annotations

import re

NUMBER = r"\d{1,3}(?:[.,'’ _]\d{3})+(?:[.,]\d{1,2})?|\d{1,15}(?:[.,]\d{1,6})?"
MAGNITUDE = (
    r"(?:k|thousand|tausend|tsd\.?|mil(?!l)|m|mn|mio\.?|millions?|millionen|mill[oó]n(?:es)?|b|bn|billions?|"
    r"mrd\.?|milliarden?)(?!\w)"
)
_SCALES = (
    (r"k|thousand|tausend|tsd|mil", 1e3),
    (r"m|mn|mio|millions?|millionen|mill[oó]n(?:es)?", 1e6),
    (r"b|bn|billions?|mrd|milliarden?", 1e9),
)


def scale(text: str | None) -> float:
    word = (text or "").strip().rstrip(".").lower()
    return next((size for pattern, size in _SCALES if re.fullmatch(pattern, word)), 1.0)


def readings(text: str, language: str, magnitude: bool = False) -> tuple[float, ...]:
    """Every number the text can mean, the likeliest first. `1.200` is 1200 in German and Spanish, and "
    "either in English."""
    flat = re.sub(r"[ '’_]", "", text)
    signs = [sign for sign in flat if sign in ".,"]
    if not signs:
        return (float(flat),)
    if len(signs) > 1:
        whole = signs[0] == signs[-1]
        decimal = "" if whole else signs[-1]
        return (_plain(flat, decimal),)
    thousands = len(flat.split(signs[0])[1]) == 3 and not magnitude and not flat.startswith("0")
    native = "," if language in ("de", "es") else "."
    if not thousands:
        return (_plain(flat, signs[0]),)
    if signs[0] != native:
        return (_plain(flat, ""),)
    return (_plain(flat, ""), _plain(flat, signs[0]))


def _plain(text: str, decimal: str) -> float:
    kept = "".join(sign for sign in text if sign.isdigit() or sign == decimal)
    return float(kept.replace(",", ".")) if kept else 0.0
