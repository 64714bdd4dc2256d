"""Amazon ECS: a service gets a task definition with the version's image, and is waited for until it is steady."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.arguments import fill, versioned
from pilotage.drivers.aws import Aws, AwsOptions
from pilotage.drivers.deploy.ecs_tasks import why
from pilotage.drivers.looks import looks
from pilotage.drivers.turns import in_turn

_WHO = "AWS ECS"
_NAME = r"^[A-Za-z0-9_-]{1,255}$"
_NEWEST = 10
_PAUSE_S = (0.2, 3.0)
_SHOWN_WITHIN_S = 10.0
_MOST_MISSED = 5
_WRITTEN = (
    "family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes",
    "placementConstraints", "requiresCompatibilities", "cpu", "memory", "pidMode", "ipcMode", "proxyConfiguration",
    "inferenceAccelerators", "ephemeralStorage", "runtimePlatform", "enableFaultInjection",
)  # fmt: skip
"""Of a described task definition, what RegisterTaskDefinition takes; the rest is ECS' own."""


class AwsEcsDeployer:
    class Options(AwsOptions):
        cluster: str = Field(default="default", pattern=r"^[A-Za-z0-9:/_-]+$", description="the cluster's name or ARN")
        service: str = Field(pattern=_NAME, description="the service's name")
        container: str | None = Field(
            default=None, pattern=_NAME, description="the container that gets the image; needed where there are several"
        )
        image: Annotated[str, AfterValidator(versioned)] = Field(
            description="the image with {version} in it, such as registry/payment:{version}"
        )
        within_s: float = Field(default=900.0, gt=0, le=7200, description="seconds for the service to become steady")
        failures: int = Field(default=3, ge=1, le=100, description="after so many failed tasks the deploy has failed")

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        region = options.cluster.split(":")[3] if options.cluster.count(":") > 4 else None
        self._aws = Aws("ecs", _WHO, options, prefix="ecs", region=region)
        self._what = f"service {options.service} in cluster {options.cluster}"

    @in_turn
    async def deploy(self, version: str, call: Call) -> str:
        image = self._image(version)
        service = await self._service()
        present = await self._definition(self._aws.text(service, "taskDefinition"))
        wanted = self._with_image(present, image)
        arn = self._aws.text(present, "taskDefinitionArn")
        begun = self._primary(service)
        if wanted != _written(present) or begun.get("rolloutState") == "FAILED":
            again = wanted == _written(present)
            arn = arn if again else await self._registered(wanted, present)
            await self._update(arn, again)
        tasks = await self._until_steady(arn, image)
        return f"{self._options.service} runs {image} ({_short(arn)}) in {tasks}"

    async def rehearse(self, version: str, call: Call) -> str:
        """Everything that can be read: ECS has no try of its own, and whether the image is there only a pull tells."""
        service = await self._service()
        present = await self._definition(self._aws.text(service, "taskDefinition"))
        image = self._image(version)
        if self._with_image(present, image) == _written(present):
            return f"{self._options.service} has {image} already ({_short(present['taskDefinitionArn'])})"
        found = await self._like(self._with_image(present, image))
        how = (
            f"{_short(found)}, which is there"
            if found
            else f"a new revision after {_short(present['taskDefinitionArn'])}"
        )
        return f"{self._options.service} would get {image} by {how}; not tried: whether the image can be pulled"

    async def probe(self) -> str:
        service = await self._service()
        present = await self._definition(self._aws.text(service, "taskDefinition"))
        image = self._container(present).get("image")
        running, desired = service.get("runningCount"), service.get("desiredCount")
        return f"{self._options.service} runs {one_line(str(image), 150)} in {running} of {desired} tasks"

    async def close(self) -> None:
        """The connections are the process's."""

    def _image(self, version: str) -> str:
        (image,) = fill([self._options.image], {"version": version})
        return image

    # ------------------------------------------------------------------ what is there

    async def _service(self) -> dict[str, Any]:
        """Raises PermanentError for one that is not there, or that somebody else deploys."""
        options = self._options
        answer = await self._aws.look(
            "describe_services", self._what, cluster=options.cluster, services=[options.service]
        )
        found = self._aws.listed(answer, "services")
        if not found:
            reasons = (
                listed([str(one.get("reason")) for one in self._aws.parts(answer, "failures")]) or "no reason given"
            )
            raise PermanentError(f"{_WHO} has no {self._what} ({reasons}): are names, region and account right?")
        service = found[0]
        if service.get("status") != "ACTIVE":
            raise PermanentError(f"{_WHO}: {self._what} is {one_line(str(service.get('status')), 40)}: expected ACTIVE")
        controller = (service.get("deploymentController") or {}).get("type", "ECS")
        if controller != "ECS":
            raise PermanentError(
                f"{_WHO}: {self._what} is deployed by {one_line(str(controller), 40)}: expected the deployment "
                "controller ECS (a rolling update)"
            )
        return service

    async def _definition(self, arn: str) -> dict[str, Any]:
        what = f"task definition {_short(arn)}"
        answer = await self._aws.look("describe_task_definition", what, taskDefinition=arn, include=["TAGS"])
        found = answer.get("taskDefinition")
        if not isinstance(found, dict):
            raise self._aws.stranger("its answer has no taskDefinition")
        return {**found, "tags": answer.get("tags") or []}

    def _container(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        containers = self._aws.listed(definition, "containerDefinitions")
        names = [str(one.get("name")) for one in containers]
        wanted = self._options.container or (names[0] if len(names) == 1 else "")
        if not wanted:
            raise PermanentError(f"{_WHO}: {self._what} has the containers {listed(names)}: say in `container` which")
        if wanted not in names:
            raise PermanentError(f"{_WHO}: {self._what} has no container {wanted}: there are {listed(names)}")
        return containers[names.index(wanted)]

    def _primary(self, service: Mapping[str, Any]) -> dict[str, Any]:
        deployments = self._aws.listed(service, "deployments")
        return next((one for one in deployments if one.get("status") == "PRIMARY"), {})

    # ------------------------------------------------------------------ what is changed

    def _with_image(self, present: Mapping[str, Any], image: str) -> dict[str, Any]:
        wanted = copy.deepcopy(dict(present))
        self._container(wanted)["image"] = image
        return _written(wanted)

    async def _registered(self, wanted: Mapping[str, Any], present: Mapping[str, Any]) -> str:
        """The ARN of a revision that is exactly so: of one that is there, or else of a new one."""
        if found := await self._like(wanted):
            return found
        what = f"task definition {wanted.get('family')}"
        tags = {"tags": present["tags"]} if present["tags"] else {}
        answer = await self._aws.change("register_task_definition", what, **wanted, **tags)
        return self._aws.text(answer.get("taskDefinition") or {}, "taskDefinitionArn")

    async def _like(self, wanted: Mapping[str, Any]) -> str:
        """Among the newest: what an earlier attempt has registered, or what the previous version ran with."""
        family = str(wanted.get("family"))
        given = {"familyPrefix": family, "status": "ACTIVE", "sort": "DESC", "maxResults": _NEWEST}
        answer = await self._aws.look("list_task_definitions", f"task definitions of {family}", **given)
        for arn in [str(one) for one in answer.get("taskDefinitionArns") or ()][:_NEWEST]:
            if _written(await self._definition(arn)) == wanted:
                return arn
        return ""

    async def _update(self, arn: str, again: bool) -> None:
        options = self._options
        given = {"cluster": options.cluster, "service": options.service, "taskDefinition": arn}
        await self._aws.change("update_service", self._what, **given, **({"forceNewDeployment": True} if again else {}))

    # ------------------------------------------------------------------ what comes of it

    async def _until_steady(self, arn: str, image: str) -> str:
        """How many tasks run. Raises PermanentError when ECS gives up, or tasks fail again and again."""
        options, service, seen, missed = self._options, {}, False, 0
        loop = asyncio.get_running_loop()
        shown_until = loop.time() + _SHOWN_WITHIN_S
        async for _ in looks(options.within_s, *_PAUSE_S):
            try:
                service, missed = await self._service(), 0
            except TemporaryError:  # one look of hundreds: the deployment goes on
                missed += 1
                if missed >= _MOST_MISSED:
                    raise
                continue
            now = self._primary(service)
            if now.get("taskDefinition") != arn:
                if not seen and loop.time() < shown_until:  # what is described may be a moment old
                    continue
                raise await self._gone_on(service, arn, image)
            seen = True
            if steady := await self._steady(service, now, arn, image):
                return steady
        now = self._primary(service) if service else {}
        if service and not seen:
            raise await self._gone_on(service, arn, image)
        tasks = (
            f"{now.get('runningCount')} of {service.get('desiredCount')} tasks run, {now.get('pendingCount')} pending"
        )
        events = [str(one.get("message")) for one in self._aws.parts(service, "events")]
        said = one_line(events[0], 200) if events else ""
        raise TemporaryError(
            f"{_WHO}: {options.service} is not steady with {image} after {options.within_s:g} s: {tasks}"
            f"{await self._told(arn, said)}"
        )

    async def _steady(self, service: Mapping[str, Any], now: Mapping[str, Any], arn: str, image: str) -> str:
        """How many tasks run once all do; empty until then."""
        options, state = self._options, now.get("rolloutState")
        if state == "FAILED":
            ended = one_line(str(now.get("rolloutStateReason") or ""), 200)
            raise PermanentError(f"{_WHO}: the rollout of {image} failed{await self._told(arn, ended)}")
        running, desired = now.get("runningCount"), service.get("desiredCount")
        done = state == "COMPLETED" or (state is None and len(self._aws.listed(service, "deployments")) == 1)
        if done and running == desired:
            return f"{running} of {desired} tasks"
        failed = now.get("failedTasks") or 0
        if failed >= options.failures:
            raise PermanentError(
                f"{_WHO}: {failed} tasks of {options.service} with {image} failed, and ECS goes on trying"
                f"{await self._told(arn)}"
            )
        return ""

    async def _gone_on(self, service: Mapping[str, Any], arn: str, image: str) -> PermanentError:
        ours = [one for one in self._aws.listed(service, "deployments") if one.get("taskDefinition") == arn]
        ended = one_line(str(ours[0].get("rolloutStateReason") or ""), 200) if ours else ""
        now = _short(str(self._primary(service).get("taskDefinition")))
        return PermanentError(
            f"{_WHO}: {self._options.service} has gone on to {now}: ECS took {image} back, or somebody deployed"
            f"{await self._told(arn, ended)}"
        )

    async def _told(self, arn: str, said: str = "") -> str:
        """Why its tasks stopped, and what ECS says itself. The failure is told also where nobody may look why."""
        options = self._options
        try:
            given = {"cluster": options.cluster, "serviceName": options.service, "desiredStatus": "STOPPED"}
            answer = await self._aws.look("list_tasks", self._what, **given)
            arns = [str(one) for one in answer.get("taskArns") or ()][:100]
            if arns:
                answer = await self._aws.look("describe_tasks", self._what, cluster=options.cluster, tasks=arns)
                tasks = self._aws.listed(answer, "tasks")
                stopped = why(one for one in tasks if one.get("taskDefinitionArn") == arn)
                said = "; ".join(one for one in (stopped, said) if one)
        except (PermanentError, TemporaryError) as error:
            said = "; ".join(one for one in (said, f"why tasks stopped is not known: {error}") if one)
        return f": {said}" if said else ""


def _written(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What a task definition says, to be compared and registered."""
    return {name: definition[name] for name in _WRITTEN if definition.get(name) is not None}


def _short(arn: str) -> str:
    return one_line(arn.rsplit("/", 1)[-1], 120)
