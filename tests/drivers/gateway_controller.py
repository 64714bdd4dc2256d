"""What a Gateway's controller does for a route: it notes in the route's status which generation it has seen.

As the Gateway API's reference says of RouteParentStatus: a controller writes the conditions Accepted and ResolvedRefs,
each with the generation that it looked at. ResolvedRefs is False, with the reason BackendNotFound, when a Service of
the route is not there.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

NAME = "tests.example.org/controller"
_GROUP = "/apis/gateway.networking.k8s.io/v1"


@dataclass
class Controller:
    """For one namespace. `refuses` a reason: routes are not accepted. `asleep`: it sees nothing any more."""

    api: httpx.Client
    namespace: str
    kind: str = "httproutes"
    refuses: str = ""
    others: list[Any] = field(default_factory=list)
    """What other controllers note."""
    asleep: threading.Event = field(default_factory=threading.Event)
    busy: threading.Lock = field(default_factory=threading.Lock)
    delay_s: float = 0.0
    noted: int = 0

    def fall_asleep(self) -> None:
        """After the look that it may be at."""
        self.asleep.set()
        with self.busy:
            pass

    @property
    def _routes(self) -> str:
        return f"{_GROUP}/namespaces/{self.namespace}/{self.kind}"

    def look(self) -> None:
        there = self.api.get(f"/api/v1/namespaces/{self.namespace}/services").json().get("items", [])
        services = {one["metadata"]["name"] for one in there}
        for route in self.api.get(self._routes).json().get("items", []):
            wanted = [self._parent(route, ref, services) for ref in route["spec"].get("parentRefs", [])]
            wanted += self.others
            if (route.get("status") or {}).get("parents") != wanted:
                time.sleep(self.delay_s)
                body = {"status": {"parents": wanted}}
                place = f"{self._routes}/{route['metadata']['name']}/status"
                headers = {"content-type": "application/merge-patch+json"}
                self.api.patch(place, content=json.dumps(body), headers=headers).raise_for_status()
                self.noted += 1

    def _parent(self, route: Any, ref: Any, services: set[str]) -> Any:
        named = {
            one["name"]
            for rule in route["spec"].get("rules", [])
            for one in [*rule.get("backendRefs", []), *_mirrors(rule)]
        }
        missing = sorted(named - services)
        accepted = ("False", self.refuses, "said the test") if self.refuses else ("True", "Accepted", "")
        resolved = ("False", "BackendNotFound", f"no Service {missing[0]}") if missing else ("True", "ResolvedRefs", "")
        generation = route["metadata"]["generation"]
        conditions = [
            {
                **{"type": kind, "status": status, "reason": reason, "message": message},
                **{"observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z"},
            }
            for kind, (status, reason, message) in (("Accepted", accepted), ("ResolvedRefs", resolved))
        ]
        return {"parentRef": ref, "controllerName": NAME, "conditions": conditions}


def _mirrors(rule: Any) -> list[Any]:
    return [one["requestMirror"]["backendRef"] for one in rule.get("filters", []) if "requestMirror" in one]


@contextmanager
def serving(api: httpx.Client, namespace: str, **how: Any) -> Iterator[Controller]:
    controller, ended = Controller(api, namespace, **how), threading.Event()

    def work() -> None:
        while not ended.wait(0.02):
            with controller.busy:
                if not controller.asleep.is_set():
                    # The route is gone, or the cluster is about to be: the next look shows it.
                    with contextlib.suppress(httpx.HTTPError):
                        controller.look()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield controller
    finally:
        ended.set()
        thread.join()
