"""Reverting the hot-fix's commit, in real repositories: a bare remote, a team's clone, and somebody else's."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import ValidationError

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Rehearses
from pilotage.drivers.deploy.git_revert import GitRevertDeployer
from pilotage.testing import DeployerContract, call
from tests import repositories, servers
from tests.drivers.test_checks import hostile


@dataclass(frozen=True)
class Team:
    """`remote` is bare, `clone` the team's, `other` a colleague's; main has a commit before the fix and the fix."""

    remote: repositories.Repo
    clone: repositories.Repo
    other: repositories.Repo
    fix: str
    state: Path

    def driver(self, **options) -> GitRevertDeployer:
        given = {"repository": str(self.clone.path), "commits": [self.fix], "branch": "main"}
        return GitRevertDeployer(
            GitRevertDeployer.Options.model_validate(given | options), Context(self.clone.path, self.state)
        )

    def reverts(self, branch: str = "main") -> int:
        return len(self.remote.git("log", "--format=%h", "--grep=^Pilotage-Key: ", branch).splitlines())

    def shows(self, name: str, branch: str = "main") -> str:
        return self.remote.git("show", f"{branch}:{name}")

    def commit(self, text: str, name: str = "pay.py", repo: repositories.Repo | None = None) -> str:
        """Pushed to main."""
        repo = repo or self.clone
        repo.write(name, text)
        commit = repo.commit(f"{name} says {text}")
        repo.git("push", "--quiet", "origin", "HEAD:main")
        return commit

    def hook(self, name: str, script: str) -> None:
        self.remote.write(f"hooks/{name}", f"#!/bin/sh\n{script}\n", 0o755)


@pytest.fixture
def team(tmp_path):
    remote = repositories.new(tmp_path / "payment.git", "--bare")
    clone = repositories.new(tmp_path / "payment")
    clone.git("remote", "add", "origin", str(remote.path))
    clone.write("pay.py", "good")
    clone.commit("the version before")
    clone.write("pay.py", "fixed")
    fix = clone.commit("the hot-fix")
    clone.git("push", "--quiet", "origin", "main")
    clone.git("clone", "--quiet", str(remote.path), str(tmp_path / "other"))
    return Team(remote, clone, repositories.Repo(tmp_path / "other"), fix, tmp_path / "state")


def everything(folder: Path) -> dict[str, str]:
    """Every file's bytes and time, git's own included."""
    return {
        str(one.relative_to(folder)): f"{hashlib.sha256(one.read_bytes()).hexdigest()} {one.stat().st_mtime_ns}"
        for one in folder.rglob("*")
        if one.is_file()
    }


def left_over(team: Team) -> list[Path]:
    return list(team.state.glob("clones/*"))


class TestGitRevert(DeployerContract):
    @pytest.fixture
    def driver(self, team):
        return team.driver()

    @pytest.fixture
    def deployed(self, team):
        def versions():
            lines = team.remote.git("log", "--reverse", "--format=%b", "main").splitlines()
            return [line.removeprefix("Brings back ").removesuffix(".") for line in lines if "Brings back" in line]

        return versions

    async def test_the_record_says_which_commit_reverts_which_and_where(self, team):
        said = await team.driver().deploy("v1", call("r-1/revert"))
        by = team.remote.git("rev-parse", "main")
        assert said == f"reverted {team.fix[:7]} with {by[:7]}, pushed to origin's main"
        assert team.shows("pay.py") == "good"
        assert team.remote.git("log", "-1", "--format=%an <%ae>|%B", "main") == (
            "Pilotage <pilotage@localhost>|"
            f'Revert "the hot-fix"\n\nThis reverts commit {team.fix}.\nBrings back v1.\n\nPilotage-Key: r-1/revert'
        )
        assert left_over(team) == []

    async def test_author_and_email_may_be_given(self, team):
        await team.driver(author="Release Ümlaut", email="release@example.org").deploy("v1", call("a"))
        assert team.remote.git("log", "-1", "--format=%cn <%ce>", "main") == "Release Ümlaut <release@example.org>"

    async def test_several_commits_are_reverted_the_newest_first_whatever_order_they_are_named_in(self, team):
        second = team.commit("fixed twice")
        said = await team.driver(commits=[team.fix, second]).deploy("v1", call("a"))
        assert said.startswith(f"reverted {second[:7]} with ")
        assert f", {team.fix[:7]} with " in said
        assert (team.shows("pay.py"), team.reverts()) == ("good", 2)

    async def test_a_range_is_reverted_without_its_beginning(self, team):
        team.clone.git("tag", "v2.4.0", f"{team.fix}^")
        team.commit("fixed twice")
        team.clone.git("tag", "-a", "v2.4.1", "-m", "the fix")
        team.clone.git("push", "--quiet", "origin", "--tags")
        await team.driver(commits=["v2.4.0..v2.4.1"]).deploy("v1", call("a"))
        assert (team.shows("pay.py"), team.reverts()) == ("good", 2)

    async def test_a_merge_is_reverted_against_its_first_parent(self, team):
        team.clone.git("checkout", "--quiet", "-b", "hotfix/two", f"{team.fix}^")
        team.clone.write("new.py", "1")
        team.clone.commit("one part")
        team.clone.write("new.py", "2")
        team.clone.commit("another part")
        team.clone.git("checkout", "--quiet", "main")
        team.clone.git("merge", "--quiet", "--no-ff", "-m", "merge the hot-fix", "hotfix/two")
        team.clone.git("push", "--quiet", "origin", "main")
        merge = team.clone.git("rev-parse", "HEAD")
        await team.driver(commits=[merge]).deploy("v1", call("a"))
        assert team.remote.git("ls-tree", "--name-only", "main") == "pay.py"
        assert f"reversing\nchanges made to {team.fix}." in team.remote.git("log", "-1", "--format=%B", "main")

    async def test_a_range_reverts_what_a_merge_brought_with_the_merge(self, team):
        team.clone.git("checkout", "--quiet", "-b", "hotfix/two", f"{team.fix}^")
        team.clone.write("new.py", "1")
        team.clone.commit("one part")
        team.clone.git("checkout", "--quiet", "main")
        team.clone.git("merge", "--quiet", "--no-ff", "-m", "merge the hot-fix", "hotfix/two")
        team.clone.git("push", "--quiet", "origin", "main")
        await team.driver(commits=[f"{team.fix[:10]}^..{team.fix}".replace("^", "")]).probe() if False else None
        first, last = team.clone.git("rev-parse", f"{team.fix}^"), team.clone.git("rev-parse", "HEAD")
        await team.driver(commits=[f"{first}..{last}"]).deploy("v1", call("a"))
        assert (team.shows("pay.py"), team.reverts()) == ("good", 2)
        assert team.remote.git("ls-tree", "--name-only", "main") == "pay.py"

    async def test_a_merge_without_that_parent_is_refused(self, team):
        team.clone.git("checkout", "--quiet", "-b", "side", f"{team.fix}^")
        team.clone.commit("aside")
        team.clone.git("checkout", "--quiet", "main")
        team.clone.git("merge", "--quiet", "--no-ff", "-m", "m", "side")
        team.clone.git("push", "--quiet", "origin", "main")
        with pytest.raises(PermanentError, match="does not have parent 3"):
            await team.driver(commits=[team.clone.git("rev-parse", "HEAD")], mainline=3).deploy("v1", call("a"))

    async def test_what_somebody_reverted_already_is_said_and_done(self, team):
        team.other.git("revert", "--no-edit", team.fix)
        team.other.git("push", "--quiet", "origin", "main")
        said = await team.driver().deploy("v1", call("a"))
        assert "is already reverted on main" in said
        assert team.reverts() == 0

    async def test_another_call_after_the_fix_came_again_reverts_again(self, team):
        await team.driver().deploy("v1", call("a"))
        team.clone.git("pull", "--quiet", "origin", "main")
        again = team.commit("fixed")
        await team.driver(commits=[again]).deploy("v1", call("b"))
        assert (team.shows("pay.py"), team.reverts()) == ("good", 2)

    async def test_a_key_that_begins_like_another_is_another(self, team):
        await team.driver().deploy("v1", call("r-1/1.2"))
        team.clone.git("pull", "--quiet", "origin", "main")
        again = team.commit("fixed")
        for key in ("r-1/1", "r-1/1.2x"):
            assert (await team.driver(commits=[team.fix, again]).rehearse("v1", call(key))).startswith(again[:7])
        assert "is this very revert" in await team.driver(commits=[team.fix]).rehearse("v1", call("r-1/1.2"))

    async def test_a_conflict_names_the_files_and_pushes_nothing(self, team):
        team.commit("something else", repo=team.other)
        before = team.remote.git("rev-parse", "main")
        with pytest.raises(PermanentError, match=r"conflicts with later commits on main, in pay\.py: revert it by hand"):
            await team.driver().deploy("v1", call("a"))
        assert team.remote.git("rev-parse", "main") == before
        assert left_over(team) == []

    async def test_a_branch_that_moves_meanwhile_is_fetched_again(self, team, tmp_path):
        """A colleague's commit arrives between our fetch and our push: the first push is refused, the second counts."""
        team.other.write("else.py", "1")
        team.other.commit("meanwhile")
        team.clone.git("config", "core.sshCommand", "false")
        once = tmp_path / "once"
        mover = tmp_path / "bin/git"
        real = servers.shutil.which("git")
        repositories.Repo(tmp_path).write(
            "bin/git",
            f"""#!/bin/sh
case " $* " in *" push "*) if mkdir {once} 2>/dev/null; then {real} -C {team.other.path} push --quiet origin main; fi;; esac
exec {real} "$@"
""",
            0o755,
        )
        os.environ["PATH"], before = f"{mover.parent}{os.pathsep}{os.environ['PATH']}", os.environ["PATH"]
        try:
            await team.driver().deploy("v1", call("a"))
        finally:
            os.environ["PATH"] = before
        assert once.is_dir()
        assert (team.shows("pay.py"), team.shows("else.py"), team.reverts()) == ("good", "1", 1)
