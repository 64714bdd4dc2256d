"""The description (OpenAPI 3.1) says what each route takes and answers, and how it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest

from pilotage.server.api.models.examples import EXAMPLES
from pilotage.server.api.models.problem import MEDIA
from tests.server.world import World


@pytest.fixture
def described(service: World) -> dict[str, Any]:
    found: dict[str, Any] = service.app.openapi()
    return found


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


async def test_it_is_served_as_openapi_3_1(api: httpx.AsyncClient) -> None:
    found = (await api.get("/openapi.json")).json()
    assert found["openapi"].startswith("3.1")
    assert found["info"]["title"] == "Pilotage"


def test_each_operation_has_an_id_of_its_own_a_summary_and_a_known_tag(described: dict[str, Any]) -> None:
    known = {one["name"] for one in described["tags"]}
    ids = [operation["operationId"] for _, operation in operations(described)]
    assert len(ids) == len(set(ids))
    for name, operation in operations(described):
        assert operation["summary"], name
        assert len(operation["tags"]) == 1, name
        assert set(operation["tags"]) <= known, name


def test_each_answer_has_a_shape_and_each_refusal_is_a_problem(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        for status, response in operation["responses"].items():
            content = response["content"]
            if int(status) >= 400:
                assert list(content) == [MEDIA], f"{name} {status}"
                assert content[MEDIA]["schema"] == {"$ref": "#/components/schemas/Problem"}, f"{name} {status}"
            else:
                assert all(one.get("schema") for one in content.values()), f"{name} {status}"
        assert {"401", "403", "429", "500"} <= set(operation["responses"]), name


UNKEYED = {
    *("rollback", "createToken", "endSessions", "openPages", "hear"),
    *("draftPlan", "importPlan", "checkPlan", "documentPlan", "diffPlans", "previewMessages", "simulate", "tryMetrics"),
}
"""A way back waits for nothing, a secret is kept nowhere, a hook's message has an id of its own; the rest looks."""


def test_bodies_say_what_they_may_come_to_and_writes_take_a_key(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        if "requestBody" not in operation:
            continue
        assert {"400", "408", "413", "415", "422"} <= set(operation["responses"]), name
        keyed = "Idempotency-Key" in {one["name"] for one in operation.get("parameters", ())}
        assert keyed == (operation["operationId"] not in UNKEYED), name


def test_every_schema_is_one_and_nothing_of_the_frameworks_own_errors_is_left(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    assert not [name for name in schemas if "__" in name], "two shapes have one name"
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_examples_of_refusals_are_as_their_schema_says(described: dict[str, Any]) -> None:
    schema = described["components"]["schemas"]["Problem"]
    for _, operation in operations(described):
        for status, response in operation["responses"].items():
            for content in response["content"].values():
                if int(status) >= 400:
                    jsonschema.validate(content["example"], schema)


def test_each_request_has_an_example_and_each_example_is_one(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    sent = {
        content["schema"]["$ref"].rpartition("/")[2]
        for _, operation in operations(described)
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in content["schema"]
    }
    assert sent <= set(EXAMPLES)
    for name, example in EXAMPLES.items():
        assert schemas[name]["examples"] == [example]
        jsonschema.validate(example, {"$ref": f"#/components/schemas/{name}", "components": described["components"]})
