"""StatsD's packets: how lines are read, what they add up to, and a listener that misses nothing."""

import asyncio
import gc
import os
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.metrics import statsd, statsd_table
from pilotage.drivers.metrics.exposition import parse_selector
from pilotage.drivers.metrics.statsd import StatsdMetrics, _address
from pilotage.drivers.metrics.statsd_lines import Line, lines
from pilotage.drivers.metrics.statsd_listener import Listener
from pilotage.drivers.metrics.statsd_table import Table
from pilotage.testing import MetricsContract


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """A probe waits for nothing, unless a test says so."""
    monkeypatch.setattr(statsd, "FIRST_S", 0.0)
    monkeypatch.setattr(statsd, "MORE_S", 0.0)


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [("gorets:1|c", Line("gorets", "c", (1,))), ("gorets:1|c|@0.1", Line("gorets", "c", (1,), weight=10)),
     ("glork:320|ms|@0.5", Line("glork", "ms", (320,), weight=2)), ("gaugor:333|g", Line("gaugor", "g", (333,))),
     ("gaugor:-10|g", Line("gaugor", "g", (-10,), signed=True)), ("u:765|s", Line("u", "s", (), member="765")),
     ("page.views:1|c|#country:china,beta", Line("page.views", "c", (1,), (("beta", "true"), ("country", "china")))),
     ("length:1:2:3|d|#a:b:c|@0.5", Line("length", "d", (1, 2, 3), (("a", "b:c"),), 2)),
     ("views:15|c|#env:dev|T1656581400|c:83c0a99c0a54|e:it-false", Line("views", "c", (15,), (("env", "dev"),))),
     ("a:1|c|#x:1,x:2,", Line("a", "c", (1,), (("x", "2"),))), ("g:4|g|@0.1", Line("g", "g", (4,)))],
)  # fmt: skip
def test_a_line_is_read(sent, wanted):
    assert list(lines(sent.encode())) == [wanted]


@pytest.mark.parametrize(
    "sent",
    [b"x", b"x:1", b":1|c", b"x:|c", b"x:one|c", b"x:1|z", b"x:1|c|@0", b"x:1|c|@2", b"x:1|c|@-1", b"x:1|c|@1e-300",
     b"x:nan|c", b"x:inf|g", b"x:-1|c", b"x:-1|ms", b"x:1:|c", b"x:1_0|c", b"\xff\xfe:1|c", b"x{a}:1|c", b"u:|s",
     b"n" * 400 + b":1|c", b"x:1|c|#" + b"a," * 100, b"x:1|c|#a:" + b"b" * 2000, b"x:" + b"1:" * 5000 + b"1|d"],
)  # fmt: skip
def test_a_malformed_line_is_none(sent):
    assert list(lines(sent)) == [None]


def test_a_packet_has_many_lines_and_what_is_no_metric_is_passed_over():
    packet = b"a:1|c\n\nb:2|g\r\n_e{5,4}:title|text\n_sc|Redis|2|#env:dev\nbroken\n"
    assert [one and one.name for one in lines(packet)] == ["a", "b", None]


@given(st.binary(max_size=200))
def test_whatever_is_sent_nothing_breaks(packet):
    table = Table([1.0])
    for line in lines(packet):
        if line is not None:
            table.add(line)


def value(table, selector):
    return [point.value for point in table.select(parse_selector(selector))]


def filled(*sent, bounds=(10.0, 100.0)):
    table = Table(bounds)
    for line in lines("\n".join(sent).encode()):
        assert line is not None
        table.add(line)
    return table


def test_counters_add_up_by_tags_with_their_rates():
    table = filled("x:1|c|#v:1", "x:2|c|#v:1|@0.5", "x:3:4|c|#v:2")
    assert value(table, 'x{v="1"}') == [5]
    assert value(table, 'x{v="2"}') == [7]
    assert value(table, "x") == [5, 7]
    assert value(table, "y") == []


def test_gauges_are_set_or_changed_and_sets_count_what_differs():
    assert value(filled("g:333|g", "g:-10|g", "g:+4|g"), "g") == [327]
    assert value(filled("g:5|g", "g:2|g"), "g") == [2]
    assert value(filled("u:ann|s", "u:bob|s", "u:ann|s"), "u") == [2]


def test_timers_are_buckets_that_each_count_all_below():
    table = filled("t:10|ms", "t:50|ms|@0.1", "t:10000|ms", "t:3|h", "t:4|d")
    points = table.select(parse_selector("t"))
    assert [(one.labels["le"], one.value) for one in points] == [("10", 3), ("100", 13), ("+Inf", 14)]
    assert [one.value for one in table.select(statsd_table.Selector(r"t\.count", (), "t.count"))] == [14]


