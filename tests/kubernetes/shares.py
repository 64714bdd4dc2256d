"""The canary's share of the requests, as a data plane would give it that did at once what the cluster's objects say.

A stand-in: there is no data plane, and nobody sends requests. But what is counted follows nothing but the objects.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby
from typing import Any

import httpx

from tests.drivers.gateway_controller import Controller
from tests.kubernetes.access import Access, Object
from tests.kubernetes.watching import Seen, Watching, watching

GATEWAY = "/apis/gateway.networking.k8s.io/v1"


def split(rows: list[Object], canary: str) -> float:
    """Of the first rule that has the canary beside others: its percent of the weights."""
    for row in rows:
        refs = row.get("backendRefs") or row.get("route") or []
        weights = {_named(ref): ref.get("weight", 0) for ref in refs}
        if canary in weights and len(weights) > 1:
            return float(100 * weights[canary] / sum(weights.values()))
    raise AssertionError(f"no rule with {canary} and another")


def _named(ref: Object) -> str:
    return str(ref.get("name") or ref["destination"].get("subset") or ref["destination"]["host"])


class Split:
    """A route or a VirtualService. `share` is what its controller has acknowledged; `acknowledges`: there is one."""

    def __init__(self, seen: Watching, name: str, canary: str, acknowledges: bool = True) -> None:
        self._seen, self._name, self._canary, self._acknowledges = seen, name, canary, acknowledges
        self.awake = threading.Event()
        """While it is not set the Gateway's controller sees nothing."""
        self.awake.set()

    def share(self) -> float:
        return next(self._weight(one.object) for one in reversed(self._states()) if self._counts(one.object))

    @property
    def weight(self) -> float:
        """As it is written, acknowledged or not."""
        return self._weight(self.object)

    def weights(self) -> list[float]:
        """Those it has had, in order, whether acknowledged or not; one that was written twice running counts once."""
        return [weight for weight, _ in groupby(self._weight(one.object) for one in self._states())]

    def since(self, weight: float) -> float:
        """When it got this weight for the last time (`time.monotonic`)."""
        states = self._states()
        last = max(place for place, one in enumerate(states) if self._weight(one.object) == weight)
        while last > 0 and self._weight(states[last - 1].object) == weight:
            last -= 1
        return states[last].at

    @property
    def object(self) -> Object:
        return self._seen.now[self._name]

    def _states(self) -> list[Seen]:
        return [one for one in list(self._seen.past) if one.name == self._name]

    def _weight(self, found: Object) -> float:
        return split(found["spec"].get("rules") or found["spec"]["http"], self._canary)

    def _counts(self, found: Object) -> bool:
        if not self._acknowledges:
            return True
        conditions = [one for parent in (found.get("status") or {}).get("parents", []) for one in parent["conditions"]]
        generation = found["metadata"]["generation"]
        return bool(conditions) and all(one["observedGeneration"] == generation for one in conditions)


@contextmanager
def route(
    cluster: Access, namespace: str, name: str, canary: str, programs: Callable[[float], None] = lambda weight: None
) -> Iterator[Split]:
    """An HTTPRoute with a Gateway's controller that notes each change of it at once, while `awake` is set.

    `programs` brings a weight into force, before that is noted.
    """
    ended = threading.Event()
    with watching(cluster, f"{GATEWAY}/namespaces/{namespace}/httproutes") as seen, httpx.Client(**cluster.how) as api:
        one, changed = Split(seen, name, canary), threading.Event()
        controller = Controller(api, namespace)

        def work() -> None:
            while not ended.is_set():
                if changed.wait(0.1) and one.awake.is_set() and name in seen.now:
                    changed.clear()
                    try:
                        programs(one.weight)
                        controller.look()
                    except httpx.HTTPError:  # the namespace is on its way out, or somebody changed it just then
                        changed.set()
                        ended.wait(0.05)

        seen.told.append(changed.set)
        changed.set()
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            cluster.until(f"{GATEWAY}/namespaces/{namespace}/httproutes/{name}", one._counts)
            yield one
        finally:
            ended.set()
            thread.join()


@contextmanager
def virtual_service(cluster: Access, namespace: str, name: str, canary: str) -> Iterator[Split]:
    place = f"/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices"
    with watching(cluster, place) as seen:
        yield Split(seen, name, canary, acknowledges=False)


class Endpoints:
    """A Service: requests go to its ready endpoints alike. The canary's are the pods with its image."""

    def __init__(self, slices: Watching, pods: Watching, image: str) -> None:
        self._slices, self._pods, self._image = slices, pods, image
        self._last = 0.0
        self.past: list[float] = []
        """The shares it had, in order."""

    def share(self) -> float:
        ready = [
            end["targetRef"]["name"]
            for one in self._slices.now.values()
            for end in one.get("endpoints") or []
            if end["conditions"].get("ready")
        ]
        images = [self._images()[name] for name in ready if name in self._images()]
        if images:  # else nobody answers: no request of either is counted as well or failed
            self._last = 100 * images.count(self._image) / len(images)
        return self._last

    def note(self) -> None:
        now = self.share()
        if not self.past or self.past[-1] != now:
            self.past.append(now)

    def _images(self) -> dict[str, str]:
        seen: dict[str, Any] = self._pods.now
        return {name: pod["spec"]["containers"][0]["image"] for name, pod in seen.items()}


@contextmanager
def endpoints(cluster: Access, namespace: str, service: str, image: str) -> Iterator[Endpoints]:
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    with ExitStack() as stack:
        pods = stack.enter_context(watching(cluster, f"/api/v1/namespaces/{namespace}/pods"))
        label = f"kubernetes.io/service-name={service}"
        found = stack.enter_context(watching(cluster, slices, labelSelector=label))
        one = Endpoints(found, pods, image)
        found.told.append(one.note)
        yield one
