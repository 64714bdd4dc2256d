import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.process import _SUPERVISOR, OUTPUT_LIMIT, OVERTAKEN, journal, run, run_once
from tests.servers import wait_until

COUNT = "open('count', 'a').write('x'); "


def _once(folder: Path, code: str, key: str = "k", timeout_s: float = 30):
    argv = [sys.executable, "-c", code]
    return run_once(argv, cwd=folder, env=os.environ, key=key, state=folder / "state", timeout_s=timeout_s)


def _runs(folder: Path) -> int:
    return len((folder / "count").read_text())


async def test_a_repeated_key_gives_the_first_result_without_running(tmp_path):
    first = await _once(tmp_path, COUNT + "print('hello')")
    assert await _once(tmp_path, COUNT + "print('hello')") == first
    assert (first.stdout, _runs(tmp_path)) == ("hello\n", 1)


async def test_calls_at_the_same_time_run_once(tmp_path):
    await asyncio.gather(*(_once(tmp_path, COUNT) for _ in range(8)))
    assert _runs(tmp_path) == 1


async def test_a_failed_attempt_is_run_again(tmp_path):
    assert (await _once(tmp_path, COUNT + "raise SystemExit(3)")).returncode == 3
    assert (await _once(tmp_path, COUNT)).ok
    assert _runs(tmp_path) == 2


async def test_a_caller_killed_in_the_middle_does_not_make_it_run_twice(tmp_path):
    code = COUNT + "import os, time\nwhile not os.path.exists('go'): time.sleep(.01)"
    caller = (
        "import asyncio, os, sys; from pathlib import Path; from pilotage.drivers.process import run_once\n"
        f"here = Path({str(tmp_path)!r})\n"
        f"asyncio.run(run_once([sys.executable, '-c', {code!r}], cwd=here, env=os.environ, key='k',"
        " state=here / 'state', timeout_s=30))"
    )
    first = subprocess.Popen([sys.executable, "-c", caller])
    wait_until((tmp_path / "count").exists, "the command's start")
    first.kill()
    first.wait()
    second = asyncio.create_task(_once(tmp_path, code))
    await asyncio.sleep(0)
    (tmp_path / "go").touch()
    assert (await second).ok
    assert _runs(tmp_path) == 1


async def test_a_timeout_kills_the_whole_group(tmp_path):
    code = "import subprocess; p = subprocess.Popen(['sleep', '60']); open('pid', 'w').write(str(p.pid)); p.wait()"
    done = await _once(tmp_path, code, timeout_s=1)
    assert done.timed_out
    status = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    wait_until(lambda: not status.exists() or status.read_text().split(") ")[1][0] == "Z", "the child's end", 5)


async def test_output_is_bounded(tmp_path):
    done = await run([sys.executable, "-c", "print('x' * 10**6)"], cwd=tmp_path, env=os.environ, timeout_s=30)
    assert len(done.stdout) == OUTPUT_LIMIT
    assert len(done.excerpt()) <= 1000


async def test_a_missing_command_is_named(tmp_path):
    with pytest.raises(PermanentError, match="no-such-command"):
        await run(["no-such-command"], cwd=tmp_path, env=os.environ, timeout_s=1)


async def test_an_overtaken_command_is_ended_before_the_cancellation_goes_on(tmp_path):
    code = "import pathlib, time; pathlib.Path('began').touch(); time.sleep(5); pathlib.Path('ended').touch()"
    call = asyncio.create_task(_once(tmp_path, code))
    await asyncio.to_thread(wait_until, (tmp_path / "began").exists, "the command's begin")
    call.cancel(OVERTAKEN)
    with pytest.raises(asyncio.CancelledError):
        await call
    (folder,) = (tmp_path / "state" / "calls").iterdir()
    assert json.loads((folder / "1.json").read_text())["returncode"] == -9
    assert not (tmp_path / "ended").exists()


async def test_a_command_that_was_overtaken_before_it_began_never_begins(tmp_path):
    """The thread that starts it may come to its turn only after the one that stops it."""
    folder = journal(tmp_path / "state", "k")
    folder.mkdir(parents=True)
    (folder / "stop").touch()
    argv = ["touch", "begun"]  # over long before anybody looks whether it should be stopped
    with pytest.raises(TemporaryError, match="overtaken"):
        await run_once(argv, cwd=tmp_path, env=os.environ, key="k", state=tmp_path / "state", timeout_s=30)
    assert not (tmp_path / "begun").exists()


def test_a_supervisor_that_was_stopped_while_it_started_begins_nothing(tmp_path):
    (tmp_path / "stop").touch()
    result = tmp_path / "1.json"
    argv = [sys.executable, "-I", "-S", "-c", _SUPERVISOR, str(result), "30", str(tmp_path), "touch", "begun"]
    subprocess.run(argv, check=True, timeout=30)
    assert json.loads(result.read_text())["returncode"] == -9
    assert not (tmp_path / "begun").exists()
