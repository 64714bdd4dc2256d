"""Grafana Loki's query_range, as grafana.com/docs/loki/latest/reference/loki-http-api documents it: streams of
[nanoseconds, line], oldest first or newest first over all of them, at most `limit` lines, `end` left out."""

from __future__ import annotations

import json
import time

from tests.drivers.served import Given, Request, Served

MOST = 5000
KNOWN = {"query", "start", "end", "limit", "direction"}


class Loki(Served):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[int, str, str]] = []
        """(nanoseconds, labels as JSON, line)"""

    def push(self, line: str, at: int | None = None, **labels: str) -> None:
        """As Loki does, it takes a line that came before, of the same instant, for the same."""
        at = time.time_ns() if at is None else at
        row = (at, json.dumps(labels or {"app": "payment"}, sort_keys=True), line)
        if row not in self.lines[-20:]:
            self.lines.append(row)

    def answer(self, request: Request) -> Given:
        assert request.method == "GET"
        assert request.path == "/loki/api/v1/query_range"
        asked = request.query
        assert set(asked) <= KNOWN
        limit = int(asked["limit"])
        if limit > MOST:
            return (
                400,
                {},
                {"error": f"max entries limit per query exceeded, limit > max_entries_limit_per_query ({MOST})"},
            )
        if not asked["query"].startswith("{"):
            return 400, {}, {"error": "parse error at line 1, col 1: syntax error"}
        start, end = int(asked["start"]), int(asked.get("end", time.time_ns() + 1))
        newest_first = asked["direction"] == "backward"
        assert asked["direction"] in ("forward", "backward")
        found = sorted(
            (one for one in self.lines if start <= one[0] < end), key=lambda one: one[0], reverse=newest_first
        )
        streams: dict[str, list[list[str]]] = {}
        for at, labels, line in found[:limit]:
            streams.setdefault(labels, []).append([str(at), line])
        result = [{"stream": json.loads(labels), "values": values} for labels, values in streams.items()]
        return 200, {}, {"status": "success", "data": {"resultType": "streams", "result": result, "stats": {}}}
