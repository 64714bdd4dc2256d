"""Pages the person on call: one PagerDuty alert for each rollout, by the Events API v2.

Every message that comes here pages (a plan says which do). Those that a person or time has answered acknowledge the
alert and never open one, the ends resolve it. PagerDuty drops what it got twice, by the alert's `dedup_key`.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Message
from pilotage.drivers.messages import headline
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service

_ACKNOWLEDGE = ("approved", "resumed", "hold_cleared", "promotion_forced", "follow_up_done")
_RESOLVE = ("promoted", "recovery_confirmed", "aftermath_ended")
_SEVERITY = {
    **dict.fromkeys(("failed", "recovery_doubtful", "least_bad_chosen"), "critical"),
    **dict.fromkeys(("rollback_started", "rolled_back", "direct_rollback", "person_needed"), "error"),
    **dict.fromkeys(("step_failed", "start_refused", "follow_up_failed"), "error"),
    **dict.fromkeys(("held", "paused", "approval_requested", "trouble_reported"), "warning"),
    **dict.fromkeys(("start_overdue", "follow_up_due"), "warning"),
}
"""Of a trigger, by the message's kind; any other is info."""
_MOST_SUMMARY, _MOST_TEXT, _MOST_KEY = 1024, 20_000, 255


class PagerDutyNotifier:
    class Options(DriverOptions):
        model_config = ConfigDict(hide_input_in_errors=True)

        routing_key: Secret = Field(description='the integration key of an "Events API v2" integration')
        api: Api = Field(
            default="https://events.pagerduty.com",
            description="where PagerDuty is; in Europe https://events.eu.pagerduty.com",
        )
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each call")

    def __init__(self, options: Options, context: Context) -> None:
        self._service = Service("PagerDuty", options.api, options.routing_key, options.timeout_s)

    async def send(self, message: Message) -> str:
        dedup = f"pilotage/{message.rollout}"[:_MOST_KEY]
        event: dict[str, Any] = {
            "routing_key": await self._key(),
            "dedup_key": dedup,
            "event_action": _action(message.kind),
        }
        if event["event_action"] == "trigger":
            event |= {"payload": _payload(message), "client": "Pilotage"}
        answer = await self._service.call("POST", "/v2/enqueue", event)
        self._service.refuse(answer, "the event")
        if answer.get("status") != "success":  # else whoever answers here has paged nobody
            raise self._service.stranger("it does not say that the event was taken")
        return dedup

    async def probe(self) -> str:
        """That the key can be read and looks like one, and that the address answers.

        Whether PagerDuty knows the key cannot be asked without sending an event.
        """
        await self._key()
        await self._service.call("GET", "/")
        return "PagerDuty answers (whether it knows the key shows only with an event: none was sent)"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _key(self) -> str:
        key = await self._service.token()
        if len(key) != 32 or not key.isalnum():
            raise PermanentError("PagerDuty's routing_key: expected the 32 letters and digits of an integration key")
        return key


def _action(kind: str) -> str:
    return "resolve" if kind in _RESOLVE else "acknowledge" if kind in _ACKNOWLEDGE else "trigger"


def _payload(message: Message) -> dict[str, Any]:
    facts = {name: value for name, value in message.facts.items() if value is not None}
    return {
        "summary": headline(message)[:_MOST_SUMMARY],
        "source": str(facts.get("service") or "Pilotage"),
        "severity": _SEVERITY.get(message.kind, "info"),
        "class": message.kind,
        "custom_details": {**facts, "rollout": message.rollout, "text": message.text[:_MOST_TEXT]},
    }
