"""Why a task of Amazon ECS stopped, in plain words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pilotage.drivers.answers import listed, one_line

_KILLED = 137
_BY_ITSELF = ("ServiceSchedulerInitiated", "UserInitiated")
"""What stops a task without its fault, unless its reason tells of a health check."""


def why(tasks: Iterable[Mapping[str, Any]]) -> str:
    """What happened to those that did not stop because they were told to; empty when there are none."""
    reasons = Counter(found for one in tasks if (found := reason(one)))
    shown = [f"{count} x {text}" if count > 1 else text for text, count in reasons.most_common(3)]
    return "; ".join(shown)


def reason(task: Mapping[str, Any]) -> str:
    stopped = one_line(str(task.get("stoppedReason") or ""), 200)
    containers = [one for one in task.get("containers") or () if isinstance(one, Mapping)]
    said = [one_line(str(one.get("reason") or ""), 200) for one in containers]
    everything = " ".join([stopped, *said])
    if "CannotPullContainer" in everything or "CannotPullImageManifest" in everything:
        return (
            f"the image cannot be pulled (is it in the registry, may the execution role pull it?): {_tail(everything)}"
        )
    if "OutOfMemory" in everything:
        return (
            f"{_names(containers, said, 'OutOfMemory')} used more memory than it may (raise `memory`, or find the leak)"
        )
    if "ResourceInitializationError" in everything:
        return f"secrets, logs or network could not be set up for it: {_tail(everything)}"
    if re.search(r"Cannot(Start|Create|Inspect)Container|CannotStart|ContainerRuntime", everything):
        return f"its container could not be started: {_tail(everything)}"
    if re.search(r"failed (container )?health checks|failed ELB health checks|unhealthy", everything, re.IGNORECASE):
        whose = "load balancer's" if "ELB" in everything or "target-group" in everything else "container's"
        return f"its {whose} health check failed: {stopped}"
    if task.get("stopCode") == "EssentialContainerExited" or "Essential container" in stopped:
        ended = [_ended(one) for one in containers if one.get("exitCode") is not None] or ["a container ended"]
        return f"{listed(ended)} (look at its logs)"
    if task.get("stopCode") in _BY_ITSELF:
        return ""
    if task.get("stopCode") == "SpotInterruption":
        return "its Spot capacity was taken away"
    return stopped or (f"{one_line(str(task['stopCode']), 60)}" if task.get("stopCode") else "")


def _ended(container: Mapping[str, Any]) -> str:
    code = container.get("exitCode")
    name = one_line(str(container.get("name")), 60)
    if code == _KILLED:
        return f"{name} was killed (exit code {_KILLED}: out of memory, or too slow to stop)"
    return f"{name} ended with exit code {code}"


def _names(containers: list[Mapping[str, Any]], said: list[str], word: str) -> str:
    return listed([str(one.get("name")) for one, text in zip(containers, said, strict=True) if word in text]) or "it"


def _tail(text: str) -> str:
    """Without the error's own name, which comes first."""
    return one_line(re.sub(r"^.*?(Cannot\w+(Error|Exception)?|ResourceInitializationError):?\s*", "", text), 200)
