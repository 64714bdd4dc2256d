"""A clone for one piece of work: fetched, committed to and pushed from; the team's own clone only says how.

Nothing is written to the team's clone. Its objects are borrowed, so that only what is new is fetched (git may renew the
time of one that is used, which keeps it from being pruned). Of its configuration only what says how remotes are reached
is taken: hooks, filters and aliases stay behind.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.git import commit_of, expect_repository, run_git, said, shown
from pilotage.drivers.process import Finished

_WANTED = r"^(http|credential|url|ssh|remote)\.|^core\.(sshcommand|gitproxy)$|^extensions\.partialclone$"
_OF_A_REMOTE = ("url", "pushurl", "proxy", "proxyauthmethod")
_OFF = (
    *("commit.gpgSign=false", "push.gpgSign=false", "push.followTags=false", "push.recurseSubmodules=no"),
    *("submodule.recurse=false", "rerere.enabled=false", "gc.auto=0", "maintenance.auto=false", "core.askPass="),
)
_SILENT = {
    "GIT_EDITOR": "true",
    "GIT_SEQUENCE_EDITOR": "true",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    "GCM_INTERACTIVE": "never",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
_NO_RIGHTS = re.compile(
    r"permission .*denied|access denied|authentication failed|could not read (username|password)|returned error: 40[13]"
    r"|host key verification failed|transport '.*' not allowed|unable to find remote helper"
    r"|repository (not found|'.*' not found)",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"^!\t\S+\t\[(remote rejected|rejected)\] ?(.*)$", re.MULTILINE)
_RACE = re.compile(r"cannot lock ref|failed to (update|lock)", re.IGNORECASE)


class Moved(Exception):
    """The remote's branch is not what it was when it was fetched."""


@dataclass(frozen=True)
class Clone:
    """Errors name the remote by its name only."""

    folder: Path
    remote: str
    timeout_s: float
    """Of each question to git."""
    reaching: Mapping[str, str] = field(repr=False)
    """For the environment: the configuration with which the team's clone reaches the remote."""

    async def git(self, *question: str, transports: bool = False, more: Mapping[str, str] | None = None) -> Finished:
        env = {**_SILENT, **(self.reaching if transports else {}), **(more or {})}
        return await run_git(
            self.folder, *question, timeout_s=self.timeout_s, transports=transports, settings=_OFF, more=env
        )

    async def expect(self, *question: str, more: Mapping[str, str] | None = None) -> str:
        """What git answers. Raises PermanentError with what it says instead."""
        done = await self.git(*question, more=more)
        if not done.ok:
            raise PermanentError(f"git {question[0]} failed: {said(done)}")
        return done.stdout.strip()

    async def fetch(self, branch: str) -> str | None:
        """The commit at which the remote's branch is now, None when it has no such branch. Tags on it come along."""
        there = f"refs/remotes/{self.remote}/{branch}"
        spec = f"+refs/heads/{branch}:{there}"
        done = await self.git("fetch", "--quiet", "--no-recurse-submodules", self.remote, spec, transports=True)
        if done.ok:
            return await commit_of(self.folder, there, timeout_s=self.timeout_s)
        if f"couldn't find remote ref refs/heads/{branch}" in done.stderr:
            return None
        raise self._unreached("fetch from", done)

    async def push(self, branch: str, *, dry_run: bool) -> None:
        """HEAD to the remote's branch, forward only.

        Raises Moved when that is not possible, PermanentError when the remote refuses, TemporaryError when it is not
        reached.
        """
        how = ("--porcelain", "--no-verify", *(["--dry-run"] if dry_run else []))
        done = await self.git("push", *how, self.remote, f"HEAD:refs/heads/{branch}", transports=True)
        if done.ok:
            return
        refused = _REFUSED.search(done.stdout)
        if refused is None:
            raise self._unreached("push to", done)
        if refused[1] == "rejected" or _RACE.search(refused[2]):
            raise Moved
        words = [line.removeprefix("remote:") for line in done.stderr.splitlines() if line.startswith("remote:")]
        reason = shown(" ".join([refused[2].strip("()"), *words]))
        raise PermanentError(f"{self.remote} refuses a push to {branch}: {reason}")

    def _unreached(self, what: str, done: Finished) -> PermanentError | TemporaryError:
        text = f"git cannot {what} {self.remote}: {said(done)}"
        return PermanentError(text) if _NO_RIGHTS.search(done.stderr) else TemporaryError(text)


