import datetime
import json
import time
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.metrics.aws_cloudwatch import AwsCloudWatchMetrics
from pilotage.drivers.metrics.cloudwatch_selectors import parse, wanted
from pilotage.testing import ClockContract, DelaysContract, FaultsContract, HistoryContract, MetricsContract
from tests.drivers import aws
from tests.drivers.cloudwatch import CloudWatch
from tests.drivers.served import serve

ALB = "TargetGroup=targetgroup/canary/1 LoadBalancer=app/x/1"
DIMENSIONS = [{"Name": "TargetGroup", "Value": "targetgroup/canary/1"}, {"Name": "LoadBalancer", "Value": "app/x/1"}]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    aws.set_environment(monkeypatch)


def at(url, **given):
    options = {"region": aws.REGION, "endpoint_url": url, **given}
    return AwsCloudWatchMetrics(AwsCloudWatchMetrics.Options.model_validate(options), Context(None, None))


def minute(back):
    """Where the minute begins that ended so many minutes ago."""
    return time.time() // 60 * 60 - 60 * (back + 1)


class Metrics:
    def __init__(self, cloud):
        cloud.reset()
        self.client = cloud.client("cloudwatch")

    def put(self, name, value, back):
        when = datetime.datetime.fromtimestamp(minute(back) + 20, datetime.UTC)
        data = {"MetricName": name, "Dimensions": DIMENSIONS, "Timestamp": when, "Value": value, "Unit": "Count"}
        self.client.put_metric_data(Namespace="AWS/ApplicationELB", MetricData=[data])


@pytest.fixture(scope="module")
def cloud():
    with aws.cloud() as running:
        yield running


@pytest.fixture
def metrics(cloud):
    return Metrics(cloud)


class TestAwsCloudWatch(MetricsContract, HistoryContract, DelaysContract):
    known = f"AWS/ApplicationELB RequestCount Sum {ALB}"
    unknown = "AWS/ApplicationELB NoSuchMetric Sum"

    @pytest.fixture
    async def driver(self, cloud, metrics):
        for back in range(1, 9):
            metrics.put("RequestCount", 100, back)
        driver = at(cloud.url, lag_s=0)
        yield driver
        await driver.close()


class TestOnMoto:
    async def test_sums_become_a_counter_that_rises_by_what_came(self, cloud, metrics, monkeypatch):
        now = time.time()
        monkeypatch.setattr("pilotage.drivers.metrics.bucketed.time", SimpleNamespace(time=lambda: now))
        for back, value in ((2, 100), (1, 40), (0, 60)):
            metrics.put("RequestCount", value, back)
        selector = f"AWS/ApplicationELB RequestCount Sum {ALB}"
        driver = at(cloud.url, lag_s=0)
        now -= 60
        assert [one.value for one in (await driver.read([selector]))[0]] == [0]
        now += 60
        (point,) = (await driver.read([selector]))[0]
        assert (point.value, point.labels["__name__"], point.labels["LoadBalancer"]) == (60, "RequestCount", "app/x/1")
        metrics.put("RequestCount", 7, 0)  # late, for a minute that has been counted
        assert (await driver.read([selector]))[0][0].value == 67

    async def test_an_average_is_the_newest_whole_minutes(self, cloud, metrics):
        for back, value in ((1, 0.5), (0, 0.25)):
            metrics.put("TargetResponseTime", value, back)
        (point,) = (await at(cloud.url).read([f"AWS/ApplicationELB TargetResponseTime Average {ALB}"]))[0]
        assert point.value == 0.25

    async def test_errors_that_never_were_are_0_only_where_requests_were_counted(self, cloud, metrics):
        metrics.put("RequestCount", 100, 2)
        bad = f"AWS/ApplicationELB HTTPCode_Target_5XX_Count Sum {ALB}"
        driver = at(cloud.url, lag_s=0)
        plain, filled, without = await driver.read(
            [bad, f"{bad} or 0 with RequestCount", f"{bad} or 0 with NoSuchMetric"]
        )
        assert (plain, [one.value for one in filled], without) == ([], [0], [])

    async def test_what_came_is_not_hidden_by_it(self, cloud, metrics):
        for back in (2, 1, 0):
            metrics.put("RequestCount", 100, back)
        metrics.put("HTTPCode_Target_5XX_Count", 3, 1)
        selector = f"AWS/ApplicationELB HTTPCode_Target_5XX_Count Sum {ALB} or 0 with RequestCount"
        past = await at(cloud.url, lag_s=0).read_past([selector], seconds=240, step_s=60)
        assert [one.answers[0][0].value for one in past if one.answers[0]] in ([0, 3], [3])


@pytest.fixture
def service():
    with serve(CloudWatch()) as running:
        yield running


