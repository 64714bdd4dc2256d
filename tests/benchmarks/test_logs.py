"""The log benchmark's generator knows its answers, its references and its measures do what they say."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.logs import detection
from benchmarks.logs.accuracy import CATEGORIES, grouping_accuracy, merged_pairs, novelty, score
from benchmarks.logs.cases import Signature, cases
from benchmarks.logs.references import Drain, MaskAndHash
from benchmarks.logs.styles import STYLES, entries, python, signatures
from benchmarks.logs.values import MAKERS, Text, Values

every_style = pytest.mark.parametrize("style", list(STYLES))


@pytest.fixture(scope="module")
def values() -> Values:
    return Values(1)


def drawn(style: str, seed: int, count: int = 200) -> list[tuple[int, bytes]]:
    return list(entries(signatures(style, seed), Values(seed), count, seed))


@every_style
def test_a_seed_gives_the_same_bytes_and_another_seed_others(style: str) -> None:
    assert drawn(style, 3) == drawn(style, 3)
    assert drawn(style, 3) != drawn(style, 4)


@every_style
def test_a_style_has_at_least_150_signatures_and_no_two_share_a_text(style: str) -> None:
    known = signatures(style, 1)
    texts = [tuple(text.parts) for one in known for text in {tuple(text.parts): text for text in one.texts}.values()]
    assert len(known) >= 150
    assert len({one.name for one in known}) == len(known)
    assert len(texts) == len(set(texts))


@every_style
def test_an_entry_ends_without_a_newline_and_has_no_place_left(style: str, values: Values) -> None:
    for one in signatures(style, 1):
        entry = one.entry(values)
        assert not entry.endswith(b"\n")
        assert Text(entry.decode()).kinds == set()


@every_style
def test_a_changed_category_changes_its_values_only(style: str, values: Values) -> None:
    for one in signatures(style, 1)[:40]:
        first, second = values.fill_twice(one.texts[0], "none of them")
        assert first == second


def test_a_changed_line_number_leaves_everything_else(values: Values) -> None:
    one, two = values.fill_twice(Text('File "<root>/a.py", line <line>, in f of <user>'), "line")
    assert one != two
    assert one.split(", line")[0] == two.split(", line")[0]
    assert one.split(" in ")[1] == two.split(" in ")[1]


def test_json_lines_are_json(values: Values) -> None:
    for one in signatures("JSON lines", 2):
        for text in one.texts:
            assert isinstance(json.loads(values.fill(text)), dict)


@every_style
def test_statuses_are_a_trap(style: str) -> None:
    """Two signatures differ in the status alone."""
    bare: dict[str, set[int]] = {}
    for one in signatures(style, 1):
        if one.status is not None:
            bare.setdefault("".join(one.texts[0].parts).replace(str(one.status), "#"), set()).add(one.status)
    assert sum(len(found) >= 2 for found in bare.values()) >= 4
    assert len({status for found in bare.values() for status in found}) >= 4


@pytest.mark.parametrize("style", ["Python", "Java", "Node"])
def test_types_and_functions_that_differ_by_a_digit_are_a_trap(style: str) -> None:
    known = signatures(style, 1)
    types = {one.thrown for one in known if one.thrown}
    tops = {one.top for one in known if one.top}
    assert any(one.replace("1", "2") in types for one in types if "1" in one)
    assert any(one[:-1] + "2" in tops for one in tops if one.endswith("1"))


def test_a_twin_differs_in_one_thing(values: Values) -> None:
    made = cases(random.Random(5), 400, python.EXCEPTIONS, python.DIGITS)
    alone = [one for one in made if one.thrown]
    assert len({(one.message, one.thrown, one.cause, one.functions) for one in alone}) == len(alone)
    near = [
        (one, two)
        for one, two in pairwise(alone)
        if one.functions[1:] == two.functions[1:] and one.message == two.message
    ]
    assert len(near) > 20


@every_style
def test_half_of_the_frequencies_are_in_few_signatures(style: str) -> None:
    found = [place for place, _ in drawn(style, 1, 2000)]
    counts = sorted((found.count(place) for place in set(found)), reverse=True)
    assert sum(counts[:10]) > 1000


def test_absent_signatures_do_not_come(values: Values) -> None:
    known = signatures("Go", 1)
    assert not {place for place, _ in entries(known, values, 500, 1, frozenset(range(100)))} & set(range(100))


def test_every_kind_of_value_varies(values: Values) -> None:
    assert all(len(set(values.pools[kind])) > 1 for kind in MAKERS)


# ------------------------------------------------------------------ measures


def test_grouping_accuracy_counts_entries_of_exact_groups_only() -> None:
    assert grouping_accuracy("aabbc", [1, 1, 2, 2, 3]) == 1
    assert grouping_accuracy("aabbc", [1, 1, 1, 1, 3]) == 0.2  # a and b merged: only c is right
    assert grouping_accuracy("aabbc", [1, 4, 2, 2, 3]) == 0.6  # a split
    assert grouping_accuracy("aabbc", [7, 7, 9, 9, 1]) == 1  # names do not matter


def test_missed_and_false_new_signatures() -> None:
    truth, found = "aabaabcd", [1, 1, 2, 1, 5, 2, 6, 2]
    novel = novelty(truth, found, half=3)
    assert novel.missed == 0.5  # d got b's number
    assert novel.false_entries == pytest.approx(1 / 3)  # an a got 5
    assert novel.false_signatures == 0.5


def test_merged_pairs_are_told_by_what_should_have_kept_them_apart() -> None:
    text = (Text("x"),)
    known = [Signature("a", text, 404), Signature("b", text, 500), Signature("c", text, 500, "E", None, "f")]
    wrong = merged_pairs(known, [0, 1, 2], [1, 1, 1])
    assert wrong == {"status": [(0, 1), (0, 2)], "exception": [(0, 2), (1, 2)], "top function": [(0, 2), (1, 2)]}
    assert merged_pairs(known, [0, 1, 2], [1, 2, 3]) == {"status": [], "exception": [], "top function": []}


# ------------------------------------------------------------------ references


def numbers(grouper: Drain | MaskAndHash, *lines: bytes) -> list[int]:
    return [grouper.signature(line) for line in lines]


def test_drain_joins_lines_of_one_length_that_are_alike() -> None:
    drain = Drain(masked=False, first_line=False)
    assert numbers(drain, b"send block 1 to a", b"send block 2 to b", b"send block 3 to") == [1, 1, 2]
    assert numbers(drain, b"drop block 1 to a") == [3]  # another first token, another branch


def test_drain_asks_for_the_similarity() -> None:
    drain = Drain(masked=False, first_line=False, similarity=0.9)
    assert numbers(drain, b"send the block 1", b"send the block 2") == [1, 2]


def test_drains_full_node_sends_the_rest_to_the_wildcard() -> None:
    drain = Drain(masked=False, first_line=False, children=2)
    assert numbers(drain, b"a is gone", b"b is gone", b"c is gone") == [1, 2, 2]


def test_masks_make_numbers_and_addresses_one() -> None:
    drain = Drain(masked=True, first_line=False, similarity=1)
    assert numbers(drain, b"read 5 from 10.0.0.1:80", b"read 77 from 10.1.2.3:80") == [1, 1]
    assert numbers(MaskAndHash(first_line=False), b"id 0a1b2c3d 5", b"id deadbee1 77", b"id x 5") == [1, 1, 2]


def test_the_first_line_alone_ignores_the_trace() -> None:
    assert numbers(MaskAndHash(first_line=True), b"a\n x", b"a\n y") == [1, 1]
    assert numbers(MaskAndHash(first_line=False), b"a\n x", b"a\n y") == [1, 2]


def test_a_score_has_every_category() -> None:
    found = score(MaskAndHash(first_line=False), "Go", 400, 1)
    assert set(found.split) == set(CATEGORIES)
    assert 0 <= found.accuracy <= 1
    assert sum(found.merged.values()) + sum(found.split.values()) == len(found.examples)


def test_detection_draws_the_same_phase_for_a_seed_and_finds_what_was_put_in() -> None:
    healthy, sick = detection.World("healthy"), detection.World("a bug", bug=0.5)
    one, two = (detection.draw(healthy, np.random.default_rng(3)) for _ in range(2))
    assert (one.rows == two.rows).all()
    found = detection.judge(sick, detection.draw(sick, np.random.default_rng(3)))
    assert found.target is not None
    assert found.naive > 0


def test_incidents_are_those_of_the_live_count() -> None:
    numbers = np.array([1, 1, 1, 1, 1, 1, 2])
    times = np.array([0.0, 1.0, 2.5, 8.0, 9.5, 11.0, 11.1])
    assert detection._begins(numbers, times).tolist() == [True, False, False, True, False, False, True]
    steady = np.arange(25.0)
    assert np.flatnonzero(detection._begins(np.ones(25, int), steady)).tolist() == [0, 10, 20]
