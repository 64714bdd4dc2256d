"""The Loki driver, before a server that answers as Loki documents."""

from __future__ import annotations

import random
import time

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.logs.loki import LokiLogs
from pilotage.testing import ClockContract, LogsContract
from tests.drivers import served
from tests.drivers.loki import Loki

NS = 1_000_000_000
QUERY = '{app="payment", track="canary"}'


@pytest.fixture
def loki():
    with served.serve(Loki()) as running:
        yield running


def logs(loki, state, **options):
    given = {"url": loki.url, "query": QUERY} | options
    return LokiLogs(LokiLogs.Options.model_validate(given), Context(state, state))


def a_minute_ago(loki, state, **options):
    """One that began then: lines may have come since."""
    given = {"url": loki.url, "query": QUERY} | options
    return LokiLogs(LokiLogs.Options.model_validate(given), Context(state, state), lambda: time.time() - 60)


def text(pieces):
    return b"".join(piece.data for piece in pieces)


def places(pieces):
    """As a listener stores them: each stream's last byte."""
    return {piece.stream: piece.offset + len(piece.data) for piece in pieces}


class TestLoki(LogsContract):
    strange = "Ünlesbar \u2028\t\n".encode()

    @pytest.fixture
    async def driver(self, loki, tmp_path):
        driver = logs(loki, tmp_path)
        yield driver
        await driver.close()

    @pytest.fixture
    def write(self, loki):
        def push(data):
            for line in data.decode().split("\n")[:-1]:
                loki.push(line, time.time_ns())

        return push

    async def test_pieces_are_a_mebibyte_at_most(self, driver, loki):
        await driver.read()
        for number in range(3000):
            loki.push(f"{number:04d}" + "x" * 1019, time.time_ns() + number)
        heard = await self.hear(driver, 3000 * 1024)
        assert sum(len(piece.data) for piece in heard) == 3000 * 1024
        assert all(len(piece.data) <= 1024 * 1024 for piece in heard)


class TestLokiFaults(ClockContract):
    name = "Loki"

    @pytest.fixture(autouse=True)
    def in_the_environment(self, monkeypatch, tmp_path):
        monkeypatch.setenv("LOKI_TOKEN", self.secret)
        self.state = tmp_path

    def at(self, url):
        given = {"url": url, "query": QUERY, "token": {"env": "LOKI_TOKEN"}, "timeout_s": self.patience_s}
        return LokiLogs(LokiLogs.Options.model_validate(given), Context(self.state, self.state))


class TestLokiReadFaults(TestLokiFaults):
    async def act(self, driver):
        await driver.read()


async def test_each_set_of_labels_is_a_stream_of_its_own(loki, tmp_path):
    driver = logs(loki, tmp_path)
    await driver.read()
    loki.push("ERROR one", pod="a")
    loki.push("  at two", pod="b")
    loki.push("  at three", pod="a")
    pieces = [piece for piece in await driver.read() if piece.data]
    assert {piece.name: piece.data for piece in pieces} == {
        '{pod="a"}': b"ERROR one\n  at three\n",
        '{pod="b"}': b"  at two\n",
    }


