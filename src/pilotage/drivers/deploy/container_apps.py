"""Azure Container Apps: a new revision of an app with the version's image, healthy, without traffic, under a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import one_line
from pilotage.drivers.arguments import fill
from pilotage.drivers.container_apps import AppOptions, ContainerApp, ingress
from pilotage.drivers.looks import looks
from pilotage.drivers.revisions import Image, check_pinned, moved, suffix, with_image
from pilotage.drivers.turns import in_turn

_MOST = 20
"""Letters in a revision's suffix."""


class ContainerAppsDeployer:
    class Options(AppOptions):
        image: Image = Field(description="the image with {version}, such as acme.azurecr.io/payment:{version}")
        container: str | None = Field(default=None, description="the container that has it, when there are several")
        label: str = Field(
            default="canary",
            pattern=r"^[a-z]([a-z0-9-]{0,62}[a-z0-9])?$",
            description="the label that the new revision gets, and any other loses",
        )
        ready_s: float = Field(default=300.0, gt=0, le=3600, description="seconds until it must be healthy")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._app = ContainerApp(options, context.directory)

    @in_turn
    async def deploy(self, version: str, call: Call) -> str:
        name, image = self._named(version)
        app = await self._pinned()
        revision = await self._app.revision(name)
        if revision is None:
            await self._app.change({"template": self._template(app, name, image)})
        await self._until_healthy(name)
        await self._label(name)
        did = "has" if revision else "has now"
        return f"Container Apps {did} {name} ({image}), healthy and without traffic, label {self._options.label}"

    async def probe(self) -> str:
        await self._pinned()
        return f"Container Apps has {self._options.app}, and its traffic stays where it is when a revision is added"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _pinned(self) -> Mapping[str, Any]:
        app = await self._app.look()
        latest = str(app.get("latestReadyRevisionName") or "REVISION")
        check_pinned(self._app.traffic(app), self._app.what, self._app.advice(latest))
        return app

    def _named(self, version: str) -> tuple[str, str]:
        """The revision's name, the same for each try, and the image."""
        image = fill([self._options.image], {"version": version})[0]
        return f"{self._options.app}--{suffix(version, image, _MOST)}", image

    def _template(self, app: Mapping[str, Any], name: str, image: str) -> dict[str, Any]:
        template = app.get("template")
        containers = template.get("containers") if isinstance(template, dict) else None
        changed = with_image(containers, self._options.container, image, self._app.what)
        return {"revisionSuffix": name.split("--", 1)[1], "containers": changed}

    async def _until_healthy(self, name: str) -> None:
        states = "unknown"
        async for _ in looks(self._options.ready_s, 0.1, 2.0):
            revision = await self._app.revision(name)
            if revision is None:
                continue
            made, health, runs = (str(revision.get(f"{one}State")) for one in ("provisioning", "health", "running"))
            states = f"provisioning {made}, health {health}, running {runs}"
            if made == "Failed" or runs == "Failed":
                why = one_line(str(revision.get("provisioningError") or "its console logs may tell why"), 300)
                raise PermanentError(f"Container Apps' revision {name} did not get well ({states}): {why}")
            if made == "Provisioned" and health == "Healthy":
                return
        raise TemporaryError(
            f"Container Apps' revision {name} is not healthy after {self._options.ready_s:g} s ({states})"
        )

    async def _label(self, name: str) -> None:
        """Once the app is not being changed any more: Azure refuses two changes at a time."""
        state, asked = "", False
        async for _ in looks(self._options.ready_s, 0.1, 2.0):
            app = await self._pinned()
            parts, state = self._app.traffic(app), app["provisioningState"]
            if state == "InProgress":
                continue
            labelled = moved(parts, self._options.label, name)
            if labelled == parts:
                return
            if asked and state != "Succeeded":
                raise PermanentError(f"{self._app.what} did not take the label {self._options.label} ({state})")
            await self._app.change(ingress(labelled))
            asked = True
        raise TemporaryError(f"{self._app.what} has no label {self._options.label} on {name} yet ({state})")
