"""One flag of ConfigCat's management API, as its OpenAPI document says (configcat.com/docs/api/reference: "Get value",
"Update value" of "Feature Flag & Setting values V2"; SettingFormulaModel, JsonPatchOperation)."""

from __future__ import annotations

import base64
import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

ENVIRONMENT, SETTING = "08d8f29f-65fc-4d6b-8c1f-2b1f2c1d0f10", 4711
_PATCH = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["op", "path"],
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string", "minLength": 1},
            "from": {"type": ["string", "null"]},
            "value": {},
        },
    },
}


def share(percent: int, canary: Any = True, stable: Any = False, kind: str = "boolValue") -> dict[str, Any]:
    """The rule for all users."""
    return {
        "conditions": [],
        "percentageOptions": [
            {"percentage": percent, "value": {kind: canary}},
            {"percentage": 100 - percent, "value": {kind: stable}},
        ],
        "value": None,
    }


def for_some(value: bool) -> dict[str, Any]:
    condition = {"comparisonAttribute": "Email", "comparator": "containsAnyOf", "comparisonValue": {"listValue": []}}
    return {"conditions": [{"userCondition": condition}], "percentageOptions": [], "value": {"boolValue": value}}


@dataclass
class ConfigCat(Served):
    username: str = "ann"
    token: str = "credential"
    ignores: bool = False
    fails_tests: bool = False
    reasons: list[str] = field(default_factory=list)
    flag: dict[str, Any] = field(
        default_factory=lambda: {
            "lastVersionId": "0d1cf5a1-0000-4000-8000-000000000000",
            "defaultValue": {"boolValue": False},
            "targetingRules": [share(0)],
            "setting": {"settingId": SETTING, "key": "newPayment", "settingType": "boolean"},
            "percentageEvaluationAttribute": None,
            "readOnly": False,
        }
    )

    def answer(self, request: Request) -> Given:
        login = base64.b64encode(f"{self.username}:{self.token}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return 401, {}, None
        if request.path != f"/v2/environments/{ENVIRONMENT}/settings/{SETTING}/value":
            return 404, {}, None
        if request.method == "PATCH":
            return self._patch(request)
        assert request.method == "GET"
        return 200, {}, self.flag

    def _patch(self, request: Request) -> Given:
        conforms(request, _PATCH)
        assert set(request.query) <= {"reason"}
        changed = copy.deepcopy(self.flag)
        for one in request.body:
            *way, last = one["path"].strip("/").split("/")
            place: Any = changed
            for step in way:
                place = place[int(step) if isinstance(place, list) else step]
            if one["op"] == "test" and (place[last] != one["value"] or self.fails_tests):
                return 400, {}, {"message": "The test operation failed."}
            if one["op"] == "replace":
                place[last] = one["value"]
        for rule in changed["targetingRules"]:
            for option in rule["percentageOptions"]:
                assert type(option["percentage"]) is int
                assert 0 <= option["percentage"] <= 100
            if rule["percentageOptions"] and sum(one["percentage"] for one in rule["percentageOptions"]) != 100:
                return 400, {}, {"message": "The sum of the percentages must be 100."}
        if self.ignores or changed == self.flag:
            return 204, {}, None
        self.flag = changed
        self.reasons.append(request.query["reason"])
        return 200, {}, self.flag
