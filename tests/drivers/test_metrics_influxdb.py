"""InfluxQL against a real InfluxDB 1, and the same endpoint as version 2 documents it ("Query with the 1.x
compatibility API")."""

import time

import httpx
import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.metrics.influxdb import InfluxdbMetrics
from pilotage.testing import ClockContract, DelaysContract, FaultsContract, HistoryContract, MetricsContract
from tests import servers
from tests.drivers.bucketing import Clock
from tests.drivers.served import Served, serve

COUNTS = (
    'SELECT sum("value") FROM "requests" WHERE "version" = \'v2\' AND $timeFilter GROUP BY time($__interval), "host"'
)
RAW = 'SELECT last("total") FROM "served" WHERE "version" = \'v2\' AND $timeFilter GROUP BY "pod"'


@pytest.fixture(scope="module")
def influxdb(tmp_path_factory):
    with servers.influxdb(tmp_path_factory.mktemp("influxdb")) as url:
        now = int(time.time()) // 10 * 10
        write(url, *(f"requests,version=v2,host={host} value={value} {now - back}" for back in range(0, 2000, 10)
                     for host, value in (("a", 3), ("b", 4))),
              f"served,version=v2,pod=p1 total=100 {now - 40}", f"served,version=v2,pod=p1 total=117 {now - 5}",
              f"served,version=v2,pod=old total=9 {now - 1500}",
              *(f"latency,version=v2,le={le} bucket={value} {now - 10}" for le, value in (("0.1", 5), ("+Inf", 8))),
              f'plain,version=v2 0.1=5,0.5=7,+Inf=8 {now - 10}')  # fmt: skip
        yield url


def write(url, *lines):
    answer = httpx.post(
        f"{url}/write?db=shop&precision=s", content="\n".join(lines), auth=("root", "root"), trust_env=False
    )
    assert answer.status_code == 204, answer.text


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    monkeypatch.setenv("INFLUX", "the-password")


def build(url, **options):
    login = {} if "token" in options else {"username": "reader", "password": {"env": "INFLUX"}}
    given = {"url": url, "database": "shop", **login, **options}
    return InfluxdbMetrics(InfluxdbMetrics.Options.model_validate(given), Context(None, None))


def numbers(points, label):
    return {one.labels.get(label): one.value for one in points}


class TestInfluxdb(MetricsContract, HistoryContract, DelaysContract):
    known, unknown = COUNTS, COUNTS.replace("requests", "no_such_measurement")

    @pytest.fixture
    async def driver(self, influxdb):
        driver = build(influxdb)
        yield driver
        await driver.close()

    async def test_sums_become_counters_by_instance_and_late_points_are_added(self, driver, influxdb, monkeypatch):
        clock = Clock(monkeypatch)
        clock.now = time.time() // 10 * 10 - 200
        (first,) = await driver.read([COUNTS])
        assert numbers(first, "instance") == {"a": 0, "b": 0}
        clock.now += 100
        (later,) = await driver.read([COUNTS])
        assert numbers(later, "instance") == {"a": 30, "b": 40}
        write(influxdb, f"requests,version=v2,host=a value=50 {int(clock.now) - 45}")
        clock.now += 10
        (last,) = await driver.read([COUNTS])
        assert numbers(last, "instance") == {"a": 83, "b": 44}

    async def test_what_was_counted_already_is_read_as_it_is_and_what_is_old_is_missing(self, driver):
        (points,) = await driver.read([RAW])
        assert numbers(points, "pod") == {"p1": 117}

    async def test_histograms_have_tags_or_columns_for_bounds(self, driver):
        tags = 'SELECT last("bucket") FROM "latency" WHERE $time GROUP BY "le"'
        columns = 'SELECT last("0.1") AS "0.1", last("0.5") AS "0.5", last("+Inf") AS "+Inf" FROM "plain" WHERE $time'
        by_tags, by_columns = await driver.read([tags, columns + " GROUP BY time($interval) fill(none)"])
        assert numbers(by_tags, "le") == {"0.1": 5, "+Inf": 8}
        assert numbers(by_columns, "le") == {"0.1": 5, "0.5": 7, "+Inf": 8}

    async def test_the_past_is_a_running_sum(self, driver):
        past = await driver.read_past([COUNTS], 1800, 60)
        totals = [sum(point.value for point in one.answers[0]) for one in past]
        assert len(past) == 30
        assert totals[-1] - totals[-2] in range(42, 100)
        assert totals == sorted(totals)

    async def test_a_statement_that_is_refused_comes_with_the_servers_words(self, driver):
        with pytest.raises(PermanentError, match=r"InfluxDB answered 400.*(error parsing query|parse)"):
            await driver.read(["SELECT FROM WHERE $timeFilter"])
        with pytest.raises(PermanentError, match=r"refuses the query.*undefined function"):
            await driver.read(['SELECT nothing("value") FROM "requests" WHERE $timeFilter'])

    async def test_another_database_is_told_at_probe(self, influxdb):
        with pytest.raises(PermanentError, match=r"database not found|not authorized"):
            await build(influxdb, database="other").probe()

    async def test_a_wrong_password_is_told_and_not_shown(self, influxdb, monkeypatch):
        monkeypatch.setenv("INFLUX", "planted-secret")
        with pytest.raises(PermanentError, match=r"refuses the password in INFLUX") as caught:
            await build(influxdb).probe()
        assert "planted" not in str(caught.value)

    @pytest.mark.parametrize(
        "selector",
        ["requests", 'SELECT sum("value") FROM "requests"', f"{COUNTS}; DROP DATABASE shop", f"{COUNTS} -- x",
         'SELECT "value" INTO "other" FROM "requests" WHERE $timeFilter', "DROP DATABASE shop", "",
         'SELECT sum("value") FROM "requests" WHERE $timeFilter',
         'SELECT sum("x") FROM (SELECT last("c") AS "x" FROM "r" WHERE $time GROUP BY "host") GROUP BY $interval'],
    )  # fmt: skip
    async def test_only_one_select_of_a_span_of_time_is_a_selector(self, driver, selector):
        with pytest.raises(PermanentError, match="bad selector"):
            await driver.read([selector])

    async def test_words_within_quotes_are_data(self, driver):
        odd = 'SELECT last("value") FROM "requests" WHERE "path" = \'/a;b INTO -- c\' AND "q" =~ /x;y/ AND $timeFilter'
        assert await driver.read([odd]) == [[]]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"url": "http://influx:8086"}, "https"), ({"username": None}, "username and password"),
     ({"bucket_s": 0}, "bucket_s"),
     ({"token": {"env": "T"}, "username": "x", "password": {"env": "T"}}, "or username")],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(options, said):
    with pytest.raises(ValidationError, match=said):
        build(**{"url": "http://127.0.0.1:1", **options})


