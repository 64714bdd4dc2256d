"""One pod on the fake node, from its binding to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tests.kubernetes import behaviour, podstatus

if TYPE_CHECKING:
    from tests.kubernetes.access import Object
    from tests.kubernetes.kubelet import Kubelet


class Gone(Exception):
    """The pod is no more, or its container will not run again."""


class PodLife:
    def __init__(self, kubelet: Kubelet, pod: Object, number: int, failed: Callable[[BaseException], None]) -> None:
        self._kubelet, self._failed = kubelet, failed
        meta, spec = pod["metadata"], pod["spec"]
        self.name: str = meta["name"]
        self.uid: str = meta["uid"]
        self._annotations: dict[str, str] = meta.get("annotations", {})
        self._bound, self._policy = "nodeName" in spec, spec["restartPolicy"]
        self._address = f"10.244.{number // 250}.{number % 250 + 1}"
        self.containers = {one["name"]: podstatus.Container(one["name"], one["image"]) for one in spec["containers"]}
        self._orders: dict[str, asyncio.Queue[tuple[str, Any]]] = {one: asyncio.Queue() for one in self.containers}
        self._restarted = self._policy != "Never"
        self._conditions: dict[str, Object] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving = False

    def begin(self) -> None:
        self._do(self._live())

    def leave(self) -> None:
        """It was deleted: it goes when it has stopped."""
        if not self._leaving:
            self._leaving = True
            self._do(self._let_go())

    def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for one in self.containers:
            self._kubelet.logs.end(self.name, one)

    def order(self, container: str | None, what: str, given: Any) -> None:
        self._orders[container or next(iter(self.containers))].put_nowait((what, given))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        def note(task: asyncio.Task[None]) -> None:
            failed = None if task.cancelled() else task.exception()
            if failed is not None and not isinstance(failed, Gone):
                self._failed(failed)

        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(note)

    async def _live(self) -> None:
        if not self._bound:
            target = {"apiVersion": "v1", "kind": "Node", "name": self._kubelet.node}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.name}, "target": target}
            await self._kubelet.call("POST", f"{self._kubelet.pods_at}/{self.name}/binding", binding)
        await self._report()
        for one in self.containers.values():
            self._do(self._container(one, behaviour.of(one.image, self._annotations, self._kubelet.told)))

    async def _container(self, one: podstatus.Container, how: behaviour.Behaviour) -> None:
        if how.word == "pull-fails":
            await self._pull_fails(one)
        self._starts(one)
        one.runs()
        await self._report()
        if how.word == "completes":
            await asyncio.sleep(self._kubelet.ready_after_s)
            await self._ends(one, 0, "Completed")
        if how.word in ("crash-loop", "oom"):
            await self._crash_loop(one, *((137, "OOMKilled") if how.word == "oom" else (1, "Error")))
        if how.word == "never-ready":
            await self._event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
        else:
            await self._answers(one, how.after_s if how.word == "slow" else None)
        if how.word == "crash-later":
            await asyncio.sleep(how.after_s)
            await self._crash_loop(one, 1, "Error")
        await self._obey(one, how.word != "never-ready")

    async def _answers(self, one: podstatus.Container, after_s: float | None = None) -> None:
        await asyncio.sleep(self._kubelet.ready_after_s if after_s is None else after_s)
        one.ready = True
        await self._report()

    async def _obey(self, one: podstatus.Container, answers: bool) -> None:
        """What the test says from here on; one that is started again answers its probe as it did before."""
        while True:
            what, given = await self._orders[one.name].get()
            if what == "ready":
                one.ready = answers = given
                await self._report()
                continue
            await self._ends(one, *given)
            await self._starts_again(one)
            if answers:
                await self._answers(one)

    async def _pull_fails(self, one: podstatus.Container) -> None:
        said = f'failed to pull and unpack image "{one.image}": failed to resolve reference "{one.image}": not found'
        while True:
            one.waits("ErrImagePull", said)
            await self._report()
            await self._event("Failed", f'Failed to pull image "{one.image}": {said}')
            await asyncio.sleep(self._kubelet.backoff_s)
            one.waits("ImagePullBackOff", f'Back-off pulling image "{one.image}": ErrImagePull: {said}')
            await self._report()
            await self._event("BackOff", f'Back-off pulling image "{one.image}"')
            await asyncio.sleep(self._kubelet.backoff_s)

    async def _crash_loop(self, one: podstatus.Container, code: int, reason: str) -> None:
        """Between the crashes its probe has not answered yet."""
        while True:
            await asyncio.sleep(self._kubelet.ready_after_s)
            await self._ends(one, code, reason)
            one.backs_off(self.name, self._kubelet.namespace, self.uid)
            await self._report()
            await self._event("BackOff", f"Back-off restarting failed container {one.name} in pod {self.name}")
            await asyncio.sleep(self._kubelet.backoff_s)
            await self._starts_again(one)

    async def _ends(self, one: podstatus.Container, code: int, reason: str) -> None:
        """Returns if the container is to be started again."""
        one.ended(code, reason)
        self._kubelet.logs.end(self.name, one.name)
        self._restarted = self._policy == "Always" or (self._policy == "OnFailure" and code != 0)
        await self._report()
        if not self._restarted:
            raise Gone

    async def _starts_again(self, one: podstatus.Container) -> None:
        self._starts(one)
        one.again()
        await self._report()

    def _starts(self, one: podstatus.Container) -> None:
        run = self._kubelet.logs.begin(self.name, one.name)
        for line in self._kubelet.said.get(one.image, ()):
            run.write(line)

    async def _let_go(self) -> None:
        await asyncio.sleep(self._kubelet.stop_after_s)
        only = {"preconditions": {"uid": self.uid}, "gracePeriodSeconds": 0}
        await self._kubelet.call("DELETE", f"{self._kubelet.pods_at}/{self.name}", only)

    async def _report(self) -> None:
        containers = list(self.containers.values())
        self._conditions = podstatus.conditions(containers, self._conditions)
        status = {
            "phase": podstatus.phase(containers, self._restarted),
            "conditions": list(self._conditions.values()),
            "containerStatuses": [one.report() for one in containers],
            **{"hostIP": "127.0.0.1", "podIP": self._address, "podIPs": [{"ip": self._address}]},
            "startTime": self._conditions["PodScheduled"]["lastTransitionTime"],
        }
        await self._kubelet.call("PATCH", f"{self._kubelet.pods_at}/{self.name}/status", {"status": status})

    async def _event(self, reason: str, message: str) -> None:
        namespace = self._kubelet.namespace
        what = {"apiVersion": "v1", "kind": "Pod", "name": self.name, "namespace": namespace, "uid": self.uid}
        event: Object = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{self.name}."},
            "type": "Warning",
        }
        event |= {"involvedObject": what, "reason": reason, "message": message, "count": 1}
        event |= {"source": {"component": "kubelet", "host": self._kubelet.node}, "lastTimestamp": podstatus.now()}
        await self._kubelet.call("POST", f"/api/v1/namespaces/{namespace}/events", event)