def test_too_many_series_cost_only_those_that_are_not_counted(monkeypatch):
    monkeypatch.setattr(statsd_table, "MOST_SERIES", 3)
    table = filled("x:1|c|#v:1", "y:1|c|#v:1", "x:1|c|#v:2")
    table.add(Line("x", "c", (1.0,), (("v", "3"),)))
    table.add(Line("x", "c", (1.0,), (("v", "1"),)))
    assert value(table, "y") == [1]
    with pytest.raises(ValueError, match="some of x are not counted"):
        value(table, "x")
    for number in range(statsd_table.MOST_LEFT_OUT):
        table.add(Line(f"z{number}", "c", (1.0,)))
    with pytest.raises(ValueError, match="nobody knows"):
        value(table, "y")


def test_a_set_has_its_limit(monkeypatch):
    monkeypatch.setattr(statsd_table, "MOST_MEMBERS", 2)
    with pytest.raises(ValueError, match="not counted"):
        value(filled("u:a|s", "u:b|s", "u:c|s"), "u")


# ------------------------------------------------------------------ listening


def build(folder, **options):
    return StatsdMetrics(StatsdMetrics.Options.model_validate(options), Context(folder, folder))


def sender(bind):
    if bind.startswith("unix:"):
        sending = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sending.connect(bind.removeprefix("unix:"))
    else:
        sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sending.connect(("127.0.0.1", int(bind.rpartition(":")[2])))
    return sending


def udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(params=["udp", "unix"])
def bind(request, tmp_path):
    return f"127.0.0.1:{udp_port()}" if request.param == "udp" else f"unix:{tmp_path}/statsd.sock"


def held(bind, folder):
    return Listener._all.get(_address(bind, folder))


async def until(driver, selector, wanted):
    for _ in range(200):
        (points,) = await driver.read([selector])
        if (found := sum(point.value for point in points)) >= wanted:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{found} arrived, not {wanted}")


class TestStatsd(MetricsContract):
    known = 'shop.requests{version="v2"}'

    @pytest.fixture
    async def driver(self, bind, tmp_path):
        driver = build(tmp_path, bind=bind)
        with sender(bind) as sending:
            sending.send(b"shop.requests:3|c|#version:v2\nshop.requests:9|c|#version:v1")
        await until(driver, self.known, 3)
        yield driver
        await driver.close()

    async def test_what_is_sent_before_the_first_read_is_counted(self, bind, tmp_path):
        driver = build(tmp_path, bind=bind)
        with sender(bind) as sending:
            for _ in range(500):
                sending.send(b"shop.requests:1|c|#version:v2")
        assert await until(driver, self.known, 500) == 500
        await driver.close()

    async def test_nothing_is_lost_while_the_process_does_other_things(self, bind, tmp_path):
        driver = build(tmp_path, bind=bind)

        def send():
            with sender(bind) as sending:
                for number in range(5_000):
                    sending.send(b"a:1|c\na:1|c")
                    if number % 100 == 0:
                        time.sleep(0.01)  # what comes at once must fit into the kernel's buffer

        sending = threading.Thread(target=send)
        sending.start()
        sending.join()  # the event loop stands still meanwhile
        assert await until(driver, "a", 10_000) == 10_000
        await driver.close()

    async def test_two_rollouts_share_one_listener_and_the_last_one_ends_it(self, bind, tmp_path):
        one, two = build(tmp_path, bind=bind), build(tmp_path, bind=bind)
        with sender(bind) as sending:
            sending.send(b"a:1|c")
            assert await until(one, "a", 1) == await until(two, "a", 1) == 1
            await one.close()
            await one.close()
            sending.send(b"a:1|c")
            assert await until(two, "a", 2) == 2
        await two.close()
        assert held(bind, tmp_path) is None

    async def test_a_driver_that_is_closed_counts_anew_when_built_again(self, bind, tmp_path):
        for _ in range(2):
            driver = build(tmp_path, bind=bind)
            assert await driver.read(["a"]) == [[]]
            with sender(bind) as sending:
                sending.send(b"a:5|c")
            assert await until(driver, "a", 5) == 5
            await driver.close()
        with pytest.raises(PermanentError, match="closed"):
            await driver.read(["a"])

    async def test_one_that_is_forgotten_listens_no_longer(self, bind, tmp_path):
        driver = build(tmp_path, bind=bind)
        assert held(bind, tmp_path)
        del driver
        gc.collect()
        assert held(bind, tmp_path) is None

    async def test_other_buckets_at_one_address_are_refused(self, bind, tmp_path):
        one, two = build(tmp_path, bind=bind), build(tmp_path, bind=bind, buckets=[1])
        with pytest.raises(PermanentError, match="other `buckets`"):
            await two.probe()
        await one.close()
        assert "nothing has arrived yet" in await two.probe()
        await two.close()

    async def test_the_probe_says_what_arrives(self, bind, tmp_path, monkeypatch):
        driver = build(tmp_path, bind=bind)
        assert "nothing has arrived yet" in await driver.probe()
        with sender(bind) as sending:
            sending.send(b"a:1|c\nb:2|g\na:1|c|#x:y\nbroken")
        await until(driver, "a", 2)
        assert "1 packets, 2 names, 3 series; 1 lines malformed, such as in" in await driver.probe()
        monkeypatch.setattr("pilotage.drivers.metrics.statsd.QUIET_S", -1.0)
        assert "nothing has arrived in the last" in await driver.probe()
        await driver.close()