@asynccontextmanager
async def temporary_clone(repository: Path, remote: str, *, state: Path, timeout_s: float) -> AsyncIterator[Clone]:
    """An empty clone beside `repository`, gone when the block ends; what killed processes left goes first.

    Raises PermanentError when there is no repository or no such remote.
    """
    asked = ("--path-format=absolute", "--git-path", "objects", "--show-object-format", "--is-shallow-repository")
    objects, kind, shallow, *up = await expect_repository(repository, *asked, "--show-cdup", timeout_s=timeout_s)
    settings, partial = await _settings(repository, remote, timeout_s)
    reaching = await asyncio.to_thread(_reaching, settings, Path(repository, *up))
    await asyncio.to_thread(_sweep, state / "clones")
    with _locked_folder(state / "clones") as folder:
        try:
            clone = Clone(folder, remote, timeout_s, reaching)
            await clone.expect("init", "--quiet", "--template=", f"--object-format={kind}")
            if shallow == "false" and not partial:
                await asyncio.to_thread(_borrow, folder, objects)
            yield clone
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@contextmanager
def _locked_folder(place: Path) -> Iterator[Path]:
    """It has its name only while it is locked: one without a lock was left by a process that was killed."""
    new = Path(tempfile.mkdtemp(prefix="new-", dir=place))
    lock = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield new.rename(place / new.name.replace("new-", "clone-"))
    finally:
        os.close(lock)


def _sweep(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in place.glob("clone-*"):
        with suppress(OSError):
            lock = os.open(left, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)


def _borrow(folder: Path, objects: str) -> None:
    (folder / ".git/objects/info").mkdir(exist_ok=True)
    (folder / ".git/objects/info/alternates").write_text(f"{objects}\n", encoding="utf-8")


async def _settings(repository: Path, remote: str, timeout_s: float) -> tuple[list[tuple[str, str]], bool]:
    """Of the team's clone: what says how remotes are reached, and whether a remote keeps some of its objects."""
    question = ("config", "--local", "--includes", "--null", "--get-regexp", _WANTED)
    done = await run_git(repository, *question, timeout_s=timeout_s)
    found = [one.partition("\n") for one in done.stdout.split("\0")]
    partial = any(name.endswith((".promisor", ".partialclone")) for name, _, _ in found)
    own = tuple(f"remote.{remote}.{name}" for name in _OF_A_REMOTE)
    # A name without a value means "true", which cannot be handed on: an empty value would mean "false".
    given = [(name, value) for name, is_given, value in found if is_given]
    settings = [one for one in given if one[0] in own or not one[0].startswith(("remote.", "extensions."))]
    if own[0] not in dict(settings):
        raise PermanentError(f"expected a remote {remote} in {repository}: git knows none (`git remote -v` lists them)")
    return settings, partial


def _reaching(settings: Sequence[tuple[str, str]], top: Path) -> dict[str, str]:
    """As environment variables: what may hold credentials is neither written to a file nor seen in a process list."""
    before = os.environ.get("GIT_CONFIG_COUNT", "")
    place = int(before) if before.isdigit() else 0
    given: dict[str, str] = {}
    for name, value in settings:
        if name.startswith("remote.") and name.endswith("url") and (top / value).exists():
            value = str(top / value)
        given |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
        place += 1
    return given | {"GIT_CONFIG_COUNT": str(place)}
