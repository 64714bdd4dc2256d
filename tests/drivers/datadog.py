"""Datadog's timeseries, served locally: "Query timeseries data across multiple products" (API reference, Metrics, v2)
and "Rate Limits". Threshold queries: "Distributions", and count(v: v<=...) as its documentation of RUM's operations
writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.drivers.served import Served, conforms

REQUEST = {
    "type": "object",
    "required": ["data"],
    "additionalProperties": False,
    "properties": {
        "data": {
            "type": "object",
            "required": ["type", "attributes"],
            "additionalProperties": False,
            "properties": {
                "type": {"const": "timeseries_request"},
                "attributes": {
                    "type": "object",
                    "required": ["from", "to", "queries"],
                    "additionalProperties": False,
                    "properties": {
                        "from": {"type": "integer"},
                        "to": {"type": "integer"},
                        "interval": {"type": "integer", "minimum": 1},
                        "queries": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "object",
                                "required": ["data_source", "query"],
                                "additionalProperties": False,
                                "properties": {
                                    "data_source": {"enum": ["metrics", "cloud_cost"]},
                                    "query": {"type": "string"},
                                    "name": {"type": "string"},
                                },
                            },
                        },
                        "formulas": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["formula"],
                                "additionalProperties": False,
                                "properties": {"formula": {"type": "string"}, "limit": {"type": "object"}},
                            },
                        },
                    },
                },
            },
        }
    },
}


@dataclass
class Datadog(Served):
    series: dict[str, list[tuple[list[str], float]]] = field(default_factory=dict)
    """By query: tags, and what each bucket of ten seconds has."""
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, request):
        assert (request.method, request.path) == ("POST", "/api/v2/query/timeseries")
        if (
            request.headers.get("dd-api-key") != "the-api-key"
            or request.headers.get("dd-application-key") != "the-app-key"
        ):
            return 403, {}, {"errors": ["Forbidden"]}
        conforms(request, REQUEST)
        attributes = request.body["data"]["attributes"]
        names = [one["name"] for one in attributes["queries"]]
        assert [one["formula"] for one in attributes["formulas"]] == names
        if any(
            not re.match(r"(avg|sum|count|min|max|count\(v: v<=[\d.]+\)):", one["query"])
            for one in attributes["queries"]
        ):
            return 400, self.headers, {"errors": ["Error parsing query: unable to parse"]}
        begin, end, step = attributes["from"], attributes["to"], attributes["interval"]
        times = list(range(-(-begin // step) * step, end, step))
        series, values = [], []
        for index, query in enumerate(attributes["queries"]):
            for tags, each in self.series.get(query["query"], []):
                series.append({"group_tags": tags, "query_index": index, "unit": None})
                values.append([each * step / 10_000 if at % 70_000 else None for at in times])
        body = {"type": "timeseries_response", "attributes": {"series": series, "times": times, "values": values}}
        return 200, self.headers, {"data": body}
