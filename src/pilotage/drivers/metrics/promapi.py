"""Answers of Prometheus' HTTP API: what is believed, and what is refused rather than used in part.

Format: Prometheus "HTTP API"; VictoriaMetrics adds `isPartial`, Thanos and Mimir tell of what is missing in `warnings`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Point
from pilotage.drivers.answers import Answer, one_line, said
from pilotage.drivers.metrics import histograms

Series = tuple[Mapping[str, str], float, list[Point]]
"""Labels, the instant, and what was there: a point, or a histogram's."""

COPIES = ("prometheus_replica", "__replica__")
"""Labels that tell two Prometheus apart which scrape the same: each request would be counted twice."""
_INFO = "PromQL info"
_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError)


class Malformed(Exception):
    """Not an answer of this API; its text says why."""


def data(answer: Answer, query: str, use_partial: bool) -> Mapping[str, Any]:
    """`resultType` and `result` of a successful answer. Raises Malformed; TemporaryError when the server itself says
    that something is missing; PermanentError when it warns of the query."""
    body = answer.body
    if not isinstance(body, dict) or body.get("status") != "success" or not isinstance(body.get("data"), dict):
        raise Malformed("no answer to a query came")
    found: Mapping[str, Any] = body["data"]
    if use_partial:
        return found
    if body.get("isPartial"):
        raise TemporaryError(f"the answer to {query!r} is partial: some storage nodes did not answer. It is not used")
    warnings = body.get("warnings") or []
    told = [one for one in warnings if isinstance(one, str) and not one.startswith(_INFO)]
    if told:
        text = f"the answer to {query!r} comes with a warning, and is not used: {one_line('; '.join(told), 300)}"
        raise PermanentError(text) if told[0].startswith("PromQL") else TemporaryError(text)
    return found


def instant(found: Mapping[str, Any], query: str) -> list[Series]:
    """Raises Malformed, or PermanentError for what is no instant vector."""
    try:
        kind, result = found["resultType"], found["result"]
        if kind == "vector":
            return _alone([one for row in result for one in _row(row, "value", "histogram")], query)
        if kind == "scalar":
            at, value = result
            return [({}, float(at), [Point({}, float(value))])]
    except _MALFORMED as error:
        raise Malformed(f"a result of another form ({type(error).__name__})") from None
    raise PermanentError(
        f"{query!r} gives a {one_line(str(kind), 40)}; expected an instant vector (leave out the [range])"
    )


def span(found: Mapping[str, Any]) -> list[Series]:
    """A range query's, each series at each of its instants. Raises Malformed."""
    try:
        return [one for row in found["result"] for one in _row(row, "values", "histograms")]
    except _MALFORMED as error:
        raise Malformed(f"a result of another form ({type(error).__name__})") from None


def _row(row: Mapping[str, Any], number: str, histogram: str) -> Iterator[Series]:
    labels = row["metric"]
    if not isinstance(labels, dict) or not all(isinstance(one, str) for one in labels.values()):
        raise ValueError("labels that are no text")
    if number not in row and histogram not in row:
        raise KeyError(number)
    several = number == "values"
    for at, value in row.get(number, []) if several else [row[number]] if number in row else []:
        yield labels, float(at), [Point(labels, float(value))]
    for at, value in row.get(histogram, []) if several else [row[histogram]] if histogram in row else []:
        yield labels, float(at), list(histograms.points(labels, value))


def _alone(found: list[Series], query: str) -> list[Series]:
    """A series that is there twice would be counted twice."""
    shapes = Counter(frozenset(one.items()) for one, _, _ in found)
    twice = next((dict(shape) for shape, count in shapes.items() if count > 1), None)
    if twice is not None:
        raise PermanentError(
            f"{query!r} gives the same series twice: {one_line(str(dict(sorted(twice.items()))), 200)}"
        )
    without = Counter(
        frozenset((name, value) for name, value in one.items() if name not in COPIES)
        for one, _, _ in found
        if not one.keys().isdisjoint(COPIES)
    )
    if any(count > 1 for count in without.values()):
        raise PermanentError(
            f"{query!r} gives each series once for every Prometheus that scrapes it ({', '.join(COPIES)}): ask one "
            'of them (prometheus_replica="...") or where they are put together (max without (prometheus_replica) (...))'
        )
    return found


def refuse(answer: Answer, query: str) -> None:
    """Raises what a status means that this API documents; the others are as any service's."""
    status, words = answer.status, said(answer)
    if status in (400, 422):
        text = f"Prometheus refuses the query {query!r} ({status}): {words}"
        # Thanos and Mimir say so, too, of a part that they could not reach.
        away = status == 422 and any(one in words for one in ("rpc error", "expanding series", "context deadline"))
        raise TemporaryError(text) if away else PermanentError(text)
    if status == 401 and "no org id" in answer.text:
        raise PermanentError("Prometheus asks for a tenant (401: no org id): headers: {X-Scope-OrgID: ...}")
    if status == 404:
        raise PermanentError("Prometheus has no query API there (404): `url` is its address without /api/v1")
