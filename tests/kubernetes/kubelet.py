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
from tests.kubernetes.podlife import Gone, PodLife
from tests.kubernetes.podlogs import Logs

FILES = {"cert": "pem", "key": "key"}


class Kubelet:
    """`ready_after_s`, `stop_after_s` and `backoff_s` may be set by a test at any time."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace, self.node = namespace, f"node-{namespace}"
        self.ready_after_s, self.stop_after_s, self.backoff_s = 0.1, 0.1, 0.5
        self._kubeconfig, self.pods_at = kubeconfig, f"/api/v1/namespaces/{namespace}/pods"
        self.told: dict[str, str] = {}
        self.said: dict[str, tuple[str, ...]] = {}
        self._pods: dict[str, PodLife] = {}
        self.logs = Logs()
        self._addresses = itertools.count(2)
        self._up, self._failed = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(target=self._run, name=self.node, daemon=True)

    # What a test says. These may be called from any thread.

    def behave(self, image: str, word: str) -> None:
        """All containers of this image in pods that are made from now on behave so: see `behaviour.WORDS`."""
        assert behaviour.read(word), f"{word!r} is no behaviour; known are {', '.join(behaviour.WORDS)}"
        self.told[image] = word

    def prints(self, image: str, *lines: str) -> None:
        """All containers of this image print these lines whenever they start."""
        self.said[image] = lines

    def write(self, pod: str, *lines: str, container: str | None = None) -> None:
        """The container, or the pod's first, prints these lines now."""
        self._wait(self._write(pod, container, lines))

    def crash(self, pod: str, code: int = 1, reason: str = "Error", container: str | None = None) -> None:
        """The container ends, and is started again as its pod's restart policy says. OOM: 137 and "OOMKilled"."""
        self._wait(self._order(pod, container, "crash", (code, reason)))

    def ready(self, pod: str, is_ready: bool, container: str | None = None) -> None:
        """The answer of the container's readiness probe from now on."""
        self._wait(self._order(pod, container, "ready", is_ready))

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
                pod.end()
            for task in (watching, stopping):
                task.cancel()
            server.should_exit = server.force_exit = True
            done = await asyncio.gather(serving, watching, return_exceptions=True)
            with contextlib.suppress(Gone):
                await self.call("DELETE", self.pods_at, params={"gracePeriodSeconds": "0"})
            with contextlib.suppress(Gone):
                await self.call("DELETE", f"/api/v1/nodes/{self.node}")
            self._failed += [one for one in done if isinstance(one, Exception)]

    async def _register(self, port: int) -> None:
        meta = {"name": self.node, "labels": {"kubernetes.io/hostname": self.node}}
        await self.call("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": meta})
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting"}
        room = {"cpu": "64", "memory": "256Gi", "pods": "500"}
        status = {
            "conditions": [{**ready, "lastHeartbeatTime": podstatus.now(), "lastTransitionTime": podstatus.now()}],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            **{"capacity": room, "allocatable": room},
        }
        await self.call("PATCH", f"/api/v1/nodes/{self.node}/status", {"status": status})

    async def call(self, method: str, place: str, body: Object | None = None, **more: Any) -> None:
        """What is no more, or may not begin in a namespace that is ending, is `Gone`."""
        kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
        given: Object = {} if body is None else {"content": json.dumps(body), "headers": {"content-type": kind}}
        answer = await self._api.request(method, place, **given, **more)
        while method == "PATCH" and answer.status_code == 409:  # others wrote to it at the same time
            answer = await self._api.request(method, place, **given, **more)
        if answer.status_code in (404, 409) or "being terminated" in answer.text:
            raise Gone(answer.text)
        if answer.is_error:
            raise RuntimeError(f"{method} {place}: {answer.status_code} {answer.text[:1000]}")

    async def _watch(self) -> None:
        while True:
            timeout = httpx.Timeout(20, read=None)
            async with self._api.stream("GET", self.pods_at, params={"watch": "true"}, timeout=timeout) as answer:
                answer.raise_for_status()
                async for line in answer.aiter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break  # its place in the history is no longer kept: from the present state again
                    self._see(event["type"], event["object"])

    def _see(self, what: str, pod: Object) -> None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        known = self._pods.get(name)
        if known is not None and (known.uid != uid or what == "DELETED"):
            self._pods.pop(name).end()
            known = None
        if what == "DELETED":
            return
        deleted = "deletionTimestamp" in pod["metadata"]
        if known is None:
            self.logs.forget(name)
            known = self._pods[name] = PodLife(self, pod, next(self._addresses), self._note)
            if not deleted:
                known.begin()
        if deleted:
            known.leave()

    def _note(self, failed: BaseException) -> None:
        self._failed.append(failed)
        self._stopping.set()

    # Orders and logs.

    async def _order(self, pod: str, container: str | None, what: str, given: Any) -> None:
        self._pods[pod].order(container, what, given)

    async def _write(self, pod: str, container: str | None, lines: tuple[str, ...]) -> None:
        run = self.logs.runs[pod, container or next(iter(self._pods[pod].containers))][-1]
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
        found = self.logs.find(name, container, request.query_params.get("previous") == "true", waits)
        if isinstance(found, str):
            return PlainTextResponse(found, 400)
        read: AsyncIterator[bytes] = found.read(request.query_params)
        return StreamingResponse(read, media_type="text/plain")