class Version2(Served):
    def answer(self, request):
        assert (request.method, request.path) == ("GET", "/query")
        if request.headers.get("authorization") != "Token the-password":
            return 401, {}, {"code": "unauthorized", "message": "unauthorized access"}
        assert request.query["db"] == "shop"
        assert request.query["rp"] == "autogen"
        assert request.query["epoch"] == "ms"
        result = {"statement_id": 0}
        if "requests" in request.query["q"]:
            at = int(time.time() - 40) // 10 * 10_000
            series = {"name": "requests", "tags": {"host": "a"}, "columns": ["time", "sum"], "values": [[at, 3]]}
            result["series"] = [series]
        return 200, {}, {"results": [result]}


class TestInfluxdb2:
    @pytest.fixture
    def version2(self):
        with serve(Version2()) as served:
            yield served

    async def test_a_token_and_a_mapped_bucket_will_do(self, version2, monkeypatch):
        driver = build(version2.url, token={"env": "INFLUX"}, retention_policy="autogen")
        (points,) = await driver.read([COUNTS])
        assert numbers(points, "instance") == {"a": 0}
        assert "shop" in await driver.probe()
        monkeypatch.setenv("INFLUX", "another")
        with pytest.raises(PermanentError, match="token in INFLUX"):
            await driver.probe()

    async def test_a_statement_that_took_too_long_may_be_asked_again(self, version2):
        driver = build(version2.url, token={"env": "INFLUX"}, retention_policy="autogen")
        said = {"results": [{"statement_id": 0, "error": "query-timeout limit exceeded"}]}
        version2.instead = lambda _: (200, {}, said)
        with pytest.raises(TemporaryError, match="query-timeout"):
            await driver.read([COUNTS])

    async def test_an_answer_that_was_cut_is_not_believed(self, version2):
        driver = build(version2.url, token={"env": "INFLUX"}, retention_policy="autogen")
        for partial in ({"partial": True}, {"series": [{"columns": ["time", "x"], "values": [], "partial": True}]}):
            version2.instead = lambda _, partial=partial: (200, {}, {"results": [{"statement_id": 0, **partial}]})
            with pytest.raises(PermanentError, match="max-row-limit"):
                await driver.read([COUNTS])


class TestInfluxdbFaults(ClockContract):
    name, patience_s = "InfluxDB", 1.5
    shapes = (*FaultsContract.shapes, b'{"results": []}', b'{"results": [{"series": [{"columns": ["x"]}]}]}')

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch):
        monkeypatch.setenv("INFLUX", self.secret)

    def at(self, url):
        return build(url, token={"env": "INFLUX"}, timeout_s=self.patience_s)

    async def act(self, driver):
        return await driver.read([COUNTS])


class TestInfluxdbProbeFaults(TestInfluxdbFaults):
    shapes = (*FaultsContract.shapes, b'{"results": []}')

    async def act(self, driver):
        return await driver.probe()
