"""The rules of the Gateway API's HTTPRoute and GRPCRoute. More header matches go first there, whatever the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pilotage.core.errors import PermanentError
from pilotage.drivers.kubernetes.splitting import Rule, Splitting, shown

_MIRROR = "RequestMirror"
_REFERENCE = ("group", "kind", "namespace", "name", "port")


@dataclass(frozen=True)
class Service:
    """``name`` or ``name:port``."""

    name: str
    port: int | None

    @classmethod
    def of(cls, text: str) -> Service:
        name, _, port = text.partition(":")
        return cls(name, int(port) if port else None)

    def is_in(self, ref: Any) -> bool:
        named = isinstance(ref, Mapping) and ref.get("name") == self.name
        return named and (self.port is None or ref.get("port") == self.port)

    def __str__(self) -> str:
        return self.name if self.port is None else f"{self.name}:{self.port}"


class Route(Splitting):
    rules_key, refs_key, matches_key = "rules", "backendRefs", "matches"
    weight_if_none = 1
    knows, option = "the Gateway API", "rule"

    def _with_header(self, match: Mapping[str, Any], name: str, value: str) -> dict[str, Any]:
        # RegularExpression would be another language with every controller; Exact is the same with all.
        return {**match, "headers": [*(match.get("headers") or []), {"type": "Exact", "name": name, "value": value}]}

    def _headers(self, match: Mapping[str, Any]) -> dict[str, str | None]:
        headers = [one for one in match.get("headers") or [] if isinstance(one, dict)]
        return {
            str(one.get("name")).lower(): str(one.get("value")) if one.get("type", "Exact") == "Exact" else None
            for one in headers
        }

    def _alone(self, ref: Mapping[str, Any]) -> dict[str, Any]:
        return {**ref, "weight": 1}

    def _name(self, ref: Any) -> str:
        return shown(ref.get("name")) if isinstance(ref, Mapping) else "?"

    def _mirror(self, rule: Rule) -> float:
        for one in _filters(rule):
            if self._copies(one):
                mirror = one["requestMirror"]
                try:
                    if fraction := mirror.get("fraction"):
                        return float(Fraction(fraction["numerator"], fraction.get("denominator", 100)) * 100)
                    return float(mirror.get("percent", 100))
                except (KeyError, TypeError, ValueError, ZeroDivisionError):
                    raise PermanentError(f"{self._who} copies requests by a share that is none") from None
        return 0.0

    def _set_mirror(self, rule: Rule, percent: float) -> None:
        (canary,), _ = self._pair(rule)
        kept = [one for one in _filters(rule) if not self._copies(one)]
        if percent:
            ref = {key: canary[key] for key in _REFERENCE if key in canary}
            kept.append({"type": _MIRROR, "requestMirror": {"backendRef": ref, **_amount(percent)}})
        rule["filters"] = kept
        if not kept:
            del rule["filters"]

    def _copies(self, one: Mapping[str, Any]) -> bool:
        mirror = one.get("requestMirror")
        return one.get("type") == _MIRROR and isinstance(mirror, dict) and self._canary.is_in(mirror.get("backendRef"))


def _filters(rule: Rule) -> list[Mapping[str, Any]]:
    filters = rule.get("filters")
    return [one for one in filters if isinstance(one, dict)] if isinstance(filters, list) else []


def _amount(percent: float) -> dict[str, Any]:
    """100 % is said by saying nothing: `percent` and `fraction` are known since Gateway API 1.3 only."""
    if percent == 100:
        return {}
    if percent == round(percent):
        return {"percent": round(percent)}
    return {"fraction": {"numerator": round(percent * 100), "denominator": 10_000}}
