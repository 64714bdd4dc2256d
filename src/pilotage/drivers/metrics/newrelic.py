"""New Relic by NRQL through NerdGraph: count() and sum() are counted, anything else is a level."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import Field

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context, Past, Point
from pilotage.drivers.answers import Answer, one_line
from pilotage.drivers.metrics.bucketed import Bucketed, BucketOptions, Late, Wanted
from pilotage.drivers.metrics.counting import Row, Span
from pilotage.drivers.secrets import Secret
from pilotage.drivers.service import Api, Service

_APIS = {"us": "https://api.newrelic.com", "eu": "https://api.eu.newrelic.com"}
MOST_BUCKETS = 360
"""Of one query: NRQL gives 366 at most."""
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`", re.DOTALL)
_COUNTS = re.compile(r"\bSELECT\s+(?:filter\s*\(\s*)?(?:count|sum)\s*\(", re.IGNORECASE)
_OURS = re.compile(r"\b(?:SINCE|UNTIL|TIMESERIES|LIMIT|COMPARE\s+WITH|WITH\s+TIMEZONE|SLIDE\s+BY)\b", re.IGNORECASE)
_TIMES = ("beginTimeSeconds", "endTimeSeconds")
_HELP = (
    "expected SELECT ... FROM ... with WHERE and FACET at most, such as "
    "SELECT count(*) FROM Transaction WHERE version = '$group'"
)
_LATER = ("TIMEOUT", "TOO_MANY", "SERVER_ERROR", "OVERLOAD", "UNAVAILABLE", "timed out", "try again", "rate limit")
_INSTANCES = {"host": "instance", "hostname": "instance", "podName": "pod", "k8s.podName": "pod", "k8s.pod.name": "pod"}


class NewrelicMetrics(Late):
    class Options(BucketOptions):
        account: int = Field(gt=0, description="the account's number")
        api_key: Secret = Field(description="a user key, of somebody who may query this account")
        region: Literal["us", "eu"] = Field(default="us", description="where the account's data are kept")
        api: Api | None = Field(default=None, description="another address of NerdGraph, without /graphql")
        lag_s: float = Field(default=30.0, ge=0, le=900, description="seconds by which a bucket is usually late")
        timeout_s: float = Field(default=5.0, gt=0, le=60, description="seconds for each whole answer")

    def __init__(self, options: Options, context: Context) -> None:
        self._account, self._bucket_s = options.account, options.bucket_s
        api = options.api or _APIS[options.region]
        option = "api" if options.api else "region"
        keys = {"API-Key": options.api_key}
        self._service = Service("New Relic", api, None, options.timeout_s, keys=keys, option=option)
        self._bucketed = Bucketed("New Relic", options, self._ask)

    async def read(self, selectors: Sequence[str]) -> list[list[Point]]:
        """One request for all of them."""
        return await self._bucketed.read([_wanted(one) for one in selectors])

    async def read_past(self, selectors: Sequence[str], seconds: float, step_s: float) -> list[Past]:
        return await self._bucketed.read_past([_wanted(one) for one in selectors], seconds, step_s)

    async def probe(self) -> str:
        await self._nrql(["SELECT count(*) FROM NrUsage SINCE 1 hour ago"])
        return f"New Relic answers queries of the account {self._account} with this key"

    async def close(self) -> None:
        """The connections are the process's."""

    async def _ask(self, queries: Sequence[str], span: Span) -> dict[str, list[Row]]:
        """Buckets are counted back from the end asked for, which must not lie ahead of now."""
        now = math.floor(time.time() / self._bucket_s) * self._bucket_s
        pieces = list(_pieces(Span(span.start, min(span.until, now)), self._bucket_s))
        asked = [(query, piece) for query in queries for piece in pieces]
        answers = await self._nrql([_timed(query, piece, self._bucket_s) for query, piece in asked])
        found: dict[str, list[Row]] = {query: [] for query in queries}
        for (query, _), answer in zip(asked, answers, strict=True):
            try:
                found[query] += _rows(answer, self._bucket_s, bool(_COUNTS.search(query)))
            except _OddBuckets:
                odd = "its buckets of time begin at other times than asked for: is this machine's clock right?"
                raise PermanentError(f"New Relic cannot be counted, {odd}") from None
            except (KeyError, TypeError, ValueError, AttributeError):
                raise self._service.stranger(f"no numbers by time for {one_line(query, 200)!r}") from None
        return found

    async def _nrql(self, queries: Sequence[str]) -> list[dict[str, Any]]:
        """The queries are variables: what they hold is never part of the GraphQL."""
        names = [f"q{number}" for number in range(len(queries))]
        declared = ", ".join(f"${name}: Nrql!" for name in names)
        fields = " ".join(f"{name}: nrql(query: ${name}) {{ results metadata {{ facets }} }}" for name in names)
        text = f"query($account: Int!, {declared}) {{ actor {{ account(id: $account) {{ {fields} }} }} }}"
        variables = {"account": self._account, **dict(zip(names, queries, strict=True))}
        answer = await self._service.ask("POST", "/graphql", "NerdGraph", {"query": text, "variables": variables})
        self._service.check_clock(answer)
        if answer.get("errors"):
            raise self._refused(answer)
        try:
            account = answer.body["data"]["actor"]["account"]
            return [{"results": account[name]["results"], **account[name]} for name in names]
        except (KeyError, TypeError):
            raise self._service.stranger("it holds no results of NRQL") from None

    def _refused(self, answer: Answer) -> PermanentError | TemporaryError:
        """An error comes with status 200; `extensions` has its class."""
        errors = answer.get("errors")
        said = []
        for one in errors if isinstance(errors, list) else [errors]:
            inner = one if isinstance(one, dict) else {"message": one}
            extensions = inner.get("extensions")
            kind = extensions.get("errorClass", "") if isinstance(extensions, dict) else ""
            said.append(f"{inner.get('message')}" + (f" ({kind})" if kind else ""))
        text = f"New Relic refuses the queries: {one_line('; '.join(said), 300)}"
        if any(word.lower() in text.lower() for word in _LATER):
            return TemporaryError(text)
        return PermanentError(f"{text}. Is the account {self._account} right, and may the key query it?")


