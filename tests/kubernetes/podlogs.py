"""Containers' logs, served as a kubelet does: GET /containerLogs/NAMESPACE/POD/CONTAINER.

Query as in Kubernetes' PodLogOptions: follow, previous, sinceSeconds, sinceTime, tailLines, timestamps, limitBytes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice


@dataclass
class Run:
    """The log of one start of a container."""

    lines: list[tuple[datetime, str]] = field(default_factory=list)
    ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, text: str) -> None:
        self.lines.append((datetime.now(UTC), text))
        self._tell()

    def end(self) -> None:
        self.ended = True
        self._tell()

    def _tell(self) -> None:
        told, self.changed = self.changed, asyncio.Event()
        told.set()

    async def read(self, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """The tail is taken first and the times are looked at then, as the real one does."""
        since = _since(query)
        tail = query.get("tailLines")
        place = max(len(self.lines) - int(tail), 0) if tail is not None else 0
        left = int(query["limitBytes"]) if "limitBytes" in query else None
        while True:
            changed, ended = self.changed, self.ended
            for at, text in islice(self.lines, place, None):
                place += 1
                if since is not None and at < since:
                    continue
                stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ") if query.get("timestamps") == "true" else ""
                line = f"{stamp}{text}\n".encode()
                yield line if left is None else line[:left]
                if left is not None and (left := left - len(line)) <= 0:
                    return
            if ended or query.get("follow") != "true":
                return
            await changed.wait()


def _since(query: Mapping[str, str]) -> datetime | None:
    if "sinceTime" in query:
        return datetime.fromisoformat(query["sinceTime"])
    if "sinceSeconds" in query:
        return datetime.now(UTC) - timedelta(seconds=int(query["sinceSeconds"]))
    return None


class Logs:
    """All containers of the pods of one kubelet, by the pod's name and the container's; the last run is the newest."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], list[Run]] = defaultdict(list)

    def begin(self, pod: str, container: str) -> Run:
        self.runs[pod, container].append(Run())
        return self.runs[pod, container][-1]

    def forget(self, pod: str) -> None:
        """Another pod takes its name."""
        for key in [one for one in self.runs if one[0] == pod]:
            del self.runs[key]

    def end(self, pod: str, container: str) -> None:
        if self.runs[pod, container]:
            self.runs[pod, container][-1].end()

    def find(self, pod: str, container: str, previous: bool, waits: str) -> Run | str:
        """The run whose log is asked for, or what the kubelet answers instead. `waits`: why it does not run now."""
        runs = self.runs[pod, container]
        which = f'container "{container}" in pod "{pod}"'
        if previous:
            ended = [one for one in runs if one.ended]
            return ended[-1] if ended else f"previous terminated {which} not found"
        if runs:
            return runs[-1]
        known = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
        return f"{which} is waiting to start: {known.get(waits, waits)}"
