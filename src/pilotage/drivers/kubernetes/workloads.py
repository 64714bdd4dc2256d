"""Deployments, StatefulSets and DaemonSets: how far a change of them has come, and what keeps it, in plain words.

As `kubectl rollout status` decides it (kubernetes.io/docs/concepts/workloads/controllers/deployment).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.kinds import Kind

KINDS = {
    "deployment": Kind("apps", "v1", "Deployment", "deployments"),
    "statefulset": Kind("apps", "v1", "StatefulSet", "statefulsets"),
    "daemonset": Kind("apps", "v1", "DaemonSet", "daemonsets"),
}
POD = Kind("", "v1", "Pod", "pods")
_AGAIN = 2
"""So many restarts are more than a bad start."""


def containers(found: Object) -> list[dict[str, Any]]:
    """Of its pods' template; empty when that is not as it should be."""
    spec = part(part(part(found, "spec"), "template"), "spec")
    rows = spec.get("containers")
    return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []


def place_of(found: Object, container: str | None, what: str) -> int:
    """Where the container stands. Raises PermanentError when there is none of that name, or several and none named."""
    names = [str(one.get("name")) for one in containers(found)]
    if container is None and len(names) == 1:
        return 0
    if container is None:
        raise PermanentError(f"{what} has the containers {listed(names)}: say which one gets the image (`container`)")
    if container not in names:
        raise PermanentError(f"{what} has no container {container}, but {listed(names) or 'none at all'}")
    return names.index(container)


def labels(found: Object, what: str) -> Mapping[str, str]:
    """What its pods are found by. Raises PermanentError for a selector that is more than labels."""
    selector = part(part(found, "spec"), "selector")
    given = selector.get("matchLabels")
    if selector.get("matchExpressions") or not isinstance(given, dict) or not given:
        raise PermanentError(f"{what} finds its pods by more than labels: that is not known here")
    return {str(name): str(value) for name, value in given.items()}


def replicas(found: Object) -> int:
    """The number wanted; Kubernetes' default is 1."""
    return number(part(found, "spec"), "replicas", 1)


def available(found: Object) -> int:
    """So many pods are ready, by what its controller has noted of it as it is now."""
    return 0 if _is_behind(found) else number(part(found, "status"), "availableReplicas")


def awaited(found: Object) -> str:
    """What is still to come, as a clause; empty when every pod is of the new version, ready, and no other is left."""
    status = part(found, "status")
    if _is_behind(found):
        return "its controller has not seen the change yet"
    kind = found.get("kind")
    if kind == "DaemonSet":
        wanted = number(status, "desiredNumberScheduled")
        return _behind(wanted, number(status, "updatedNumberScheduled"), number(status, "numberAvailable"))
    wanted = replicas(found)
    if kind == "StatefulSet":
        kept = number(part(part(part(found, "spec"), "updateStrategy"), "rollingUpdate"), "partition")
        # Where both are the same there is only one version, for the pods below the partition as well.
        kept = 0 if status.get("currentRevision") == status.get("updateRevision") else kept
        due = max(0, wanted - kept)
        return (
            _behind(due, number(status, "updatedReplicas"), due)
            or _behind(wanted, wanted, number(status, "availableReplicas"))
            or _beyond(wanted, number(status, "replicas"))
        )
    updated = number(status, "updatedReplicas")
    old = number(status, "replicas") - updated
    if old > 0 and updated >= wanted:
        return f"{old} pod{'s' if old != 1 else ''} of before still end{'s' if old == 1 else ''}"
    return _behind(wanted, updated, number(status, "availableReplicas")) or _beyond(wanted, number(status, "replicas"))


def given_up(found: Object, before: Object) -> str:
    """Why Kubernetes itself has given up; empty when it has not. `before` is the object as the change left it: what its
    controller had noted until then is about an earlier change, and stays there until this one makes progress."""
    stale = _noted(before) if _is_behind(before) else []
    for one in _noted(found):
        late = one.get("type") == "Progressing" and one.get("reason") == "ProgressDeadlineExceeded"
        if late and one not in stale:
            limit = number(part(found, "spec"), "progressDeadlineSeconds", 600)
            return f"it made no progress for {limit} s (its progressDeadlineSeconds)"
    return ""


