"""Traefik, through a file of its file provider: survives a restart of Traefik, and a change is one rename.

The file defines one service, which shares requests among two others, and on demand the routers that a cohort needs.
Each writing leaves a mark in it, a middleware that nothing uses. Traefik puts changes off for up to two seconds, so
that the weight asked for may be in force from before while another one is still to come; the mark tells them apart.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import Cohort, CohortKind
from pilotage.drivers import Call, Context, DriverOptions, files, ownfile, traefik_rules
from pilotage.drivers.address import Address
from pilotage.drivers.answers import listed
from pilotage.drivers.cohorts import check_kind
from pilotage.drivers.login import LoginOptions
from pilotage.drivers.looks import looks
from pilotage.drivers.service import Service
from pilotage.drivers.weights import TOTAL, to_parts, to_percent

_NAME = r"^[\w.:-]+$"
_SERVICE = r"^[\w.:-]+(@[\w-]+)?$"
_WHO = "Traefik's API"


class Router(DriverOptions):
    """The service's router, as Traefik's own options of these names."""

    rule: str = Field(min_length=1, description="which requests are the service's, in Traefik's words")
    entry_points: tuple[str, ...] = Field(default=(), description="where they come in; Traefik's default ones without")
    middlewares: tuple[str, ...] = Field(default=(), description="what they go through, in this order")
    priority: int | None = Field(
        default=None, gt=0, description="before routers with a lower one; the rule's length without, as in Traefik"
    )
    tls: bool = Field(
        default=False, description="HTTPS, with Traefik's default certificate unless `cert_resolver` is given"
    )
    cert_resolver: str | None = Field(default=None, description="HTTPS, with a certificate that this resolver gets")

    @field_validator("rule", "entry_points", "middlewares", "cert_resolver")
    @classmethod
    def _is_no_template(cls, value: Any) -> Any:
        if any("{{" in one for one in ([value] if isinstance(value, str) else value or ())):
            raise ValueError("no {{ in it: Traefik fills in templates in its files")
        return value


@dataclass(frozen=True)
class _State:
    """What the file says and Traefik should do: the canary's weight of 10,000, the cohort, the percent copied."""

    weight: int
    cohort: Cohort | None
    mirror: int


