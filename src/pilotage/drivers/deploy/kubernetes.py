"""A Deployment, StatefulSet or DaemonSet gets a new image, a number of replicas, or both; done when all pods are ready.

What keeps a pod from starting is told in plain words, and ends the deploy long before Kubernetes gives up.
"""

from __future__ import annotations

import asyncio
from typing import Self

from pydantic import Field, field_validator, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Call, Context
from pilotage.drivers.arguments import check_placeholders, fill
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, workloads
from pilotage.drivers.kubernetes.changing import Edit, Patch, change
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.options import NAME
from pilotage.drivers.looks import looks

CAUSE = "kubernetes.io/change-cause"
_LOOK_EVERY_S, _LONGEST_PAUSE_S = 0.1, 2.0
"""Of thousands of pods a look takes a second of the API server's time."""


class KubernetesDeployer:
    class Options(ClusterOptions):
        """One of `deployment`, `statefulset` and `daemonset`; `image` or `replicas`, or both."""

        deployment: str | None = Field(default=None, pattern=NAME, description="the Deployment's name")
        statefulset: str | None = Field(default=None, pattern=NAME, description="the StatefulSet's name")
        daemonset: str | None = Field(default=None, pattern=NAME, description="the DaemonSet's name")
        image: str | None = Field(default=None, description="the image with {version}, such as registry/pay:{version}")
        container: str | None = Field(
            default=None, min_length=1, description="which container gets it; not needed where there is one only"
        )
        replicas: int | None = Field(default=None, ge=0, le=10_000, description="so many pods; without it as before")
        partition: int | None = Field(
            default=None, ge=0, description="of a StatefulSet: pods from this number on are changed, others stay"
        )
        ready_within_s: float = Field(
            default=600.0, gt=0, le=43_200, description="all pods must be ready within so many seconds"
        )
        trouble_s: float = Field(
            default=60.0, ge=0, le=3600, description="a pod that cannot start ends the deploy after so many seconds"
        )

        @field_validator("image")
        @classmethod
        def _tells_versions_apart(cls, image: str | None) -> str | None:
            if image is not None:
                check_placeholders([image], ("version",))
                if "{version}" not in image:
                    raise ValueError("an image with {version} in it: else both versions are the same")
            return image

        @model_validator(mode="after")
        def _says_what(self) -> Self:
            if len([one for one in (self.deployment, self.statefulset, self.daemonset) if one]) != 1:
                raise ValueError("one of deployment, statefulset and daemonset")
            if self.image is None and self.replicas is None:
                raise ValueError("image or replicas: else nothing is deployed")
            if self.daemonset and self.replicas is not None:
                raise ValueError("no replicas: a DaemonSet has a pod on every node")
            if self.partition is not None and not self.statefulset:
                raise ValueError("partition with a statefulset only")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context
        self._cluster = Cluster(options, context)
        kind, self._name = next(
            (kind, name) for kind in workloads.KINDS if (name := getattr(options, kind)) is not None
        )
        self._kind = workloads.KINDS[kind]

    async def deploy(self, version: str, call: Call) -> str:
        what = await self._what()

        def edit(found: Object) -> Edit:
            self._check(found, what)
            patch = self._patch(found, version, what)
            return Edit(patch, {CAUSE: self._cause(version)} if patch else {})

        changed = await change(self._cluster, self._kind, self._name, call, edit, self._watched)
        if self._patch(changed, version, what):
            raise PermanentError(
                f"{what} was told to take {self._wanted(version)}, and something in the cluster made something else of "
                "it at once: is there an admission policy that rewrites images? (kubectl get "
                "mutatingwebhookconfigurations)"
            )
        return await self._ready(changed, version, what)

    async def rehearse(self, version: str, call: Call) -> str:
        """The API server checks the change, admission policies included, and makes none."""
        found, what = await self._cluster.get(self._kind, self._name), await self._what()
        self._check(found, what)
        patch = self._patch(found, version, what)
        if not patch:
            return f"{what} has what {version} needs already"
        await self._cluster.patch(self._kind, self._name, patch, dry_run=True)
        return f"{what} would take {self._wanted(version)}"

    async def probe(self) -> str:
        found, what = await self._cluster.get(self._kind, self._name), await self._what()
        self._check(found, what)
        await self._cluster.check_right("patch", self._kind, self._name)
        await self._cluster.check_right("list", workloads.POD)
        awaited = workloads.awaited(found)
        return f"{what}: {f'{awaited} (of an earlier change)' if awaited else 'all its pods are ready'}"

    async def close(self) -> None:
        await self._cluster.close()

    def _check(self, found: Object, what: str) -> None:
        spec = workloads.part(found, "spec")
        if spec.get("paused") is True:
            raise PermanentError(f"{what} is paused: nothing would happen. Try: kubectl rollout resume")
        if workloads.part(spec, "updateStrategy").get("type") == "OnDelete":
            raise PermanentError(f"{what} changes pods only when somebody deletes them (updateStrategy OnDelete)")
        if self._options.image is not None:
            workloads.place_of(found, self._options.container, what)

    def _patch(self, found: Object, version: str, what: str) -> Patch:
        options, patch = self._options, list[dict[str, object]]()
        if options.image is not None:
            place = workloads.place_of(found, options.container, what)
            (image,) = fill([options.image], {"version": version})
            if not workloads.is_image(str(workloads.containers(found)[place].get("image")), image):
                path = f"/spec/template/spec/containers/{place}/image"
                patch.append({"op": "replace", "path": path, "value": image})
        if options.replicas is not None and workloads.replicas(found) != options.replicas:
            patch.append({"op": "add", "path": "/spec/replicas", "value": options.replicas})
        if options.partition is not None:
            strategy = workloads.part(workloads.part(found, "spec"), "updateStrategy")
            rolling = workloads.part(strategy, "rollingUpdate")
            if workloads.number(rolling, "partition") != options.partition:
                value = {"type": "RollingUpdate", "rollingUpdate": {**rolling, "partition": options.partition}}
                patch.append({"op": "add", "path": "/spec/updateStrategy", "value": value})
        return patch

    def _watched(self, found: Object) -> object:
        spec = workloads.part(found, "spec")
        return [spec.get("replicas"), spec.get("template"), spec.get("updateStrategy")]

    async def _ready(self, changed: Object, version: str, what: str) -> str:
        """Waits for all pods. An API server that is away for a moment does not end that."""
        since: dict[str, float] = {}
        awaited, lost = "its pods are not known yet", ""
        clock = asyncio.get_running_loop().time
        async for _ in looks(self._options.ready_within_s, _LOOK_EVERY_S, _LONGEST_PAUSE_S):
            try:
                found = await self._cluster.get(self._kind, self._name)
                self._still_ours(found, version, what)
                lost, awaited = "", workloads.awaited(found)
                if not awaited:
                    count = workloads.replicas(found) if self._kind.kind != "DaemonSet" else None
                    ready = "all its pods are ready" if count is None else f"{count} of {count} pods are ready"
                    return f"{what} has {self._wanted(version)}, {ready}"
                troubles = await self._troubles(found, version, what)
            except TemporaryError as error:
                lost = str(error)
                continue
            if why := workloads.given_up(found, changed):
                raise self._failed(what, why, list((await self._troubles(found, version, what, late=True)).values()))
            since = {pod: since.get(pod, clock()) for pod in troubles}
            long = [text for pod, text in troubles.items() if clock() - since[pod] >= self._options.trouble_s]
            if long:
                raise self._failed(what, f"it cannot start within {self._options.trouble_s:g} s", long)
        if lost:
            raise TemporaryError(f"{what} was changed, but whether its pods are ready is not known: {lost}")
        why = f"not ready within {self._options.ready_within_s:g} s: {awaited}"
        raise self._failed(what, why, list((await self._troubles(found, version, what, late=True)).values()))

    def _still_ours(self, found: Object, version: str, what: str) -> None:
        if self._patch(found, version, what):
            raise PermanentError(
                f"{what} was changed by somebody else while its pods were waited for (kubectl get -o yaml "
                "--show-managed-fields tells by whom). Nothing was done about that"
            )

    async def _troubles(self, found: Object, version: str, what: str, late: bool = False) -> dict[str, str]:
        """By pod, what keeps it from starting: at the end of all patience (`late`) also what may pass by itself.

        Pods of before do not count, but where a StatefulSet keeps to an order: it replaces none that has not started.
        """
        told, container = {}, ""
        if hindered := workloads.hindered(found):
            told[""] = hindered
        if self._options.image is not None:
            place = workloads.place_of(found, self._options.container, what)
            container = str(workloads.containers(found)[place].get("name"))
        for pod in await self._cluster.list(workloads.POD, labels=workloads.labels(found, what)):
            name = str(workloads.part(pod, "metadata").get("name"))
            image = workloads.image_of(pod, container)
            before = bool(container) and not workloads.is_image(image, self._image(version))
            if workloads.leaving(pod) or (before and not workloads.in_order(found)):
                continue
            said = workloads.trouble(pod)
            if not said and late:
                said = workloads.unscheduled(pod) or workloads.unready(pod)
            if said:
                by_hand = f"; it is of another version and not replaced until somebody does: kubectl delete pod {name}"
                told[name] = f"{name}: {said}{by_hand if before else ''}"
        return told

    def _failed(self, what: str, why: str, troubles: list[str]) -> PermanentError:
        more = f": {listed_long(troubles)}" if troubles else ""
        back = f"kubectl rollout undo {self._kind.plural}/{self._name}"
        return PermanentError(f"{what}: {why}{more}. It was left as it is; by hand it goes back with: {back}")

    def _image(self, version: str) -> str:
        return fill([self._options.image or ""], {"version": version})[0]

    def _wanted(self, version: str) -> str:
        count = self._options.replicas
        parts = [self._image(version)] if self._options.image is not None else []
        return " and ".join([*parts, *([f"{count} replicas"] if count is not None else [])])

    def _cause(self, version: str) -> str:
        return f"Pilotage: {self._context.service} {version}".strip()

    async def _what(self) -> str:
        return f"the {self._kind.kind} {self._name} in the namespace {await self._cluster.namespace()}"


def listed_long(texts: list[str]) -> str:
    """Three of them at most: pods of one ReplicaSet mostly say the same."""
    more = f" and {len(texts) - 3} more" if len(texts) > 3 else ""
    return "; ".join(texts[:3]) + more
