"""A fake node with its kubelet, for the pods of one namespace; it plays the scheduler too.

It runs nothing: it binds each pod to its node, reports what a kubelet would report, serves the log a test writes, and
lets deleted pods go. How a container behaves says `behaviour.py`. Everything happens in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import threading
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.kubernetes import behaviour, podstatus
from tests.kubernetes.access import Access, Object
from tests.kubernetes.podlogs import Logs

FILES = {"cert": "pem", "key": "key"}


@dataclass
class Running:
    """A pod on this node."""

    name: str
    uid: str
    address: str
    containers: dict[str, podstatus.Container]
    restarted: bool
    """Whether containers that end are started again."""
    conditions: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, asyncio.Queue[tuple[str, Any]]] = field(default_factory=dict)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    leaving: bool = False


class Kubelet:
    """`ready_after_s`, `stop_after_s` and `backoff_s` may be set by a test at any time."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace, self.node = namespace, f"node-{namespace}"
        self.ready_after_s, self.stop_after_s, self.backoff_s = 0.1, 0.1, 0.5
        self._kubeconfig, self._pods_at = kubeconfig, f"/api/v1/namespaces/{namespace}/pods"
        self._told: dict[str, str] = {}
        self._said: dict[str, tuple[str, ...]] = {}
        self._pods: dict[str, Running] = {}
        self._logs = Logs()
        self._addresses = itertools.count(2)
        self._up, self._failed = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(target=self._run, name=self.node, daemon=True)

    # What a test says. These may be called from any thread.

    def behave(self, image: str, word: str) -> None:
        """All containers of this image that start from now on behave so: see `behaviour.WORDS`."""
        assert behaviour.read(word), f"{word!r} is no behaviour; known are {', '.join(behaviour.WORDS)}"
        self._told[image] = word

    def prints(self, image: str, *lines: str) -> None:
        """All containers of this image print these lines whenever they start."""
        self._said[image] = lines

    def write(self, pod: str, *lines: str, container: str | None = None) -> None:
        """The container, or the pod's first, prints these lines now."""
        self._wait(self._write(pod, container, lines))

    def crash(self, pod: str, code: int = 1, reason: str = "Error", container: str | None = None) -> None:
        """The container ends, and is started again as its pod's restart policy says. OOM: 137 and "OOMKilled"."""
        self._wait(self._order(pod, container, ("crash", (code, reason))))

    def ready(self, pod: str, is_ready: bool, container: str | None = None) -> None:
        """The answer of the container's readiness probe from now on."""
        self._wait(self._order(pod, container, ("ready", is_ready)))

    def start(self) -> Kubelet:
        self._thread.start()
        self._up.wait(30)
        if self._failed:
            raise RuntimeError(f"the kubelet of {self.node} did not start") from self._failed[0]
        assert self._up.is_set(), f"the kubelet of {self.node} did not start within 30 s"
        return self

    def stop(self) -> None:
        """The node goes, its pods with it."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(20)
        if self._failed:
            raise RuntimeError(f"the kubelet of {self.node} failed") from self._failed[0]

    # The node.

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failed:
            self._failed.append(failed)
        finally:
            self._up.set()

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        access = Access(self._kubeconfig)
        access.close()
        listening = socket.create_server(("127.0.0.1", 0))
        logs = Starlette(routes=[Route("/containerLogs/{namespace}/{pod}/{container}", self._log)])
        files = {f"ssl_{one}file": str(self._kubeconfig.with_name(f"kubelet.{end}")) for one, end in FILES.items()}
        options: Object = {**files, "log_level": "error", "lifespan": "off", "timeout_graceful_shutdown": 1}
        server = uvicorn.Server(uvicorn.Config(logs, **options))
        async with httpx.AsyncClient(timeout=20, **access.how) as self._api:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            await self._register(listening.getsockname()[1])
            watching = asyncio.create_task(self._watch())
            stopping = asyncio.create_task(self._stopping.wait())
            self._up.set()
            await asyncio.wait({serving, watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for pod in self._pods.values():
                _end(pod)
            for task in (watching, stopping):
                task.cancel()
            server.should_exit = server.force_exit = True
            done = await asyncio.gather(serving, watching, return_exceptions=True)
            await self._call("DELETE", self._pods_at, params={"gracePeriodSeconds": "0"})
            await self._call("DELETE", f"/api/v1/nodes/{self.node}")
            self._failed += [one for one in done if isinstance(one, Exception)]

    async def _register(self, port: int) -> None:
        meta = {"name": self.node, "labels": {"kubernetes.io/hostname": self.node}}
        await self._call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": meta})
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting"}
        room = {"cpu": "64", "memory": "256Gi", "pods": "500"}
        status = {
            "conditions": [{**ready, "lastHeartbeatTime": podstatus.now(), "lastTransitionTime": podstatus.now()}],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            **{"capacity": room, "allocatable": room},
        }
        await self._call("PATCH", f"/api/v1/nodes/{self.node}/status", {"status": status})

    async def _call(self, method: str, place: str, body: Object | None = None, **more: Any) -> None:
        """What is no more, or may not begin in a namespace that is ending, is `_Gone`."""
        kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        given: Object = {} if body is None else {"content": json.dumps(body), "headers": {"content-type": kind}}
        answer = await self._api.request(method, place, **given, **more)
        if answer.status_code in (403, 404, 409):
            raise _Gone(answer.text)
        if answer.is_error:
            raise RuntimeError(f"{method} {place}: {answer.status_code} {answer.text[:1000]}")

    async def _watch(self) -> None:
        while True:
            timeout = httpx.Timeout(20, read=None)
            async with self._api.stream("GET", self._pods_at, params={"watch": "true"}, timeout=timeout) as answer:
                answer.raise_for_status()
                async for line in answer.aiter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break  # its place in the history is no longer kept: from the present state again
                    await self._see(event["type"], event["object"])

    async def _see(self, what: str, pod: Object) -> None:
        meta = pod["metadata"]
        known = self._pods.get(meta["name"])
        if known is not None and known.uid != meta["uid"]:
            _end(self._pods.pop(known.name))
            known = None
        if what == "DELETED":
            if known is not None:
                _end(self._pods.pop(known.name))
        elif "deletionTimestamp" in meta:
            if known is None:
                known = self._know(pod)
            if not known.leaving:
                known.leaving = True
                self._do(known, self._let_go(known))
        elif known is None:
            policy, notes = pod["spec"]["restartPolicy"], meta.get("annotations", {})
            self._do(new := self._know(pod), self._live(new, notes, "nodeName" in pod["spec"], policy))

    def _know(self, pod: Object) -> Running:
        number = next(self._addresses)
        new = Running(
            *(pod["metadata"]["name"], pod["metadata"]["uid"], f"10.244.{number // 250}.{number % 250 + 1}"),
            containers={
                one["name"]: podstatus.Container(one["name"], one["image"]) for one in pod["spec"]["containers"]
            },
            restarted=pod["spec"]["restartPolicy"] != "Never",
        )
        self._pods[new.name] = new
        return new

    # A pod's life.

    def _do(self, pod: Running, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        pod.tasks.append(task)
        task.add_done_callback(self._note)

    def _note(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (failed := task.exception()) is not None:
            self._failed.append(failed)
            self._stopping.set()

    async def _live(self, pod: Running, notes: dict[str, str], bound: bool, policy: str) -> None:
        with contextlib.suppress(_Gone):
            if not bound:
                target = {"apiVersion": "v1", "kind": "Node", "name": self.node}
                binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.name}, "target": target}
                await self._call("POST", f"{self._pods_at}/{pod.name}/binding", binding)
            await self._report(pod)
            for one in pod.containers.values():
                pod.orders[one.name] = asyncio.Queue()
                how = behaviour.of(one.image, notes, self._told)
                self._do(pod, self._container(pod, one, how, policy))

    async def _container(self, pod: Running, one: podstatus.Container, how: behaviour.Behaviour, policy: str) -> None:
        with contextlib.suppress(_Gone):
            if how.word == "pull-fails":
                await self._pull_fails(pod, one)
            self._starts(pod, one)
            one.runs()
            await self._report(pod)
            if how.word == "completes":
                await asyncio.sleep(self.ready_after_s)
                await self._ends(pod, one, 0, "Completed", policy)
            code, reason = (137, "OOMKilled") if how.word == "oom" else (1, "Error")
            if how.word in ("crash-loop", "oom"):
                await self._crash_loop(pod, one, code, reason, policy)
            if how.word != "never-ready":
                await asyncio.sleep(how.after_s if how.word == "slow" else self.ready_after_s)
                one.ready = True
                await self._report(pod)
            else:
                await self._event(pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
            if how.word == "crash-later":
                await asyncio.sleep(how.after_s)
                await self._crash_loop(pod, one, code, reason, policy)
            await self._obey(pod, one, policy)

    async def _obey(self, pod: Running, one: podstatus.Container, policy: str) -> None:
        while True:
            what, given = await pod.orders[one.name].get()
            if what == "ready":
                one.ready = given
                await self._report(pod)
                continue
            await self._ends(pod, one, *given, policy)
            self._starts(pod, one)
            one.again()
            await self._report(pod)
            await asyncio.sleep(self.ready_after_s)
            one.ready = True
            await self._report(pod)

    async def _pull_fails(self, pod: Running, one: podstatus.Container) -> None:
        said = f'failed to pull and unpack image "{one.image}": failed to resolve reference "{one.image}": not found'
        while True:
            one.waits("ErrImagePull", said)
            await self._report(pod)
            await self._event(pod, "Failed", f'Failed to pull image "{one.image}": {said}')
            await asyncio.sleep(self.backoff_s)
            one.waits("ImagePullBackOff", f'Back-off pulling image "{one.image}": ErrImagePull: {said}')
            await self._report(pod)
            await self._event(pod, "BackOff", f'Back-off pulling image "{one.image}"')
            await asyncio.sleep(self.backoff_s)

    async def _crash_loop(self, pod: Running, one: podstatus.Container, code: int, reason: str, policy: str) -> None:
        """Ready between the crashes is nobody: its probe has not answered yet."""
        while True:
            await asyncio.sleep(self.ready_after_s)
            await self._ends(pod, one, code, reason, policy)
            one.backs_off(pod.name, self.namespace, pod.uid)
            await self._report(pod)
            await self._event(pod, "BackOff", f"Back-off restarting failed container {one.name} in pod {pod.name}")
            await asyncio.sleep(self.backoff_s)
            self._starts(pod, one)
            one.again()
            await self._report(pod)

    async def _ends(self, pod: Running, one: podstatus.Container, code: int, reason: str, policy: str) -> None:
        """Returns if the container is to be started again."""
        one.ended(code, reason)
        self._logs.end(pod.name, one.name)
        pod.restarted = policy == "Always" or (policy == "OnFailure" and code != 0)
        await self._report(pod)
        if not pod.restarted:
            raise _Gone

    def _starts(self, pod: Running, one: podstatus.Container) -> None:
        run = self._logs.begin(pod.name, one.name)
        for line in self._said.get(one.image, ()):
            run.write(line)

    async def _let_go(self, pod: Running) -> None:
        await asyncio.sleep(self.stop_after_s)
        for one in pod.containers:
            self._logs.end(pod.name, one)
        only = {"preconditions": {"uid": pod.uid}, "gracePeriodSeconds": 0}
        with contextlib.suppress(_Gone):
            await self._call("DELETE", f"{self._pods_at}/{pod.name}", only)

    async def _report(self, pod: Running) -> None:
        containers = list(pod.containers.values())
        pod.conditions = podstatus.conditions(containers, pod.conditions)
        status = {
            "phase": podstatus.phase(containers, pod.restarted),
            "conditions": list(pod.conditions.values()),
            "containerStatuses": [one.report() for one in containers],
            **{"hostIP": "127.0.0.1", "podIP": pod.address, "podIPs": [{"ip": pod.address}]},
            "startTime": pod.conditions["PodScheduled"]["lastTransitionTime"],
        }
        await self._call("PATCH", f"{self._pods_at}/{pod.name}/status", {"status": status})

    async def _event(self, pod: Running, reason: str, message: str) -> None:
        what = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "namespace": self.namespace, "uid": pod.uid}
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"generateName": f"{pod.name}."}, "type": "Warning"}
        event |= {"involvedObject": what, "reason": reason, "message": message, "count": 1}
        event |= {"source": {"component": "kubelet", "host": self.node}, "lastTimestamp": podstatus.now()}
        await self._call("POST", f"/api/v1/namespaces/{self.namespace}/events", event)

    # Orders and logs.

    async def _order(self, pod: str, container: str | None, order: tuple[str, Any]) -> None:
        running = self._pods[pod]
        await running.orders[container or next(iter(running.containers))].put(order)

    async def _write(self, pod: str, container: str | None, lines: tuple[str, ...]) -> None:
        run = self._logs.runs[pod, container or next(iter(self._pods[pod].containers))][-1]
        for line in lines:
            run.write(line)

    async def _log(self, request: Request) -> Response:
        namespace, name, container = (request.path_params[one] for one in ("namespace", "pod", "container"))
        pod = self._pods.get(name)
        if pod is None or namespace != self.namespace:
            return PlainTextResponse(f'pod "{name}" does not exist', 404)
        if container not in pod.containers:
            return PlainTextResponse(f'container "{container}" not found in pod "{name}"', 404)
        waits = pod.containers[container].state.get("waiting", {}).get("reason", "")
        found = self._logs.find(name, container, request.query_params.get("previous") == "true", waits)
        if isinstance(found, str):
            return PlainTextResponse(found, 400)
        read: AsyncIterator[bytes] = found.read(request.query_params)
        return StreamingResponse(read, media_type="text/plain")


class _Gone(Exception):
    """The pod is no more, or its container will not run again."""


def _end(pod: Running) -> None:
    for task in pod.tasks:
        task.cancel()
