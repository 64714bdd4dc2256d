import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.logs.command import CommandLogs
from pilotage.drivers.logs.running import BUFFER
from pilotage.testing import LogsContract
from tests.drivers.logs import Clock
from tests.servers import wait_until

FOLLOW = "import sys, time\nfor line in open('in', 'rb', 0): sys.stdout.buffer.write(line); sys.stdout.flush()\n"
FOR_EVER = "while True: time.sleep(0.01)"


def python(code, *arguments):
    return [sys.executable, "-c", code, *arguments]


def gone(pid):
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().split(") ")[1][0] == "Z"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def started(tmp_path, clock):
    drivers = []

    def start(argv, places=None, **options):
        driver = CommandLogs(CommandLogs.Options(command=argv, **options), Context(tmp_path, tmp_path / "state"), clock)
        driver.continue_at(places or {})
        drivers.append(driver)
        return driver

    yield start
    for driver in drivers:
        await driver.close()


async def until(driver, enough, seconds=30):
    """Reads on until `enough(pieces so far)`."""
    pieces, end = [], asyncio.get_running_loop().time() + seconds
    while not enough(pieces):
        assert asyncio.get_running_loop().time() < end, pieces[-3:]
        pieces += await driver.read()
        await asyncio.sleep(0.005)
    return pieces


def ended(pieces):
    return any(piece.ended for piece in pieces)


def text(pieces):
    return b"".join(piece.data for piece in pieces)


def a_line(pieces):
    """An unbuffered Python writes a line's end by itself, a moment later."""
    return text(pieces).endswith(b"\n")


class TestCommand(LogsContract):
    @pytest.fixture
    async def driver(self, started, tmp_path):
        os.mkfifo(tmp_path / "in")
        self.pipe = os.open(tmp_path / "in", os.O_RDWR)
        yield started(python(FOLLOW))
        os.close(self.pipe)

    @pytest.fixture
    def write(self, driver):
        return lambda data: os.write(self.pipe, data)


async def test_the_whole_output_comes_in_order_and_then_the_end(started):
    driver = started(python("print('one'); print('two')"))
    pieces = await until(driver, ended)
    assert text(pieces) == b"one\ntwo\n"
    assert [piece.offset for piece in pieces if piece.data or piece.ended][-1] == 8
    assert len({piece.stream for piece in pieces}) == 1


async def test_the_end_is_said_with_its_code_and_last_words_once(started, clock):
    code = "import sys; print('first', file=sys.stderr); print('no such pod', file=sys.stderr); sys.exit(3)"
    driver = started(python(code))
    for _ in range(3):
        await until(driver, ended)
        clock.now += 60
    (trouble,) = driver.troubles()
    assert "ended with exit code 3: no such pod" in trouble
    assert driver.troubles() == []


async def test_while_it_has_ended_and_is_not_back_the_probe_fails_so_that_missing_logs_never_pass(started):
    driver = started(python("import sys; sys.exit('no access')"))
    assert "can be run" in await driver.probe()
    await until(driver, lambda pieces: any(piece.ended for piece in pieces))
    with pytest.raises(TemporaryError, match="no access"):
        await driver.probe()


async def test_it_is_started_again_after_a_pause_that_grows_to_half_a_minute(started, clock, tmp_path):
    driver = started(python("open('runs', 'a').write('x')"))
    await until(driver, ended)
    pauses = []
    for _ in range(7):
        runs, began = len((tmp_path / "runs").read_text()), clock.now
        while not (pieces := await driver.read()):
            clock.now += 0.5
        pauses.append(clock.now - began)
        if not ended(pieces):
            await until(driver, ended)
        assert len((tmp_path / "runs").read_text()) == runs + 1
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


async def test_a_clock_set_back_does_not_delay_the_start(started, clock):
    driver = started(python("print('x')"))
    await until(driver, ended)
    clock.now -= 3600
    assert await driver.read()


async def test_each_run_is_a_stream_of_its_own(started, clock):
    driver = started(python("print('x')"))
    first = await until(driver, ended)
    clock.now += 1
    second = await until(driver, ended)
    assert first[0].stream != second[0].stream
    assert second[0].offset == 0