async def test_a_plans_selectors_are_known_after_the_probe_though_senders_collect_first(tmp_path, monkeypatch):
    """As the preflight does it: drivers are built, asked, and read at once."""
    monkeypatch.setattr(statsd, "FIRST_S", 5.0)
    monkeypatch.setattr(statsd, "MORE_S", 0.3)
    bind = f"unix:{tmp_path / 's.sock'}"
    driver = build(tmp_path, bind=bind)
    with sender(bind) as sending:

        async def flushes():
            await asyncio.sleep(0.5)
            sending.send(b"shop.requests:9|c|#version:v1")
            await asyncio.sleep(0.1)
            sending.send(b"shop.requests:3|c|#version:v2")

        flushing = asyncio.create_task(flushes())
        assert "2 packets" in await driver.probe()
        first, second = await driver.read(['shop.requests{version="v1"}', 'shop.requests{version="v2"}'])
        assert [one.value for one in (*first, *second)] == [9, 3]
        await flushing
        await driver.close()


async def test_a_port_that_is_taken_is_told_and_had_when_it_is_free(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        driver = build(tmp_path, bind=f"127.0.0.1:{taken.getsockname()[1]}")
        for call in (driver.probe, lambda: driver.read(["a"])):
            with pytest.raises(TemporaryError, match=r"cannot listen for StatsD at 127.*in use.*another Pilotage"):
                await call()
    assert "nothing has arrived" in await driver.probe()
    await driver.close()


async def test_a_socket_left_behind_is_replaced_and_another_file_is_not(tmp_path):
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(os.fspath(path))
        taken = build(tmp_path, bind="unix:s.sock")
        with pytest.raises(TemporaryError, match="in use"):
            await taken.probe()
    driver = build(tmp_path, bind="unix:s.sock")
    assert "nothing has arrived" in await driver.probe()
    await driver.close()
    path.write_text("mine")
    driver = build(tmp_path, bind="unix:s.sock")
    with pytest.raises(TemporaryError, match="in use"):
        await driver.probe()
    assert path.read_text() == "mine"


async def test_packets_that_the_kernel_had_to_drop_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("pilotage.drivers.metrics.statsd_listener.BUFFER_BYTES", 1)
    bind = f"127.0.0.1:{udp_port()}"
    driver = build(tmp_path, bind=bind)
    with held(bind, tmp_path).table._lock, sender(bind) as sending:
        for _ in range(1000):
            sending.send(b"a:1|c")
    for _ in range(100):
        with sender(bind) as sending:
            sending.send(b"a:1|c")
        await asyncio.sleep(0.01)
        if "packets lost" in (said := await driver.probe()):
            break
    assert "packets lost, as too many came at once" in said
    await driver.close()


@pytest.mark.parametrize(
    "wrong", ["8125", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "unix:", "http://x:1", "[x]:1"]
)
def test_an_address_that_is_none_is_refused(wrong):
    with pytest.raises(ValidationError, match="host:port"):
        StatsdMetrics.Options(bind=wrong)


@pytest.mark.parametrize("buckets", [[], [0, 1], [2, 1], [1, 1], [1, float("inf")]])
def test_buckets_that_do_not_ascend_are_refused(buckets):
    with pytest.raises(ValidationError, match="buckets"):
        StatsdMetrics.Options(buckets=buckets)


@pytest.mark.parametrize("selector", ["", "a b", "sum(x)}", "x{", 'x{a=~"("}', "a:1|c"])
async def test_a_selector_that_is_none_is_told(tmp_path, selector):
    driver = build(tmp_path, bind=f"127.0.0.1:{udp_port()}")
    with pytest.raises(PermanentError, match="bad selector"):
        await driver.read([selector])
    await driver.close()