async def test_more_lines_than_one_answer_may_hold_all_come(loki, tmp_path):
    driver = logs(loki, tmp_path, limit=10)
    await driver.read()
    begun = time.time_ns()
    for number in range(95):
        loki.push(f"line {number}", begun + number // 3)  # three lines an instant, over the page's edge
    heard = text(await driver.read())
    assert heard == b"".join(b"line %d\n" % number for number in range(95))


async def test_a_line_that_comes_late_is_read_once_and_no_other_twice(loki, tmp_path):
    driver = a_minute_ago(loki, tmp_path, late_s=10)
    await driver.read()
    now = time.time_ns() - 30 * NS
    loki.push("second", now + 2 * NS)
    assert text(await driver.read()) == b"second\n"
    loki.push("first, late", now + NS)
    assert text(await driver.read()) == b"first, late\n"
    assert text(await driver.read()) == b""


async def test_after_a_restart_it_goes_on_at_the_place_that_was_stored(loki, tmp_path):
    first = logs(loki, tmp_path)
    await first.read()
    begun = time.time_ns()
    loki.push("one", begun + 1)
    loki.push("two", begun + 2)
    stored = places(await first.read())
    loki.push("three", begun + 3)
    await first.read()  # read, and not stored
    await first.close()
    loki.push("four", begun + 4)
    second = logs(loki, tmp_path)
    second.continue_at(stored)
    pieces = await second.read()
    assert text(pieces) == b"three\nfour\n"
    assert [piece.offset for piece in pieces if piece.data] == list(stored.values())


async def test_a_place_within_what_was_handed_out_at_once_is_found_again(loki, tmp_path):
    first = logs(loki, tmp_path)
    await first.read()
    begun = time.time_ns()
    for number in range(5):
        loki.push(f"line {number}", begun + number)
    (piece,) = [piece for piece in await first.read() if piece.data]
    second = logs(loki, tmp_path)
    await first.close()
    second = logs(loki, tmp_path)
    second.continue_at({piece.stream: 14})
    assert text(await second.read()) == b"line 2\nline 3\nline 4\n"


@pytest.mark.parametrize("seed", range(5))
async def test_killed_again_and_again_every_line_comes_once(loki, tmp_path, seed):
    chance, stored, heard = random.Random(seed), {}, {}
    begun = time.time_ns() - 30 * NS
    driver = a_minute_ago(loki, tmp_path, limit=10)
    await driver.read()
    for number in range(60):
        loki.push(f"line {number}", begun + number, pod=chance.choice("ab"))
        if chance.random() < 0.4:
            for piece in await driver.read():
                heard.setdefault(piece.stream, {})[piece.offset] = piece.data
                if chance.random() < 0.7:
                    stored = stored | places([piece])
        if stored and chance.random() < 0.1:
            await driver.close()
            for stream, pieces in heard.items():  # what was not stored is not known to have come
                heard[stream] = {at: data for at, data in pieces.items() if at < stored.get(stream, 0)}
            driver = a_minute_ago(loki, tmp_path, limit=10)
            driver.continue_at(stored)
    for piece in await driver.read():
        heard.setdefault(piece.stream, {})[piece.offset] = piece.data
    lines = b"".join(data for pieces in heard.values() for _, data in sorted(pieces.items())).split(b"\n")
    assert sorted(lines[:-1] if not lines[-1] else lines) == sorted(b"line %d" % number for number in range(60))


async def test_the_past_comes_oldest_first_and_ends_where_following_begins(loki, tmp_path):
    now = time.time_ns()
    for number in range(40):
        loki.push(f"old {number}", now - (100 - number) * NS)
    driver = logs(loki, tmp_path, limit=10)
    past = [piece async for piece in driver.past(3600, 1_000_000)]
    assert text(past) == b"".join(b"old %d\n" % number for number in range(40))
    assert past[-1].ended
    loki.push("new", time.time_ns())
    assert text(await driver.read()) == b"new\n"


async def test_of_a_long_past_the_newest_is_kept(loki, tmp_path):
    now = time.time_ns()
    for number in range(100):
        loki.push(f"old {number:03d}", now - (200 - number) * NS)
    past = text([piece async for piece in logs(loki, tmp_path, limit=10).past(3600, 160)])
    assert past.endswith(b"old 099\n")
    assert b"old 050" not in past


async def test_the_tenant_is_sent(loki, tmp_path):
    await logs(loki, tmp_path, tenant="team-a").probe()
    assert loki.requests[-1].headers["x-scope-orgid"] == "team-a"


async def test_the_probe_says_whether_the_query_finds_anything(loki, tmp_path):
    assert "are the labels right" in await logs(loki, tmp_path).probe()
    loki.push("a line")
    assert "has lines" in await logs(loki, tmp_path).probe()


async def test_a_query_that_loki_refuses_is_shown_with_its_words(loki, tmp_path):
    loki.instead = lambda _: (400, {}, "parse error at line 1, col 6: syntax error: unexpected IDENTIFIER")
    with pytest.raises(PermanentError, match="unexpected IDENTIFIER"):
        await logs(loki, tmp_path).probe()


async def test_a_query_that_counts_is_refused(loki, tmp_path):
    loki.instead = lambda _: (200, {}, {"status": "success", "data": {"resultType": "matrix", "result": []}})
    with pytest.raises(PermanentError, match="expected a log query"):
        await logs(loki, tmp_path).probe()
    with pytest.raises(ValidationError, match="query"):
        logs(loki, tmp_path, query='rate({app="payment"}[5m])')


async def test_what_is_read_while_loki_fails_comes_later(loki, tmp_path):
    driver = logs(loki, tmp_path)
    await driver.read()
    loki.push("one")
    loki.instead = lambda _: (503, {}, {"error": "overloaded"})
    with pytest.raises(TemporaryError, match="503"):
        await driver.read()
    loki.instead = None
    assert text(await driver.read()) == b"one\n"


async def test_of_long_lines_fewer_are_asked_for_at_once(loki, tmp_path):
    """Stack traces in one line each: five thousand of them are more than an answer may be."""
    driver = logs(loki, tmp_path)
    await driver.read()
    begun = time.time_ns()
    for number in range(300):
        loki.push(f"{number:04d}" + "x" * 50_000, begun + number)
    heard = b""
    for _ in range(10):
        heard += text(await driver.read())
    assert heard.count(b"\n") == 300
    assert [line[:4] for line in heard.split(b"\n")[:-1]] == [b"%04d" % number for number in range(300)]
    assert driver.troubles() == []
