"""GetMetricData, served from what https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
and the page "CloudWatch statistics definitions" document: moto has no percentiles and no trimmed counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.drivers.served import Given, Request, Served

ID = r"^[a-z][a-zA-Z0-9_]*$"
QUERY = {
    "type": "object",
    "properties": {
        "Id": {"type": "string", "pattern": ID, "minLength": 1, "maxLength": 255},
        "ReturnData": {"type": "boolean"},
        "MetricStat": {
            "type": "object",
            "properties": {
                "Metric": {
                    "type": "object",
                    "properties": {
                        "Namespace": {"type": "string", "minLength": 1},
                        "MetricName": {"type": "string", "minLength": 1},
                        "Dimensions": {
                            "type": "array",
                            "maxItems": 30,
                            "items": {
                                "type": "object",
                                "properties": {"Name": {"type": "string"}, "Value": {"type": "string"}},
                                "required": ["Name", "Value"],
                                "additionalProperties": False,
                            },
                        },
                    },
                    "required": ["Namespace", "MetricName", "Dimensions"],
                    "additionalProperties": False,
                },
                "Period": {"type": "integer", "minimum": 1},
                "Stat": {"type": "string"},
            },
            "required": ["Metric", "Period", "Stat"],
            "additionalProperties": False,
        },
    },
    "required": ["Id", "MetricStat", "ReturnData"],
    "additionalProperties": False,
}
BODY = {
    "type": "object",
    "properties": {
        "MetricDataQueries": {"type": "array", "minItems": 1, "maxItems": 500, "items": QUERY},
        "StartTime": {"type": "number"},
        "EndTime": {"type": "number"},
        "ScanBy": {"const": "TimestampAscending"},
        "NextToken": {"type": "string"},
    },
    "required": ["MetricDataQueries", "StartTime", "EndTime", "ScanBy"],
    "additionalProperties": False,
}


@dataclass
class CloudWatch(Served):
    """`series`: by metric name and statistic, (begin of the period, number)s. `page`: so many numbers in an answer."""

    series: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    page: int = 1000

    def answer(self, request: Request) -> Given:
        import jsonschema

        assert (request.method, request.path) == ("POST", "/")
        assert request.headers["x-amz-target"] == "GraniteServiceVersion20100801.GetMetricData"
        jsonschema.validate(request.body, BODY)
        body: dict[str, Any] = request.body
        assert body["StartTime"] < body["EndTime"]
        skip = int(body.get("NextToken", "0"))
        results, more = [], False
        for query in body["MetricDataQueries"]:
            stat = query["MetricStat"]
            name = stat["Metric"]["MetricName"]
            known = self.series.get((name, stat["Stat"]), [])
            within = [one for one in known if body["StartTime"] <= one[0] < body["EndTime"]]
            shown = within[skip : skip + self.page]
            more = more or len(within) > skip + self.page
            status = self.statuses.get(name, "PartialData" if len(within) > skip + self.page else "Complete")
            results.append(
                {
                    "Id": query["Id"],
                    "Label": name,
                    "Timestamps": [at for at, _ in shown],
                    "Values": [value for _, value in shown],
                    "StatusCode": status,
                    **({"Messages": [{"Code": status, "Value": "not today"}]} if name in self.statuses else {}),
                }
            )
        token = {"NextToken": str(skip + self.page)} if more else {}
        return 200, {}, {"MetricDataResults": results, "Messages": [], **token}
