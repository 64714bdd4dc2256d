"""One gate of Statsig's console API, as its OpenAPI document of the version 20240601 says (docs.statsig.com, API
reference, gates: "Read Gate", "Update Gate Rules"; api.statsig.com/openapi/20240601.json)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

_UPDATE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "passPercentage": {"type": "number", "minimum": 0, "maximum": 100},
        "conditions": {"type": "array"},
        "environments": {"type": ["array", "null"]},
    },
}


def rule(name: str, percent: float, *conditions: dict[str, Any], environments: list[str] | None = None) -> Any:
    return {
        "name": name,
        "id": f"{name}Id:{percent:.2f}:1",
        "baseID": f"{name}Id",
        "passPercentage": percent,
        "conditions": list(conditions) or [{"type": "public"}],
        "environments": environments,
    }


@dataclass
class Statsig(Served):
    token: str = "console-secret"
    ignores: bool = False
    """It answers as always, and changes nothing."""
    gate: dict[str, Any] = field(
        default_factory=lambda: {
            "id": "new_payment",
            "name": "New payment",
            "description": "",
            "isEnabled": True,
            "status": "In Progress",
            "type": "TEMPORARY",
            "typeReason": "NONE",
            "reviewSettings": {"requiredReview": False, "allowedReviewers": []},
            "rules": [rule("canary", 0)],
        }
    )

    def answer(self, request: Request) -> Given:
        if request.headers.get("statsig-api-key") != self.token:
            return 401, {}, {"status": 401, "message": "Invalid API key"}
        assert request.headers["statsig-api-version"] == "20240601"
        parts = request.path.strip("/").split("/")
        if parts[:4] != ["console", "v1", "gates", self.gate["id"]]:
            return 404, {}, {"status": 404, "message": "Not Found. The requested resource could not be found."}
        match (request.method, *parts[4:]):
            case ("GET",):
                return 200, {}, {"message": "Gate read successfully.", "data": self.gate}
            case ("PATCH", "rules", number):
                return self._update(request, number.replace("%3A", ":"))
        return 404, {}, {"status": 404, "message": "Not Found. The requested resource could not be found."}

    def _update(self, request: Request, number: str) -> Given:
        conforms(request, _UPDATE)
        percent = request.body["passPercentage"]
        assert round(percent * 100, 6) == int(round(percent * 100, 6)), "multipleOf 0.01"
        if self.gate["reviewSettings"]["requiredReview"] and "x-respect-review-settings" in request.headers:
            return 403, {}, {"status": 403, "message": "This gate requires a review"}
        found = [one for one in self.gate["rules"] if one["id"] == number]
        if not found:
            return 404, {}, {"status": 404, "message": "Not Found. The requested resource could not be found."}
        if not self.ignores:
            found[0].update(copy.deepcopy(request.body), id=f"{found[0]['baseID']}:{percent:.2f}:1")
        return 200, {}, {"message": "Gate updated successfully.", "data": self.gate}