class _OddBuckets(Exception):
    pass


def _wanted(selector: str) -> Wanted:
    """Raises PermanentError."""
    query = " ".join(selector.split())
    bare = _QUOTED.sub("''", query)
    if not (re.search(r"\bSELECT\s", bare, re.IGNORECASE) and re.search(r"\bFROM\s", bare, re.IGNORECASE)):
        raise PermanentError(f"bad selector {one_line(selector, 200)!r}: {_HELP}")
    if found := _OURS.search(bare):
        why = f"{found[0].upper()} is written by Pilotage, which asks for the times it needs"
        raise PermanentError(f"bad selector {one_line(selector, 200)!r}: {why}; {_HELP}")
    return Wanted.one(query, bool(_COUNTS.search(bare)))


def _timed(query: str, span: Span, bucket_s: int) -> str:
    limit = " LIMIT MAX" if re.search(r"\bFACET\b", _QUOTED.sub("''", query), re.IGNORECASE) else ""
    times = f"SINCE {span.start * 1000:.0f} UNTIL {span.until * 1000:.0f}"
    return f"{query}{limit} TIMESERIES {bucket_s} seconds {times}"


def _pieces(span: Span, bucket_s: int) -> Iterator[Span]:
    start = span.start
    while start < span.until:
        end = min(start + MOST_BUCKETS * bucket_s, span.until)
        yield Span(start, end)
        start = end


def _rows(answer: dict[str, Any], bucket_s: int, counts: bool) -> list[Row]:
    """By series and column. NRQL says 0 where there is nothing: a bucket whose counts are all 0 tells nothing."""
    names = (answer.get("metadata") or {}).get("facets") or []
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, float | None]]] = {}
    for row in answer["results"]:
        begin = float(row["beginTimeSeconds"])
        if begin % bucket_s:
            raise _OddBuckets
        facet = row.get("facet")
        values = facet if isinstance(facet, list) else [] if facet is None else [facet]
        facets = dict(zip(map(str, names or ["facet"]), map(str, values), strict=False))
        labels = {_INSTANCES.get(name, name): value for name, value in facets.items()}
        columns = {name: _number(value) for name, value in row.items() if name not in (*_TIMES, "facet", *facets)}
        nothing = counts and not any(columns.values())
        for name, number in columns.items():
            bound: dict[str, str] = {"le": name} if len(columns) > 1 else {}
            key = tuple(sorted({**labels, **bound}.items()))
            found.setdefault(key, []).append((begin, None if nothing else number))
    return [(dict(labels), values) for labels, values in found.items()]


def _number(value: Any) -> float | None:
    """Percentiles come as an object with one number."""
    if isinstance(value, dict):
        (value,) = value.values()
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise TypeError("no number")
    return None if value is None else float(value)
