"""The journald driver, before a real journal."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.drivers.logs.journald import JournaldLogs
from pilotage.testing import LogsContract
from tests.drivers.journal import UNIT, journal
from tests.drivers.logs import Clock


@pytest.fixture
def written(tmp_path):
    with journal(tmp_path / "journal") as running:
        yield running


@pytest.fixture
async def started(written, tmp_path):
    drivers = []

    def start(places=None, **options):
        given = {"units": [UNIT], "directory": str(written.folder)} | options
        clock = options.pop("clock", time.time)
        given.pop("clock", None)
        context = Context(tmp_path, tmp_path / "state")
        driver = JournaldLogs(JournaldLogs.Options.model_validate(given), context, clock)
        driver.continue_at(places or {})
        drivers.append(driver)
        return driver

    yield start
    for driver in drivers:
        await driver.close()


async def until(driver, size, seconds=30):
    """Reads on until so many bytes came."""
    pieces, end = [], asyncio.get_running_loop().time() + seconds
    while len(text(pieces)) < size:
        assert asyncio.get_running_loop().time() < end, pieces[-3:]
        pieces += await driver.read()
        await asyncio.sleep(0.01)
    return pieces


def text(pieces):
    return b"".join(piece.data for piece in pieces)


def places(pieces):
    return {piece.stream: piece.offset + len(piece.data) for piece in pieces}


class TestJournald(LogsContract):
    @pytest.fixture
    def driver(self, started):
        return started()

    @pytest.fixture
    def write(self, written):
        def lines(data):
            for line in data.split(b"\n")[:-1]:
                written.write(line)

        return lines


async def test_an_entry_of_several_lines_stays_whole(started, written):
    driver = started()
    await driver.read()
    written.write(b"ERROR it failed\n  at one\n  at two")
    assert text(await until(driver, 32)) == b"ERROR it failed\n  at one\n  at two\n"


async def test_only_the_units_named_are_read(started, written):
    driver = started()
    await driver.read()
    written.write(b"theirs", "other.service")
    written.write(b"ours")
    assert text(await until(driver, 5)) == b"ours\n"


async def test_after_a_restart_it_goes_on_at_the_place_that_was_stored(started, written):
    first = started()
    await first.read()
    written.write(b"one")
    written.write(b"two")
    stored = places(await until(first, 8))
    written.write(b"three")
    await until(first, 6)  # read, and not stored
    await first.close()
    written.write(b"four")
    second = started(stored)
    pieces = await until(second, 11)
    assert text(pieces) == b"three\nfour\n"
    assert pieces[0].offset == 8


async def test_a_place_in_the_middle_of_what_came_at_once_is_found_again(started, written):
    first = started()
    await first.read()
    for number in range(5):
        written.write(b"line %d" % number)
    (stream,) = places(await until(first, 35))
    await first.close()
    second = started({stream: 14})
    assert text(await until(second, 21)) == b"line 2\nline 3\nline 4\n"


async def test_the_past_ends_where_following_begins(started, written):
    written.write(b"long ago", at=time.time() - 7200)
    for number in range(30):
        written.write(b"old %02d" % number, at=time.time() - 60 + number)
    driver = started()
    await wait_for_entries(driver)
    past = [piece async for piece in driver.past(3600, 1_000_000)]
    assert b"long ago" not in text(past)
    assert text(past) == b"".join(b"old %02d\n" % number for number in range(30))
    assert past[-1].ended
    written.write(b"new")
    assert text(await until(driver, 4)) == b"new\n"


async def wait_for_entries(driver):
    """The journal's writer is a process of its own."""
    for _ in range(500):
        if "no message" not in await driver.probe():
            await asyncio.sleep(0.2)
            return
        await asyncio.sleep(0.01)


async def test_of_a_long_past_the_newest_bytes_are_kept(started, written):
    for number in range(30):
        written.write(b"old %02d" % number)
    driver = started()
    await wait_for_entries(driver)
    past = [piece async for piece in driver.past(3600, 20)]
    assert text(past) == (b"".join(b"old %02d\n" % number for number in range(30)))[-20:]
    assert past[0].offset == 30 * 7 - 20


async def test_a_journalctl_that_ends_is_told_and_started_again_where_it_was(started, written):
    clock = Clock()
    driver = started(clock=clock)
    await driver.read()
    written.write(b"one")
    await until(driver, 4)
    (run,) = driver._runs
    os.killpg(run._process.pid, signal.SIGKILL)
    await asyncio.to_thread(run.ended.wait, 10)
    written.write(b"two")
    await driver.read()
    assert any("started again where it was" in one for one in driver.troubles())
    clock.now += 60
    assert text(await until(driver, 4)) == b"two\n"


async def test_a_journalctl_that_is_not_there_is_named(started):
    with pytest.raises(PermanentError, match="no-such-journalctl"):
        await started(journalctl="no-such-journalctl").probe()


async def test_the_probe_says_when_there_is_nothing(started):
    assert "are the names right" in await started(units=["nobody.service"]).probe()


@pytest.mark.parametrize(
    "options",
    [
        {"units": []},
        {"units": ["--file=/etc/shadow"]},
        {"units": ["pay*.service"]},
        {"units": [], "match": ["--since"]},
        {"match": ["lower=x"]},
    ],
)
def test_what_is_no_unit_and_no_match_is_refused(options):
    with pytest.raises(ValidationError, match=r"units|matches"):
        JournaldLogs.Options.model_validate({"units": [UNIT]} | options)
