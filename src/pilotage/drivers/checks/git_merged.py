"""Whether a commit is part of a branch, as a clone beside the plan knows it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from pydantic import Field

from pilotage.core import git
from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.redact import redact
from pilotage.drivers import Context, DriverOptions, Evidence
from pilotage.drivers.checks.names import CommitName
from pilotage.drivers.process import Finished, run

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitMergedCheck:
    class Options(DriverOptions):
        """`repository` starts at the plan's folder. `into` is a branch; the origin's, when that is known.

        With `fetch` the origin's branches are fetched first, with the remote's transport as the clone is set up.
        """

        repository: Path = Path(".")
        commit: CommitName
        into: CommitName
        fetch: bool = False
        timeout_s: float = Field(default=30.0, gt=0, le=600)

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._folder = context.directory / options.repository

    async def probe(self) -> str:
        await self._in_repository()
        return f"git can be asked in {self._folder}"

    async def look(self) -> Evidence:
        options = self._options
        shallow = await self._in_repository()
        if options.fetch:
            await self._fetch()
        branch = await self._first(f"refs/remotes/origin/{options.into}", f"refs/heads/{options.into}",
                                   f"refs/remotes/{options.into}")  # fmt: skip
        if branch is None:
            return Evidence(None, f"expected the branch {options.into} in {self._folder}: there is none, nor origin's")
        commit = await self._first(options.commit, f"refs/remotes/origin/{options.commit}")
        if commit is None:
            hint = "" if options.fetch else "; is it fetched?"
            return Evidence(
                None, f"expected a branch, tag or commit {options.commit} in {self._folder}: there is none{hint}"
            )
        what = commit[1][:7] if commit[1].startswith(options.commit) else f"{commit[1][:7]} ({options.commit})"
        into = branch[0].removeprefix("refs/remotes/").removeprefix("refs/heads/")
        where = f"{into} (at {branch[1][:7]})"
        part = await self._git("merge-base", "--is-ancestor", commit[1], branch[1])
        if part.returncode == 0:
            return Evidence(True, f"{what} is part of {where}")
        if part.returncode != 1:
            raise TemporaryError(f"git cannot compare {what} with {where}: {_said(part)}")
        if shallow:
            return Evidence(None, f"{what} is not seen in {where}, but the clone is shallow: git fetch --unshallow")
        count = (await self._git("rev-list", "--count", f"{branch[1]}..{commit[1]}")).stdout.strip()
        missing = f"{count} commits are" if count != "1" else "1 commit is"
        return Evidence(False, f"{what} is not part of {where}: {missing} missing")

    async def close(self) -> None:
        pass

    async def _in_repository(self) -> bool:
        """Whether the clone is shallow; raises PermanentError where there is none."""
        if not self._folder.is_dir():
            raise PermanentError(f"expected a git repository in {self._folder}: there is no such folder")
        done = await self._git("rev-parse", "--is-shallow-repository", "--git-dir")
        if not done.ok:
            raise PermanentError(f"expected a git repository in {self._folder}: {_said(done)}")
        return done.stdout.startswith("true")

    async def _fetch(self) -> None:
        refs = "+refs/heads/*:refs/remotes/origin/*"
        fetch = ("fetch", "--quiet", "--no-recurse-submodules", "--no-auto-gc", "--no-write-fetch-head", "origin", refs)
        done = await self._git(*fetch, transports=True)
        if not done.ok:
            raise TemporaryError(f"git cannot fetch from origin in {self._folder}: {_said(done)}")

    async def _first(self, *names: str) -> tuple[str, str] | None:
        """The first of these names that is a commit, with its hash."""
        for name in names:
            done = await self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            if done.ok and _HASH.fullmatch(done.stdout.strip()):
                return name, done.stdout.strip()
        return None

    async def _git(self, *question: str, transports: bool = False) -> Finished:
        program = shutil.which("git", path=_absolute(os.environ.get("PATH", os.defpath)))
        if program is None:
            raise PermanentError("git is not installed where the coordinator runs")
        env, timeout_s = git.environment(os.environ, transports), self._options.timeout_s
        argv = git.arguments(str(self._folder), question, program)
        done = await run(argv, cwd=Path("/"), env=env, timeout_s=timeout_s)
        if done.timed_out:
            raise TemporaryError(f"git {question[0]} in {self._folder} did not end within {timeout_s:g} s")
        return done


def _absolute(path: str) -> str:
    """Without the relative folders of PATH, which could lie in a repository."""
    return os.pathsep.join(one for one in path.split(os.pathsep) if os.path.isabs(one))


def _said(done: Finished) -> str:
    return " ".join(redact(done.excerpt()).split())[:300]