class TestAsDocumented:
    async def test_a_percentile_is_the_newest_whole_minutes(self, service):
        service.series["Latency", "p95"] = [(minute(1), 0.4), (minute(0), 0.3), (minute(-1), 9.0)]
        (point,) = (await at(service.url).read(["Shop Latency p95"]))[0]
        assert point.value == 0.3

    async def test_one_that_is_old_is_missing(self, service):
        service.series["Latency", "p95"] = [(minute(6), 0.4)]
        assert await at(service.url).read(["Shop Latency p95"]) == [[]]

    async def test_trimmed_counts_make_a_histogram(self, service):
        for stat, value in (("TC(:0.1)", 60.0), ("TC(:0.5)", 90.0), ("SampleCount", 100.0)):
            service.series["Latency", stat] = [(minute(1), value), (minute(0), value)]
        past = await at(service.url, lag_s=0).read_past(["Shop Latency histogram(0.1,0.5)"], seconds=180, step_s=60)
        assert [(one.labels["le"], one.value) for one in past[-1].answers[0]] == [
            ("0.1", 60),
            ("0.5", 90),
            ("+Inf", 100),
        ]

    async def test_all_is_asked_at_once_and_pages_are_followed(self, service):
        service.page = 1
        service.series["A", "Sum"] = [(minute(back), 1.0) for back in (3, 2, 1)]
        service.series["B", "Sum"] = [(minute(2), 5.0)]
        await at(service.url, lag_s=0).read(["Shop A Sum", "Shop B Sum", "Shop A Sum"])
        assert len(service.requests) == 3
        assert len(service.requests[0].body["MetricDataQueries"]) == 2
        past = await at(service.url, lag_s=0).read_past(["Shop A Sum"], seconds=300, step_s=60)
        assert past[-1].answers[0][0].value == 3

    @pytest.mark.parametrize(("status", "kind"), [("InternalError", TemporaryError), ("Forbidden", PermanentError)])
    async def test_a_metric_without_an_answer_is_not_one_without_numbers(self, service, status, kind):
        service.statuses["A"] = status
        with pytest.raises(kind, match=rf"AWS CloudWatch has no answer for Shop A Sum \({status}\): not today"):
            await at(service.url).read(["Shop A Sum"])

    async def test_it_says_how_seldom_and_how_late_it_is(self, service):
        driver = at(service.url, bucket_s=300)
        assert (driver.every_s, driver.behind_s) == (300, 420)

    async def test_the_probe_needs_no_metric(self, service):
        assert await at(service.url).probe() == "AWS CloudWatch answers queries for metrics"


class TestSelectors:
    def test_values_may_have_spaces_and_come_back_as_they_were(self):
        one = parse("\"My shop\" 'Order count' Sum 'Store=High street' Till=3 or 0 with Visits")
        assert (one.namespace, one.name, one.total) == ("My shop", "Order count", "Visits")
        assert dict(one.dimensions) == {"Store": "High street", "Till": "3"}
        assert parse(str(one)) == one

    @pytest.mark.parametrize(
        ("selector", "words"),
        [
            ("no_such_metric", "something is missing"),
            ("A B Total", "no statistic 'Total'"),
            ("A B p95 x", "'x' is no Dimension=value"),
            ("A B Sum x=", "no Dimension=value"),
            ("A B Sum x=1 x=2", "each dimension stands there once"),
            ("A B Sum or 0", "it ends with 'or 0'"),
            ("A B Sum or 1 with C", "it ends with"),
            ("A B p95 or 0 with C", "only a count"),
            ("A 'B Sum", "a quote has no end"),
            ("A B histogram(2,1)", "ascending"),
            ("A B histogram()", "no statistic"),
            ("A B TC(1:2)", "no statistic"),
        ],
    )
    async def test_what_is_none_says_why_and_shows_one(self, selector, words):
        with pytest.raises(PermanentError, match="Expected such as AWS/ApplicationELB") as caught:
            await at("http://127.0.0.1:1").read([selector])
        assert words in str(caught.value)

    @pytest.mark.parametrize("stat", ["p99.9", "p100", "tm90", "TM(2%:98%)", "IQM", "Maximum", "PR(:0.3)", "WM(:95%)"])
    def test_statistics_that_are_no_counts_stay_as_they_are(self, stat):
        assert not wanted(f"A B {stat}").counts

    @pytest.mark.parametrize("stat", ["Sum", "SampleCount", "TC(:0.25)", "histogram(1,2.5)"])
    def test_counts_are_counted(self, stat):
        assert wanted(f"A B {stat}").counts


def test_a_period_is_one_that_cloudwatch_knows():
    with pytest.raises(ValidationError, match="multiple of 60"):
        AwsCloudWatchMetrics.Options(bucket_s=45)


class TestFaults(ClockContract):
    """The look of `AwsCloudWatchMetrics`."""

    name = "AWS CloudWatch"
    shapes = (
        *FaultsContract.shapes,
        *(
            json.dumps({"MetricDataResults": [{"Id": "q0", "StatusCode": "Complete", **one}]}).encode()
            for one in ({}, {"Timestamps": [1.0], "Values": []}, {"Timestamps": "x", "Values": {}}, {"Id": "z9"})
        ),
    )

    def at(self, url):
        return at(url, timeout_s=self.patience_s)


class TestFaultsOfARead(TestFaults):
    async def act(self, driver):
        return await driver.read(["Shop A Sum"])
