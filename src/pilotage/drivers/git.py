"""Running git for drivers: quiet, without a repository's own programs, and without showing credentials."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pilotage.core import git
from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers.process import Finished, run

HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_USER = re.compile(r"(://)[^/\s]*@")


async def run_git(
    folder: Path,
    *question: str,
    timeout_s: float,
    transports: bool = False,
    settings: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
) -> Finished:
    """``git <question>`` within `folder`; an exit code is returned, not raised.

    `settings` (``name=value``) come before what is configured, `more` is added to the environment.

    Raises PermanentError when git is not installed, TemporaryError when it does not end in time.
    """
    program = shutil.which("git", path=_absolute(os.environ.get("PATH", os.defpath)))
    if program is None:
        raise PermanentError("git is not installed where the coordinator runs")
    env = git.environment(os.environ, transports) | dict(more or {})
    before = [part for setting in settings for part in ("-c", setting)]
    argv = git.arguments(str(folder), [*before, *question], program)
    done = await run(argv, cwd=Path("/"), env=env, timeout_s=timeout_s)
    if done.timed_out:
        raise TemporaryError(f"git {question[0]} in {folder} did not end within {timeout_s:g} s")
    return done


async def expect_repository(folder: Path, *question: str, timeout_s: float) -> list[str]:
    """The lines that ``git rev-parse <question>`` answers. Raises PermanentError where there is no repository."""
    if not await asyncio.to_thread(folder.is_dir):
        raise PermanentError(f"expected a git repository in {folder}: there is no such folder")
    done = await run_git(folder, "rev-parse", *question, timeout_s=timeout_s)
    if not done.ok:
        raise PermanentError(f"expected a git repository in {folder}: {said(done)}")
    return done.stdout.splitlines()


async def commit_of(folder: Path, name: str, *, timeout_s: float) -> str | None:
    """The hash of the commit that `name` means within `folder`."""
    done = await run_git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", timeout_s=timeout_s)
    found = done.stdout.strip()
    return found if done.ok and HASH.fullmatch(found) else None


def said(done: Finished) -> str:
    return shown(done.excerpt())


def shown(text: str) -> str:
    """Git's words on one short line: of an address nothing stays before its host."""
    return " ".join(redact(_USER.sub(r"\1", text)).split())[:300]


def _absolute(path: str) -> str:
    """Without the relative folders of PATH, which could lie in a repository."""
    return os.pathsep.join(one for one in path.split(os.pathsep) if os.path.isabs(one))
