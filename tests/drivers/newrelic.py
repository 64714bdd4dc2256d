"""NerdGraph, served locally: "NerdGraph tutorial: Query your data using NRQL", "Set a query's time range" (buckets are
counted back from the range's end; times in milliseconds) and NRQL's reference (TIMESERIES: 366 buckets at most; FACET:
10 values unless LIMIT says otherwise). The query's form and its variables are those of New Relic's own Go client."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.drivers.served import Served, conforms

REQUEST = {
    "type": "object",
    "required": ["query"],
    "additionalProperties": False,
    "properties": {"query": {"type": "string"}, "variables": {"type": "object"}},
}
QUERY = re.compile(
    r"query\(\$account: Int!, ((?:\$q\d+: Nrql!(?:, )?)+)\) \{ actor \{ account\(id: \$account\) \{ "
    r"((?:q\d+: nrql\(query: \$q\d+\) \{ results metadata \{ facets \} \} ?)+)\} \} \}"
)
NRQL = re.compile(r"(.*?)( LIMIT MAX)? TIMESERIES (\d+) seconds SINCE (\d+) UNTIL (\d+)")


@dataclass
class NerdGraph(Served):
    each: dict[str, list[tuple[str | None, dict[str, float]]]] = field(default_factory=dict)
    """By NRQL without its times: the facet, and what each bucket of ten seconds has by column."""
    facets: dict[str, list[str]] = field(default_factory=dict)
    ahead_s: float = 0.0
    now: float | None = None

    def answer(self, request):
        assert (request.method, request.path) == ("POST", "/graphql")
        if request.headers.get("api-key") != "the-user-key":
            return 401, {}, {"errors": [{"message": "Invalid API key"}]}
        conforms(request, REQUEST)
        found = QUERY.fullmatch(request.body["query"])
        assert found, request.body["query"]
        names, variables = re.findall(r"\$(q\d+):", found[1]), request.body["variables"]
        assert re.findall(r"(q\d+): nrql\(query: \$(q\d+)\)", found[2]) == [(name, name) for name in names]
        if variables["account"] != 1234567:
            return 200, {}, {"data": {"actor": {"account": None}}, "errors": [{"message": "Account not found"}]}
        answers = {}
        for name in names:
            if "SELEKT" in variables[name]:
                error = {"message": "NRQL Syntax Error: Error at line 1", "extensions": {"errorClass": "INVALID_INPUT"}}
                return 200, {}, {"data": None, "errors": [error]}
            answers[name] = self.nrql(variables[name])
        return 200, {}, {"data": {"actor": {"account": answers}}}

    def nrql(self, text):
        if text.endswith("SINCE 1 hour ago"):
            return {"results": [{"count": 5}], "metadata": {"facets": None}}
        found = NRQL.fullmatch(text)
        assert found, text
        query, step, since, until = found[1], int(found[3]), int(found[4]) / 1000, int(found[5]) / 1000
        assert bool(found[2]) == (" FACET " in query)
        assert 1 <= (until - since) / step <= 366
        assert self.now is None or until <= self.now
        results = []
        end = until + self.ahead_s
        for facet, columns in self.each.get(query, [(None, {"count": 0})] if " FACET " not in query else []):
            for begin in (end - step * back for back in range(int((until - since) // step), 0, -1)):
                times = {"beginTimeSeconds": begin, "endTimeSeconds": begin + step}
                values = {
                    name: value * step / 10 if not isinstance(value, dict) else value for name, value in columns.items()
                }
                named = {} if facet is None else {"facet": facet, self.facets[query][0]: facet}
                results.append({**times, **named, **values})
        return {"results": results, "metadata": {"facets": self.facets.get(query)}}
