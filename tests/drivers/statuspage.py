"""Statuspage's API as developer.statuspage.io says, for one page with one component."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

PAGE, COMPONENT = "gytm4qzbx9t6", "8kbf7d35c070"
_COMPONENTS = ["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage", ""]
_FIELDS: dict[str, Any] = {
    "name": {"type": "string", "minLength": 1},
    "status": {"enum": ["investigating", "identified", "monitoring", "resolved"]},
    "body": {"type": "string", "maxLength": 25000},
    "metadata": {"type": "object", "additionalProperties": {"type": "object"}},
    "components": {"type": "object", "additionalProperties": {"enum": _COMPONENTS}},
    "component_ids": {"type": "array", "items": {"type": "string"}},
}


def _schema(*required: str) -> dict[str, Any]:
    incident = {"type": "object", "properties": _FIELDS, "required": list(required), "additionalProperties": False}
    return {
        "type": "object",
        "required": ["incident"],
        "properties": {"incident": incident},
        "additionalProperties": False,
    }


@dataclass
class Statuspage(Served):
    token: str = "89a229ce" * 8
    incidents: list[dict[str, Any]] = field(default_factory=list)
    """The newest first."""
    shows: str = "operational"
    """What the page says of its component."""

    def answer(self, request: Request) -> Given:
        if request.headers.get("authorization") != f"OAuth {self.token}":
            return 401, {}, {"error": "Could not authenticate"}
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["pages", PAGE]:
            return 404, {}, {"error": "Not found"}
        match (request.method, *parts[2:]):
            case ("GET",):
                return 200, {}, {"id": PAGE, "name": "Acme's status"}
            case ("GET", "incidents"):
                return 200, {}, self.incidents[: int(request.query.get("limit", 100))]
            case ("POST", "incidents"):
                conforms(request, _schema("name"))
                return 201, {}, self._create(request.body["incident"])
        found = [one for one in self.incidents if parts[2:] == ["incidents", one["id"]]]
        if not found:
            return 404, {}, {"error": "Not found"}
        if request.method == "PATCH":
            conforms(request, _schema())
            self._update(found[0], request.body["incident"])
        return 200, {}, found[0]

    def updates(self) -> list[str]:
        """What was written, the oldest first."""
        return [one["body"] for incident in reversed(self.incidents) for one in incident["incident_updates"]]

    def _create(self, wanted: dict[str, Any]) -> dict[str, Any]:
        number = f"tks5n8x7w24{len(self.incidents)}"
        incident = {"id": number, "status": "investigating", "metadata": {}, "incident_updates": []}
        self.incidents.insert(0, incident)
        self._update(incident, wanted)
        return incident

    def _update(self, incident: dict[str, Any], wanted: dict[str, Any]) -> None:
        assert set(wanted.get("components", {})) <= {COMPONENT}
        self.shows = wanted.get("components", {}).get(COMPONENT, self.shows)
        incident.update({name: wanted[name] for name in ("name", "status", "metadata") if name in wanted})
        incident["incident_updates"].append({"body": wanted["body"], "status": incident["status"]})
