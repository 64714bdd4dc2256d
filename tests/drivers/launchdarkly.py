"""LaunchDarkly's REST API, version 20240415, as docs.launchdarkly.com/api says for "Get feature flag", "Update feature
flag" (semantic patches only) and "List scheduled changes", for one flag in two environments."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import jsonschema

from tests.drivers.served import Given, Request, Served

PROJECT, FLAG, ENVIRONMENT, TOKEN = "shop", "pay.fix", "production", "api-1234567890-of-the-test"
YES, NO, OTHER = "2f43f67c", "e5830889", "77aa11bb"
_WEIGHTS = {
    "type": "object",
    "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 100000},
    "minProperties": 2,
}
_INSTRUCTIONS: dict[str, Any] = {
    "turnFlagOn": {"properties": {"kind": {}}, "additionalProperties": False},
    "updateFallthroughVariationOrRollout": {
        "properties": {
            "kind": {},
            "rolloutWeights": _WEIGHTS,
            "rolloutBucketBy": {"type": "string"},
            "rolloutContextKind": {"type": "string"},
        },
        "required": ["rolloutWeights"],
        "additionalProperties": False,
    },
}
_PATCH = {
    "type": "object",
    "properties": {
        "comment": {"type": "string"},
        "environmentKey": {"const": ENVIRONMENT},
        "instructions": {"type": "array", "minItems": 1, "items": {"required": ["kind"]}},
    },
    "required": ["environmentKey", "instructions"],
    "additionalProperties": False,
}


def _config() -> dict[str, Any]:
    return {
        "on": True,
        "archived": False,
        "salt": "61e6",
        "sel": "a",
        "lastModified": 1627071171347,
        "version": 2,
        "targets": [],
        "contextTargets": [],
        "rules": [],
        "fallthrough": {"variation": 1},
        "offVariation": 1,
        "prerequisites": [],
        "_site": {"href": "/x", "type": "text/html"},
        "_environmentName": "Production",
        "trackEvents": False,
        "trackEventsFallthrough": False,
    }


@dataclass
class LaunchDarkly(Served):
    here: dict[str, Any] = field(default_factory=_config)
    variations: list[dict[str, Any]] = field(
        default_factory=lambda: [{"_id": YES, "value": True}, {"_id": NO, "value": False, "name": "the old way"}]
    )
    archived: bool = False
    scheduled: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Given:
        assert request.headers.get("ld-api-version") == "20240415"
        if request.headers.get("authorization") != TOKEN:
            return 401, {}, {"code": "unauthorized", "message": "Invalid access token"}
        here = f"/api/v2/projects/{PROJECT}/flags/{FLAG}/environments/{ENVIRONMENT}"
        match (request.method, request.path):
            case ("GET", path) if path == f"{here}/scheduled-changes":
                return 200, {}, {"items": self.scheduled, "_links": {}}
            case ("GET", path) if path == f"/api/v2/flags/{PROJECT}/{FLAG}":
                assert set(request.query) <= {"env", "expand"}
                shown = request.query.get("env", ENVIRONMENT) == ENVIRONMENT
                return 200, {}, self._flag({ENVIRONMENT: self.here} if shown else {})
            case ("PATCH", path) if path == f"/api/v2/flags/{PROJECT}/{FLAG}":
                return self._patch(request)
        return 404, {}, {"code": "not_found", "message": "Invalid resource identifier"}

    def _flag(self, environments: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": FLAG,
            "kind": "boolean",
            "key": FLAG,
            "_version": 1,
            "variations": self.variations,
            "archived": self.archived,
            "environments": environments,
        }

    def _patch(self, request: Request) -> Given:
        if request.headers.get("content-type") != "application/json; domain-model=launchdarkly.semanticpatch":
            return 400, {}, {"code": "invalid_request", "message": "expected a JSON patch"}
        assert set(request.query) <= {"ignoreConflicts", "dryRun"}
        jsonschema.validate(request.body, _PATCH)
        after = copy.deepcopy(self.here)
        for one in request.body["instructions"]:
            jsonschema.validate(one, _INSTRUCTIONS[one["kind"]])
            if one["kind"] == "turnFlagOn":
                after["on"] = True
                continue
            places = {variation["_id"]: place for place, variation in enumerate(self.variations)}
            if not set(one["rolloutWeights"]) <= set(places) or sum(one["rolloutWeights"].values()) != 100000:
                return 400, {}, {"code": "invalid_request", "message": "weights must sum to 100000"}
            rows = [{"variation": places[name], "weight": weight} for name, weight in one["rolloutWeights"].items()]
            rollout = {"variations": rows, "contextKind": one.get("rolloutContextKind", "user")}
            if "rolloutBucketBy" in one:
                rollout["bucketBy"] = one["rolloutBucketBy"]
            after["fallthrough"] = {"rollout": rollout}
        if self.scheduled and request.query.get("ignoreConflicts") != "true" and "dryRun" not in request.query:
            return 400, {}, {"code": "invalid_request", "message": "conflicts with a pending scheduled change"}
        if request.query.get("dryRun") != "true":
            self.here = {**after, "version": after["version"] + 1}
            self.comments.append(request.body.get("comment", ""))
        return 200, {}, self._flag({ENVIRONMENT: after})
