"""Ten thousand briefs nobody wrote: what was put in comes out, and nothing else does."""

from __future__ import annotations

import unicodedata
from collections import Counter
from random import Random

import pytest

from pilotage.core.brief import Brief, parse
from pilotage.core.brief.cleaning import clean
from pilotage.core.brief.questions import QUESTIONS
from tests.core.brief.generator import FACTS, brief, spoil
from tests.core.brief.saying import plain

BRIEFS = 5_000
"""As they are; and as many again that are spoilt."""
RECALL = 0.95
CONFLICTS = {"per_s": "traffic", "migration": "migration reversible", "services": "service"}


def test_what_was_put_in_comes_out_and_nothing_else():
    random = Random(20261125)
    said, found = Counter(), Counter()
    for _ in range(BRIEFS):
        one = brief(random)
        understood = plain(parse(one.text))
        for name in FACTS:
            wanted, got = one.facts.get(name), understood[name]
            if got in (None, ()):
                said[name] += wanted is not None
                continue
            conflict = CONFLICTS.get(name, name) in understood["conflicts"]
            assert got == wanted or conflict, f"{name}: {got} instead of {wanted} in {one.text!r}"
            said[name] += 1
            found[name] += got == wanted
    recall = {name: found[name] / said[name] for name in FACTS}
    assert all(share >= RECALL for share in recall.values()), recall


def test_spoilt_briefs_give_no_error_and_no_value_that_is_not_in_the_text():
    random = Random(20261126)
    for _ in range(BRIEFS):
        text = spoil(random, brief(random).text)
        check(parse(text), text)


@pytest.mark.parametrize("seed", range(5))
def test_characters_of_all_of_unicode_give_no_error(seed):
    random = Random(seed)
    for _ in range(60):
        text = "".join(chr(random.randrange(0x110000)) for _ in range(random.randrange(300)))
        check(parse(text), text)


def test_the_same_seed_gives_the_same_briefs():
    assert [brief(Random(7)).text for _ in range(3)] == [brief(Random(7)).text for _ in range(3)]


def check(understood: Brief, text: str) -> None:
    """Spans lie in the text and are not empty; each value can be found again in the words of its span."""
    assert set(understood.missing) <= set(QUESTIONS), text
    for name in understood.__dataclass_fields__:
        field = getattr(understood, name)
        values = field if isinstance(field, tuple) else (field,)
        for value in values:
            if hasattr(value, "confidence"):
                assert 0 <= value.start < value.end <= len(understood.text), (name, value, text)
                assert 0 < value.confidence <= 1
                piece = understood.text[value.start : value.end]
                assert derivable(name, value.value, piece), (name, value, piece, text)
    for one in understood.suspicious:
        assert 0 <= one.start <= one.end <= len(understood.text)
        assert one.text.isprintable()


def derivable(name: str, value: object, piece: str) -> bool:
    """Whether the words of a span alone give the value: by its own letters, or read again behind the fact's label."""
    words = " ".join(clean(piece).plain.replace("*", " ").replace("`", " ").replace('"', " ").split())
    if isinstance(value, str) and name not in ("environment", "severity", "strategy"):
        return _bare(value) in _bare(words)
    if name == "contacts":
        return all(_bare(part) in _bare(words) for part in (value.name, value.reach))
    if name == "flag":
        return _bare(value.name) in _bare(words)
    if name == "severity":
        return value.value[1] in words or not any(one.isdigit() for one in words)
    if name == "phases":
        return all(f"{phase.weight:g}" in words.replace(",", ".") or phase.weight == 100 for phase in value)
    if name in ("strategy", "environment"):
        again = getattr(parse(f"{name}: {words}"), name)
        return again is not None and again.value == value
    if name == "traffic":
        again = [parse(f"{words}{tail}").traffic for tail in ("", " und das ist die Last für den Dienst")]
        return any(one and one.value.per_s == pytest.approx(value.per_s) for one in again)
    if name == "window":
        digits = [one for one in (value.opens, value.closes) if one]
        return bool(value.date or digits) and any(one.isdigit() for one in words)
    if name == "impact":
        return _bare(value.what) in _bare(words)
    return bool(words)


def _bare(text: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", text.lower()) if one.isalnum() or one in "+-._@#/")
