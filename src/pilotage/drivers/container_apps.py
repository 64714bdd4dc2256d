"""Azure Container Apps, through Azure Resource Manager: one app, its traffic, and how to ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import said
from pilotage.drivers.bearer import MetadataServer, WithToken, bearer
from pilotage.drivers.revisions import Part
from pilotage.drivers.service import Api, Service

_GROUP = r"^[A-Za-z0-9_().-]{1,90}$"
_APP = r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$"
_IMDS = "http://169.254.169.254"
_WHO = "Container Apps"


class AppOptions(WithToken):
    subscription: UUID = Field(description="the subscription's id")
    resource_group: str = Field(pattern=_GROUP, description="the resource group's name")
    app: str = Field(pattern=_APP, description="the container app's name")
    identity: UUID | None = Field(
        default=None,
        description="client id of a user-assigned identity, when this machine's own is asked for the token",
    )
    api_version: str = Field(
        default="2024-03-01", pattern=r"^\d{4}-\d{2}-\d{2}(-preview)?$", description="the Microsoft.App API's version"
    )
    api: Api = Field(default="https://management.azure.com", description="Azure Resource Manager's address")
    timeout_s: float = Field(default=20.0, gt=0, description="seconds for each request to Azure")


class ContainerApp:
    """One app. Every method raises a DriverError that names it."""

    def __init__(self, options: AppOptions, folder: Path) -> None:
        self.what = f"{_WHO}' {options.app}"
        self._options = options
        group = f"/subscriptions/{options.subscription}/resourceGroups/{options.resource_group}"
        self._path = f"{group}/providers/Microsoft.App/containerApps/{options.app}"
        self._version = {"api-version": options.api_version}
        tokens = bearer(options, _machine(options), folder, _WHO)
        self._service = Service(_WHO, options.api, None, options.timeout_s, tokens=tokens)

    def advice(self, revision: str) -> str:
        """How a person brings all traffic to one revision."""
        where = f"--name {self._options.app} --resource-group {self._options.resource_group}"
        return f"az containerapp ingress traffic set {where} --revision-weight {revision}=100"

    async def look(self) -> Mapping[str, Any]:
        """Its properties. Raises PermanentError for an app that shares no traffic among revisions."""
        options = self._options
        where = f"app {options.app} in {options.resource_group} of {options.subscription}"
        properties = (await self._service.ask("GET", self._path, where, params=self._version)).get("properties")
        configuration = properties.get("configuration") if isinstance(properties, dict) else None
        if not isinstance(configuration, dict) or not isinstance(properties.get("provisioningState"), str):
            raise self._service.stranger("expected an app with properties, configuration and provisioningState")
        if str(configuration.get("activeRevisionsMode")).lower() != "multiple":
            raise PermanentError(
                f"{self.what} has one active revision at a time: expected activeRevisionsMode Multiple "
                f"(az containerapp revision set-mode --mode multiple --name {options.app} --resource-group "
                f"{options.resource_group})"
            )
        if not isinstance(configuration.get("ingress"), dict):
            raise PermanentError(f"{self.what} has no ingress: there is no traffic to share")
        found: Mapping[str, Any] = properties
        return found

    async def change(self, properties: Mapping[str, Any]) -> None:
        """Asks for it, as a JSON merge patch; it comes into force later."""
        answer = await self._service.change("PATCH", self._path, {"properties": properties}, self._version)
        if answer.status in (409, 412):
            raise TemporaryError(f"{self.what} is being changed already: {said(answer)}")
        self._service.refuse(answer, self.what)

    async def revision(self, name: str) -> Mapping[str, Any] | None:
        """Its properties; None when there is none of this name."""
        answer = await self._service.call("GET", f"{self._path}/revisions/{name}", params=self._version)
        if answer.status == 404:
            return None
        self._service.refuse(answer, f"revision {name}")
        found = answer.get("properties")
        if not isinstance(found, dict):
            raise self._service.stranger("expected a revision with properties")
        return found

    def traffic(self, properties: Mapping[str, Any]) -> list[Part]:
        rows = properties["configuration"]["ingress"].get("traffic") or []
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise self._service.stranger("expected a list in ingress.traffic")
        return [
            Part(
                "" if one.get("latestRevision") else str(one.get("revisionName") or ""),
                int(one.get("weight") or 0),
                str(one.get("label") or ""),
            )
            for one in rows
        ]


def ingress(parts: Sequence[Part]) -> dict[str, Any]:
    """The parts, as a configuration that has these and nothing else to change."""
    rows = []
    for one in parts:
        row: dict[str, Any] = {"revisionName": one.revision} if one.revision else {"latestRevision": True}
        rows.append(row | {"weight": one.percent} | ({"label": one.tag} if one.tag else {}))
    return {"configuration": {"ingress": {"traffic": rows}}}


def _machine(options: AppOptions) -> MetadataServer:
    params = {"api-version": "2018-02-01", "resource": f"{options.api}/"}
    if options.identity is not None:
        params["client_id"] = str(options.identity)
    return MetadataServer("Azure", _IMDS, "/metadata/identity/oauth2/token", {"Metadata": "true"}, params, (404, 410))
