"""Whether those who serve a route of the Gateway API have taken it over: what they note in its status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pilotage.core.errors import PermanentError
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.kubernetes.cluster import Object

_GROUP, _KIND = "gateway.networking.k8s.io", "Gateway"
_MATTER = ("Accepted", "ResolvedRefs")


class Acceptance:
    """`who` is what errors call the route."""

    def __init__(self, route: Object, who: str) -> None:
        self._route, self._who = route, who
        self._generation = _number(route["metadata"].get("generation"))

    @property
    def controllers(self) -> list[str]:
        return list(dict.fromkeys(one_line(str(one.get("controllerName")), 100) for one in self._parents()))

    def check_served(self) -> None:
        """Raises PermanentError when no controller has anything to do with the route."""
        if not self._wanted():
            raise PermanentError(f"{self._who} has no parentRefs: it belongs to no Gateway, so nothing serves it")
        if not self.controllers:
            gateways = listed([f"{one[1]} {one[3]}" for one in self._wanted()])
            raise PermanentError(
                f"nothing serves {self._who}: no controller has noted in its status that it belongs to the {gateways}. "
                "Is there such a Gateway, and is its controller running? (kubectl get gateway,gatewayclass)"
            )

    def behind(self) -> list[str]:
        """The controllers that have not yet looked at the route as it is now. Those that do not say count as up to
        date."""
        return list(dict.fromkeys(str(one.get("controllerName")) for one in self._parents() if self._is_behind(one)))

    def check_accepted(self) -> None:
        """Raises PermanentError, with a controller's words, when none accepts the route; one is enough."""
        refusals = [said for one in self._parents() if (said := self._refused(one, "Accepted"))]
        if refusals and len(refusals) == len(self._parents()):
            raise PermanentError(f"{self._who} is not accepted by {refusals[0]}")

    def check_backends(self) -> None:
        """Raises PermanentError when one cannot find what the route sends requests to."""
        for parent in self._parents():
            if said := self._refused(parent, "ResolvedRefs"):
                raise PermanentError(f"{self._who} has a backend that is not resolved by {said}")

    def _refused(self, parent: Mapping[str, Any], kind: str) -> str:
        for one in _conditions(parent, kind):
            if one.get("status") == "False" and self._is_current(one):
                said = f"{one.get('reason') or 'no reason'}: {one.get('message') or 'no message'}"
                return f"{one_line(str(parent.get('controllerName')), 100)} ({one_line(said, 300)})"
        return ""

    def _is_behind(self, parent: Mapping[str, Any]) -> bool:
        if not any(True for _ in _conditions(parent, "Accepted")):
            return True
        return any(not self._is_current(one) for kind in _MATTER for one in _conditions(parent, kind))

    def _is_current(self, condition: Mapping[str, Any]) -> bool:
        seen = condition.get("observedGeneration")
        return seen is None or _number(seen) >= self._generation

    def _parents(self) -> list[Mapping[str, Any]]:
        """What controllers noted for the Gateways that the route still names."""
        wanted = self._wanted()
        return [
            one for one in _listed(self._route.get("status"), "parents") if self._key(one.get("parentRef")) in wanted
        ]

    def _wanted(self) -> list[tuple[str, ...]]:
        return [self._key(one) for one in _listed(self._route.get("spec"), "parentRefs")]

    def _key(self, ref: Any) -> tuple[str, ...]:
        given = ref if isinstance(ref, dict) else {}
        namespace = given.get("namespace", self._route["metadata"].get("namespace"))
        named = (given.get("group", _GROUP), given.get("kind", _KIND), namespace, given.get("name"))
        return tuple(str(one) for one in (*named, given.get("sectionName", ""), given.get("port", "")))


def _listed(holder: Any, name: str) -> list[dict[str, Any]]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _conditions(parent: Mapping[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    return (one for one in _listed(parent, "conditions") if one.get("type") == kind)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
