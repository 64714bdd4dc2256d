"""Whether a commit is part of a branch, as a clone beside the plan knows it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pilotage.core.errors import TemporaryError
from pilotage.drivers import Context, DriverOptions, Evidence
from pilotage.drivers.git import commit_of, expect_repository, run_git, said
from pilotage.drivers.names import CommitName
from pilotage.drivers.process import Finished


class GitMergedCheck:
    class Options(DriverOptions):
        repository: Path = Field(default=Path("."), description="the clone, relative to the plan's folder")
        commit: CommitName = Field(description="a branch, a tag or a hash")
        into: CommitName = Field(description="a branch; origin's where the clone has it, for a local one may be stale")
        fetch: bool = Field(
            default=False, description="fetch origin's branches before each look, as the clone's own remote is set up"
        )
        timeout_s: float = Field(default=30.0, gt=0, le=600, description="seconds for each question to git")

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
            raise TemporaryError(f"git cannot compare {what} with {where}: {said(part)}")
        if shallow:
            return Evidence(None, f"{what} is not seen in {where}, but the clone is shallow: git fetch --unshallow")
        count = (await self._git("rev-list", "--count", f"{branch[1]}..{commit[1]}")).stdout.strip()
        missing = f"{count} commits are" if count != "1" else "1 commit is"
        return Evidence(False, f"{what} is not part of {where}: {missing} missing")

    async def close(self) -> None:
        pass

    async def _in_repository(self) -> bool:
        """Whether the clone is shallow; raises PermanentError where there is none."""
        question = ("--is-shallow-repository", "--git-dir")
        return (await expect_repository(self._folder, *question, timeout_s=self._options.timeout_s))[0] == "true"

    async def _fetch(self) -> None:
        refs = "+refs/heads/*:refs/remotes/origin/*"
        fetch = ("fetch", "--quiet", "--no-recurse-submodules", "--no-auto-gc", "--no-write-fetch-head", "origin", refs)
        done = await self._git(*fetch, transports=True)
        if not done.ok:
            raise TemporaryError(f"git cannot fetch from origin in {self._folder}: {said(done)}")

    async def _first(self, *names: str) -> tuple[str, str] | None:
        """The first of these names that is a commit, with its hash."""
        for name in names:
            if commit := await commit_of(self._folder, name, timeout_s=self._options.timeout_s):
                return name, commit
        return None

    async def _git(self, *question: str, transports: bool = False) -> Finished:
        return await run_git(self._folder, *question, timeout_s=self._options.timeout_s, transports=transports)
