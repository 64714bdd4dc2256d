"""Log files on other servers: real SSH servers on loopback, whose commands run in homes of their own."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.logs.ssh import SshLogs
from pilotage.testing import LogsContract, UnreachableContract
from tests import servers
from tests.drivers import sshd
from tests.drivers.logs import Clock, LogFile

SCRIPT = Path(__file__).parents[2] / "src/pilotage/drivers/logs/far.sh"


@pytest.fixture
async def server(tmp_path):
    async with sshd.serving(tmp_path / "home") as running:
        yield running


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def at_once_again(monkeypatch):
    monkeypatch.setattr("pilotage.drivers.logs.farserver.FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr("pilotage.drivers.logs.farserver.LONGEST_PAUSE_S", 0.0)


@pytest.fixture
async def started(server, tmp_path, clock):
    made, login = [], server.login(tmp_path)

    def start(places=None, **options):
        given = {key: value for key, value in login.items() if key != "host"}
        given |= {"hosts": [login["host"]], "paths": ["app.log"]} | options
        driver = SshLogs(SshLogs.Options.model_validate(given), Context(tmp_path, tmp_path / "state"), clock)
        driver.continue_at(places or {})
        made.append(driver)
        return driver

    yield start
    for driver in made:
        await driver.close()


@pytest.fixture
def log(server):
    file = LogFile(server.home / "app.log")
    yield file
    os.close(file.fd)


def text(pieces):
    return b"".join(piece.data for piece in pieces)


def places(pieces):
    return {piece.stream: piece.offset + len(piece.data) for piece in pieces}


class Ears:
    """Keeps the texts by stream as a listener does, and refuses a gap or a repeat."""

    def __init__(self):
        self.texts, self.open, self.before = {}, {}, ({}, {})

    def take(self, pieces):
        self.before = (
            {stream: (begin, bytearray(text)) for stream, (begin, text) in self.texts.items()},
            dict(self.open),
        )
        for piece in pieces:
            begin, text = self.texts.setdefault(piece.stream, (piece.offset, bytearray()))
            assert piece.offset == begin + len(text), piece
            text += piece.data
            self.open[piece.stream] = piece.offset + len(piece.data)
            if piece.ended:
                del self.open[piece.stream]

    def kill(self, chance):
        """Of what the last read gave nothing was stored, or of each stream a part."""
        texts, places = self.before
        if chance.random() < 0.5:
            self.texts, self.open = texts, places
        for stream in self.open:
            begin, text = self.texts[stream]
            least = texts[stream][0] + len(texts[stream][1]) if stream in texts else begin
            self.open[stream] = chance.randint(least, begin + len(text))
            del text[self.open[stream] - begin :]

    def heard(self):
        return sorted(bytes(text) for _, text in self.texts.values() if text)


async def drained(driver, clock, ears=None):
    ears = ears or Ears()
    for _ in range(12):
        clock.now += 2
        ears.take(await driver.read())
    return ears


class TestSshLogs(LogsContract, UnreachableContract):
    @pytest.fixture
    def driver(self, started, log):
        return started()

    @pytest.fixture
    def write(self, log):
        return log.write

    @pytest.fixture
    def unreachable(self, started):
        return started(port=servers.free_port())


class TestRotation:
    async def test_the_rest_of_a_renamed_file_comes_and_the_new_one_from_its_beginning(self, started, log, clock):
        driver = started()
        await driver.read()
        log.write(b"one\n")
        assert text(await driver.read()) == b"one\n"
        log.write(b"two\n")
        log.rename(late=b"three\n")
        log.write(b"four\n")
        ears = await drained(driver, clock)
        assert ears.heard() == [b"four\n", b"two\nthree\n"]
        assert len(ears.open) == 1
        assert driver.troubles() == []

    async def test_generations_that_came_and_went_between_two_looks_are_read(self, started, log, clock):
        log.write(b"before\n")
        log.rename()
        driver = started()
        await driver.read()
        for number in range(4):
            log.write(b"of %d\n" % number)
            log.rename()
        log.write(b"of 4\n")
        assert (await drained(driver, clock)).heard() == [b"of %d\n" % number for number in range(5)]

    async def test_what_was_not_read_of_a_truncated_file_comes_from_its_copy(self, started, log, clock):
        driver = started()
        await driver.read()
        log.write(b"one\n")
        assert text(await driver.read()) == b"one\n"
        log.write(b"two\n")
        log.copytruncate()
        log.write(b"3\n")
        ears = await drained(driver, clock)
        assert ears.heard() == [b"3\n", b"two\n"]
        assert driver.troubles() == []

    async def test_one_that_has_grown_beyond_the_place_again_is_noticed(self, started, log, clock):
        driver = started()
        await driver.read()
        log.write(b"one\n")
        await driver.read()
        log.copytruncate()
        log.write(b"this text is much longer than what was there\n")
        assert (await drained(driver, clock)).heard() == [b"this text is much longer than what was there\n"]

    async def test_a_file_cut_to_nothing_without_a_copy_is_said(self, started, log, clock):
        driver = started()
        log.write(b"old\n")
        await driver.read()
        log.write(b"one\n")
        await driver.read()
        os.truncate(log.path, 0)
        log.write(b"two\n")
        assert (await drained(driver, clock)).heard() == [b"two\n"]
        (said,) = driver.troubles()
        assert "127.0.0.1:app.log was cut off" in said

    async def test_a_file_that_goes_away_ends_and_is_said(self, started, log, clock):
        driver = started()
        await driver.read()
        log.path.unlink()
        ears = await drained(driver, clock)
        assert ears.open == {}
        (said,) = driver.troubles()
        assert "went away, or was packed" in said

    async def test_rotated_names_are_no_files_of_their_own(self, started, log, clock, server):
        (server.home / "app.log.2.gz").write_bytes(b"packed")
        (server.home / "app-20261126.log").write_bytes(b"an older copy\n")
        driver = started(paths=["*.log*"])
        await driver.read()
        log.write(b"one\n")
        log.copytruncate()
        log.write(b"2\n")
        assert (await drained(driver, clock)).heard() == [b"2\n", b"one\n"]

    @pytest.mark.parametrize("way", ["rename", "copytruncate"])
    async def test_under_load_every_line_comes_once(self, started, log, clock, way):
        """Truncation at most once between two looks: that is all a copy can make good."""
        driver, ears, looks = started(), Ears(), [0]
        ears.take(await driver.read())

        def work():
            number = 0
            for round_ in range(12):
                begun = looks[0]
                while number < 40 * (round_ + 1) or (way == "copytruncate" and looks[0] < begun + 2):
                    log.write(b"%06d\n" % number)
                    number += 1
                    time.sleep(0.002)
                if round_ < 11:
                    log.rename() if way == "rename" else log.copytruncate()
            return number

        written = asyncio.create_task(asyncio.to_thread(work))
        while not written.done():
            clock.now += 0.05
            ears.take(await driver.read())
            looks[0] += 1
        await drained(driver, clock, ears)
        lines = sorted(line for one in ears.heard() for line in one.split(b"\n") if line)
        assert lines == [b"%06d" % number for number in range(await written)]

    async def test_one_cut_off_several_times_between_two_looks_is_said(self, started, log, clock):
        driver = started()
        log.write(b"before\n")
        await driver.read()
        log.write(b"one\n")
        for _ in range(2):
            log.copytruncate()
            log.write(b"2\n")
        assert (await drained(driver, clock)).heard() == [b"2\n", b"one\n"]
        assert any("several times between two looks" in said for said in driver.troubles())


class TestRestarts:
    async def test_it_goes_on_at_the_byte_that_was_stored(self, started, log):
        first = started()
        await first.read()
        log.write(b"one\ntwo\n")
        (stream,) = places(await first.read())
        await first.close()
        log.write(b"three\n")
        heard = await started({stream: 5}).read()
        assert (text(heard), heard[0].offset) == (b"wo\nthree\n", 5)

    async def test_rotated_meanwhile_it_goes_on_in_the_old_file(self, started, log, clock):
        first = started()
        await first.read()
        log.write(b"one\n")
        stored = places(await first.read())
        await first.close()
        log.write(b"two\n")
        log.rename()
        log.write(b"three\n")
        log.rename()
        log.write(b"four\n")
        assert (await drained(started(stored), clock)).heard() == [b"four\n", b"three\n", b"two\n"]

    async def test_truncated_meanwhile_it_goes_on_in_the_copy(self, started, log, clock):
        first = started()
        await first.read()
        log.write(b"one\n")
        stored = places(await first.read())
        await first.close()
        log.write(b"two\n")
        log.copytruncate()
        log.write(b"a longer text than before\n")
        assert (await drained(started(stored), clock)).heard() == [b"a longer text than before\n", b"two\n"]

    @pytest.mark.parametrize("way", ["rename", "copytruncate"])
    @pytest.mark.parametrize("seed", range(6))
    async def test_killed_again_and_again_every_byte_comes_once(self, started, log, clock, seed, way):
        """What was truncated twice since the place that was stored may be missing; then that is said."""
        chance, ears, troubles = random.Random(seed), Ears(), []
        driver = started()
        ears.take(await driver.read())
        for number in range(60):
            log.write(b"%d " % number + chance.randbytes(chance.randint(0, 200)) + b"\n")
            clock.now += chance.choice([0.1, 1, 4])
            what = chance.random()
            if what < 0.5:
                ears.take(await driver.read())
            elif what < 0.7:
                ears.take(await driver.read())
                log.rename() if way == "rename" else log.copytruncate()
            elif what < 0.85:
                await driver.close()
                ears.kill(chance)
                troubles += driver.troubles()
                driver = started(ears.open)
        await drained(driver, clock, ears)
        missing = [text for text in log.truth() if text not in ears.heard()]
        assert [text for text in ears.heard() if text not in log.truth()] == []
        assert len(ears.heard()) == len(set(ears.heard()))
        assert missing == [] or (way == "copytruncate" and "was cut off" in str([*troubles, *driver.troubles()]))


class TestSeveral:
    @pytest.fixture
    async def both(self, server, tmp_path):
        async with sshd.serving(tmp_path / "other", "127.0.0.2", server.port) as other:
            other.user_key = server.user_key
            other.known(tmp_path / "known_hosts")
            yield server, other

    async def test_one_source_has_the_logs_of_all(self, started, both):
        driver = started(hosts=["127.0.0.1", "127.0.0.2"])
        for one in both:
            (one.home / "app.log").touch()
        await driver.read()
        for one in both:
            (one.home / "app.log").write_text(f"of {one.address}\n")
        heard = {piece.name: piece.data for piece in await driver.read()}
        assert heard == {f"{one.address}:app.log": f"of {one.address}\n".encode() for one in both}
        assert "2 log file(s) on 2 server(s)" in await driver.probe()

    async def test_one_that_does_not_answer_is_named_and_the_others_logs_come_at_the_next_call(self, started, both):
        for one in both:
            (one.home / "app.log").touch()
        driver = started(hosts=["127.0.0.1", "127.0.0.2", "127.0.0.3"])
        with pytest.raises(TemporaryError, match=r"^127\.0\.0\.3 refuses connections"):
            await driver.read()
        assert len(await driver.read()) == 2
        (both[0].home / "app.log").write_text("one\n")
        (both[1].home / "app.log").write_text("two\n")
        with pytest.raises(TemporaryError, match=r"^127\.0\.0\.3 refuses connections"):
            await driver.read()
        assert sorted(piece.data for piece in await driver.read()) == [b"one\n", b"two\n"]
        with pytest.raises(TemporaryError, match=r"^127\.0\.0\.3"):
            await driver.read()
        with pytest.raises(TemporaryError, match=r"^127\.0\.0\.3"):
            await driver.probe()

    def test_each_must_be_another(self, started):
        with pytest.raises(ValidationError, match="each host once"):
            started(hosts=["web1", "web1"])


class TestConnections:
    async def test_a_lost_one_is_made_again_and_nothing_is_lost(self, started, log, server):
        driver = started()
        await driver.read()
        heard = b""
        for number in range(5):
            log.write(b"line %d\n" % number)
            server.cut()
            with suppress(TemporaryError):
                heard += text(await driver.read())
        heard += text(await driver.read())
        assert heard == b"".join(b"line %d\n" % number for number in range(5))
        assert len(server.connections) >= 5

    async def test_all_looks_share_one(self, started, log, server):
        driver = started()
        for _ in range(5):
            await driver.read()
            await driver.probe()
        assert len(server.connections) == 1

    async def test_one_that_fails_is_left_alone_for_a_while(self, started, monkeypatch):
        monkeypatch.setattr("pilotage.drivers.logs.farserver.FIRST_PAUSE_S", 60.0)
        monkeypatch.setattr("pilotage.drivers.logs.farserver.LONGEST_PAUSE_S", 60.0)
        port = servers.free_port()
        driver = started(port=port)
        with pytest.raises(TemporaryError, match="refuses connections"):
            await driver.read()
        tries = []
        async with await asyncio.start_server(lambda *_: tries.append(1), "127.0.0.1", port):
            for ask in (driver.read, driver.probe):
                with pytest.raises(TemporaryError, match="refuses connections"):
                    await ask()
        assert tries == []

    async def test_another_host_key_is_refused(self, started, log, server, tmp_path):
        (tmp_path / "known_hosts").unlink()
        with pytest.raises(PermanentError, match="is not a known host"):
            await started().read()
        server.known(tmp_path / "known_hosts", asyncssh.generate_private_key("ssh-ed25519"))
        with pytest.raises(PermanentError, match="has CHANGED"):
            await started().read()

    async def test_another_key_is_refused(self, started, log, tmp_path):
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "other")
        with pytest.raises(PermanentError, match="refuses the key"):
            await started(key="other").read()

    async def test_it_goes_through_a_jump_host(self, started, log, server):
        driver = started(jump=f"127.0.0.1:{server.port}")
        await driver.read()
        log.write(b"one\n")
        assert text(await driver.read()) == b"one\n"
        assert server.forwarded == [server.port]

    async def test_a_server_that_takes_too_long_is_said(self, started, log, server, monkeypatch):
        monkeypatch.setattr("pilotage.drivers.logs.farhost._SCRIPT", "sleep 5")
        with pytest.raises(TemporaryError, match=r"127\.0\.0\.1 did not answer within 0\.3 s"):
            await started(timeout_s=0.3).read()

    async def test_one_without_the_commands_is_said_with_what_it_needs(self, started, log, monkeypatch):
        monkeypatch.setattr("pilotage.drivers.logs.farhost._SCRIPT", "echo 'Welcome to our server'")
        with pytest.raises(TemporaryError, match=r"needs Linux with /bin/sh, stat, dd, tail and head.*Welcome"):
            await started().read()


class TestFiles:
    async def test_one_that_is_born_later_is_read_from_its_beginning(self, started, server):
        driver = started(paths=["logs/*.log"])
        assert await driver.read() == []
        (server.home / "logs").mkdir()
        (server.home / "logs" / "a.log").write_bytes(b"one\n")
        assert text(await driver.read()) == b"one\n"

    @pytest.mark.parametrize(
        "name", ["a b.log", "$(touch x).log", "'.log", "-n.log", "ü`touch x`.log", "a\\tb.log", "*.log"]
    )
    async def test_names_stay_names(self, started, server, name):
        driver = started(paths=["*.log"])
        await driver.read()
        (server.home / name).write_bytes(b"one\n")
        heard = await driver.read()
        assert (text(heard), heard[-1].name) == (b"one\n", f"127.0.0.1:{name}")
        assert not (server.home / "x").exists()

    @pytest.mark.parametrize("pattern", ["$(touch x)", "`touch x`", "; touch x", "a b; touch x", "'; touch x; '"])
    async def test_a_pattern_is_no_command(self, started, server, pattern):
        await started(paths=[pattern]).read()
        assert not (server.home / "x").exists()

    async def test_a_name_with_a_line_in_it_tells_of_no_other_file(self, started, server):
        (server.home / "secret").write_bytes(b"secret\n")
        about = os.stat(server.home / "secret")
        driver = started(paths=["*.log"])
        await driver.read()
        (server.home / "x").mkdir()
        name = f"x\nfile {about.st_dev} {about.st_ino} 7 1 secret.log"
        (server.home / name).write_bytes(b"")
        assert await driver.read() == []

    async def test_folders_and_pipes_are_no_log_files(self, started, server):
        (server.home / "a.log").mkdir()
        os.mkfifo(server.home / "b.log")
        driver = started(paths=["*.log"])
        assert await driver.read() == []
        with pytest.raises(TemporaryError, match=r"127\.0\.0\.1 has no log file yet that `paths` name"):
            await driver.probe()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    async def test_one_that_may_not_be_read_is_said(self, started, log):
        log.path.chmod(0)
        with pytest.raises(PermanentError, match=r"app\.log may not be read"):
            await started().probe()

    async def test_bytes_come_as_they_are(self, started, log):
        driver = started()
        await driver.read()
        data = random.Random(1).randbytes(3_000_000)
        log.write(data)
        heard = []
        while len(text(heard)) < len(data):
            new = await driver.read()
            assert new
            heard += new
        assert text(heard) == data

    @pytest.mark.parametrize("path", ["~/app.log", "logs/**/a.log", "a\nb", "a\0b"])
    def test_a_path_that_means_something_else_there_is_refused(self, started, path):
        with pytest.raises(ValidationError, match="paths"):
            started(paths=[path])


class TestPast:
    async def test_it_has_rotated_files_and_ends_where_following_begins(self, started, log):
        log.write(b"oldest\n")
        log.rename()
        os.utime(log.first, (time.time() - 60, time.time() - 60))
        log.write(b"old\n")
        driver = started()
        past = [piece async for piece in driver.past(3600, 1_000_000)]
        assert text(past) == b"oldest\nold\n"
        assert [piece.ended for piece in past if not piece.data] == [True, True]
        log.write(b"new\n")
        assert text(await driver.read()) == b"new\n"

    async def test_what_was_last_written_to_before_is_left_out(self, started, log):
        log.write(b"oldest\n")
        log.rename()
        os.utime(log.first, (time.time() - 7200, time.time() - 7200))
        log.write(b"old\n")
        assert text([piece async for piece in started().past(3600, 1_000_000)]) == b"old\n"

    async def test_of_more_than_wanted_the_newest_is_kept(self, started, log):
        log.write(b"oldest\n")
        log.rename()
        os.utime(log.first, (time.time() - 60, time.time() - 60))
        log.write(b"old\n")
        past = [piece async for piece in started().past(3600, 6)]
        assert (text(past), past[0].offset) == (b"t\nold\n", 5)

    async def test_a_large_file_comes_in_pieces(self, started, log):
        data = random.Random(2).randbytes(9_500_000)
        log.write(data)
        past = [piece async for piece in started().past(3600, 1_000_000_000)]
        assert text(past) == data
        assert max(len(piece.data) for piece in past) <= 1024 * 1024

    async def test_one_that_takes_too_long_is_said(self, started, log):
        log.write(b"x" * 3_000_000)
        driver = started(past_timeout_s=1e-9)
        assert len(text([piece async for piece in driver.past(3600, 1_000_000_000)])) < 3_000_000
        assert "within 1e-09 s" in driver.troubles()[0]


SHELLS = [["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"]]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
class TestScript:
    @pytest.fixture
    def run(self, shell, tmp_path):
        program = shutil.which(shell[0])
        if program is None:
            pytest.fail(f"no {shell[0]}") if os.environ.get("CI") else pytest.skip(f"no {shell[0]}")
        path = os.environ["PATH"]
        if shell[0] == "busybox":  # its own commands, too
            (tmp_path / "bin").mkdir()
            for name in ("sh", "stat", "dd", "tail", "head", "date"):
                (tmp_path / "bin" / name).symlink_to(program)
            path = str(tmp_path / "bin")
        (tmp_path / "there").mkdir()

        def run(*arguments):
            argv = [program, *shell[1:], str(SCRIPT), *arguments]
            env = {"PATH": path, "LC_ALL": "C"}
            return subprocess.run(argv, cwd=tmp_path / "there", env=env, capture_output=True, check=True).stdout

        self.folder = tmp_path / "there"
        return run

    def test_it_lists_what_patterns_name_and_what_lies_beside(self, run):
        for name in ("app.log", "app.log.1", "app-20261126.log", "other.txt", "a b.log"):
            (self.folder / name).write_bytes(name.encode())
        now, *rows, end, _ = run("list", "1", "*.log", "app.log").decode().split("\n")
        found = {(row.split(" ")[0], row.split(" ", 5)[5]) for row in rows}
        named = {("file", name) for name in ("app.log", "app-20261126.log", "a b.log")}
        assert found >= named
        assert {one for one in found if one[0] == "beside"} == {
            ("beside", name) for name in ("app.log.1", "app-20261126.log", "app.log")
        }
        about = os.stat(self.folder / "a b.log")
        assert f"file {about.st_dev} {about.st_ino} 7 {int(about.st_mtime)} a b.log" in rows
        assert abs(int(now.removeprefix("now ")) - time.time()) < 60
        assert end == "end"

    def test_it_prints_exactly_the_bytes_asked_for(self, run):
        data = random.Random(3).randbytes(200_000)
        (self.folder / "app.log").write_bytes(data)
        about = os.stat(self.folder / "app.log")
        ident = [str(about.st_dev), str(about.st_ino)]
        for begin, size in ((0, 10), (65_536, 65_536), (65_535, 2), (131_071, 70_000), (199_999, 100), (200_000, 5)):
            there = data[begin : begin + size]
            said = run("read", "MARK", *ident, str(begin), str(size), "app.log")
            assert said == b"part %d 200000\n%sMARK 200000\n" % (len(there), there)

    def test_a_file_that_is_another_or_none_is_gone(self, run):
        (self.folder / "app.log").write_bytes(b"text")
        about = os.stat(self.folder / "app.log")
        right = [str(about.st_dev), str(about.st_ino), "0", "4", "app.log"]
        said = run("read", "M", "1", "2", "0", "4", "app.log", "1", "2", "0", "4", "none", *right)
        assert said == b"gone\ngone\npart 4 4\ntextM 4\n"
