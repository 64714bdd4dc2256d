"""Flagsmith's Admin API as its source (api/features, api/environments) and the OpenAPI document made from it say: one
flag with variants in one environment, kept in place or as versions."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

KEY, FLAG, TOKEN = "4vfqhypYjcPoGGu8ByrBaj", "pay_fix", "ser.api-key-of-the-test"
ENVIRONMENT, PROJECT, FEATURE, STATE, OURS, OTHER = 12, 7, 301, 9001, 41, 42
_PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
_UPDATE = {
    "type": "object",
    "properties": {
        "enabled": {"type": "boolean"},
        "multivariate_feature_state_values": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "integer"},
                    "multivariate_feature_option": {"enum": [OURS, OTHER]},
                    "percentage_allocation": _PERCENT,
                },
                "required": ["multivariate_feature_option", "percentage_allocation"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["enabled", "multivariate_feature_state_values"],
    "additionalProperties": False,
}
_STATE_VALUE = {
    "type": "object",
    "properties": {name: {} for name in ("type", "string_value", "integer_value", "boolean_value")},
    "additionalProperties": False,
}
_VERSION_UPDATE = {
    **_UPDATE,
    "properties": {**_UPDATE["properties"], "feature_segment": {"type": "null"}, "feature_state_value": _STATE_VALUE},
    "required": [*_UPDATE["required"], "feature_state_value"],
}
_VERSION = {
    "type": "object",
    "properties": {
        "feature_states_to_update": {"type": "array", "items": _VERSION_UPDATE, "minItems": 1},
        "publish_immediately": {"const": True},
        "description": {"type": "string"},
    },
    "required": ["feature_states_to_update", "publish_immediately"],
    "additionalProperties": False,
}


def value(of: Any) -> dict[str, Any]:
    kind = "bool" if isinstance(of, bool) else "int" if isinstance(of, int) else "unicode"
    return {
        "type": kind,
        "string_value": of if kind == "unicode" else None,
        "integer_value": of if kind == "int" else None,
        "boolean_value": of if kind == "bool" else None,
    }


def state(shares: dict[int, float], control: Any = "v1", **more: Any) -> dict[str, Any]:
    rows = [
        {"id": 500 + option, "multivariate_feature_option": option, "percentage_allocation": share}
        for option, share in shares.items()
    ]
    whole = {"id": STATE, "enabled": True, "feature": FEATURE, "environment": ENVIRONMENT, "identity": None}
    whole |= {"feature_segment": None, "feature_state_value": value(control), "multivariate_feature_state_values": rows}
    return {**whole, **more}


@dataclass
class Flagsmith(Served):
    versions: bool = False
    approvals: int | None = None
    archived: bool = False
    variants: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"id": OURS, "key": "fix", "default_percentage_allocation": 0.0, **value("v2")},
            {"id": OTHER, "key": None, "default_percentage_allocation": 0.0, **value("v3")},
        ]
    )
    own: dict[str, Any] = field(default_factory=lambda: state({OURS: 0.0, OTHER: 0.0}))
    overrides: list[dict[str, Any]] = field(default_factory=list)
    descriptions: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Api-Key {TOKEN}":
            return 401, {}, {"detail": "Authentication credentials were not provided."}
        here = f"/api/v1/environments/{KEY}"
        match (request.method, request.path):
            case ("GET", path) if path == f"{here}/":
                return 200, {}, self._environment()
            case ("GET", path) if path == f"/api/v1/projects/{PROJECT}/features/":
                found = [one for one in self._features() if request.query["search"] in one["name"]]
                return self._page(request, found, int(request.query.get("page_size", 999)))
            case ("GET", "/api/v1/features/featurestates/"):
                assert request.query["environment"] == str(ENVIRONMENT)
                assert request.query["feature"] == str(FEATURE)
                return self._page(request, [*self.overrides, self.own], 10)
            case ("PUT", path) if path == f"{here}/featurestates/{self.own['id']}/":
                conforms(request, _UPDATE)
                if self.versions:
                    return 403, {}, {"detail": "Cannot modify feature states directly: use versions."}
                return self._update(request.body)
            case ("POST", path) if path == f"/api/v1/environments/{ENVIRONMENT}/features/{FEATURE}/versions/":
                conforms(request, _VERSION)
                if not self.versions:
                    return 400, {}, {"environment": "Environment must use v2 feature versioning."}
                (update,) = request.body["feature_states_to_update"]
                assert update["feature_state_value"] == self.own["feature_state_value"]
                self.descriptions.append(request.body.get("description", ""))
                self.own["id"] += 1
                return self._update(update)
        return 404, {}, {"detail": "Not found."}

    def _environment(self) -> dict[str, Any]:
        named = {"id": ENVIRONMENT, "name": "Production", "api_key": KEY, "project": PROJECT}
        return {
            **named,
            "minimum_change_request_approvals": self.approvals,
            "use_v2_feature_versioning": self.versions,
        }

    def _features(self) -> list[dict[str, Any]]:
        mine = {"id": FEATURE, "name": FLAG, "is_archived": self.archived, "multivariate_options": self.variants}
        return [{"id": 300, "name": f"{FLAG}_old", "is_archived": False, "multivariate_options": []}, mine]

    def _page(self, request: Request, rows: list[dict[str, Any]], size: int) -> Given:
        page = int(request.query.get("page", 1))
        shown = rows[(page - 1) * size : page * size]
        following = f"{self.url}{request.path}?page={page + 1}" if len(rows) > page * size else None
        return 200, {}, {"count": len(rows), "next": following, "previous": None, "results": copy.deepcopy(shown)}

    def _update(self, update: dict[str, Any]) -> Given:
        """What is not named is taken away, as the nested serializer does."""
        rows = update["multivariate_feature_state_values"]
        if sum(row["percentage_allocation"] for row in rows) > 100:
            return 400, {}, {"non_field_errors": ["Multivariate percentage values exceed 100%."]}
        self.own["enabled"] = update["enabled"]
        self.own["multivariate_feature_state_values"] = [
            {"id": 500 + row["multivariate_feature_option"], **row} for row in rows
        ]
        return 200, {}, self.own
