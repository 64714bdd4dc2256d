"""One feature of GrowthBook's REST API v2, as its OpenAPI document says (docs.growthbook.io/api: getFeatureV2,
putFeatureRevisionRuleV2, postFeatureRevisionPublishV2, postFeatureRevisionDiscardV2)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

_TEXT = {"type": "string"}
_RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["rule"],
    "properties": {
        "rule": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"coverage": {"type": "number", "minimum": 0, "maximum": 1}, "value": _TEXT},
        },
        "revisionTitle": _TEXT,
        "revisionComment": _TEXT,
    },
}
_PUBLISH = {"type": "object", "additionalProperties": False, "properties": {"comment": _TEXT}}
_DISCARD = {"type": "object", "additionalProperties": False, "properties": {}}


def rule(name: str, coverage: float | None, value: str = "true", **more: Any) -> dict[str, Any]:
    kind = {"type": "rollout", "coverage": coverage} if coverage is not None else {"type": "force"}
    scope = {"allEnvironments": False, "environments": ["production"]}
    return {"id": name, "description": "", "enabled": True, "value": value, **kind, **scope, **more}


@dataclass
class GrowthBook(Served):
    token: str = "secret_abc"
    ignores: bool = False
    needs_approval: bool = False
    overtaken: bool = False
    """Another revision was published meanwhile."""
    drafts: dict[int, dict[str, Any]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    feature: dict[str, Any] = field(
        default_factory=lambda: {
            "id": "new-payment",
            "archived": False,
            "valueType": "boolean",
            "defaultValue": "false",
            "rules": [rule("fr_canary", 0)],
            "environments": {
                "production": {"enabled": True, "defaultValue": "false"},
                "staging": {"enabled": True, "defaultValue": "false"},
            },
            "revision": {"version": 1, "comment": "", "date": "2026-01-01T00:00:00Z"},
        }
    )

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return 401, {}, {"message": "No API key provided"}
        parts = request.path.strip("/").split("/")
        if parts[:3] != ["v2", "features", self.feature["id"]]:
            return 404, {}, {"message": "Could not find a feature with that key"}
        match (request.method, *parts[3:]):
            case ("GET",):
                return 200, {}, {"feature": self.feature}
            case ("PUT", "revisions", "new", "rules", name):
                return self._draft(request, name)
            case ("POST", "revisions", number, "publish"):
                return self._publish(request, int(number))
            case ("POST", "revisions", number, "discard"):
                conforms(request, _DISCARD)
                self.drafts[int(number)]["status"] = "discarded"
                return 200, {}, {"revision": self.drafts[int(number)]}
        raise AssertionError(f"not documented: {request.method} {request.path}")

    def _draft(self, request: Request, name: str) -> Given:
        conforms(request, _RULE)
        rules = copy.deepcopy(self.feature["rules"])
        found = [one for one in rules if one["id"] == name]
        if not found:
            return 404, {}, {"message": f'Rule "{name}" not found'}
        found[0].update(request.body["rule"])
        number = len(self.drafts) + 2
        base = self.feature["revision"]["version"]
        self.drafts[number] = {"version": number, "baseVersion": base, "status": "draft", "rules": rules}
        return 200, {}, {"revision": self.drafts[number]}

    def _publish(self, request: Request, number: int) -> Given:
        conforms(request, _PUBLISH)
        draft = self.drafts[number]
        if draft["status"] != "draft":
            return 400, {}, {"message": f'Cannot publish a revision with status "{draft["status"]}"'}
        if self.needs_approval:
            return 400, {}, {"message": 'This revision requires approval before publishing (status: "draft").'}
        if self.overtaken or draft["baseVersion"] != self.feature["revision"]["version"]:
            return 409, {}, {"message": "Merge conflict", "code": "merge_conflict"}
        if draft["rules"] == self.feature["rules"]:
            return 400, {}, {"message": "Cannot publish: no changes detected in this revision"}
        draft["status"] = "published"
        if not self.ignores:
            self.feature.update(rules=draft["rules"], revision={**self.feature["revision"], "version": number})
        self.said.append(request.body["comment"])
        return 200, {}, {"revision": draft}
