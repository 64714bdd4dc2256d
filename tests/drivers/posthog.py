"""One flag of PostHog's API, as posthog.com/docs/api/feature-flags says and the serializer of its source
(github.com/PostHog/posthog, posthog/api/feature_flag.py): versions, conflicts, and what filters must hold to."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

PROJECT, FLAG = 17, 4711
_GROUP = {
    "type": "object",
    "properties": {
        "properties": {"type": "array"},
        "rollout_percentage": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
        "variant": {"type": ["string", "null"]},
    },
}
_PATCH = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "filters": {
            "type": "object",
            "required": ["groups"],
            "properties": {"groups": {"type": "array", "items": _GROUP}, "multivariate": {"type": ["object", "null"]}},
        },
        "version": {"type": "integer"},
        "original_flag": {"type": "object"},
    },
}


def group(percent: float | None, *properties: dict[str, Any]) -> dict[str, Any]:
    return {"properties": list(properties), "rollout_percentage": percent, "variant": None}


@dataclass
class PostHog(Served):
    token: str = "phx_secret"
    ignores: bool = False
    overtaken: bool = False
    """Somebody else saves the flag just before the next change."""
    approvals: bool = False
    flag: dict[str, Any] = field(
        default_factory=lambda: {
            "id": FLAG,
            "key": "new-payment",
            "name": "",
            "active": True,
            "deleted": False,
            "version": 1,
            "filters": {"groups": [group(0)], "payloads": {"true": '"kept"'}, "multivariate": None},
            "has_encrypted_payloads": False,
        }
    )

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, {"type": "authentication_error", "detail": "Invalid personal API key."}
        if request.path != f"/api/projects/{PROJECT}/feature_flags/{FLAG}/":
            return 404, {}, {"type": "invalid_request", "detail": "Not found."}
        if request.method == "PATCH":
            return self._update(request)
        assert request.method == "GET"
        return 200, {}, self.flag

    def _update(self, request: Request) -> Given:
        conforms(request, _PATCH)
        if self.approvals:
            return 409, {}, {"type": "validation_error", "detail": "This change needs an approval."}
        if self.overtaken:
            self.flag["version"] += 1
            self.flag["filters"]["groups"].append(group(0, {"key": "email", "type": "person"}))
        wanted, before = request.body["filters"], request.body["original_flag"]["filters"]
        stale = request.body["version"] != self.flag["version"]
        if stale and before != self.flag["filters"] and wanted not in (before, self.flag["filters"]):
            words = "The feature flag was updated by bob@example.com since you started editing it. Please refresh."
            return 409, {}, {"type": "server_error", "detail": words}
        if not self.ignores:
            self.flag.update(filters=copy.deepcopy(wanted), version=self.flag["version"] + 1)
        return 200, {}, self.flag
