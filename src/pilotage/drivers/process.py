"""Running a team's commands: argument lists, bounded output, and each call's key acts once.

A journalled command (`run_once`) runs under a small detached supervisor that outlives Pilotage. The supervisor holds
a lock on the key's folder while it lives and leaves the result there as JSON, so a restarted Pilotage waits for the
running command or reads what came of it. Only when the supervisor itself died without a result (a reboot, the
out-of-memory killer) is the command run again: then nobody knows how far it came.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pilotage.core.errors import PermanentError, TemporaryError

OUTPUT_LIMIT = 64 * 1024
OVERTAKEN = "overtaken"
"""The message of a cancellation that ends the command too: a later call (a rollback) must not be undone by it."""
_EXCERPT_LINES = 5
_EXCERPT_CHARS = 1000
_GRACE_S = 10.0
_STOP_WITHIN_S = 1.5


@dataclass(frozen=True)
class Finished:
    """What a command came to. Output is its last 64 KiB; `timed_out` means its process group was killed."""

    returncode: int
    stdout: str
    stderr: str
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and not self.timed_out

    def excerpt(self) -> str:
        """The last lines a command said, short enough for an error message."""
        said = (self.stderr.strip() or self.stdout.strip()).splitlines()[-_EXCERPT_LINES:]
        return "\n".join(said)[-_EXCERPT_CHARS:] or "(it printed nothing)"


_SUPERVISOR = f"""
import json, os, signal, subprocess, sys, tempfile, time
result, timeout, cwd, *argv = sys.argv[1:]
signal.signal(signal.SIGHUP, signal.SIG_IGN)
out, err, timed_out = tempfile.TemporaryFile(), tempfile.TemporaryFile(), False
end, stop = time.monotonic() + float(timeout), os.path.join(os.path.dirname(result), "stop")
child = None
try:
    code = -signal.SIGKILL
    if not os.path.exists(stop):
        files = dict(stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        child = subprocess.Popen(argv, cwd=cwd, start_new_session=True, **files)
except OSError as error:
    code = 127
    err.write(str(error).encode())
if child is not None:
    while True:
        try:
            code = child.wait(0.03)
            break
        except subprocess.TimeoutExpired:
            timed_out = time.monotonic() > end
        if timed_out or os.path.exists(stop):
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            code = child.wait()
            break
def tail(file):
    file.seek(max(0, file.seek(0, 2) - {OUTPUT_LIMIT}))
    return file.read().decode("utf-8", "replace")
answer = dict(returncode=code, stdout=tail(out), stderr=tail(err), timed_out=timed_out)
with open(os.open(result + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
    json.dump(answer, file)
    file.flush()
    os.fsync(file.fileno())
os.replace(result + ".tmp", result)
"""


def journal(state: Path, key: str) -> Path:
    """The folder in which the call with this key notes its attempts."""
    return state / "calls" / hashlib.sha256(key.encode()).hexdigest()


async def run_once(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], key: str, state: Path, timeout_s: float
) -> Finished:
    """Run `argv` unless a call with this key already succeeded or is still running; then give that call's result.

    A finished attempt that failed is run again. Raises PermanentError when the command cannot be started,
    TemporaryError when it gave no result; a non-zero exit is returned, not raised.
    Cancelled as OVERTAKEN, it ends the command too, whoever supervises it, before the cancellation goes on.
    """
    await asyncio.to_thread(check_command, argv, cwd, env)
    folder = journal(state, key)
    await asyncio.to_thread(_make, folder, key)
    try:
        return await _run_once(folder, argv, cwd, env, timeout_s)
    except asyncio.CancelledError as cancelled:
        if cancelled.args == (OVERTAKEN,):
            await asyncio.to_thread(_stop, folder)
        raise


async def _run_once(folder: Path, argv: Sequence[str], cwd: Path, env: Mapping[str, str], timeout_s: float) -> Finished:
    earlier, _ = await asyncio.to_thread(_last_result, folder)
    supervisor: subprocess.Popen[bytes] | None = None
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s + _GRACE_S
    pause = 0.005
    while loop.time() < deadline:
        attempts, result = await asyncio.to_thread(_last_result, folder)
        if result is not None and (result.ok or attempts > earlier):
            if supervisor is not None:
                await asyncio.to_thread(supervisor.wait)
            return result
        if supervisor is None:
            supervisor = await asyncio.to_thread(_start, folder, argv, cwd, env, timeout_s)
        elif supervisor.poll() is not None and (await asyncio.to_thread(_last_result, folder))[0] == attempts:
            raise TemporaryError(f"{argv[0]} was started, but its supervisor died before it could note the result")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    raise TemporaryError(f"{argv[0]} (in {cwd}) has not ended after {timeout_s + _GRACE_S:g} s")


async def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout_s: float) -> Finished:
    """Run a read-only command, without a journal. Raises PermanentError when it cannot be started."""
    await asyncio.to_thread(check_command, argv, cwd, env)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        timed_out = False
        try:
            await asyncio.wait_for(process.wait(), timeout_s)
        except TimeoutError:
            timed_out = True
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        texts = []
        for file in (out, err):
            file.seek(max(0, file.seek(0, os.SEEK_END) - OUTPUT_LIMIT))
            texts.append(file.read().decode("utf-8", "replace"))
        return Finished(process.returncode or 0, texts[0], texts[1], timed_out)


def expect_success(argv: Sequence[str], cwd: Path, finished: Finished, timeout_s: float) -> None:
    """Raises TemporaryError with the last lines the command said."""
    if finished.ok:
        return
    how = f"did not end within {timeout_s:g} s" if finished.timed_out else f"ended with exit code {finished.returncode}"
    raise TemporaryError(f"{argv[0]} (in {cwd}) {how}. Its last lines:\n{finished.excerpt()}")


def _last_result(folder: Path) -> tuple[int, Finished | None]:
    """How many attempts have ended, and what the last one came to."""
    attempts = len(list(folder.glob("*.json")))
    if not attempts:
        return 0, None
    return attempts, Finished(**json.loads((folder / f"{attempts}.json").read_text(encoding="utf-8")))


def _make(folder: Path, key: str) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "key").write_text(key, encoding="utf-8")


async def stop_running(state: Path, prefix: str) -> list[str]:
    """Ends the commands that still run, whoever started them, whose keys begin with `prefix`; returns those keys."""
    running = await asyncio.to_thread(_running, state / "calls", prefix)
    await asyncio.gather(*(asyncio.to_thread(_stop, folder) for folder, _ in running))
    return [key for _, key in running]


def forget(state: Path, keys: Iterable[str]) -> None:
    """Removes the journals of these calls; those of commands that still run stay."""
    for key in keys:
        folder = journal(state, key)
        if (folder / "lock").exists() and not _is_held(folder / "lock"):
            shutil.rmtree(folder, ignore_errors=True)


def _running(calls: Path, prefix: str) -> list[tuple[Path, str]]:
    found = []
    for lock in calls.glob("*/lock"):
        try:
            key = (lock.parent / "key").read_text(encoding="utf-8")
            if key.startswith(prefix) and _is_held(lock):
                found.append((lock.parent, key))
        except OSError:
            continue
    return found


def _is_held(lock: Path) -> bool:
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _stop(folder: Path) -> None:
    """Tells the key's supervisor, also one that is only about to start, to end its command; waits until it is gone."""
    (folder / "stop").touch()
    end = time.monotonic() + _STOP_WITHIN_S
    while time.monotonic() < end:
        with (folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.02)
            else:
                return


def _start(
    folder: Path, argv: Sequence[str], cwd: Path, env: Mapping[str, str], timeout_s: float
) -> subprocess.Popen[bytes] | None:
    """A supervisor for the next attempt, or None when one is alive or has just succeeded.

    The lock is inherited, never handed over: whoever is killed at whatever moment, it is free exactly when no
    supervisor lives. A process id would have to be protected against reuse.
    """
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        attempts, result = _last_result(folder)
        if result is not None and result.ok:
            return None
        if (folder / "stop").exists():
            raise TemporaryError(f"{argv[0]} was not started: a later call has overtaken this one")
        place = folder / f"{attempts + 1}.json"
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _SUPERVISOR, str(place), str(timeout_s), str(cwd), *argv],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(lock,),
            start_new_session=True,
        )
    finally:
        os.close(lock)


def check_command(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
    if not cwd.is_dir():
        raise PermanentError(f"cannot run {argv[0]}: its folder {cwd} does not exist")
    name = argv[0] if os.sep not in argv[0] else str(cwd / argv[0])
    if shutil.which(name, path=env.get("PATH", os.defpath)) is None:
        raise PermanentError(f"cannot run {argv[0]} in {cwd}: no such command, or it is not executable")
