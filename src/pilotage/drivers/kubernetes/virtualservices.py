"""The rules under `http` in Istio's VirtualService. The first that matches is taken, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilotage.core.errors import PermanentError
from pilotage.drivers.kubernetes.splitting import Rule, Splitting, shown


@dataclass(frozen=True)
class Destination:
    """A `subset`, a `host`, or both as ``host/subset``. A short host's name also means the long one."""

    text: str

    def is_in(self, ref: Any) -> bool:
        """For a route's part, or a mirror's: both have a `destination`."""
        found = ref.get("destination") if isinstance(ref, Mapping) else None
        if not isinstance(found, Mapping):
            return False
        host, subset = str(found.get("host", "")), str(found.get("subset", ""))
        wanted_host, slash, wanted_subset = self.text.partition("/")
        if slash:
            return _is_host(host, wanted_host) and subset == wanted_subset
        return subset == self.text or (not subset and _is_host(host, self.text))

    def __str__(self) -> str:
        return self.text


class VirtualService(Splitting):
    rules_key, refs_key, matches_key = "http", "route", "match"
    weight_if_none = 0
    knows, option = "the driver for Istio", "route"

    def _with_header(self, match: Mapping[str, Any], name: str, value: str) -> dict[str, Any]:
        # Istio wants the name in lower case.
        return {**match, "headers": {**(match.get("headers") or {}), name.lower(): {"exact": value}}}

    def _headers(self, match: Mapping[str, Any]) -> dict[str, str | None]:
        headers = match.get("headers") or {}
        return {
            str(name).lower(): str(one["exact"]) if isinstance(one, dict) and "exact" in one else None
            for name, one in headers.items()
        }

    def _alone(self, ref: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in ref.items() if key != "weight"}

    def _name(self, ref: Any) -> str:
        found = ref.get("destination") if isinstance(ref, Mapping) else None
        if not isinstance(found, Mapping):
            return "?"
        return shown(f"{found.get('host')}/{found['subset']}" if found.get("subset") else found.get("host"))

    def _mirror(self, rule: Rule) -> float:
        given = [(one, one.get("percentage")) for one in _mirrors(rule)]
        if "mirror" in rule:
            given.append(({"destination": rule["mirror"]}, rule.get("mirrorPercentage")))
        for one, percentage in given:
            if self._canary.is_in(one):
                older = rule.get("mirror_percent", rule.get("mirrorPercent"))
                if percentage is None and older is not None:
                    return float(older)
                return 100.0 if percentage is None else float(percentage.get("value", 0))
        return 0.0

    def _set_mirror(self, rule: Rule, percent: float) -> None:
        if self._canary.is_in({"destination": rule.get("mirror")}):
            for key in ("mirror", "mirrorPercentage", "mirrorPercent", "mirror_percent"):
                rule.pop(key, None)
        kept = [one for one in _mirrors(rule) if not self._canary.is_in(one)]
        if percent:
            if "mirror" in rule:
                raise PermanentError(
                    f"{self._who} copies requests elsewhere by `mirror`, and Istio takes no second one beside "
                    "it: write that as `mirrors`"
                )
            (canary,), _ = self._pair(rule)
            kept.append({"destination": dict(canary["destination"]), "percentage": {"value": percent}})
        rule["mirrors"] = kept
        if not kept:
            del rule["mirrors"]


def _is_host(host: str, wanted: str) -> bool:
    return host == wanted or host.startswith(f"{wanted}.")


def _mirrors(rule: Rule) -> list[dict[str, Any]]:
    found = rule.get("mirrors")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
