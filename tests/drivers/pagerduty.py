"""PagerDuty's Events API as its published schema says (github.com/PagerDuty/api-schema, reference/events-v2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served, conforms

_PAYLOAD = {
    "type": "object",
    "required": ["summary", "severity", "source"],
    "additionalProperties": False,
    "properties": {
        "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
        "severity": {"enum": ["critical", "warning", "error", "info"]},
        "custom_details": {"type": "object"},
        **{name: {"type": "string"} for name in ("source", "timestamp", "component", "group", "class")},
    },
}
_EVENT = {
    "type": "object",
    "required": ["routing_key", "event_action"],
    "additionalProperties": False,
    "properties": {
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "maxLength": 255},
        "payload": _PAYLOAD,
        **{name: {"type": "string"} for name in ("routing_key", "client", "client_url")},
    },
}


@dataclass
class PagerDuty(Served):
    token: str = "e93facc04764012d7bfb002500d5d1a6"
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By dedup_key: `state`, and the payload that opened it."""

    def answer(self, request: Request) -> Given:
        if (request.method, request.path) != ("POST", "/v2/enqueue"):
            return 404, {}, {"status": "not found"}
        conforms(request, _EVENT)
        event = request.body
        if event["routing_key"] != self.token:
            return 400, {}, _invalid("Invalid routing key")
        key, action = event["dedup_key"], event["event_action"]
        alert = self.alerts.get(key)
        if action == "trigger":
            assert event.get("payload"), "a trigger has a payload"
            if alert is None or alert["state"] == "resolve":
                self.alerts[key] = {"state": "trigger", **event["payload"], "log": []}
            self.alerts[key]["log"].append(event["payload"])
        elif alert is not None and alert["state"] != "resolve":
            alert["state"] = action
        return 202, {}, {"status": "success", "message": "Event processed", "dedup_key": key}

    def said(self) -> list[str]:
        """What whoever is paged reads: each alert's log, without what it says twice."""
        entries = [one for alert in self.alerts.values() for one in alert["log"]]
        return list(dict.fromkeys(f"{one['summary']}\n{one['custom_details']['text']}" for one in entries))


def _invalid(error: str) -> dict[str, Any]:
    return {"status": "invalid event", "message": "Event object is invalid", "errors": [error]}