async def test_since_is_now_at_first_and_then_the_instant_of_the_last_byte(started, clock):
    driver = started(python("import sys; print(sys.argv[1])", "--since-time={since}"))
    clock.now = 1_790_000_000.5
    assert text(await until(driver, ended)) == b"--since-time=2026-09-21T14:13:20.500Z\n"
    clock.now += 10
    assert text(await until(driver, ended)) == b"--since-time=2026-09-21T14:13:20.500Z\n"
    clock.now += 10
    assert text(await until(driver, ended)) == b"--since-time=2026-09-21T14:13:30.500Z\n"


async def test_after_a_restart_the_old_stream_ends_and_since_goes_on(started, clock):
    argv = python("import sys; print(sys.argv[1], flush=True)\nimport time\n" + FOR_EVER, "{since}")
    clock.now = 1_790_000_000.0
    first = started(argv)
    pieces = await until(first, a_line)
    await first.close()
    clock.now += 600
    places = {pieces[0].stream: 5, "somebody else's": 7}
    second = started(argv, places)
    again = await until(second, a_line)
    assert (again[0].stream, again[0].offset, again[0].ended) == (pieces[0].stream, 5, True)
    assert text(again) == b"2026-09-21T14:13:20.000Z\n"


async def test_without_places_nothing_is_remembered(started, clock):
    argv = python("import sys; print(sys.argv[1])", "{since}")
    first = started(argv)
    await until(first, ended)
    await first.close()
    clock.now = 1_790_000_000.0
    assert text(await until(started(argv), ended)) == b"2026-09-21T14:13:20.000Z\n"


