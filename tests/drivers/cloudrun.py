"""One service of the Cloud Run Admin API v2, as its reference says (docs.cloud.google.com/run/docs/reference/rest/v2,
projects.locations.services get and patch, projects.locations.services.revisions get; google/cloud/run/v2/*.proto)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

SERVICE = "projects/acme/locations/europe-west1/services/payment"
_ALLOCATION = "TRAFFIC_TARGET_ALLOCATION_TYPE_"
_TARGET = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type"],
    "properties": {
        "type": {"enum": [f"{_ALLOCATION}LATEST", f"{_ALLOCATION}REVISION"]},
        "revision": {"type": "string", "minLength": 1},
        "percent": {"type": "integer", "minimum": 0, "maximum": 100},
        "tag": {"type": "string", "pattern": "^[a-z]([a-z0-9-]{0,44}[a-z0-9])?$"},
    },
}
_PATCH = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"const": SERVICE},
        "etag": {"type": "string"},
        "traffic": {"type": "array", "items": _TARGET},
        "template": {"type": "object", "required": ["containers"]},
    },
}


def to(revision: str, percent: int = 0, tag: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {"type": f"{_ALLOCATION}REVISION", "revision": revision}
    return row | ({"percent": percent} if percent else {}) | ({"tag": tag} if tag else {})


def latest(percent: int = 0, tag: str = "") -> dict[str, Any]:
    return {"type": f"{_ALLOCATION}LATEST"} | ({"percent": percent} if percent else {}) | ({"tag": tag} if tag else {})


def _error(code: int, status: str, words: str) -> Given:
    return code, {}, {"error": {"code": code, "message": words, "status": status}}


@dataclass
class CloudRunServer(Served):
    token: str = "ya29.token"
    ignores: bool = False
    looks: int = 1
    """How often it is asked until a change has come into force; below 0: never."""
    fails: str = ""
    """Why changes do not come into force; the new revision does not get ready either."""
    traffic: list[dict[str, Any]] = field(default_factory=lambda: [to("payment-1", 100), to("payment-2", tag="canary")])
    statuses: list[dict[str, Any]] = field(default_factory=list)
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    template: dict[str, Any] = field(
        default_factory=lambda: {
            "containers": [{"name": "app", "image": "img/payment:1", "env": [{"name": "A", "value": "b"}]}],
            "serviceAccount": "payment@acme.iam.gserviceaccount.com",
        }
    )
    generation: int = 1
    waiting: int = 0
    conflict: bool = False

    def __post_init__(self) -> None:
        self.statuses = self.statuses or copy.deepcopy(self.traffic)
        for name in ("payment-1", "payment-2"):
            self.revisions[name] = {"containers": self.template["containers"], "ready": True}

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if request.path == f"/v2/{SERVICE}":
            return self._patch(request) if request.method == "PATCH" else (200, {}, self._service())
        name = request.path.removeprefix(f"/v2/{SERVICE}/revisions/")
        if name in self.revisions and request.method == "GET":
            return 200, {}, self._revision(name)
        return _error(404, "NOT_FOUND", f"Resource '{request.path}' was not found")

    def _service(self) -> dict[str, Any]:
        if self.waiting > 0:
            self.waiting -= 1
        if self.waiting == 0 and not self.fails:
            self.statuses = copy.deepcopy(self.traffic)
        busy = self.waiting != 0
        state = "CONDITION_RECONCILING" if busy else "CONDITION_FAILED" if self.fails else "CONDITION_SUCCEEDED"
        condition = {"type": "Ready", "state": state} | ({"message": self.fails} if self.fails and not busy else {})
        return {
            "name": SERVICE,
            "etag": f'"v{self.generation}"',
            "generation": str(self.generation),
            "template": self.template,
            "traffic": self.traffic,
            "trafficStatuses": self.statuses,
            "terminalCondition": condition,
            **({"reconciling": True} if busy else {}),
        }

    def _revision(self, name: str) -> dict[str, Any]:
        ready = self.revisions[name]["ready"]
        state = "CONDITION_SUCCEEDED" if ready else "CONDITION_FAILED" if self.fails else "CONDITION_RECONCILING"
        condition = {"type": "Ready", "state": state} | ({"message": self.fails} if state.endswith("FAILED") else {})
        if not self.fails and self.looks >= 0:
            self.revisions[name]["ready"] = True
        containers = self.revisions[name]["containers"]
        return {"name": f"{SERVICE}/revisions/{name}", "containers": containers, "conditions": [condition]}

    def _patch(self, request: Request) -> Given:
        conforms(request, _PATCH)
        assert set(request.query) <= {"updateMask", "validateOnly"}
        mask = request.query["updateMask"].split(",")
        assert set(mask) | {"name", "etag"} == set(request.body)
        if self.conflict or request.body["etag"] != f'"v{self.generation}"':
            return _error(409, "ABORTED", "Conflict for resource 'payment': version was specified but is outdated.")
        template = request.body.get("template", self.template)
        made = template.get("revision") if "template" in mask else None
        if made in self.revisions:
            return _error(409, "ALREADY_EXISTS", f"Revision named '{made}' already exists.")
        traffic = request.body.get("traffic", self.traffic)
        for one in traffic:
            if "revision" in one and one["revision"] not in self.revisions:
                return _error(400, "INVALID_ARGUMENT", f"Revision {one['revision']} does not exist.")
        tags = [one["tag"] for one in traffic if "tag" in one]
        assert len(set(tags)) == len(tags)
        if sum(one.get("percent", 0) for one in traffic) != 100:
            return _error(400, "INVALID_ARGUMENT", "Traffic percentages must sum to 100.")
        operation = {"name": "projects/acme/locations/europe-west1/operations/17", "metadata": {}, "done": False}
        if self.ignores or request.query.get("validateOnly") == "true":
            return 200, {}, operation
        self.traffic, self.template = copy.deepcopy(traffic), copy.deepcopy(template)
        self.generation, self.waiting = self.generation + 1, self.looks
        if made:
            self.revisions[made] = {"containers": template["containers"], "ready": False}
        return 200, {}, operation
