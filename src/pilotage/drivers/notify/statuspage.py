"""One incident on an Atlassian Statuspage for each rollout, updated with every message.

The API, version 1 (developer.statuspage.io): pages/{page}/incidents. The incident's metadata holds the rollout and the
last message, in the same request as the update: so it can be told whether a message whose answer got lost arrived.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, DriverOptions, Evidence, Message
from pilotage.drivers.answers import one_line
from pilotage.drivers.messages import headline, key
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service

_ID = re.compile(r"[A-Za-z0-9]{1,40}")
_MOST_NAME, _MOST_BODY = 250, 25_000
_LISTED = "100"

_STATUS = {
    **dict.fromkeys(("phase_passed", "hold_cleared", "resumed"), "monitoring"),
    **dict.fromkeys(("promoted", "recovery_confirmed"), "resolved"),
    **dict.fromkeys(("rollout_started", "held", "paused", "person_needed", "approval_requested"), "identified"),
    **dict.fromkeys(("trouble_reported", "step_failed", "least_bad_chosen", "failed"), "identified"),
    **dict.fromkeys(("rollback_started", "rolled_back", "direct_rollback"), "identified"),
    "recovery_doubtful": "investigating",
}
"""What the page says of the incident; any other kind leaves it as it is."""


class StatuspageNotifier:
    class Options(DriverOptions):
        model_config = ConfigDict(hide_input_in_errors=True)

        page: str = Field(description="the page's id, such as gytm4qzbx9t6")
        token: Secret = Field(description="an API key")
        components: dict[
            str, Literal["operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage"]
        ] = Field(
            default_factory=dict,
            max_length=50,
            description="by id, what each shows while the incident is open; operational again at the end",
        )
        api: Api = Field(default="https://api.statuspage.io/v1", description="where Statuspage's API is")
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each call")

        @field_validator("page")
        @classmethod
        def _is_an_id(cls, page: str) -> str:
            if not _ID.fullmatch(page):
                raise ValueError("the page's id, such as gytm4qzbx9t6 (in Statuspage: beside the API's keys)")
            return page

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._service = Service("Statuspage", options.api, options.token, options.timeout_s, scheme="OAuth")

    async def send(self, message: Message) -> str:
        incident = message.thread if _ID.fullmatch(message.thread) else ""
        if message.attempt:
            there = await self._incident(incident) if incident else await self._begun(message)
            if _told(there).get("message") == key(message):
                return str(there["id"])
            incident = incident or str(there.get("id") or "")
        wanted = self._wanted(message, first=not incident)
        if incident:
            await self._call("PATCH", f"/incidents/{incident}", "this incident (was it removed?)", {"incident": wanted})
            return incident
        created = await self._call("POST", "/incidents", "incidents of this page", {"incident": wanted})
        return str(_mapping(created)["id"])

    async def resolved(self, thread: str) -> Evidence:
        if not _ID.fullmatch(thread):
            return Evidence(None, "the rollout has no incident on the status page")
        incident = await self._incident(thread)
        status = str(incident.get("status"))
        shown = f"the status page says {one_line(status, 40)} of {one_line(str(incident.get('name')), 120)!r}"
        return Evidence(status in ("resolved", "postmortem"), shown)

    async def probe(self) -> str:
        page = _mapping(await self._call("GET", "", "page"), "name")
        return f"Statuspage: incidents go to the page {one_line(str(page['name']), 120)}"

    async def close(self) -> None:
        """The connections are the process's."""

    def _wanted(self, message: Message, first: bool) -> dict[str, Any]:
        title = _plain(headline(message))
        wanted: dict[str, Any] = {
            "body": f"{title}\n\n{_plain(message.text)}".strip()[:_MOST_BODY],
            "metadata": {
                "pilotage": {"rollout": message.rollout, "audience": message.audience, "message": key(message)}
            },
        }
        status = _STATUS.get(message.kind, "identified" if first else "")
        if first:
            wanted["name"] = title[:_MOST_NAME]
        if status:
            over = status == "resolved"
            components = {id: "operational" if over else shows for id, shows in self._options.components.items()}
            wanted |= {"status": status, "components": components, "component_ids": list(components)}
        return wanted

    async def _incident(self, incident: str) -> dict[str, Any]:
        return _mapping(await self._call("GET", f"/incidents/{incident}", "this incident (was it removed?)"))

    async def _begun(self, message: Message) -> dict[str, Any]:
        """The rollout's incident among the newest ones, or nothing."""
        newest = await self._call("GET", "/incidents", "incidents of this page", params={"limit": _LISTED})
        if not isinstance(newest, list):
            raise _not_statuspage()
        wanted = (message.rollout, message.audience)
        found = [one for one in newest if (_told(one).get("rollout"), _told(one).get("audience")) == wanted]
        return _mapping(found[0]) if found else {}

    async def _call(
        self, method: str, path: str, what: str, body: Any = None, params: dict[str, str] | None = None
    ) -> Any:
        answer = await self._service.call(method, f"/pages/{self._options.page}{path}", body, params)
        self._service.refuse(answer, what)
        return answer.body


def _told(incident: Any) -> dict[str, Any]:
    """What Pilotage wrote into the incident; nothing where another hand opened it."""
    metadata = incident.get("metadata") if isinstance(incident, dict) else None
    told = metadata.get("pilotage") if isinstance(metadata, dict) else None
    return told if isinstance(told, dict) else {}


def _mapping(body: Any, name: str = "id") -> dict[str, Any]:
    """An object that has what its documentation promises; an id is one that may stand in a path."""
    given = body.get(name) if isinstance(body, dict) else None
    if not isinstance(given, str) or (name == "id" and not _ID.fullmatch(given)):
        raise _not_statuspage()
    return dict(body)


def _not_statuspage() -> PermanentError:
    return PermanentError("this does not answer as Statuspage's API does: is `api` right?")


def _plain(text: str) -> str:
    """Pages and their mails show HTML: what looks like markup or a disguised link is taken apart, visibly."""
    return text.replace("<", "‹").replace(">", "›").replace("](", "] (").strip()