async def test_who_writes_faster_than_is_read_waits_and_loses_nothing(started, tmp_path):
    size = BUFFER * 3
    code = f"import sys\nfor n in range({size // 16}): sys.stdout.write('%015d\\n' % n)\nopen('done', 'w')"
    driver = started(python(code))
    await until(driver, lambda pieces: pieces)
    run = driver._run
    await asyncio.to_thread(wait_until, lambda: run._held >= BUFFER, "a full buffer")
    assert run._held < BUFFER + 64 * 1024 + 1
    assert not (tmp_path / "done").exists()
    pieces = await until(driver, ended)
    assert text(pieces) == b"".join(b"%015d\n" % n for n in range(size // 16))
    assert all(len(piece.data) <= 1024 * 1024 for piece in pieces)


async def test_one_read_hands_out_eight_mebibytes_at_most(started):
    driver = started(python(f"import sys\nsys.stdout.write('x' * {BUFFER * 2})"))
    total = 0
    while not ended(pieces := await driver.read()):
        assert len(text(pieces)) <= BUFFER
        total += len(text(pieces))
    assert total + len(text(pieces)) == BUFFER * 2


async def test_a_stderr_without_end_blocks_nothing_and_only_its_tail_is_kept(started):
    driver = started(python("import sys\nsys.stderr.write('x' * 10**6 + '\\nlast'); print('out'); sys.exit(1)"))
    assert text(await until(driver, ended)) == b"out\n"
    assert driver.troubles()[0].startswith(f"{sys.executable} ended with exit code 1: last")


async def test_nothing_of_the_group_is_left_after_close(started, tmp_path):
    code = (
        "import signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal, time\\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\nprint(1, flush=True)\\ntime.sleep(600)'])\n"
        f"open('pid', 'w').write(str(child.pid)); print(2, flush=True)\n{FOR_EVER}"
    )
    driver = started(python(code))
    await until(driver, lambda pieces: len(text(pieces)) == 4)
    pid = driver._run._process.pid
    await driver.close()
    assert gone(pid)
    wait_until(lambda: gone(int((tmp_path / "pid").read_text())), "the grandchild's end")
    assert await driver.read() == []


async def test_a_command_that_ends_takes_its_group_with_it(started, tmp_path):
    code = (
        "import subprocess; child = subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL); "
        "open('pid', 'w').write(str(child.pid))"
    )
    await until(started(python(code)), ended)
    wait_until(lambda: gone(int((tmp_path / "pid").read_text())), "the child's end")


def _caller(folder, how):
    """A process that follows a command which notes its number in `pid` and prints nothing more."""
    code = f"import os, time; open('pid.new', 'w').write(str(os.getpid())); os.rename('pid.new', 'pid')\n{FOR_EVER}"
    return subprocess.Popen(
        python(
            "import asyncio, sys; from pathlib import Path; from pilotage.drivers import Context\n"
            "from pilotage.drivers.logs.command import CommandLogs\n"
            f"here = Path({str(folder)!r})\n"
            "async def main():\n"
            f"    driver = CommandLogs(CommandLogs.Options(command=[sys.executable, '-c', {code!r}]), "
            "Context(here, here))\n"
            "    while not (here / 'pid').exists(): await driver.read(); await asyncio.sleep(.01)\n"
            f"    {how}\n"
            "asyncio.run(main())"
        ),
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("return", id="the driver was not closed"),
        pytest.param("asyncio.current_task().cancel(); await driver.read()", id="the loop was cancelled"),
        pytest.param("raise SystemExit(3)", id="the process exits"),
        pytest.param("import os; os.kill(os.getpid(), 9)", id="it was killed with -9"),
        pytest.param("asyncio.current_task().cancel(); await driver.close()", id="closing was cancelled"),
    ],
)
def test_no_command_is_left_when(tmp_path, how):
    caller = _caller(tmp_path, how)
    caller.wait(30)
    wait_until(lambda: gone(int((tmp_path / "pid").read_text())), "the command's end")


async def test_a_cancelled_read_loses_nothing(started):
    driver = started(python("print('x' * 1000)"))
    reading = asyncio.create_task(driver.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    pieces = await until(driver, ended)
    assert text(pieces) == b"x" * 1000 + b"\n"
    assert pieces[0].offset == 0


async def test_the_past_is_what_its_command_prints_the_newest_bytes(started, clock):
    clock.now = 1_790_000_000.0
    past = python("import sys; print(sys.argv[1]); print('y' * 3_000_000)", "{since}")
    driver = started(python("print('x')"), past=past)
    whole = [piece async for piece in driver.past(3600, 10_000_000)]
    assert text(whole) == b"2026-09-21T13:13:20.000Z\n" + b"y" * 3_000_000 + b"\n"
    assert [piece.ended for piece in whole][-2:] == [False, True]
    newest = [piece async for piece in driver.past(3600, 10)]
    assert (text(newest), newest[0].offset) == (b"y" * 9 + b"\n", 3_000_025 + 1 - 10)
    assert driver.troubles() == []


async def test_a_command_without_a_past_has_none(started):
    assert [piece async for piece in started(python("print('x')")).past(60, 100)] == []


async def test_a_past_that_fails_is_said_and_what_it_printed_counts(started):
    driver = started(python("print('x')"), past=python("import sys; print('y'); sys.exit('no journal')"))
    assert text([piece async for piece in driver.past(60, 100)]) == b"y\n"
    assert any("ended with exit code 1 (past): no journal" in one for one in driver.troubles())


async def test_a_past_that_does_not_end_is_ended(started):
    past = python("import time; print('y', flush=True)\n" + FOR_EVER)
    driver = started(python("print('x')"), past=past, past_timeout_s=2)
    assert text([piece async for piece in driver.past(60, 100)]) == b"y\n"
    assert any("did not end within 2 s" in one for one in driver.troubles())


async def test_the_command_is_no_shell_string_and_gets_no_input(started):
    driver = started(python("import sys; print(sys.argv[1:], sys.stdin.read())", "a; b", "$HOME"))
    assert text(await until(driver, ended)) == b"['a; b', '$HOME'] \n"


async def test_a_missing_command_is_named_by_probe_and_tried_again_by_read(started, clock, tmp_path):
    driver = started(["./no-such-command"])
    with pytest.raises(PermanentError, match="no-such-command"):
        await driver.probe()
    assert await driver.read() == []
    assert "no-such-command" in driver.troubles()[0]
    (tmp_path / "no-such-command").write_text("#!/bin/sh\necho here\n")
    (tmp_path / "no-such-command").chmod(0o755)
    clock.now += 1
    assert text(await until(driver, ended)) == b"here\n"


async def test_a_broken_pipe_ends_the_command_as_it_would_in_a_terminal(started):
    status = text(await until(started(["cat", "/proc/self/status"]), ended)).decode()
    (ignored,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn"))
    assert not ignored & 1 << (signal.SIGPIPE - 1)


@pytest.mark.parametrize("options", [{"command": []}, {"command": ["x", "{until}"]}, {"command": ["x"], "past": [""]}])
def test_bad_arguments_are_refused(options):
    with pytest.raises(ValidationError):
        CommandLogs.Options(**options)
