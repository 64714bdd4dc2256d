"""The API's description (OpenAPI 3.1): what FastAPI knows of the routes, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pilotage.server.api.keyed import DESCRIBED, MARK
from pilotage.server.api.models.examples import EXAMPLES
from pilotage.server.api.models.problem import Problem, refusals

ABOUT = """Bring a hot-fix safely into production: plans, rollouts, approvals, and what comes after them.

Every request carries a token: `Authorization: Bearer TOKEN`. Errors are `application/problem+json`.
Long lists come in pages: the header `Link` says where the next one is. A write may carry an `Idempotency-Key`: sent
again with the same key it acts once. Instants are Unix seconds, weights and shares percent from 0 to 100.
"""
TAGS = [
    {"name": "rollouts", "description": "Start, look, command. Going back is always possible, and waits for nothing."},
    {"name": "plans", "description": "What happens before a rollout: checklists, rehearsals, scheduled starts."},
    {"name": "approvals", "description": "A second person's yes: to a plan's start, or to a phase."},
    {"name": "follow-ups", "description": "What is to be looked at after a rollout."},
    {"name": "history", "description": "How deliveries went: DORA's figures."},
    {"name": "freezes and locks", "description": "Nothing is started meanwhile."},
    {"name": "live", "description": "Server-sent events: what happens, as it happens."},
    {"name": "drafts and checks", "description": "What needs no rollout: drafting, checking, comparing, simulating."},
    {"name": "history", "description": "How deliveries went."},
    {"name": "audit", "description": "What was done and tried, in one chain of hashes."},
    {"name": "tokens", "description": "Credentials for programs, and sessions of the pages."},
    {"name": "webhooks", "description": "Whom Pilotage tells every event, and how far each is."},
    {"name": "hooks", "description": "What CI, alert managers and ticket systems say, each proven by its own secret."},
    {"name": "watchdogs", "description": "For watchdogs that go back when nobody else can."},
    {"name": "system", "description": "The coordinator itself."},
]
WITHOUT_A_TOKEN = ("/healthz", "/readyz", "/v1/hooks/{name}")
"""A hook's messages are signed with its own secret."""


def describe(app: FastAPI) -> None:
    """`app.openapi()`, and with it /openapi.json, gives this description."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title,
        version=app.version,
        description=ABOUT,
        routes=app.routes,
        tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    found["servers"] = [{"url": "/", "description": "this coordinator"}]
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [example]
    for name in _within("Told", schemas):
        _or_null(schemas[name])
    found["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "`pilotage token create` makes one"}
    }
    for path, operation in _operations(found):
        _complete(path, operation)
    return found


def _operations(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in found["paths"].items():
        for operation in methods.values():
            yield path, operation


def _complete(path: str, operation: dict[str, Any]) -> None:
    """What may come anywhere: credentials, wrong parameters, bodies that cannot be read, keys."""
    responses = operation["responses"]
    statuses: set[int] = set()
    if path not in WITHOUT_A_TOKEN:
        operation["security"] = [{"token": []}]
    if operation.get("parameters"):
        statuses.add(422)
    if "requestBody" in operation:
        statuses |= {400, 408, 413, 415, 422}
    if operation.pop(MARK, False):
        operation.setdefault("parameters", []).append(DESCRIBED)
        statuses |= {400, 409, 422}
    own = responses.get("422", {}).get("content", {})
    if "application/json" in own:  # FastAPI's own
        del responses["422"]
    for status, response in refusals(*statuses).items():
        if int(status) in statuses:
            responses.setdefault(str(status), response)
    operation["responses"] = {status: responses[status] for status in sorted(responses)}


def _or_null(schema: Any) -> None:
    """In the record a number that is none (an infinity) is null: JSON has no other word for it."""
    if isinstance(schema, list):
        for one in schema:
            _or_null(one)
    elif isinstance(schema, dict):
        if schema.get("type") == "number":
            schema["type"] = ["number", "null"]
        for one in schema.values():
            _or_null(one)


def _within(name: str, schemas: dict[str, Any], seen: set[str] | None = None) -> set[str]:
    """The schemas that it is made of."""
    seen = set() if seen is None else seen
    for one in _references(schemas.get(name, {})):
        if one not in seen:
            seen.add(one)
            _within(one, schemas, seen)
    return seen


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for one in schema:
            yield from _references(one)
    elif isinstance(schema, dict):
        if isinstance(found := schema.get("$ref"), str):
            yield found.rpartition("/")[2]
        for one in schema.values():
            yield from _references(one)
