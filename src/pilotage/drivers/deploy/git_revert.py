"""Bringing the previous version's code back: the hot-fix's commit is reverted with ``git revert`` and pushed."""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field, model_validator

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.git import is_name
from pilotage.drivers import Call, Context, DriverOptions
from pilotage.drivers.answers import listed, one_line
from pilotage.drivers.deploy.clone import Clone, Moved, temporary_clone
from pilotage.drivers.git import commit_of, said
from pilotage.drivers.names import CommitName

_ATTEMPTS = 5
_MOST = 50
_KEY = "Pilotage-Key"
_ABBREVIATED = re.compile(r"[0-9a-f]{7,64}")


def _commits(given: str) -> str:
    if not all(is_name(one) for one in given.split("..", 1)):
        raise ValueError('a commit\'s hash, a tag, or a range "a..b"')
    return given


class GitRevertDeployer:
    class Options(DriverOptions):
        repository: Path = Field(default=Path("."), description="a clone, relative to the plan's folder")
        commits: list[Annotated[str, AfterValidator(_commits)]] = Field(
            min_length=1, max_length=_MOST, description='hashes or tags in any order, or one range "a..b" (without a)'
        )
        branch: CommitName = Field(description="the branch that is deployed")
        remote: CommitName = Field(default="origin", description="the clone's remote that has `branch`")
        mainline: int = Field(default=1, ge=1, le=16, description="against which parent a merge commit is reverted")
        push: Literal["direct", "branch"] = Field(
            default="direct",
            description="to `branch` (direct), or to `new_branch` for a pull request into `branch` (branch)",
        )
        new_branch: str = Field(
            default="pilotage/revert-{short}",
            description="its name, for `push: branch`; {short} is the newest reverted commit",
        )
        author: str = Field(
            default="Pilotage",
            pattern=r"^[^<>\x00-\x1f]*\w[^<>\x00-\x1f]*$",
            max_length=100,
            description="the name of the revert's author",
        )
        email: str = Field(
            default="pilotage@localhost",
            pattern=r"^[^<>\s]+$",
            max_length=250,
            description="the address of the revert's author",
        )
        timeout_s: float = Field(default=120.0, gt=0, le=3600, description="seconds for each question to git")

        @model_validator(mode="after")
        def _fit_together(self) -> GitRevertDeployer.Options:
            if len(self.commits) > 1 and any(".." in one for one in self.commits):
                raise ValueError("commits, or one range alone")
            name = self.new_branch.replace("{short}", "0123456")
            if "{" in name or not is_name(name) or name == self.branch:
                raise ValueError("a new branch's name; {short} in it becomes the reverted commit's")
            return self

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context
        self._repository = context.directory / options.repository

    async def deploy(self, version: str, call: Call) -> str:
        return await self._bring_back(version, call.key, rehearsal=False)

    async def rehearse(self, version: str, call: Call) -> str:
        """All but the push, which git only tries: servers tell of protected branches at a real push at the earliest."""
        return await self._bring_back(version, call.key, rehearsal=True)

    async def probe(self) -> str:
        options = self._options
        async with self._clone() as clone:
            tip = await self._fetched(clone, options.branch)
            commits = await self._wanted(clone, tip)
        return f"{options.remote} answers, {_shorts(commits)} can be found on {options.branch} (at {tip[:7]})"

    async def close(self) -> None:
        pass

    def _clone(self) -> AbstractAsyncContextManager[Clone]:
        options = self._options
        return temporary_clone(self._repository, options.remote, state=self._context.state, timeout_s=options.timeout_s)

    async def _bring_back(self, version: str, key: str, *, rehearsal: bool) -> str:
        options = self._options
        async with self._clone() as clone:
            for _ in range(_ATTEMPTS):
                tip = await self._fetched(clone, options.branch)
                commits = await self._wanted(clone, tip)
                to = options.new_branch.replace("{short}", commits[0][:7]) if options.push == "branch" else ""
                if found := await self._made_before(clone, key, commits[-1], to):
                    return found
                reverts = await self._revert(clone, tip, commits, version, key)
                if not reverts:
                    return f"{_shorts(commits)} is already reverted on {options.branch} (at {tip[:7]}): nothing to do"
                try:
                    await self._push(clone, to, rehearsal)
                except Moved:
                    continue
                if rehearsal:
                    what = _shorts([one for one, _ in reverts])
                    return f"{what} can be reverted on {options.branch} (at {tip[:7]}); the push was tried, not made"
                what = ", ".join(f"{one[:7]} with {by[:7]}" for one, by in reverts)
                then = f"{to}: open a pull request into {options.branch}" if to else options.branch
                return f"reverted {what}, pushed to {options.remote}'s {then}"
        raise TemporaryError(f"{options.remote}'s {options.branch} moved {_ATTEMPTS} times while the revert was made")

    async def _push(self, clone: Clone, to: str, rehearsal: bool) -> None:
        """To the branch that is deployed, or to the new one when `to` names it."""
        branch = self._options.branch
        try:
            await clone.push(to or branch, dry_run=rehearsal)
        except Moved:
            if not to:
                raise
            raise PermanentError(
                f"{clone.remote} has a branch {to} already, with something else: delete it, or give `new_branch`"
            ) from None
        except PermanentError as error:
            if to:
                raise
            hint = f"With `push: branch` the revert goes to a branch of its own, for a pull request into {branch}"
            raise PermanentError(f"{error}. {hint}") from None

    async def _fetched(self, clone: Clone, branch: str) -> str:
        tip = await clone.fetch(branch)
        if tip is None:
            raise PermanentError(f"expected a branch {branch} on {clone.remote}: it has none")
        return tip

    async def _wanted(self, clone: Clone, tip: str) -> list[str]:
        """The hashes to revert, the newest first; each is on the branch."""
        options = self._options
        if ".." in options.commits[0]:
            first, last = [await self._known(clone, name, tip) for name in options.commits[0].split("..", 1)]
            # Along first parents: what a merge brought goes with the merge.
            walk = ("rev-list", "--topo-order", "--first-parent", f"--max-count={_MOST + 1}", f"{first}..{last}")
            commits = (await clone.expect(*walk)).splitlines()
            if not 0 < len(commits) <= _MOST:
                what = f"more than {_MOST}" if commits else "no"
                raise PermanentError(f"expected 1 to {_MOST} commits in {options.commits[0]}: there are {what}")
            return commits
        found = {await self._known(clone, name, tip) for name in options.commits}
        # A commit has more ancestors than each of them: dates may lie.
        ages = {one: int(await clone.expect("rev-list", "--count", one)) for one in found}
        return sorted(found, key=lambda one: ages[one], reverse=True)

    async def _known(self, clone: Clone, name: str, tip: str) -> str:
        where = f"{clone.remote}'s {self._options.branch} (at {tip[:7]})"
        commit = await commit_of(clone.folder, f"refs/tags/{name}", timeout_s=clone.timeout_s)
        if commit is None and _ABBREVIATED.fullmatch(name):
            commit = await commit_of(clone.folder, name, timeout_s=clone.timeout_s)
        if commit is None:
            raise PermanentError(
                f"expected a tag or a commit's hash (7 digits at least) on {where}: {name} is none, or not only one"
            )
        if not (await clone.git("merge-base", "--is-ancestor", commit, tip)).ok:
            raise PermanentError(f"{name} is not on {where}: was it squashed or rebased? Name the commit that is there")
        return commit

    async def _made_before(self, clone: Clone, key: str, oldest: str, to: str) -> str:
        line = f"^{_KEY}: {_written(key).replace('.', '[.]')}$"
        search = ("log", "--max-count=1", "--format=%h", "--extended-regexp", f"--grep={line}")
        for branch in [self._options.branch, *([to] if to and await clone.fetch(to) else [])]:
            if found := await clone.expect(*search, f"{oldest}..refs/remotes/{clone.remote}/{branch}"):
                return f"{found} on {clone.remote}'s {branch} is this very revert: nothing to do"
        return ""

    async def _revert(
        self, clone: Clone, tip: str, commits: list[str], version: str, key: str
    ) -> list[tuple[str, str]]:
        """What was reverted, with the commits that revert it; without those that change nothing any more."""
        await clone.expect("checkout", "--quiet", "--force", "--detach", tip)
        reverts = []
        for commit in commits:
            parents = (await clone.expect("rev-list", "--parents", "--max-count=1", commit)).split()[1:]
            merge = [f"--mainline={self._options.mainline}"] if len(parents) > 1 else []
            done = await clone.git("revert", "--no-commit", *merge, commit)
            if not done.ok:
                raise await self._conflict(clone, commit, said(done))
            if (await clone.git("diff", "--cached", "--quiet", "--no-ext-diff", "HEAD")).ok:
                continue
            subject = one_line(await clone.expect("log", "--max-count=1", "--format=%s", commit), 100)
            reversing = f", reversing\nchanges made to {parents[self._options.mainline - 1]}" if merge else ""
            message = (
                f'Revert "{subject}"\n\nThis reverts commit {commit}{reversing}.\n'
                f"Brings back {one_line(version, 100)}.\n\n{_KEY}: {_written(key)}\n"
            )
            commit_it = ("commit", "--quiet", "--no-verify", "--cleanup=verbatim", f"--message={message}")
            await clone.expect(*commit_it, more=self._author())
            reverts.append((commit, await clone.expect("rev-parse", "HEAD")))
        return reverts

    async def _conflict(self, clone: Clone, commit: str, why: str) -> PermanentError:
        files = (await clone.git("diff", "--name-only", "--diff-filter=U", "--no-ext-diff", "-z")).stdout.split("\0")
        branch, named = self._options.branch, listed([one for one in files if one])
        if not named:
            return PermanentError(f"git cannot revert {commit[:7]} on {branch}: {why}")
        return PermanentError(
            f"reverting {commit[:7]} conflicts with later commits on {branch}, in {named}: revert it by hand"
            " (git revert), or put the later commits into `commits` too"
        )

    def _author(self) -> dict[str, str]:
        name, email = self._options.author, self._options.email
        return {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                for what, value in (("NAME", name), ("EMAIL", email))}  # fmt: skip


def _shorts(commits: list[str]) -> str:
    return listed([one[:7] for one in commits])


def _written(key: str) -> str:
    """The key in one word, whatever is in it."""
    return quote(key, safe="/:@")
