"""One app of Azure Container Apps, as the REST reference says (learn.microsoft.com/rest/api/containerapps, version
2024-03-01: Container Apps Get and Update, Container Apps Revisions Get Revision; Microsoft.App/ContainerApps.json)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

SUBSCRIPTION = "34adfa4f-cedf-4dc0-ba29-b6d1a69ab345"
APP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.App/containerApps/payment"
_WEIGHT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "revisionName": {"type": "string"},
        "latestRevision": {"type": "boolean"},
        "weight": {"type": "integer", "minimum": 0, "maximum": 100},
        "label": {"type": "string"},
    },
}


def _only(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


_PATCH = _only(
    properties=_only(
        configuration=_only(ingress=_only(traffic={"type": "array", "items": _WEIGHT})),
        template=_only(
            revisionSuffix={"type": "string", "pattern": "^[a-z]([a-z0-9-]*[a-z0-9])?$", "maxLength": 40},
            containers={"type": "array", "items": {"type": "object", "required": ["name", "image"]}},
        ),
    )
)


def to(revision: str, weight: int = 0, label: str = "") -> dict[str, Any]:
    return {"revisionName": revision, "weight": weight} | ({"label": label} if label else {})


def latest(weight: int, label: str = "") -> dict[str, Any]:
    return {"latestRevision": True, "weight": weight} | ({"label": label} if label else {})


def _error(status: int, code: str, words: str) -> Given:
    return status, {}, {"error": {"code": code, "message": words}}


@dataclass
class ContainerAppsServer(Served):
    token: str = "eyJ0.token"
    ignores: bool = False
    looks: int = 1
    """How often it is asked until a change has been brought about; below 0: never."""
    ends: str = "Succeeded"
    """How a change ends."""
    why: str = ""
    """Why a new revision does not get well."""
    state: str = "Succeeded"
    waiting: int = 0
    busy: bool = False
    mode: str = "Multiple"
    ingress: dict[str, Any] | None = field(
        default_factory=lambda: {"external": True, "targetPort": 80, "traffic": [to("payment--1", 100)]}
    )
    template: dict[str, Any] = field(
        default_factory=lambda: {
            "revisionSuffix": "1",
            "containers": [{"name": "app", "image": "img/payment:1", "env": [{"name": "A", "secretRef": "b"}]}],
            "scale": {"minReplicas": 1},
        }
    )
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("payment--1", "payment--2"):
            self.revisions[name] = self._revision(self.template, "Provisioned", "Healthy", "Running")

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _error(401, "InvalidAuthenticationToken", "The access token is invalid.")
        assert request.query == {"api-version": "2024-03-01"}
        if request.path == APP:
            return self._patch(request) if request.method == "PATCH" else (200, {}, self._app())
        name = request.path.removeprefix(f"{APP}/revisions/")
        if name in self.revisions and request.method == "GET":
            self._advance()
            return 200, {}, {"name": name, "properties": self.revisions[name]}
        return _error(404, "ResourceNotFound", f"The Resource '{request.path}' was not found.")

    def _advance(self) -> None:
        if self.waiting > 0:
            self.waiting -= 1
        if self.waiting == 0 and self.state == "InProgress":
            self.state = self.ends
            for one in self.revisions.values():
                if one["provisioningState"] == "Provisioning":
                    well = ("Provisioned", "Unhealthy", "Failed") if self.why else ("Provisioned", "Healthy", "Running")
                    one.update(self._revision(one["template"], *well), provisioningError=self.why)

    def _app(self) -> dict[str, Any]:
        self._advance()
        configuration = {"activeRevisionsMode": self.mode, "ingress": self.ingress, "secrets": [{"name": "b"}]}
        properties = {"provisioningState": self.state, "configuration": configuration, "template": self.template}
        return {"id": APP, "name": "payment", "location": "West Europe", "properties": properties}

    def _patch(self, request: Request) -> Given:
        conforms(request, _PATCH)
        if self.busy:
            return _error(
                409, "ContainerAppOperationInProgress", "Cannot modify a container app while it is provisioning."
            )
        changed = request.body["properties"]
        traffic = changed.get("configuration", {}).get("ingress", {}).get("traffic")
        if traffic is not None:
            for one in traffic:
                if not one.get("latestRevision") and one["revisionName"] not in self.revisions:
                    return _error(400, "ContainerAppInvalidTraffic", f"Revision {one['revisionName']} was not found.")
            labels = [one["label"] for one in traffic if "label" in one]
            assert len(set(labels)) == len(labels)
            if sum(one["weight"] for one in traffic) != 100:
                return _error(400, "ContainerAppInvalidTraffic", "Traffic weights must add up to 100.")
        template = changed.get("template")
        made = f"payment--{template['revisionSuffix']}" if template else ""
        if made in self.revisions:
            return _error(
                400, "RevisionSuffixInUse", f"Revision with suffix {template['revisionSuffix']} already exists."
            )
        if self.ignores:
            return 200, {}, self._app()
        if traffic is not None and self.ingress is not None:
            self.ingress["traffic"] = copy.deepcopy(traffic)
        if template:
            self.template = {**self.template, **copy.deepcopy(template)}  # a JSON merge patch: lists are replaced
            self.revisions[made] = self._revision(self.template, "Provisioning", "None", "Processing")
        self.state, self.waiting = "InProgress", self.looks
        return 202, {"Location": f"{self.url}/operation", "Retry-After": "15"}, None

    def _revision(self, template: dict[str, Any], provisioning: str, health: str, running: str) -> dict[str, Any]:
        states = {"provisioningState": provisioning, "healthState": health, "runningState": running}
        return {"active": True, "template": template, **states}
