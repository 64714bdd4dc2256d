"""What differs between two plans, where the second is less careful, and what is not shown of either."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilotage.core.plancaution import less_careful
from pilotage.core.plandiff import ABSENT, Change, Row, diff
from pilotage.core.planwords import as_data, lines, sentence
from pilotage.planfile.document import read

COMPLETE = Path(__file__).parents[1] / "planfile" / "complete.yaml"


def sentences(before: Any, after: Any) -> list[str]:
    return [sentence(one) for one in diff(before, after)]


PHASES = [{"weight": "10%", "watch": "10m"}, {"weight": "50%", "watch": "10m"}, {"weight": "100%", "watch": "30m"}]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"tick": "10s"}, {"tick": "5s"}, ["tick: 10s -> 5s"]),
        ({"a": 1}, {"a": 1, "tick": "5s"}, ["tick: added, 5s"]),
        ({"tick": "5s", "a": 1}, {"a": 1}, ["tick: removed, was 5s"]),
        ({"version": "2.4"}, {"version": 2.4}, ['version: "2.4" -> 2.4']),
        ({"a": 1}, {"a": True}, ["a: 1 -> true"]),
        ({"a": None}, {}, ["a: removed, was null"]),
        ({"hold": {}}, {"hold": {"then": "ask"}}, ["hold.then: added, ask"]),
        ({"phases": PHASES}, {"phases": PHASES[1:]}, ["phases[10%]: removed"]),
        ({"phases": PHASES[1:]}, {"phases": PHASES}, ["phases[10%]: added, {weight: 10%, watch: 10m}"]),
        (
            {"phases": PHASES},
            {"phases": [{"weight": "20%", "watch": "10m"}, *PHASES[1:]]},
            ["phases[10%].weight: 10% -> 20%"],
        ),
        ({"phases": PHASES}, {"phases": [*PHASES[::-1]]}, ["phases: another order, 100%, 50%, 10%"]),
        ({"checklist": [{"id": "green"}, {"id": "b"}]}, {"checklist": [{"id": "b"}]}, ["checklist[green]: removed"]),
        (
            {"notify": [{"driver": "console"}, {"driver": "console", "path": "x"}]},
            {"notify": [{"driver": "console"}, {"driver": "console", "path": "y"}]},
            ["notify[console#2].path: x -> y"],
        ),
        (
            {"deploy": [{"name": "s", "command": ["a", "b"]}]},
            {"deploy": [{"name": "s", "command": ["a", "c d"]}]},
            ["deploy[s].command: [a, b] -> [a, c d]"],
        ),
        ({"regions": ["a"]}, {"regions": []}, ["regions: [a] -> []"]),
        ({"x": {"y": 1}}, {"x": 3}, ["x: {y: 1} -> 3"]),
        ({"summary": "a"}, {"summary": "b\u202e"}, ["summary: a -> b"]),
    ],
)
def test_a_change_is_one_line_in_plain_words(before: Any, after: Any, said: list[str]) -> None:
    assert sentences(before, after) == said


def test_the_lines_begin_with_how_much_and_end_with_where_less_care_is_taken() -> None:
    before = {"version": "a", "hold": {"then": "rollback"}, "rollback_when": {"errors": "2%"}}
    after = {"rollback_when": {"errors": "5%"}, "hold": {"then": "ask"}, "version": "b"}
    assert lines(diff(before, after), less_careful(before, after), ("sha256:" + "a" * 64, "sha256:" + "c" * 64)) == [
        "3 changes; digest sha256:aaaaaaaaaaaa -> sha256:cccccccccccc",
        "version: a -> b",
        "hold.then: rollback -> ask",
        "rollback_when.errors: 2% -> 5%",
        "",
        "Less careful in B:",
        "rollback_when.errors: more errors are needed to go back (2% -> 5%)",
        "hold.then: a doubt that does not clear waits for a person instead of going back",
    ]


# ------------------------------------------------------------------ less careful


GUARD = {"name": "queue", "limit": "512MiB", "worse_than_control": "2x"}
ITEM = {"id": "green", "check": "command"}


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ({"phases": PHASES}, {"phases": [{"weight": "10%", "watch": "5m"}, *PHASES[1:]]}, "phases[10%].watch"),
        ({"phases": PHASES}, {"phases": [{"weight": "9%", "watch": "5m"}, *PHASES[1:]]}, "phases[10%].watch"),
        ({"phases": PHASES}, {"phases": [{"weight": "20%", "watch": "10m"}, *PHASES[1:]]}, "phases"),
        ({"phases": PHASES}, {"phases": [PHASES[0], PHASES[2]]}, "phases"),
        ({"phases": PHASES}, {"phases": [PHASES[0], {"weight": "30%", "watch": "10m"}, PHASES[2]]}, "phases"),
        ({"phases": [{**PHASES[0], "approval": True}]}, {"phases": PHASES[:1]}, "phases[10%].approval"),
        ({}, {"rollback_when": {"errors": "5%"}}, "rollback_when.errors"),
        ({}, {"rollback_when": {"p95": "3x"}}, "rollback_when.p95"),
        ({"success": {"min_requests": 100}}, {}, "success.min_requests"),
        ({}, {"success": {"errors": "1%"}}, "success.errors"),
        ({"hold": {"deadline": "5m"}}, {}, "hold.deadline"),
        ({}, {"hold": {"then": "ask"}}, "hold.then"),
        ({}, {"judge": {"false_alarms": "2%"}}, "judge.false_alarms"),
        ({}, {"judge": {"pass_early": True}}, "judge.pass_early"),
        ({}, {"verdicts": {"errors-worse": "hold"}}, "verdicts.errors-worse"),
        ({"severity": "P0"}, {"severity": "P0", "verdicts": {"errors-worse": {"P0": "ask"}}}, "verdicts.errors-worse"),
        ({"metrics": {"bug": {"target": "1%"}}}, {"metrics": {"errors": {}}}, "metrics.bug"),
        ({"metrics": {"bug": {"source": "a"}}}, {"metrics": {"bug": {"target": "1%"}}}, "metrics.bug.target"),
        ({"metrics": {"tickets": {"a": 1}}}, {"metrics": {"errors": {}}}, "metrics.tickets"),
        ({"metrics": {"guards": [GUARD]}}, {"metrics": {"guards": []}}, "metrics.guards[queue]"),
        (
            {"metrics": {"guards": [GUARD]}},
            {"metrics": {"guards": [{**GUARD, "limit": "1GiB"}]}},
            "metrics.guards[queue].limit",
        ),
        (
            {"metrics": {"guards": [GUARD]}},
            {"metrics": {"guards": [{**GUARD, "worse_than_control": "off"}]}},
            "metrics.guards[queue].worse_than_control",
        ),
        (
            {"metrics": {"guards": [{"preset": "process", "limits": {"process cpu": 1}}]}},
            {"metrics": {"guards": [{"preset": "process"}]}},
            "metrics.guards[process].limits.process cpu",
        ),
        (
            {"metrics": {"guards": [{"preset": "process"}]}},
            {"metrics": {"guards": [{"preset": "process", "only": ["process cpu"]}]}},
            "metrics.guards[process].only",
        ),
        ({"logs": {"bug": "x"}}, {}, "logs"),
        ({"logs": {"bug": "x", "canary": 1}}, {"logs": {"canary": 1}}, "logs.bug"),
        ({"logs": {"canary": 1}}, {"logs": {"canary": 1, "ignore": ["x y"]}}, "logs.ignore"),
        ({"logs": {"canary": 1}}, {"logs": {"canary": 1, "tokens": ["x y"]}}, "logs.tokens"),
        ({"checklist": [ITEM]}, {"checklist": []}, "checklist[green]"),
        ({"checklist": [ITEM]}, {"checklist": [{**ITEM, "required": False}]}, "checklist[green].required"),
        ({"checklist": [ITEM]}, {"checklist": [{"id": "green"}]}, "checklist[green].check"),
        ({"rollback": {"methods": ["traffic", "switch"]}}, {}, "rollback.methods"),
        ({"start": {"within": "1h"}}, {}, "start"),
        ({"notify": [{"driver": "console"}]}, {"notify": []}, "notify"),
        ({"after": {"watch": "1h"}}, {}, "after.watch"),
        ({"strategy": "canary"}, {"strategy": "blue-green"}, "strategy"),
        ({"drift": "hold"}, {"drift": "restore"}, "drift"),
        ({"blue_green": {"warm": "2h"}}, {}, "blue_green.warm"),
        (
            {"blue_green": {"test": [{"name": "a"}, {"name": "b"}]}},
            {"blue_green": {"test": [{"name": "a"}]}},
            "blue_green.test[b]",
        ),
        ({"rolling": {"watch": "5m"}}, {"rolling": {"watch": "1m"}}, "rolling.watch"),
        ({"rolling": {"approval": "each"}}, {"rolling": {"approval": "second"}}, "rolling.approval"),
        ({"rolling": {"pool": {"driver": "shell"}}}, {"rolling": {"watch": "1m"}}, "rolling.pool"),
        ({"rolling": {"health": {"check": "http"}}}, {"rolling": {"watch": "1m"}}, "rolling.health"),
        (
            {"rolling": {"servers": ["a", "b", "c", "d"]}},
            {"rolling": {"servers": ["a", "b", "c", "d"], "max_unavailable": "50%"}},
            "rolling.max_unavailable",
        ),
        (
            {"phases": [{"cohort": {}, "watch": "5m"}, {"weight": "9%"}], "approval": 1},
            {"phases": [{"weight": "9%"}]},
            "phases",
        ),
    ],
)
def test_what_loosens_is_named_and_what_tightens_is_not(before: Any, after: Any, path: str) -> None:
    (found,) = less_careful(before, after)
    assert found.path == path
    assert found.reason
    if "weight" not in str(before) or "approval" in str(before):
        assert less_careful(after, before) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"tick": "soon"}, {"tick": "REPLACE_ME"}),
        ({"phases": "x"}, {"phases": [1, None, {"weight": []}]}),
        ({"metrics": []}, {"metrics": {"guards": {"a": 1}}}),
        ({"checklist": [{"id": "a", "required": False}]}, {"checklist": []}),
        ({"verdicts": {"errors-worse": "hold"}}, {"verdicts": {"errors-worse": "ask"}}),
        ({"notify": [{"driver": "console"}]}, {"notify": [{"driver": "webhook"}]}),
        ({}, {"metrics": {"bug": {"target": "9%"}}}),
        ([], {}),
        (3, "x"),
    ],
)
def test_mistakes_and_matters_of_no_care_say_nothing(before: Any, after: Any) -> None:
    assert less_careful(before, after) == ()


# ------------------------------------------------------------------ what is not shown


SECRET = "hunter2-planted"


@pytest.mark.parametrize(
    "plan",
    [
        {"notify": [{"driver": "webhook", "url": f"http://x/{SECRET}"}]},
        {"metrics": {"sources": {"a": {"driver": "scrape", "token": SECRET}}}},
        {"metrics": {"sources": {"a": {"driver": "scrape", "headers": {"X": SECRET}}}}},
        {"pasword": SECRET},
        {"my_password": {"deep": [{"x": SECRET}]}},
        {"traffic": [{"driver": "shell", "set": ["./x", "--token", SECRET]}]},
        {"traffic": [{"driver": "shell", "set": ["./x", f"--api-key={SECRET}"]}]},
        {"traffic": [{"driver": "shell", "set": ["curl", "-H", f"Authorization: Bearer {SECRET}"]}]},
        {"references": [f"https://ann:{SECRET}@tickets.example/1"]},
        {"summary": f"password={SECRET}"},
    ],
)
def test_what_may_be_a_secret_is_not_shown(plan: Any) -> None:
    changed = json.loads(json.dumps(plan).replace(SECRET, "another-planted"))
    for before, after in ((plan, changed), ({}, plan), (plan, {}), ({"x": 1}, plan)):
        changes = diff(before, after)
        assert changes
        found = "\n".join(lines(changes, less_careful(before, after), ("a", "b")))
        found += json.dumps(as_data(changes, less_careful(before, after), ("a", "b")))
        assert "planted" not in found
        assert "hunter2" not in found


def test_the_environment_is_no_secret() -> None:
    assert sentences({"environment": "staging"}, {"environment": "production"}) == [
        "environment: staging -> production"
    ]


# ------------------------------------------------------------------ properties


scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, -0.0, 1.0, 0.5, "", "1", "a", "10%"])
keys = st.sampled_from(["id", "name", "weight", "driver", "a", "b", "x.y", "[z]"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
trees = st.dictionaries(keys, values, max_size=4)


def said(tree: Any) -> str:
    """What the digest is made of."""
    return json.dumps(tree, sort_keys=True)


@given(trees)
def test_a_plan_does_not_differ_from_itself(tree: Any) -> None:
    assert diff(tree, copy.deepcopy(tree)) == ()
    assert less_careful(tree, tree) == ()


@settings(max_examples=300)
@given(trees, trees)
def test_nothing_differs_exactly_when_the_digests_are_equal(before: Any, after: Any) -> None:
    assert (diff(before, after) == ()) == (said(before) == said(after))
    less_careful(before, after)
    lines(diff(before, after), less_careful(before, after), ("a", "b"))


@given(trees, st.data())
def test_rows_in_another_order_or_of_the_same_name_are_a_difference(tree: Any, draw: st.DataObject) -> None:
    rows = draw.draw(st.lists(st.dictionaries(keys, scalars, min_size=1, max_size=3), min_size=2, max_size=5))
    other = draw.draw(st.permutations(rows))
    assert (diff({"r": rows}, {"r": other}) == ()) == (said(rows) == said(other))


mappings = st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=15)


def applied(tree: Any, change: Change) -> Any:
    """The tree with one change made, where there are mappings only."""
    if not change.place:
        return change.after
    tree = copy.deepcopy(tree)
    inner = tree
    for step in change.place[:-1]:
        inner = inner[step]
    if change.after is ABSENT:
        del inner[change.place[-1]]
    else:
        inner[change.place[-1]] = change.after
    return tree


@given(mappings, mappings)
def test_the_changes_lead_from_one_plan_to_the_other(before: Any, after: Any) -> None:
    tree = before
    for change in diff(before, after):
        tree = applied(tree, change)
    assert said(tree) == said(after)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_differing_leaf_of_a_plan_is_named(draw: st.DataObject) -> None:
    plan = read(COMPLETE.read_text())[0].plain()
    leaves = list(places(plan, (), ()))
    chosen = draw.draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=5, unique_by=lambda one: one[1]))
    changed = copy.deepcopy(plan)
    for way, _ in chosen:
        inner = changed
        for step in way[:-1]:
            inner = inner[step]
        inner[way[-1]] = "something else"
    named = {change.place for change in diff(plan, changed)}
    assert named == {place for _, place in chosen}


NAMES = ("id", "name", "weight", "preset", "driver", "role", "after")


def places(value: Any, way: tuple[Any, ...], place: tuple[Any, ...]) -> Any:
    """Every leaf that is not a row's name: the way there, and its place in words."""
    if isinstance(value, dict):
        for key, one in value.items():
            if not (place and isinstance(place[-1], Row) and key in NAMES):
                yield from places(one, (*way, key), (*place, key))
    elif isinstance(value, list) and isinstance(value[0], dict):
        for index, row in enumerate(value):
            name = next(str(row[key]) for key in NAMES if key in row)
            yield from places(row, (*way, index), (*place, Row(name)))
    else:
        yield way, place
