"""Graphite's render API: a target is read as it is, and one that begins with "counts" is added up."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any

from pydantic import Field, model_validator

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context, Past, Point
from pilotage.drivers.address import Address, check_encrypted
from pilotage.drivers.answers import one_line
from pilotage.drivers.login import LoginOptions
from pilotage.drivers.metrics.bucketed import Bucketed, BucketOptions, Late, Wanted
from pilotage.drivers.metrics.counting import Row, Span
from pilotage.drivers.service import Service

_COUNTS = re.compile(r"counts(?:\s+(.*))?", re.DOTALL)
_ALIAS = re.compile(r"[a-zA-Z_]\w*=[^=,]*(?:,[a-zA-Z_]\w*=[^=,]*)*", re.ASCII)
_LINE = "constantLine(1)"


class GraphiteMetrics(Late):
    class Options(BucketOptions, LoginOptions):
        url: Address = Field(description="the address of graphite-web (or carbonapi), without /render")
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each whole answer")

        @model_validator(mode="after")
        def _fits(self) -> GraphiteMetrics.Options:
            check_encrypted(self.url, self.secret)
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._service = Service(
            *("Graphite", options.url, options.secret, options.timeout_s, "Bearer"),
            option="url",
            user=options.username or "",
        )
        self._bucketed = Bucketed("Graphite", options, self._ask)

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """One request for each target: the answer does not say which series belong to which."""
        return await self._bucketed.read([_wanted(one) for one in selectors])

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        return await self._bucketed.read_past([_wanted(one) for one in selectors], seconds, step_s)

    async def probe(self) -> str:
        now = time.time()
        if not await self._render(_LINE, Span(now - 60, now)):
            raise self._service.stranger(f"{_LINE} gives no series")
        return f"Graphite at {one_line(self._options.url, 100)} renders"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _ask(self, queries: Sequence[str], span: Span) -> dict[str, list[Row]]:
        answers = await asyncio.gather(*(self._render(one, span) for one in queries))
        return dict(zip(queries, answers, strict=True))

    async def _render(self, target: str, span: Span) -> list[Row]:
        """`from` is not within what Graphite gives, and `until` is. Its own cache may be a minute old."""
        form = {
            "target": target,
            "format": "json",
            "noCache": "1",
            "from": f"{span.start - 1:.0f}",
            "until": f"{span.until - 1:.0f}",
        }
        answer = await self._service.call("POST", "/render", form=form)
        self._service.refuse(answer, f"the target {one_line(target, 200)}")
        self._service.check_clock(answer)
        try:
            return [_row(one) for one in _listed(answer.body)]
        except (KeyError, TypeError, ValueError):
            raise self._service.stranger("it holds no datapoints") from None


def _listed(body: Any) -> list[Any]:
    if not isinstance(body, list):
        raise TypeError
    return body


def _row(one: dict[str, Any]) -> Row:
    """Labels are the series' tags, and those that its name spells, as in ``pod=a,le=0.5``."""
    name, tags = str(one["target"]), one.get("tags") or {}
    labels = {label: str(value) for label, value in tags.items() if label != "name"}
    if _ALIAS.fullmatch(name):
        labels |= dict(pair.split("=", 1) for pair in name.split(","))
    else:
        labels["__name__"] = name
    return labels, [(float(at), None if value is None else float(value)) for value, at in one["datapoints"]]


def _wanted(selector: str) -> Wanted:
    """Raises PermanentError."""
    found = _COUNTS.fullmatch(selector.strip())
    target = (found[1] or "" if found else selector).strip()
    if not target or not target.isprintable():
        raise PermanentError(
            f"bad selector {one_line(selector, 200)!r}: expected a target such as shop.$group.requests"
        )
    return Wanted.one(target, found is not None)
