"""InfluxQL: what a selector means, and what the answer's series are.

Sources: InfluxDB 1.x "Query data with InfluxQL", "HTTP API" (`/query`). Macros as Grafana writes them, so that a
panel's query can be pasted: ``$timeFilter`` (or ``$time``) and ``$__interval`` (or ``$interval``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.answers import one_line
from pilotage.drivers.metrics.bucketed import Wanted
from pilotage.drivers.metrics.counting import Row, Span
from pilotage.drivers.service import Service

_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_REGEX = re.compile(r"(?<=[~(,\s])\s*/(?:[^/\\\n]|\\.)*/")
_COUNTS = re.compile(r"\s*SELECT\s+(?:sum|count)\s*\(", re.IGNORECASE)
_TIME = re.compile(r"\$(?:timeFilter|time)\b")
_INTERVAL = re.compile(r"\$(?:__interval|interval)\b")
_HELP = (
    "expected one SELECT with $timeFilter, such as "
    'SELECT sum("value") FROM "requests" WHERE "version" = \'$group\' AND $timeFilter GROUP BY time($__interval)'
)


def wanted(selector: str) -> Wanted:
    """Sums and counts per bucket are counted; anything else is as it is. Raises PermanentError."""
    bare = _REGEX.sub(" ", _QUOTED.sub('""', selector))
    if not re.match(r"\s*SELECT\s", bare, re.IGNORECASE) or not _TIME.search(bare):
        raise _bad(selector, _HELP)
    if ";" in bare or "--" in bare or "/*" in bare or re.search(r"\bINTO\b", bare, re.IGNORECASE):
        raise _bad(selector, f"{_HELP}; without INTO, comments and semicolons")
    counts = bool(_COUNTS.match(bare))
    if counts and (len(re.findall(r"\bSELECT\b", bare, re.IGNORECASE)) > 1 or not _INTERVAL.search(bare)):
        hint = "expected GROUP BY time($__interval) after sum() or count(), and no SELECT within"
        raise _bad(selector, f"{hint}: series are added up anyway, as last() of each")
    return Wanted.one(selector, counts)


def statement(query: str, span: Span, bucket_s: int) -> str:
    """Times in milliseconds."""
    times = f"time >= {span.start * 1000:.0f}ms AND time < {span.until * 1000:.0f}ms"
    return _INTERVAL.sub(f"{bucket_s}s", _TIME.sub(times, query)).strip()


def series(service: Service, body: Any, queries: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """The answer to several statements, each series with its query. Raises what a statement's error means, and
    PermanentError for an answer of another form."""
    found: list[tuple[str, dict[str, Any]]] = []
    try:
        results = body["results"]
        for place, result in enumerate(results):
            query = queries[int(result.get("statement_id", place))]
            if "error" in result:
                raise _refused(service, query, str(result["error"]))
            several = list(result.get("series", ()))
            if result.get("partial") or any(one.get("partial") for one in several):
                raise _refused(service, query, "its answer has too many rows (max-row-limit)")
            found += [(query, one) for one in several]
        if len(results) != len(queries):
            raise ValueError("answers to other statements")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise service.stranger("it holds no results of InfluxQL") from None
    return found


def rows(service: Service, body: Any, queries: Sequence[str]) -> dict[str, list[Row]]:
    """By query. Raises as `series`."""
    found: dict[str, list[Row]] = {query: [] for query in queries}
    for query, one in series(service, body, queries):
        try:
            found[query] += _series(one)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise service.stranger("it holds no numbers by time") from None
    return found


def _refused(service: Service, query: str, said: str) -> PermanentError | TemporaryError:
    text = f"{service.name} refuses the query {one_line(query, 200)!r}: {one_line(said, 200)}"
    return TemporaryError(text) if "timeout" in said or "interrupted" in said else PermanentError(text)


def _series(one: dict[str, Any]) -> list[Row]:
    """One row for each column of numbers; several columns are a histogram's buckets, named by their bounds."""
    labels = {name: value for name, value in (one.get("tags") or {}).items() if value}
    labels = {{"host": "instance"}.get(name, name): value for name, value in labels.items()}
    columns, values = one["columns"], one["values"]
    at = columns.index("time")
    numbered = [place for place in range(len(columns)) if place != at]
    if len(numbered) > 1:
        return [({**labels, "le": columns[place]}, _numbers(values, at, place)) for place in numbered]
    return [(labels, _numbers(values, at, place)) for place in numbered]


def _numbers(values: list[list[Any]], at: int, place: int) -> list[tuple[float, float | None]]:
    return [(one[at] / 1000, None if one[place] is None else float(one[place])) for one in values]


def _bad(selector: str, why: str) -> PermanentError:
    return PermanentError(f"bad selector {one_line(selector, 200)!r}: {why}")
