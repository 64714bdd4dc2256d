"""The logs of a cluster's pods, found by their labels, each container followed across its restarts."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime

from pydantic import Field

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Piece
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.kubernetes import Cluster, ClusterOptions, Kind
from pilotage.drivers.kubernetes.cluster import Object
from pilotage.drivers.kubernetes.workloads import POD, part, trouble
from pilotage.drivers.logs.container import ContainerLog, run_of
from pilotage.drivers.logs.cursors import PIECE, Cursors
from pilotage.drivers.logs.newest import Newest
from pilotage.drivers.logs.podlines import Reached
from pilotage.drivers.logs.podpast import earlier
from pilotage.drivers.logs.troubles import Troubles

BUDGET = 8 * 1024 * 1024
_AT_ONCE = 4
_LOG = Kind("", "v1", "Pod", "pods", "log")
_DEFAULT = "kubectl.kubernetes.io/default-container"
_FINISHED = ("Succeeded", "Failed")


class KubernetesLogs:
    class Options(ClusterOptions):
        selector: dict[str, str] = Field(
            min_length=1, description="labels that all its pods have, such as {app: payment, track: canary}"
        )
        container: str | None = Field(
            default=None, min_length=1, description="whose log; not needed where a pod has one only, or a default"
        )
        most: int = Field(default=50, ge=1, le=500, description="so many pods are followed at once; more are said")
        past_timeout_s: float = Field(default=60.0, gt=0, description="reading the past ends after that many seconds")

    def __init__(self, options: Options, context: Context, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds."""
        self._options = options
        self._clock = clock
        self._cluster = Cluster(options, context)
        what = [str(options.kubeconfig), options.context, options.namespace, options.selector, options.container]
        mark = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
        self._mark = f"kubernetes#{mark}/"
        self._cursors = Cursors(context.state / "logs" / f"{mark}.cursors")
        self._labels = ", ".join(f"{name}={value}" for name, value in options.selector.items())
        self._followed: dict[str, ContainerLog] = {}
        """By stream: the pod's uid and the container."""
        self._places: dict[str, int] = {}
        """As stored before a restart, until the first look."""
        self._begun = ""
        """When the first look was, as the API writes instants; pods born later are read from their beginning."""
        self._added = False
        """A log whose beginning is not kept yet: without that a restart would not know it."""
        self._turn = 0
        self._failed = False
        self._ready: list[Piece] = []
        self._troubles = Troubles()
        self._allowed = False
        self._closed = False

    async def read(self) -> list[Piece]:
        """A call that is cancelled or fails loses nothing: what it found is handed out by the next, as it is."""
        if self._closed:
            return []
        if self._size() < BUDGET and not (self._failed and self._ready):
            self._failed = True
            pods = await self._look()
            self._turn += 1
            turn = self._turn % max(1, len(pods))
            errors = await self._each(pods[turn:] + pods[:turn])
            self._collect()
            if errors:
                raise errors[0]
        self._failed = False
        return self._hand_out()

    def continue_at(self, places: Mapping[str, int]) -> None:
        self._places = {stream: place for stream, place in places.items() if stream.startswith(self._mark)}

    async def past(self, seconds: float, limit: int) -> AsyncIterator[Piece]:
        """Container by container, each with an equal share of `limit`; what one leaves is the others'."""
        deadline = time.monotonic() + self._options.past_timeout_s
        start = int(self._clock() - seconds)
        pods = await self._look()
        errors = await self._each(pods)
        for number, (pod, log) in enumerate(pods):
            newest = Newest(limit // (len(pods) - number))
            try:
                if log.origin is not None and not await earlier(
                    log.ask, run_of(pod, log.container), start, log.origin, newest, deadline
                ):
                    limit_s = self._options.past_timeout_s
                    self._troubles.say(("past", ""), f"the cluster did not give all the past within {limit_s:g} s")
            except DriverError as error:
                errors.append(error)
            while data := newest.take():
                begin, limit = newest.place - len(data), limit - len(data)
                for at in range(0, len(data), PIECE):
                    yield Piece(f"{log.stream}-past", log.name, begin + at, data[at : at + PIECE])
            yield Piece(f"{log.stream}-past", log.name, newest.place, b"", ended=True)
        if errors:
            raise errors[0]

    def troubles(self) -> list[str]:
        return self._troubles.new()

    async def probe(self) -> str:
        """Raises TemporaryError while there is no pod, PermanentError when no pod has the container."""
        pods = await self._pods()
        if not self._allowed:
            await self._cluster.check_right("list", POD)
            await self._cluster.check_right("get", _LOG)
            self._allowed = True
        where = f"{await self._cluster.who()}, namespace {await self._cluster.namespace()}"
        if not pods:
            raise TemporaryError(f"{where}: no pod has the labels {self._labels}; are they right?")
        names = {name for pod in pods if (name := self._container(pod))}
        if not names:
            has = listed(sorted({name for pod in pods for name in _containers(pod)}))
            raise PermanentError(f"{where}: no pod has a container {self._options.container}, they have {has}")
        return f"{where}: {len(pods)} pod(s) with the labels {self._labels}, container {listed(sorted(names))}"

    async def close(self) -> None:
        self._closed = True
        self._cursors.keep(at_once=True)
        await self._cluster.close()

    # ------------------------------------------------------------- the pods

    async def _pods(self) -> list[Object]:
        """The oldest first."""
        pods = await self._cluster.list(POD, labels=self._options.selector)
        return sorted(pods, key=lambda pod: str(part(pod, "metadata").get("creationTimestamp")))

    async def _look(self) -> list[tuple[Object, ContainerLog]]:
        """The pods that are followed now, with their logs."""
        pods = {self._stream(pod, name): pod for pod in await self._pods() if (name := self._container(pod))}
        if not self._begun:
            self._first_look(pods)
        self._end_gone(pods)
        for stream, pod in pods.items():
            if stream not in self._followed and not self._was_over(pod) and self._has_room(len(pods)):
                self._add(stream, pod).begin(Reached(0))
        for pod in pods.values():
            self._note(pod)
        return [(pods[stream], log) for stream, log in self._followed.items()]

    def _first_look(self, pods: Mapping[str, Object]) -> None:
        """Nothing of it waits: were it cancelled, some pods would be taken for new ones."""
        begun = f"{self._mark}begun"
        found = self._cursors.before(begun, 0) if self._places else None
        self._begun = found[1] if found else datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._cursors.note(begun, 0, self._begun)
        for stream, place in self._places.items():
            if stream not in pods:
                self._ready.append(Piece(stream, stream, place, b"", ended=True))
                self._cursors.forget(stream)
            elif not self._add(stream, pods[stream]).resume(place):
                said = f"{_name(pods[stream])}: nobody knows any more how far its log was read; it goes on from now"
                self._troubles.say(("lost", stream), said)
        if not self._places:
            for stream, pod in pods.items():
                if not self._was_over(pod) and self._has_room(len(pods)):
                    self._add(stream, pod)
        self._places = {}

    def _add(self, stream: str, pod: Object) -> ContainerLog:
        container, name = stream.rpartition("/")[2], _name(pod)

        async def ask(params: dict[str, str]) -> bytes:
            return await self._cluster.log(name, {"container": container, **params})

        def say(key: str, text: str) -> None:
            self._troubles.say((key, stream), text)

        log = ContainerLog(self._cursors, stream, f"{name}/{container}", container, ask, say)
        self._followed[stream], self._added = log, True
        return log

    def _end_gone(self, pods: Mapping[str, Object]) -> None:
        for stream in [one for one in self._followed if one not in pods]:
            log = self._followed.pop(stream)
            self._ready += [*log.take_ready(), log.ended()]
            if not log.over:
                said = f"{log.name} was removed between two looks: its last lines may be missing"
                self._troubles.say(("gone", ""), said)

    def _has_room(self, there: int) -> bool:
        most = self._options.most
        if len(self._followed) < most:
            return True
        self._troubles.say(("most", ""), f"{there} pods have the labels {self._labels}: {most} are followed (`most`)")
        return False

    def _was_over(self, pod: Object) -> bool:
        """It had ended before the first look."""
        born = str(part(pod, "metadata").get("creationTimestamp"))
        return part(pod, "status").get("phase") in _FINISHED and born < self._begun

    def _note(self, pod: Object) -> None:
        name, status = _name(pod), part(pod, "status")
        said = trouble(pod)
        if status.get("reason") == "Evicted":
            said = f"it was evicted: {one_line(str(status.get('message') or 'no reason is given'), 200)}"
        if said:
            self._troubles.say((name, re.sub(r"\d+", "", said.partition(":")[0])), f"{name}: {said}")

    def _container(self, pod: Object) -> str | None:
        """Whose log; None where the pod has no such container. Raises PermanentError where it could be several."""
        names, wanted = _containers(pod), self._options.container
        default = part(part(pod, "metadata"), "annotations").get(_DEFAULT)
        name = wanted or default or (names[0] if len(names) == 1 else None)
        if name is None:
            raise PermanentError(
                f"the pod {_name(pod)} has the containers {listed(names)}: say whose log (`container`)"
            )
        if name in names:
            return str(name)
        said = f"{_name(pod)} has no container {name}, but {listed(names)}: it is not followed"
        self._troubles.say(("container", _name(pod)), said)
        return None

    def _stream(self, pod: Object, container: str) -> str:
        return f"{self._mark}{part(pod, 'metadata').get('uid')}/{container}"

    # ------------------------------------------------------------- their logs

    async def _each(self, pods: Sequence[tuple[Object, ContainerLog]]) -> list[DriverError]:
        """Reads a few at a time side by side; the errors, none of which keeps the others' logs from being read."""
        few = asyncio.Semaphore(_AT_ONCE)

        async def one(pod: Object, log: ContainerLog) -> DriverError | None:
            async with few:
                if self._size() >= BUDGET or self._closed:
                    return None
                try:
                    await log.read(run_of(pod, log.container))
                except DriverError as error:
                    return error
                return None

        errors = await asyncio.gather(*(one(pod, log) for pod, log in pods))
        self._cursors.keep(at_once=self._added)
        self._added = False
        return [error for error in errors if error is not None]

    def _size(self) -> int:
        logs = [self._ready, *(log.ready for log in self._followed.values())]
        return sum(len(piece.data) for pieces in logs for piece in pieces)

    def _hand_out(self) -> list[Piece]:
        """About as much as a call may give; the rest waits."""
        pieces, size = list[Piece](), 0
        while self._ready and size < BUDGET:
            pieces.append(self._ready.pop(0))
            size += len(pieces[-1].data)
        return pieces

    def _collect(self) -> None:
        for log in self._followed.values():
            self._ready += log.take_ready()


def _name(pod: Object) -> str:
    return str(part(pod, "metadata").get("name"))


def _containers(pod: Object) -> list[str]:
    """Without those that only help, which are its init containers (also where they run on: sidecars)."""
    rows = part(pod, "spec").get("containers")
    return [str(one.get("name")) for one in rows if isinstance(one, dict)] if isinstance(rows, list) else []
