"""Letters of other alphabets that look like Latin ones. In a Latin word they are a trick or a slip."""

from __future__ import annotations

from pilotage.core.brief.patterns import Pattern

_PAIRS = (
    ("авеікмнорстухѕјһԁӏԛԝ", "abeikmhopctyxsjhdlqw"),
    ("АВЕІКМНОРСТУХЅЈ", "ABEIKMHOPCTYXSJ"),
    ("αονρικυτ", "aovpikut"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
    ("ıɡ", "ig"),
)
LATIN = {other: latin for others, latins in _PAIRS for other, latin in zip(others, latins, strict=True)}
_WORD = Pattern(r"\w{1,80}")
_OTHER = Pattern("[" + "".join(LATIN) + "]")
_ALIEN = Pattern(r"[\u0370-\u03ff\u0400-\u052f]")


def fold(text: str) -> tuple[str, list[tuple[int, int]]]:
    """`text` with look-alikes in Latin words replaced (as long as before), and where those words stand."""
    if not _OTHER.search(text):
        return text, []
    pieces, places, done = [], [], 0
    for word in _WORD.finditer(text):
        if _OTHER.search(word[0]) and _disguised(word[0]):
            pieces += [text[done : word.start()], "".join(LATIN.get(one, one) for one in word[0])]
            done = word.end()
            places.append(word.span())
    return "".join([*pieces, text[done:]]), places


def _disguised(word: str) -> bool:
    """Has Latin letters or digits beside look-alikes, and nothing that only the other alphabet has."""
    rest = "".join(LATIN.get(one, one) for one in word)
    return not _ALIEN.search(rest) and any(one.isascii() and one.isalnum() for one in word)
