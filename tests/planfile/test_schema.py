"""The plan file's JSON Schema says what the loader does, neither more nor less of the structure."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field

from pilotage import planfile
from pilotage.core.errors import PlanError
from pilotage.drivers import DriverOptions, registry
from pilotage.drivers.secrets import Secret
from pilotage.planfile import document
from pilotage.planfile.schema import as_text, schema
from tests.planfile import plans
from tests.planfile.recorder import Followed, asked, mappings

SCHEMA = schema()
VALID = Draft202012Validator(SCHEMA)
GOOD = plans.shown()


@pytest.fixture(autouse=True, scope="module")
def secrets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        plans.set_secrets(patch)
        yield


def data(text: str) -> Any:
    return document.read(text)[0].plain()


def refused(plan: Any) -> list[str]:
    return [f"{one.json_path}: {one.message}" for one in VALID.iter_errors(plan)]


def test_it_is_a_schema_of_the_draft_it_names() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert (SCHEMA["$schema"], SCHEMA["$id"]) == (Draft202012Validator.META_SCHEMA["$id"], "urn:pilotage:plan:1")


def test_it_is_the_same_byte_for_byte() -> None:
    program = "import sys; from pilotage.planfile.schema import as_text; sys.stdout.write(as_text())"
    said = [
        subprocess.run([sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in ("1", "2")
    ]
    assert {one.stdout for one in said} == {as_text().encode()}


@pytest.mark.parametrize("name", GOOD)
def test_every_good_plan_is_valid(name: str) -> None:
    planfile.load(GOOD[name], directory=Path("/plans"))
    assert refused(data(GOOD[name])) == []


@pytest.mark.parametrize("name", GOOD)
def test_its_keys_are_those_that_the_loader_knows_and_requires(name: str) -> None:
    places = Followed(SCHEMA).places(data(GOOD[name]))
    for path, wanted in asked(GOOD[name]).items():
        said = places[path]
        assert (path, set(said["properties"])) == (path, wanted.known)
        assert (path, set(said.get("required", ()))) == (path, wanted.required)
        assert said["additionalProperties"] is False


def test_the_plans_have_every_key_of_the_schema() -> None:
    followed = Followed(SCHEMA)
    for text in GOOD.values():
        followed.places(data(text))
    never = {
        f"{path}: {key}"
        for path, mapping in mappings(SCHEMA)
        for key in set(mapping["properties"]) - followed.met.get(id(mapping), set())
    }
    assert never == set()


def test_every_key_has_a_description_for_the_editor() -> None:
    for path, mapping in mappings(SCHEMA):
        assert mapping.get("description"), path
        for key, one in mapping["properties"].items():
            assert one.get("description", "").endswith((".", "...")), (path, key)


def test_every_option_of_ours_is_described_in_words_of_its_own() -> None:
    assert '"description": "An option' not in as_text()
    assert '"description": "The variable that `file` sets, without the dollar, such as pilotage_payment."' in as_text()


def texts_in(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, str):
        yield place
    elif isinstance(value, (dict, list)):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts_in(one, (*place, key))


def replaced(plan: Any, place: tuple[Any, ...], value: Any) -> Any:
    plan = copy.deepcopy(plan)
    inner = plan
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return plan


@pytest.mark.parametrize(
    "text",
    [plans.COMPLETE, plans.OTHER, plans.WIDE, plans.BLUE_GREEN, plans.ROLLING, plans.COHORTS],
    ids=["complete", "other", "wide", "blue-green", "rolling", "cohorts"],
)
def test_a_placeholder_is_marked_wherever_it_stands(text: str) -> None:
    plan = data(text)
    places = [place for place in texts_in(plan) if "options" not in place]  # a step's check has its own schema
    assert len(places) > 50
    # Only the strategy's rules span sections: the one with the placeholder is asked alone, in a tenth of the time.
    assert not {"anyOf", "oneOf", "not", "if", "dependentSchemas"} & set(SCHEMA)
    sections = Followed(SCHEMA).at_hand(SCHEMA, plan)["properties"]
    alone = {section: VALID.evolve(schema=sections[section]) for section in plan}
    spoilt = [(place, replaced({place[0]: plan[place[0]]}, place, 'REPLACE_ME: "$group"')) for place in places]
    assert [place for place, one in spoilt if alone[place[0]].is_valid(one[place[0]])] == []


# ------------------------------------------------------------------ strangers' drivers


class Inner(BaseModel):
    title: str = "x"
    again: Inner | None = None


class Odd:
    class Options(DriverOptions):
        """Options of
        all kinds."""

        named: str = Field(alias="real-name", pattern="^(?i)[a-z]+$")
        inner: Inner = Inner()
        key: Secret | str | None = None
        levels: dict[str, list[int]] = Field(default={}, description="So many.")


class Broken:
    class Options(DriverOptions):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        thing: subprocess.Popen[bytes]


class Gone(EntryPoint):
    def load(self) -> Any:
        raise ImportError("no module")


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "odd": EntryPoint("odd", f"{__name__}:Odd", "pilotage.notify"),
        "broken": EntryPoint("broken", f"{__name__}:Broken", "pilotage.notify"),
        "gone": Gone("gone", "nowhere:X", "pilotage.notify"),
    }
    real = registry._of
    monkeypatch.setattr(registry, "_of", lambda port: points if port == "notify" else real(port))


@pytest.mark.usefixtures("strangers")
@pytest.mark.parametrize(
    ("row", "unmarked"),
    [
        ("{driver: odd, real-name: abc}", True),
        ("{driver: odd, real-name: abc, inner: {title: y, again: {title: z}}, key: {env: PILOTAGE_TEST_SECRET}}", True),
        ("{driver: odd, real-name: abc, levels: {a: [1, 2]}}", True),
        ("{driver: odd, real-name: abc, levels: {a: [x]}}", False),
        ("{driver: odd, named: abc}", False),
        ("{driver: odd, real-name: abc, inner: {title: 3}}", False),
        ("{driver: broken, thing: 3}", True),
        ("{driver: gone, any: 3}", True),
        ("{driver: none}", False),
    ],
)
def test_a_strangers_driver_brings_its_options(row: str, unmarked: bool) -> None:
    found = schema()
    Draft202012Validator.check_schema(found)
    plan = {**data(plans.COMPLETE), "notify": [data(row)]}
    assert Draft202012Validator(found).is_valid(plan) is unmarked
    text = plans.without(plans.COMPLETE, "notify") + f"notify: [{row}]\n"
    if not unmarked:
        with pytest.raises(PlanError):
            planfile.load(text, directory=Path("/plans"))


# ------------------------------------------------------------------ what only the loader knows


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("previous", "2.4.1"),
        ("phases", [{"weight": "50%", "watch": "1m"}, {"weight": "10%", "watch": "1m"}]),
        ("start", {"from": "2026-02-30 10:00", "until": "2026-03-01 10:00", "zone": "Europe/Berlin"}),
        ("rollback_when", {"errors": "0.1%"}),
        ("contacts", [{"role": "on-call", "name": " "}]),
    ],
)
def test_it_marks_no_more_than_structure(key: str, value: Any) -> None:
    blank = key == "contacts"
    assert bool(refused({**data(plans.COMPLETE), key: value})) is blank
    with pytest.raises(PlanError):
        planfile.load(plans.without(plans.COMPLETE, key) + f"{key}: {json.dumps(value)}\n", directory=Path("/plans"))
