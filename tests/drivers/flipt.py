"""Flipt's management API: version 1 as docs.flipt.io/v1/reference/rollouts says, version 2 as rpc/v2/environments/
openapi.yaml and rpc/flipt/core/core.proto of its source do; for one flag in the namespace `shop`."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

ENVIRONMENT, NAMESPACE, FLAG, TOKEN = "production", "shop", "pay.fix", "flipt-token-of-the-test"
_THRESHOLD = {
    "type": "object",
    "properties": {"percentage": {"type": "number", "minimum": 0, "maximum": 100}, "value": {"type": "boolean"}},
    "required": ["percentage", "value"],
    "additionalProperties": False,
}
_ROLLOUT = {
    "type": "object",
    "properties": {"description": {"type": "string"}, "threshold": _THRESHOLD},
    "required": ["threshold", "description"],
    "additionalProperties": False,
}
_RESOURCE = {
    "type": "object",
    "properties": {
        "key": {"const": FLAG},
        "revision": {"type": "string", "minLength": 1},
        "payload": {
            "type": "object",
            "properties": {"@type": {"const": "flipt.core.Flag"}, "key": {"const": FLAG}},
            "required": ["@type", "key", "name", "type", "enabled", "rollouts"],
        },
    },
    "required": ["key", "payload", "revision"],
    "additionalProperties": False,
}


def threshold(percentage: float, value: bool = True, **more: Any) -> dict[str, Any]:
    rule = {"percentage": percentage, "value": value}
    return {"type": "THRESHOLD_ROLLOUT_TYPE", "description": "the fix", "threshold": rule, **more}


def segment(value: bool) -> dict[str, Any]:
    rule = {"value": value, "segments": ["staff"], "segmentOperator": "OR_SEGMENT_OPERATOR"}
    return {"type": "SEGMENT_ROLLOUT_TYPE", "description": "", "segment": rule}


@dataclass
class Flipt(Served):
    """Both versions, of one flag that `rollouts` and `enabled` are of."""

    enabled: bool = False
    type: str = "BOOLEAN_FLAG_TYPE"
    rollouts: list[dict[str, Any]] = field(default_factory=lambda: [threshold(0)])
    commits: int = 1

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {}, {"code": 16, "message": "request was not authenticated", "details": []}
        one = f"/api/v1/namespaces/{NAMESPACE}/flags/{FLAG}"
        two = f"/api/v2/environments/{ENVIRONMENT}/namespaces/{NAMESPACE}/resources"
        match (request.method, request.path):
            case ("GET", path) if path == one:
                return 200, {}, self._flag()
            case ("GET", path) if path == f"{one}/rollouts":
                rules = [{"id": f"ro-{place}", "rank": place, **rule} for place, rule in enumerate(self.rollouts, 1)]
                return 200, {}, {"rules": rules, "nextPageToken": "", "totalCount": len(rules)}
            case ("PUT", path) if path.startswith(f"{one}/rollouts/ro-"):
                conforms(request, _ROLLOUT)
                place = int(path.rpartition("-")[2]) - 1
                self.rollouts[place] = {**self.rollouts[place], **request.body}
                return 200, {}, {"id": path.rpartition("/")[2], **self.rollouts[place]}
            case ("GET", path) if path == f"{two}/flipt.core.Flag/{FLAG}":
                return 200, {}, self._resource()
            case ("PUT", path) if path == two:
                conforms(request, _RESOURCE)
                if request.body["revision"] != self._revision():
                    return 409, {}, {"code": 10, "message": "expected head revision has changed", "details": []}
                self.rollouts, self.enabled = request.body["payload"]["rollouts"], request.body["payload"]["enabled"]
                self.commits += 1
                return 200, {}, self._resource()
        return 404, {}, {"code": 5, "message": f"flag {NAMESPACE}/{FLAG} not found", "details": []}

    def _flag(self) -> dict[str, Any]:
        named = {"key": FLAG, "name": "Fix", "description": "", "type": self.type, "enabled": self.enabled}
        return {**named, "variants": [], "namespaceKey": NAMESPACE}

    def _resource(self) -> dict[str, Any]:
        payload = {"@type": "flipt.core.Flag", "key": FLAG, "name": "Fix", "type": self.type, "enabled": self.enabled}
        payload |= {"description": "", "variants": [], "rules": [], "rollouts": copy.deepcopy(self.rollouts)}
        payload["metadata"] = {"team": "pay"}
        resource = {"namespaceKey": NAMESPACE, "key": FLAG, "payload": payload}
        return {"resource": resource, "revision": self._revision()}

    def _revision(self) -> str:
        return f"{self.commits:040x}"