class TraefikTraffic:
    cohorts: frozenset[CohortKind] = frozenset({"header", "cookie"})

    class Options(LoginOptions):
        file: Path = Field(
            description="Pilotage's own .yml in the file provider's `directory`; it is replaced by a rename"
        )
        api: Address = Field(description="the API's address, without /api")
        service: str = Field(
            pattern=_NAME, description="the name of the weighted service in `file`, which your router names"
        )
        canary: str = Field(pattern=_SERVICE, description="the new version's service, such as payment-canary@file")
        stable: str = Field(pattern=_SERVICE, description="the present version's service, such as payment-stable@file")
        router: Router | None = Field(
            default=None, description="only for cohorts: Pilotage then writes your router too; take yours out"
        )
        timeout_s: float = Field(default=5.0, gt=0, description="seconds for each question to the API")

        @field_validator("file")
        @classmethod
        def _is_read_by_traefik(cls, file: Path) -> Path:
            if file.suffix not in (".yml", ".yaml"):
                raise ValueError("a file that ends with .yml or .yaml: Traefik reads no other in a folder")
            return file

        @model_validator(mode="after")
        def _are_different(self) -> Self:
            names = {_qualified(name) for name in (self.service, self.canary, self.stable)}
            if len(names) < 3:
                raise ValueError("service, canary and stable are three services; two of them are the same")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._file = context.directory / options.file
        if options.router is None:  # a cohort is a router before the others
            self.cohorts = frozenset()
        self._service = Service(
            *(_WHO, options.api, options.secret, options.timeout_s, "Bearer"),
            follow=True,
            user=options.username or "",
        )

    async def set_weight(self, weight: float, call: Call) -> float:
        parts = to_parts(weight)
        if call.mirror != round(call.mirror) or not 0 <= call.mirror <= 100:
            raise PermanentError(f"Traefik copies whole percents of the requests, 0 to 100, not {call.mirror:g}")
        wanted = _State(parts, call.cohort, round(call.mirror))
        if call.cohort is not None:
            self._check_cohort(call.cohort)
        mark = await files.change(self._file, self._write, wanted)
        await self._until_taken_over(mark, wanted, call.timeout_s)
        if (now := await self._state()) != wanted:
            raise TemporaryError(
                f"{self._options.service} was changed by somebody else: expected {_shown(wanted)}, Traefik has "
                f"{_shown(now)}"
            )
        return to_percent(now.weight)

    async def read_weight(self) -> float:
        return to_percent((await self._state()).weight)

    async def read_cohort(self) -> Cohort | None:
        return (await self._state()).cohort

    async def read_mirror(self) -> float:
        return float((await self._state()).mirror)

    async def probe(self) -> str:
        await asyncio.to_thread(ownfile.check, self._file)
        return f"Traefik has {self._options.service} at {await self.read_weight():g} %"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _until_taken_over(self, mark: str, wanted: _State, timeout_s: float) -> None:
        async for _ in looks(timeout_s, 0.02):
            if await self._find("middlewares", mark) is not None:
                return
        raise TemporaryError(
            f"Traefik did not take over {_shown(wanted)} within {timeout_s:g} s. Is {self._file} in the "
            "directory of its file provider, watched? Its log tells what is wrong in which file"
        )

    async def _state(self) -> _State:
        """As Traefik itself reports it. Raises PermanentError when it is not what this driver writes."""
        name = self._options.service
        service, mirror = await self._get("services", name), 0
        if "mirroring" in service:
            mirror = self._mirror(service)
            service = await self._get("services", f"{name}-split")
        return _State(self._weight(service), await self._cohort(), mirror)

    async def _cohort(self) -> Cohort | None:
        name = self._options.service
        if self._options.router is None:
            return None
        await self._get("routers", name)
        router = await self._find("routers", f"{name}-cohort")
        if router is None:
            return None
        rule = str(router.get("rule"))
        cohort = traefik_rules.cohort_of(rule, self._options.router.rule)
        if cohort is None:
            raise PermanentError(
                f"Traefik's router {name}-cohort@file has a rule that Pilotage did not write: {rule[:200]}"
            )
        return cohort

    def _weight(self, service: Mapping[str, Any]) -> int:
        try:
            weights = {_qualified(one["name"]): int(one.get("weight", 1)) for one in service["weighted"]["services"]}
            canary = weights.pop(_qualified(self._options.canary))
            stable = weights.pop(_qualified(self._options.stable))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._strange() from None
        if weights or canary < 0 or stable < 0 or canary + stable == 0:
            raise self._strange()
        return round(canary / (canary + stable) * TOTAL)

    def _mirror(self, service: Mapping[str, Any]) -> int:
        try:
            (mirror,) = service["mirroring"]["mirrors"]
            if _qualified(mirror["name"]) == _qualified(self._options.canary):
                return int(mirror.get("percent", 0))
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        raise self._strange()

    def _strange(self) -> PermanentError:
        one, other = self._options.stable, self._options.canary
        return PermanentError(
            f"the service {self._options.service} of Traefik does not share requests among {one} and {other} alone. "
            f"Is it defined in {self._file}, and nowhere else?"
        )

    async def _get(self, what: str, name: str) -> Mapping[str, Any]:
        found = await self._find(what, name)
        if found is None:
            raise TemporaryError(
                f"Traefik at {self._options.api} has no {what[:-1]} {_qualified(name)}, or has none yet when it has "
                f"just been started. Otherwise put the first {self._file} there yourself, with the canary at 0 "
                "(docs/drivers.md shows it); is `api` right, and enabled?"
            )
        if found.get("status") != "enabled":
            errors = found.get("error") or found.get("err") or ["no reason given"]
            said = listed([str(one) for one in (errors if isinstance(errors, list) else [errors])])
            raise PermanentError(f"Traefik does not use its {what[:-1]} {_qualified(name)}: {said}")
        return found

    async def _find(self, what: str, name: str) -> Mapping[str, Any] | None:
        path = f"/api/http/{what}/{quote(_qualified(name), safe='@')}"
        answer = await self._service.call("GET", path)
        if answer.status == 404:  # also while Traefik starts: first it has no API, then nothing in it
            return None
        self._service.refuse(answer, f"{what[:-1]} {name}")
        if not isinstance(answer.body, dict):
            raise self._service.stranger(f"its answer for {path} is not the JSON expected")
        return answer.body

    def _check_cohort(self, cohort: Cohort) -> None:
        if self._options.router is None:
            raise PermanentError("a cohort needs a router of Pilotage's own: give the driver `router: {rule: ...}`")
        check_kind(cohort, self.cohorts, "Traefik")
        traefik_rules.check(cohort)

    def _write(self, state: _State) -> str:
        """Returns the mark by which Traefik shows that it has read this very file."""
        before = ownfile.read(self._file)
        # The same state again is the same file: a repeated call waits for what is there.
        mark = re.search(rf'"({re.escape(self._options.service)}-written-\w+)"', before)
        if mark is not None and self._text(state, mark[1]) == before:
            return mark[1]
        fresh = f"{self._options.service}-written-{uuid.uuid4().hex[:12]}"
        ownfile.replace(self._file, self._text(state, fresh))
        return fresh

    def _text(self, state: _State, mark: str) -> str:
        name, options = self._options.service, self._options
        shares = [{"name": options.stable, "weight": TOTAL - state.weight}]
        shares += [{"name": options.canary, "weight": state.weight}]
        services: dict[str, Any] = {name: {"weighted": {"services": shares}}}
        if state.mirror:
            services[f"{name}-split"] = services[name]
            mirrors = [{"name": options.canary, "percent": state.mirror}]
            services[name] = {"mirroring": {"service": f"{name}-split", "mirrors": mirrors}}
        http: dict[str, Any] = {"services": services, "middlewares": {mark: {"addPrefix": {"prefix": "/"}}}}
        if options.router is not None:
            http["routers"] = self._routers(options.router, state.cohort)
        # YAML takes JSON as it is.
        return f"{ownfile.FIRST_LINE}\n{json.dumps({'http': http}, indent=2, ensure_ascii=False)}\n"

    def _routers(self, router: Router, cohort: Cohort | None) -> dict[str, Any]:
        name = self._options.service
        common: dict[str, Any] = {"middlewares": list(router.middlewares)} if router.middlewares else {}
        if router.entry_points:
            common["entryPoints"] = list(router.entry_points)
        if router.tls or router.cert_resolver:
            common["tls"] = {"certResolver": router.cert_resolver} if router.cert_resolver else {}
        # Traefik's own default is the rule's length. One more is before this router, and behind whatever is before it.
        priority = router.priority or len(router.rule)
        routers = {name: {"rule": router.rule, "service": name, "priority": priority, **common}}
        if cohort is not None:
            rule = traefik_rules.rule_of(cohort, router.rule)
            routers[f"{name}-cohort"] = {"rule": rule, "service": self._options.canary, "priority": priority + 1}
            routers[f"{name}-cohort"] |= common
        return routers


def _shown(state: _State) -> str:
    cohort = f", a cohort by the {state.cohort.kind} {state.cohort.name}" if state.cohort else ""
    return f"{to_percent(state.weight):g} %{cohort}" + (f", {state.mirror} % copied" if state.mirror else "")


def _qualified(name: str) -> str:
    """What stands in the file without a provider is of the file's."""
    return name if "@" in name else f"{name}@file"
