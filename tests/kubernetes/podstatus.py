"""What a kubelet reports of a pod, as values: the words are those of Kubernetes' own kubelet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Container:
    """One container of a pod, as it is now."""

    name: str
    image: str
    state: dict[str, Any] = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: dict[str, Any] = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    id: str = ""

    def runs(self) -> None:
        self.id = f"containerd://{self.name}-{self.restarts}"
        self.state, self.ready = {"running": {"startedAt": now()}}, False

    def waits(self, reason: str, message: str) -> None:
        self.state, self.ready = {"waiting": {"reason": reason, "message": message}}, False

    def ended(self, code: int, reason: str) -> None:
        began = self.state.get("running", {}).get("startedAt", now())
        how = {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": now(), "containerID": self.id}
        self.state, self.ready = {"terminated": how}, False

    def backs_off(self, pod: str, namespace: str, uid: str) -> None:
        """The one that ended becomes the last one; the next waits for its turn."""
        if "terminated" in self.state:
            self.last = self.state
        for_pod = f"restarting failed container={self.name} pod={pod}_{namespace}({uid})"
        self.waits("CrashLoopBackOff", f"back-off 10s {for_pod}")

    def again(self) -> None:
        if "terminated" in self.state:
            self.last = self.state
        self.restarts += 1
        self.runs()

    def report(self) -> dict[str, Any]:
        given = {"name": self.name, "image": self.image, "ready": self.ready, "restartCount": self.restarts}
        pulled = {"containerID": self.id, "imageID": f"{self.image}@sha256:{'0' * 64}"} if self.id else {"imageID": ""}
        return {**given, **pulled, "state": self.state, "lastState": self.last, "started": "running" in self.state}


def phase(containers: list[Container], restarted: bool) -> str:
    """`restarted`: by the pod's restart policy, those that ended begin anew."""
    if any(not one.id for one in containers):
        return "Pending"
    ends = [one.state.get("terminated") for one in containers]
    if restarted or not all(ends):
        return "Running"
    return "Succeeded" if all(one["exitCode"] == 0 for one in ends if one) else "Failed"


def conditions(containers: list[Container], before: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By type. One that did not change keeps the time of its last change."""
    unready = [one.name for one in containers if not one.ready]
    why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(unready)}]"}
    ready = {"status": "False", **why} if unready else {"status": "True"}
    wanted = {"PodScheduled": {"status": "True"}, "PodReadyToStartContainers": {"status": "True"}}
    wanted |= {"Initialized": {"status": "True"}, "ContainersReady": ready, "Ready": ready}
    said = {}
    for kind, one in wanted.items():
        old = before.get(kind)
        since = old["lastTransitionTime"] if old and old["status"] == one["status"] else now()
        # An absent field of a patch stays as it was: what is no longer so must be said.
        said[kind] = {"reason": None, "message": None, **one, "type": kind, "lastTransitionTime": since}
    return said
