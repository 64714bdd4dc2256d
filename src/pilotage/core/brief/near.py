"""Words of the vocabulary that are misspelt ("canery", "Produktoin")."""

from __future__ import annotations

from collections.abc import Iterable

CLOSE = 0.82
"""Share of letters in the same order; one wrong letter in six is .83, two exchanged ones in ten .9."""


def nearest(word: str, known: Iterable[str], close: float = CLOSE) -> str:
    """The known word that `word` was probably meant to be, or an empty string."""
    from difflib import SequenceMatcher  # Here, as most briefs are spelt well enough.

    best, name = close, ""
    for one in known:
        if one[0] != word[0] or abs(len(one) - len(word)) > 2:
            continue
        pairs = SequenceMatcher(None, word, one, autojunk=False)
        if pairs.quick_ratio() >= best and (ratio := pairs.ratio()) >= best:
            best, name = ratio, one
    return name
