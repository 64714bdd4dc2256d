"""Running a team's own commands: argument lists only, and one key never acts twice.

`run_once` starts the command under a tiny supervisor of its own session (once.py) that notes the result in a journal.
When Pilotage is killed in the middle, the supervisor goes on; the repeated call finds it, or its result.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context

OUTPUT_LIMIT = 64 * 1024
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_SUPERVISOR = Path(__file__).with_name("once.py")


def check_placeholders(argv: list[str], known: tuple[str, ...]) -> list[str]:
    """The same list; raises ValueError for a placeholder nobody fills."""
    for argument in argv:
        for name in _PLACEHOLDER.findall(argument):
            if name not in known:
                raise ValueError(f"{{{name}}} is unknown; possible: {', '.join('{' + one + '}' for one in known)}")
    return argv


def fill(argv: Sequence[str], values: Mapping[str, str]) -> list[str]:
    return [_PLACEHOLDER.sub(lambda match: values[match[1]], argument) for argument in argv]


def executable(name: str, directory: Path) -> str:
    """The program's path; raises PermanentError when there is none."""
    found = shutil.which(name, path=None if "/" not in name else os.defpath)
    if "/" in name:
        path = directory / name
        found = str(path) if path.is_file() and os.access(path, os.X_OK) else None
    if found is None:
        raise PermanentError(f"there is no program {name!r} to run (looked in {directory if '/' in name else 'PATH'})")
    return found


async def run(argv: Sequence[str], context: Context, timeout_s: float) -> str:
    """A command that only reads; returns what it printed."""
    child = await _spawn([executable(argv[0], context.directory), *argv[1:]], context, "")
    try:
        output, errors = await asyncio.wait_for(child.communicate(), timeout_s)
    except TimeoutError:
        raise TemporaryError(f"{argv[0]} did not end within {timeout_s:g} s") from None
    finally:
        _end(child)
    if child.returncode:
        raise TemporaryError(_failure(argv[0], child.returncode, errors.decode(errors="replace")))
    return output[:OUTPUT_LIMIT].decode(errors="replace")


async def run_once(argv: Sequence[str], context: Context, key: str, timeout_s: float) -> str:
    """A command that acts; returns what it printed. The same key again waits for, or returns, the first run's result;
    only a run that failed, or whose supervisor died with the machine, is run anew."""
    program = executable(argv[0], context.directory)
    folder = context.state / "calls"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    journal = folder / hashlib.sha256(key.encode()).hexdigest()[:32]
    result = _result(journal)
    if result is None or result["returncode"] != 0:
        job = {"argv": [program, *argv[1:]], "timeout_s": timeout_s, "limit": OUTPUT_LIMIT, "journal": str(journal)}
        supervisor = await _spawn([sys.executable, "-I", "-S", str(_SUPERVISOR), json.dumps(job)], context, key)
        try:
            await supervisor.communicate()
        except asyncio.CancelledError:
            _end(supervisor)  # a later call on this target has begun: this one must not go on
            raise
        result = _result(journal)
    if result is None:
        raise TemporaryError(f"{argv[0]}: the run ended without a result")
    if result["returncode"] != 0:
        raise TemporaryError(_failure(argv[0], result["returncode"], result["stderr"]))
    return str(result["stdout"])


async def _spawn(argv: Sequence[str], context: Context, key: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *argv,
        cwd=context.directory,
        env={**os.environ, "PILOTAGE_KEY": key},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _result(journal: Path) -> dict[str, Any] | None:
    try:
        result: dict[str, Any] = json.loads(journal.with_suffix(".json").read_text())
    except (OSError, ValueError):
        return None
    return result


def _failure(program: str, code: int, errors: str) -> str:
    last = " / ".join(errors.strip().splitlines()[-3:])[-300:]
    how = "ran out of time" if code == -9 else f"failed with exit code {code}"
    return f"{program} {how}" + (f": {last}" if last else "")
