"""Google Cloud Run, API v2: one service, its traffic, and how to ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import Answer, one_line, said
from pilotage.drivers.bearer import MetadataServer, WithToken, bearer
from pilotage.drivers.revisions import Part
from pilotage.drivers.service import Api, Service

GOOGLE = MetadataServer(
    "Google Cloud",
    "http://metadata.google.internal",
    "/computeMetadata/v1/instance/service-accounts/default/token",
    {"Metadata-Flavor": "Google"},
    {},
)
_KIND = "TRAFFIC_TARGET_ALLOCATION_TYPE_"
_NAME = r"^[a-z][a-z0-9-]{0,62}$"


class RunOptions(WithToken):
    project: str = Field(pattern=r"^[a-z0-9][a-z0-9:.-]+$", description="the project's id or number")
    region: str = Field(pattern=_NAME, description="the service's region, such as europe-west1")
    service: str = Field(pattern=_NAME, description="the service's name")
    api: Api = Field(default="https://run.googleapis.com", description="the Cloud Run Admin API's address")
    timeout_s: float = Field(default=20.0, gt=0, description="seconds for each request to the API")


class CloudRun:
    """One service. Every method raises a DriverError that names it."""

    def __init__(self, options: RunOptions, folder: Path) -> None:
        self.what = f"Cloud Run's {options.service}"
        self._options = options
        self._path = f"/v2/projects/{options.project}/locations/{options.region}/services/{options.service}"
        tokens = bearer(options, GOOGLE, folder, "Cloud Run")
        self._service = Service("Cloud Run", options.api, None, options.timeout_s, tokens=tokens)

    def advice(self, revision: str) -> str:
        """How a person brings all traffic to one revision."""
        options = self._options
        where = f"{options.service} --region={options.region} --project={options.project}"
        return f"gcloud run services update-traffic {where} --to-revisions={revision}=100"

    async def look(self) -> Mapping[str, Any]:
        options = self._options
        where = f"service {options.service} in {options.region} of {options.project}"
        found = (await self._service.ask("GET", self._path, where)).body
        whole = (
            isinstance(found, dict) and isinstance(found.get("etag"), str) and isinstance(found.get("template"), dict)
        )
        if not whole or not str(found.get("name", "")).endswith(f"/services/{options.service}"):
            raise self._service.stranger("expected a service with name, etag and template")
        service: Mapping[str, Any] = found
        return service

    async def change(
        self, service: Mapping[str, Any], mask: str, fields: Mapping[str, Any], *, dry: bool = False
    ) -> None:
        """Asks for it; it comes into force later. What somebody else changed since `service` was read is a conflict."""
        params = {"updateMask": mask} | ({"validateOnly": "true"} if dry else {})
        body = {"name": service["name"], "etag": service["etag"], **fields}
        answer = await self._service.change("PATCH", self._path, body, params)
        if answer.status == 409:
            raise TemporaryError(f"somebody else changed {self.what} at the same moment: {said(answer)}")
        self._service.refuse(answer, self.what)
        if not isinstance(answer.get("name"), str):
            raise self._service.stranger("expected an operation")
        if answer.get("error"):
            raise PermanentError(f"Cloud Run does not change {self._options.service}: {said(answer)}")

    async def revision(self, name: str) -> Mapping[str, Any] | None:
        """None when there is none of this name."""
        answer: Answer = await self._service.call("GET", f"{self._path}/revisions/{name}")
        if answer.status == 404:
            return None
        self._service.refuse(answer, f"revision {name}")
        if not isinstance(answer.body, dict):
            raise self._service.stranger("expected a revision")
        return answer.body

    def traffic(self, service: Mapping[str, Any], field: str = "traffic") -> list[Part]:
        """What is asked for, or, of `trafficStatuses`, what is in force."""
        rows = service.get(field) or []
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise self._service.stranger(f"expected a list in {field}")
        return [
            Part(
                "" if one.get("type") == f"{_KIND}LATEST" else str(one.get("revision", "")).rsplit("/", 1)[-1],
                int(one.get("percent") or 0),
                str(one.get("tag") or ""),
            )
            for one in rows
        ]


def targets(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The parts, as the API takes them."""
    rows = []
    for one in parts:
        row: dict[str, Any] = {"type": f"{_KIND}LATEST"}
        if one.revision:
            row = {"type": f"{_KIND}REVISION", "revision": one.revision}
        rows.append(row | ({"percent": one.percent} if one.percent else {}) | ({"tag": one.tag} if one.tag else {}))
    return rows


def failure(resource: Mapping[str, Any], condition: str = "") -> str:
    """Why it did not come to what was asked for, in Cloud Run's words; empty when it did, or is not there yet.

    Of a revision `condition` says which of its conditions counts; of a service it is the terminal one.
    """
    rows = resource.get("conditions") if condition else [resource.get("terminalCondition")]
    for one in rows if isinstance(rows, list) else []:
        if (
            isinstance(one, dict)
            and one.get("state") == "CONDITION_FAILED"
            and one.get("type") == (condition or "Ready")
        ):
            return one_line(str(one.get("message") or "(no explanation)"), 300)
    return ""
