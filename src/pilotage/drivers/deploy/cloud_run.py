"""Google Cloud Run: a new revision of a service with the version's image, ready, without traffic, under a tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.arguments import fill
from pilotage.drivers.cloud_run import CloudRun, RunOptions, failure, targets
from pilotage.drivers.looks import looks
from pilotage.drivers.revisions import Image, check_pinned, moved, suffix, with_image
from pilotage.drivers.turns import in_turn

_MOST = 63
"""Letters in a revision's name."""


class CloudRunDeployer:
    class Options(RunOptions):
        image: Image = Field(
            description="the image with {version}, as europe-docker.pkg.dev/acme/shop/payment:{version}"
        )
        container: str | None = Field(default=None, description="the container that has it, when there are several")
        tag: str = Field(
            default="canary",
            pattern=r"^[a-z]([a-z0-9-]{0,44}[a-z0-9])?$",
            description="the tag that the new revision gets, and any other loses",
        )
        ready_s: float = Field(default=300.0, gt=0, le=3600, description="seconds until it must be ready")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._run = CloudRun(options, context.directory)

    @in_turn
    async def deploy(self, version: str, call: Call) -> str:
        name, image = self._named(version)
        service = await self._pinned()
        revision = await self._run.revision(name)
        if revision is None:
            await self._run.change(service, "template", {"template": self._template(service, name, image)})
        await self._until_ready(name)
        service = await self._pinned()
        parts = self._run.traffic(service)
        tagged = moved(parts, self._options.tag, name)
        if tagged != parts:
            await self._run.change(service, "traffic", {"traffic": targets(tagged)})
        did = "has" if revision else "has now"
        return f"Cloud Run {did} {name} ({image}), ready and without traffic, tag {self._options.tag}"

    async def rehearse(self, version: str, call: Call) -> str:
        """All that Cloud Run checks before it makes a revision; whether the image exists is not of that."""
        name, image = self._named(version)
        service = await self._pinned()
        if await self._run.revision(name) is not None:
            return f"Cloud Run has {name} already"
        await self._run.change(service, "template", {"template": self._template(service, name, image)}, dry=True)
        return f"Cloud Run would take {name} ({image}); whether the image exists was not asked"

    async def probe(self) -> str:
        await self._pinned()
        return f"Cloud Run has {self._options.service}, and its traffic stays where it is when a revision is added"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _pinned(self) -> Mapping[str, Any]:
        service = await self._run.look()
        latest = str(service.get("latestReadyRevision") or "REVISION").rsplit("/", 1)[-1]
        check_pinned(self._run.traffic(service), self._run.what, self._run.advice(latest))
        return service

    def _named(self, version: str) -> tuple[str, str]:
        """The revision's name, the same for each try, and the image."""
        image = fill([self._options.image], {"version": version})[0]
        service = self._options.service
        return f"{service}-{suffix(version, image, _MOST - len(service) - 1)}", image

    def _template(self, service: Mapping[str, Any], name: str, image: str) -> dict[str, Any]:
        template = service["template"]
        containers = with_image(template.get("containers"), self._options.container, image, self._run.what)
        return {**template, "revision": name, "containers": containers}

    async def _until_ready(self, name: str) -> None:
        async for _ in looks(self._options.ready_s, 0.1, 2.0):
            revision = await self._run.revision(name)
            if revision is None:
                continue
            if why := failure(revision, "Ready"):
                raise PermanentError(
                    f"Cloud Run's revision {name} did not get ready: {why}. To deploy it anew, delete it first "
                    f"(gcloud run revisions delete {name})"
                )
            conditions = revision.get("conditions") or []
            if any(one.get("type") == "Ready" and one.get("state") == "CONDITION_SUCCEEDED" for one in conditions):
                return
        raise TemporaryError(f"Cloud Run's revision {name} is not ready after {self._options.ready_s:g} s")
