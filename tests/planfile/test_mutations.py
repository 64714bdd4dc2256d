"""Ten thousand damaged plans: each is a good plan or a list of mistakes, soon, and no secret is shown.

The schema refuses nothing that the loader accepts; what the loader alone refuses is of the kinds named here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pilotage import codec, planfile
from pilotage.core.errors import PlanError, Problem
from pilotage.core.model import Plan, Strategy
from pilotage.core.plancaution import less_careful
from pilotage.core.plandiff import diff
from pilotage.core.planwords import as_data, lines
from pilotage.planfile.document import Node, NotReadable, read
from pilotage.planfile.schema import schema
from tests.planfile import plans
from tests.planfile.mutations import PLANTED, Mutant, mutants

SEEDS, MANY = range(20), 500
MOST_CPU_S = 1.0
"""For one plan: 5 ms are usual, and 0.2 s for 100,000 characters."""

ONLY_THE_LOADER = (
    # Values that depend on others.
    *("each key once", "a name of its own", "an id of its own", "guards with names of their own", "at most 20 guards"),
    *("more than the phase before", "100% in the last phase", "at least one tick", "0s, or at least one tick"),
    *("a trigger above success", "another version than", "another label than", "another value than"),
    *("the bug's own metric, as known_bad", "limits for .*, as nothing is compared", "a limit, as it is not compared"),
    *("one of .*", "a name from metrics.sources"),
    *("the histogram's name without", "false: a page of text", "names that are not empty", "a prometheus or scrape"),
    *("label matchers", "a prometheus source", "a plain selector", "a baseline phase", "either within, or a window"),
    *("a time after start.from", "a window of at most 30 days", "another time than from", "each kind once"),
    *("a word of the server in it", "revert only with strategy rolling"),
    *("redeploy only where", r"rollback\.revert, which says", "the method revert among", "what flag-off switches off"),
    *("least_bad: flag-off, which", "at least the watch", "where tickets are opened", "either a check or a ticket"),
    *(
        "at most one tick",
        "another colour",
        "one phase of 100%",
        "a weight, a watch and an approval",
        "each server once",
        "token, or username and password",
    ),
    *(
        "each name once",
        "each method once",
        "a splitter",
        "fewer servers",
        "the word .*, as other",
        "a number of servers",
    ),
    *("a name that no other driver", "placeholders as arguments of their own", "a driver that deploys a new"),
    # Amounts: the form is right, the number is not.
    *(
        "a duration of at (least|most)",
        "a percentage above",
        "more than the baseline",
        "a number above 0, a percentage",
    ),
    *("between .* for each metric", "a rate such as"),
    # What the world knows.
    *("a time that exists", "a time zone such as", "a secret that can be read"),
    # The drivers' own rules.
    *("options that .* accepts", "a driver of the port", "each server once", "a host as in"),
    *("a list with a command", "(only the placeholders|no placeholder)", "a runtime key"),
    *(
        "a commit's hash",
        "either url, or several urls",
        "names of headers",
        "an address (that|with)",
        "an http:// or https:// address without",
        "user and password together",
        "a token, or a user with",
        "options that .* accepts",
        "a host as in",
        "a file that ends with",
    ),
)


def exact(value: Any) -> Any:
    """The schema with `$` as ECMAScript reads it: Python's also stands before a last line's end."""
    if isinstance(value, list):
        return [exact(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: re.sub(r"\$$", r"\\Z", one) if key == "pattern" and isinstance(one, str) else exact(one)
        for key, one in value.items()
    }


VALID = Draft202012Validator(exact(schema()))


@pytest.fixture(autouse=True)
def secrets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        plans.set_secrets(patch)
        yield


class Reading:
    """Stands for the loader's `read`: a tree that is known is not read, and each is at hand afterwards."""

    def __init__(self) -> None:
        self.known: Node | None = None
        self.tree: Node | None = None

    def __call__(self, text: str) -> tuple[Node, list[Problem]]:
        self.tree, twice = (self.known, []) if self.known else read(text)
        return self.tree, twice


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    reading = Reading()
    monkeypatch.setattr(planfile, "read", reading)
    return reading


@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_plan_is_a_good_plan_or_a_list_of_mistakes(seed: int, reading: Reading) -> None:
    good = 0
    for mutant in mutants(seed, MANY):
        reading.known, reading.tree = mutant.tree, None
        began = time.process_time()
        answer = loaded(mutant)
        assert time.process_time() - began < MOST_CPU_S, mutant.kind
        if isinstance(answer, Plan):
            good += 1
            if good % 10 == 0:
                assert codec.from_json(Plan, codec.to_json(answer)) == answer
            keeps_its_promises(answer)
        else:
            says_where_and_what(answer, mutant)
        if reading.tree:
            agrees_with_the_schema(reading.tree.plain(), answer, mutant)
    assert MANY / 20 < good < MANY / 2