def hindered(found: Object) -> str:
    """Why no pod can be made now, such as a quota; empty when nothing hinders. Kubernetes tries again by itself."""
    for one in _noted(found):
        if one.get("type") == "ReplicaFailure" and one.get("status") == "True":
            return f"its pods cannot be made: {one_line(str(one.get('message') or one.get('reason') or ''), 200)}"
    return ""


def trouble(pod: Object) -> str:
    """What keeps a pod from starting, as a person would say it; empty when nothing does."""
    status = part(pod, "status")
    rows = [*_rows(status, "initContainerStatuses"), *_rows(status, "containerStatuses")]
    for one in rows:
        waiting = part(part(one, "state"), "waiting")
        reason, said = str(waiting.get("reason") or ""), one_line(str(waiting.get("message") or ""), 200)
        image = one_line(str(one.get("image") or "its image"), 120)
        if reason in ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable"):
            return f"the image {image} cannot be pulled: {said or reason}"
        if reason == "InvalidImageName":
            return f"{image} is no image's name"
        if reason in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
            return f"its container cannot be made: {said or reason}"
        now, count = part(part(one, "state"), "terminated"), number(one, "restartCount")
        ended = now or part(part(one, "lastState"), "terminated")
        failed = number(ended, "exitCode") != 0
        # Between two crashes it runs: that it has not got ready since the last one is no good sign.
        again = failed and count >= _AGAIN and one.get("ready") is not True
        if again or reason == "CrashLoopBackOff":
            return f"it crashes again and again ({count} restarts): {_ended(ended)}"
        if now and failed:
            return f"it crashed: {_ended(ended)}"
    return ""


def unscheduled(pod: Object) -> str:
    """Why it has no node yet; empty when it has. A cluster that grows by itself takes minutes for one more."""
    for one in _rows(part(pod, "status"), "conditions"):
        if one.get("type") == "PodScheduled" and one.get("reason") == "Unschedulable":
            return f"no node can take it: {one_line(str(one.get('message') or ''), 200)}"
    return ""


def in_order(found: Object) -> bool:
    """A StatefulSet that changes no pod while another one has not started, be it one that is to be replaced."""
    return found.get("kind") == "StatefulSet" and part(found, "spec").get("podManagementPolicy") != "Parallel"


def ready(pod: Object) -> bool:
    rows = _rows(part(pod, "status"), "conditions")
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in rows)


def unready(pod: Object) -> str:
    running = part(pod, "status").get("phase") == "Running"
    return "it runs, and its readiness probe does not answer" if running and not ready(pod) else ""


def leaving(pod: Object) -> bool:
    return "deletionTimestamp" in part(pod, "metadata")


def image_of(pod: Object, container: str) -> str:
    rows = part(pod, "spec").get("containers")
    found = [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []
    return next((str(one.get("image")) for one in found if one.get("name") == container), "")


def is_image(there: str, wanted: str) -> bool:
    """Admission policies may add the digest that the tag has."""
    return there == wanted or there.startswith(f"{wanted}@sha256:")


def part(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A mapping within; an empty one where there is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def number(found: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _is_behind(found: Object) -> bool:
    """Its status is from before its last change."""
    return number(part(found, "status"), "observedGeneration") < number(part(found, "metadata"), "generation")


def _noted(found: Object) -> list[dict[str, Any]]:
    return _rows(part(found, "status"), "conditions")


def _rows(status: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = status.get(name)
    return [one for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []


def _behind(wanted: int, updated: int, available: int) -> str:
    if updated < wanted:
        return f"{updated} of {wanted} pods are of the new version"
    return f"{available} of {wanted} pods are ready" if available < wanted else ""


def _beyond(wanted: int, there: int) -> str:
    return f"{there} pods are there, {wanted} are wanted" if there > wanted else ""


def _ended(terminated: Mapping[str, Any]) -> str:
    if terminated.get("reason") == "OOMKilled":
        return "it was killed, as it took more memory than its limit"
    said = one_line(str(terminated.get("message") or ""), 150)
    code = terminated.get("exitCode")
    return f"exit code {code}" + (f": {said}" if said else ", see its log (kubectl logs --previous)")