def test_a_tree_that_is_known_is_the_one_that_reading_gives() -> None:
    known = [mutant for mutant in mutants(815, 1_000) if mutant.tree]
    assert len(known) > 500
    for mutant in known:
        assert read(mutant.text) == (mutant.tree, []), mutant.kind


def test_damaged_plans_can_be_compared() -> None:
    compared = 0
    whole = read(plans.COMPLETE)[0].plain()
    for mutant in mutants(4711, 300):
        try:
            tree = read(mutant.text)[0].plain()
        except NotReadable:
            continue
        compared += 1
        for before, after in ((whole, tree), (tree, whole)):
            changes, loosened = diff(before, after), less_careful(before, after)
            shown = [*lines(changes, loosened, ("a", "b")), json.dumps(as_data(changes, loosened, ("a", "b")))]
            assert all(one.isprintable() for one in shown)
            assert PLANTED not in "".join(shown) or not mutant.planted
    assert compared > 150


def loaded(mutant: Mutant) -> Plan | tuple[Problem, ...]:
    try:
        return planfile.load(mutant.text, directory=Path("/plans"))
    except PlanError as error:
        shown = f"{error}"
        assert plans.SECRET not in shown
        assert PLANTED not in shown or not mutant.planted, shown
        return error.problems
    except Exception as error:
        pytest.fail(f"{mutant.kind}: {error!r} for\n{mutant.text[:3000]}")


def says_where_and_what(problems: tuple[Problem, ...], mutant: Mutant) -> None:
    assert problems
    last = mutant.text.count("\n") + mutant.text.count("\r") + mutant.text.count("\u2028") + 1
    for one in problems:
        assert one.path, one
        assert one.expected, one
        assert one.got, one
        assert str(one).isprintable(), one
        assert len(str(one)) < 1500, one
        assert one.line is not None or one.path == "(file)", one
        assert one.line is None or 1 <= one.line <= last, (one, last)


def keeps_its_promises(plan: Plan) -> None:
    weights = [phase.weight for phase in plan.phases if phase.judged]
    assert weights == sorted(weights)
    assert weights[-1] == pytest.approx(100)
    assert all(phase.watch_s >= phase.tick_s >= 0.5 for phase in plan.phases)
    names = [target.name for target in plan.targets]
    traffic = [target.name for target in plan.targets if target.kind == "traffic"]
    assert (len(set(names)), bool(traffic)) == (len(names), plan.strategy is not Strategy.ROLLING)
    assert {step.target for phase in plan.phases for step in phase.steps} <= set(names)
    undone = [step.target for step in plan.rollback.ways[0].steps]
    assert sorted(undone) == sorted(traffic or names)
    for one in (plan.measures.guards, plan.preparation.checklist):
        called = [row.name if hasattr(row, "name") else row.id for row in one]
        assert len(set(called)) == len(called)
    limits, measures, start = plan.limits, plan.measures, plan.preparation.start
    assert 0 < limits.errors_success < limits.errors_trigger <= 1
    assert 1 < limits.p95_success < limits.p95_trigger <= 1000
    assert 0 < limits.alpha <= 0.1
    assert 0 < limits.bug_target <= 1
    asked = [measures.errors, measures.latency, measures.bug, measures.tickets, *measures.guards]
    assert {one.source for one in asked if one} <= set(measures.sources)
    assert measures.canary != measures.control
    assert measures.bug or not plan.known_bad
    assert plan.version != plan.previous
    assert start.opens_at is None or (start.closes_at is not None and start.opens_at < start.closes_at)
    if plan.logs:
        assert bool(plan.logs.both and plan.logs.field) != bool(plan.logs.canary and plan.logs.control)
    assert plans.SECRET not in repr(plan)


def at(data: Any, path: str) -> Any:
    """What the plan says at a path such as ``deploy[0].command``."""
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(data, list) and step.isdigit() and int(step) < len(data):
            data = data[int(step)]
        else:
            data = data.get(step) if isinstance(data, dict) else None
    return data


def only_read_here(value: Any) -> bool:
    """A word, whose value stands elsewhere; a number such as 5.0, which is a whole one to a schema."""
    return re.search(r"\{\w+\}", str(value)) is not None or isinstance(value, float)


def agrees_with_the_schema(data: Any, answer: Plan | tuple[Problem, ...], mutant: Mutant) -> None:
    if isinstance(answer, Plan):
        assert VALID.is_valid(data), (mutant.kind, [(one.json_path, one.message) for one in VALID.iter_errors(data)])
        return
    alone = [one for one in answer if not any(re.match(kind, one.expected) for kind in ONLY_THE_LOADER)]
    alone = [one for one in alone if not only_read_here(at(data, one.path))]
    unknown = [one for one in answer if one.got.startswith("the unknown") and ".limits." not in one.path]
    if alone or unknown:  # asking the schema takes long
        assert not VALID.is_valid(data), (mutant.kind, alone, unknown)
