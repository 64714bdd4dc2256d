"""Reverting the hot-fix's commit, in real repositories: a bare remote, a team's clone, and somebody else's."""

from __future__ import annotations

import asyncio
import os
import shutil
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import ValidationError

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Rehearses
from pilotage.drivers.deploy import clone
from pilotage.drivers.deploy.git_revert import GitRevertDeployer
from pilotage.testing import DeployerContract, RehearsesContract, call
from tests import githttp, repositories, servers
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

    def merge(self) -> str:
        """A second hot-fix of two commits, made before the first one was there, merged into main and pushed."""
        self.clone.git("checkout", "--quiet", "-b", "hotfix/two", f"{self.fix}^")
        for text in ("1", "2"):
            self.clone.write("new.py", text)
            self.clone.commit(f"part {text}")
        self.clone.git("checkout", "--quiet", "main")
        self.clone.git("merge", "--quiet", "--no-ff", "-m", "merge the hot-fix", "hotfix/two")
        self.clone.git("push", "--quiet", "origin", "main")
        return self.clone.git("rev-parse", "HEAD")

    def take(self, branch: str) -> str:
        """A colleague pushes a branch of that name."""
        self.other.git("checkout", "--quiet", "-b", branch)
        commit = self.other.commit("a colleague's")
        self.other.git("push", "--quiet", "origin", branch)
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


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file's bytes and time, git's own included; of an object, which git may touch, the bytes."""
    files = {str(one.relative_to(folder)): one for one in folder.rglob("*") if one.is_file()}
    return {
        name: (one.read_bytes(), 0 if "objects/" in name else one.stat().st_mtime_ns) for name, one in files.items()
    }


def left_over(team: Team) -> list[Path]:
    return list(team.state.glob("clones/*"))


class TestGitRevert(DeployerContract, RehearsesContract):
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
        merge = team.merge()
        await team.driver(commits=[merge]).deploy("v1", call("a"))
        assert team.remote.git("ls-tree", "--name-only", "main") == "pay.py"
        assert f"reversing\nchanges made to {team.fix}." in team.remote.git("log", "-1", "--format=%B", "main")

    async def test_a_range_reverts_what_a_merge_brought_with_the_merge(self, team):
        first, last = team.clone.git("rev-parse", f"{team.fix}^"), team.merge()
        await team.driver(commits=[f"{first}..{last}"]).deploy("v1", call("a"))
        assert (team.shows("pay.py"), team.reverts()) == ("good", 2)
        assert team.remote.git("ls-tree", "--name-only", "main") == "pay.py"

    async def test_a_merge_without_that_parent_is_refused(self, team):
        merge = team.merge()
        with pytest.raises(PermanentError, match="does not have parent 3"):
            await team.driver(commits=[merge], mainline=3).deploy("v1", call("a"))

    async def test_what_somebody_reverted_already_is_said_and_done(self, team):
        team.other.git("revert", "--no-edit", team.fix)
        team.other.git("push", "--quiet", "origin", "main")
        said = await team.driver().deploy("v1", call("a"))
        assert "is already reverted on main" in said
        assert team.reverts() == 0

    async def test_of_several_commits_those_that_are_already_reverted_are_left_out(self, team):
        second = team.commit("1", "new.py")
        team.other.git("pull", "--quiet", "origin", "main")
        team.other.git("revert", "--no-edit", second)
        team.other.git("push", "--quiet", "origin", "main")
        said = await team.driver(commits=[team.fix, second]).deploy("v1", call("a"))
        assert said.startswith(f"reverted {team.fix[:7]} with ")
        assert (team.shows("pay.py"), team.reverts()) == ("good", 1)

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
        with pytest.raises(
            PermanentError, match=r"conflicts with later commits on main, in pay\.py: revert it by hand"
        ):
            await team.driver().deploy("v1", call("a"))
        assert team.remote.git("rev-parse", "main") == before
        assert left_over(team) == []


class TestAnythingBetween:
    async def test_a_branch_that_moved_after_the_fetch_is_fetched_again(self, team, tmp_path, monkeypatch):
        team.other.write("else.py", "1")
        team.other.commit("meanwhile")
        git = shutil.which("git")
        push_first = f"mkdir {tmp_path}/once 2>/dev/null && {git} -C {team.other.path} push --quiet origin main"
        script = f'#!/bin/sh\ncase " $* " in *" push "*) {push_first};; esac\nexec {git} "$@"\n'
        repositories.Repo(tmp_path).write("bin/git", script, 0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
        await team.driver().deploy("v1", call("a"))
        assert (tmp_path / "once").is_dir()
        assert (team.shows("pay.py"), team.shows("else.py"), team.reverts()) == ("good", "1", 1)

    async def test_a_branch_that_moves_during_the_push_is_fetched_again(self, team, tmp_path):
        team.other.write("else.py", "1")
        later = team.other.commit("meanwhile")
        team.other.git("push", "--quiet", "origin", "main:meanwhile")
        team.hook("pre-receive", f"mkdir {tmp_path}/once && unset GIT_QUARANTINE_PATH &&"
                                 f" git update-ref refs/heads/main {later}\nexit 0")  # fmt: skip
        await team.driver().deploy("v1", call("a"))
        assert (team.shows("pay.py"), team.shows("else.py"), team.reverts()) == ("good", "1", 1)

    async def test_a_branch_that_never_rests_may_be_tried_again(self, team):
        more = "git -c user.name=a -c user.email=a commit-tree -p main -m more main^{tree}"
        team.hook("pre-receive", f"unset GIT_QUARANTINE_PATH; git update-ref refs/heads/main $({more})")
        with pytest.raises(TemporaryError, match="main moved 5 times"):
            await team.driver().deploy("v1", call("a"))
        assert team.reverts() == 0

    async def test_cut_off_before_the_push_it_can_be_called_again(self, team, tmp_path):
        team.hook("pre-receive", f"touch {tmp_path}/began; exec sleep 60")
        await cut_off(team, tmp_path / "began")
        assert (team.reverts(), left_over(team)) == (0, [])
        (team.remote.path / "hooks/pre-receive").unlink()
        assert "pushed to" in await team.driver().deploy("v1", call("a"))
        assert team.reverts() == 1

    async def test_cut_off_after_the_push_it_finds_its_own_revert(self, team, tmp_path):
        team.hook("post-receive", f"touch {tmp_path}/began; exec sleep 60")
        await cut_off(team, tmp_path / "began")
        assert (team.reverts(), left_over(team)) == (1, [])
        (team.remote.path / "hooks/post-receive").unlink()
        assert "is this very revert: nothing to do" in await team.driver().deploy("v1", call("a"))
        assert team.reverts() == 1

    async def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(self, team):
        (team.state / "clones/clone-left/.git").mkdir(parents=True)
        answers = await asyncio.gather(*(team.driver().probe() for _ in range(4)))
        assert len(set(answers)) == 1
        assert left_over(team) == []


async def cut_off(team: Team, began: Path) -> None:
    deploying = asyncio.create_task(team.driver().deploy("v1", call("a")))
    await asyncio.to_thread(servers.wait_until, began.exists, "the push")
    deploying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deploying


class TestWhatMayNotBe:
    async def test_a_protected_branch_is_told_with_the_servers_reason_and_the_way_around(self, team):
        team.hook("pre-receive", "echo 'GH006: Protected branch update failed' >&2; exit 1")
        with pytest.raises(PermanentError) as error:
            await team.driver().deploy("v1", call("a"))
        assert str(error.value) == (
            "origin refuses a push to main: pre-receive hook declined GH006: Protected branch update failed."
            " With `push: branch` the revert goes to a branch of its own, for a pull request into main"
        )

    async def test_a_branch_of_its_own_leaves_the_deployed_one_alone(self, team):
        team.hook("update", '[ "$1" != refs/heads/main ]')
        said = await team.driver(push="branch").deploy("v1", call("a"))
        branch = f"pilotage/revert-{team.fix[:7]}"
        assert said.endswith(f"pushed to origin's {branch}: open a pull request into main")
        assert (team.shows("pay.py"), team.shows("pay.py", branch)) == ("fixed", "good")
        assert "is this very revert" in await team.driver(push="branch").deploy("v1", call("a"))
        assert team.reverts(branch) == 1

    async def test_a_branch_that_is_there_with_something_else_is_not_overwritten(self, team):
        before = team.take("undo")
        with pytest.raises(PermanentError, match="has a branch undo already, with something else"):
            await team.driver(push="branch", new_branch="undo").deploy("v1", call("a"))
        assert team.remote.git("rev-parse", "undo") == before

    async def test_a_remote_that_is_gone_may_come_back(self, team):
        team.remote.path.rename(team.remote.path.with_name("elsewhere"))
        with pytest.raises(TemporaryError, match="git cannot fetch from origin"):
            await team.driver().deploy("v1", call("a"))

    async def test_what_is_not_there_is_named(self, team, tmp_path):
        aside = team.clone.git("commit-tree", "-m", "never pushed", "main^{tree}")
        team.clone.git("tag", "v9-never-pushed", team.fix)
        for options, said in [
            ({"commits": [aside]}, f"{aside} is not on origin's main"),
            ({"commits": ["v9-never-pushed"]}, "v9-never-pushed is none"),
            ({"commits": ["main"]}, "main is none"),
            ({"commits": ["HEAD"]}, "HEAD is none"),
            ({"commits": [f"{team.fix}..{team.fix}"]}, "there are no"),
            ({"branch": "release"}, "expected a branch release on origin"),
            ({"remote": "upstream"}, "expected a remote upstream"),
            ({"repository": str(tmp_path / "none")}, "no such folder"),
            ({"repository": str(tmp_path)}, "expected a git repository"),
        ]:
            for ask in (team.driver(**options).probe(), team.driver(**options).deploy("v1", call("a"))):
                with pytest.raises(PermanentError) as error:
                    await ask
                assert said in str(error.value)
        assert team.reverts() == 0

    @pytest.mark.parametrize(
        "name", ["--upload-pack=touch x", "-h", "a b", "HEAD~1", ":/fix", "", "a\nb", "a^", "a...b", "a..", "..b",
                 "a..b..c", "--all..b", "a..--all", "refs/heads/*"]
    )  # fmt: skip
    def test_hostile_names_are_refused(self, name):
        good = {"commits": ["abc1234"], "branch": "main"}
        GitRevertDeployer.Options.model_validate(good)
        for wrong in ({"commits": [name]}, {"branch": name}, {"remote": name}, {"push": "branch", "new_branch": name}):
            with pytest.raises(ValidationError):
                GitRevertDeployer.Options.model_validate(good | wrong)

    @pytest.mark.parametrize(
        "wrong",
        [{"commits": []}, {"commits": ["a..b", "c"]}, {"commits": [1234567]}, {"mainline": 0}, {"push": "force"},
         {"new_branch": "main"}, {"new_branch": "x-{version}"}, {"author": "a <b>"}, {"author": " "},
         {"author": "a\nb"}, {"email": "a b"}, {"timeout_s": 0}, {"remote": "ext::sh -c x"}],
    )  # fmt: skip
    def test_wrong_options_are_refused(self, wrong):
        with pytest.raises(ValidationError):
            GitRevertDeployer.Options.model_validate({"commits": ["abc1234"], "branch": "main"} | wrong)

    @pytest.mark.parametrize(
        "url", ["ext::touch {ran}", "--upload-pack=touch {ran}", "ssh://-oProxyCommand=touch%20{ran}/x"]
    )
    async def test_an_address_that_is_a_program_is_not_run(self, team, tmp_path, url):
        team.clone.git("config", "protocol.ext.allow", "always")
        team.clone.git("config", "remote.origin.url", url.format(ran=tmp_path / "ran"))
        with pytest.raises(DriverError):
            await team.driver().deploy("v1", call("a"))
        assert not (tmp_path / "ran").exists()


class TestTheTeamsClone:
    async def test_uncommitted_work_stays_byte_for_byte(self, team):
        team.clone.write("pay.py", "half done")
        team.clone.write("staged.py", "1")
        team.clone.git("add", "staged.py")
        team.clone.write("untracked.py", "1")
        before = everything(team.clone.path)
        await team.driver().rehearse("v1", call("a"))
        await team.driver().deploy("v1", call("a"))
        assert everything(team.clone.path) == before

    async def test_nothing_it_configures_is_run(self, team, tmp_path):
        hostile(team.clone, tmp_path / "ran")
        for hook in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-push", "post-rewrite"):
            team.clone.write(f".git/hooks/{hook}", f"#!/bin/sh\ntouch {tmp_path}/ran\n", 0o755)
        for name in ("commit.gpgsign", "push.gpgsign", "remote.origin.receivepack", "remote.origin.uploadpack"):
            team.clone.git("config", name, "true")
        await team.driver().deploy("v1", call("a"))
        assert team.shows("pay.py") == "good"
        assert not (tmp_path / "ran").exists()

    async def test_neither_are_hooks_and_signatures_of_the_whole_machine(self, team, tmp_path, monkeypatch):
        home = repositories.Repo(tmp_path / "home")
        for hook in ("pre-commit", "commit-msg", "pre-push", "post-checkout", "reference-transaction"):
            home.write(f"hooks/{hook}", f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n", 0o755)
        for name, value in [
            ("core.hooksPath", f"{home.path}/hooks"),
            ("commit.gpgSign", "true"),
            ("gpg.program", "no"),
        ]:
            home.git("config", "--file", ".gitconfig", name, value)
        team.remote.git("config", "core.hooksPath", f"{team.remote.path}/hooks")
        monkeypatch.setenv("HOME", str(home.path))
        await team.driver().deploy("v1", call("a"))
        assert team.shows("pay.py") == "good"
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("how", ["--depth=1", "--filter=blob:none", "--bare", "--no-checkout"])
    async def test_any_kind_of_clone_is_enough(self, team, tmp_path, how):
        team.remote.git("config", "uploadpack.allowFilter", "true")
        team.other.git("clone", "--quiet", how, f"file://{team.remote.path}", str(tmp_path / "clone"))
        await team.driver(repository=str(tmp_path / "clone")).deploy("v1", call("a"))
        assert team.shows("pay.py") == "good"

    async def test_a_work_tree_beside_the_clone_is_enough(self, team, tmp_path):
        team.clone.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "beside"))
        await team.driver(repository=str(tmp_path / "beside")).deploy("v1", call("a"))
        assert team.shows("pay.py") == "good"

    async def test_a_clone_that_has_not_fetched_the_fix_is_enough(self, team):
        later = team.commit("fixed twice", repo=team.other)
        await team.driver(commits=[later]).deploy("v1", call("a"))
        assert team.shows("pay.py") == "fixed"

    @pytest.mark.parametrize("folder", [".", "services/payment"])
    async def test_the_plan_may_lie_below_and_the_remote_beside(self, team, folder):
        team.clone.git("config", "remote.origin.url", "../payment.git")
        (team.clone.path / folder).mkdir(parents=True, exist_ok=True)
        await team.driver(repository=str(team.clone.path / folder)).deploy("v1", call("a"))
        assert team.shows("pay.py") == "good"

    async def test_a_setting_without_a_value_is_not_turned_around(self, team):
        """``[http] sslVerify`` alone means yes; handed on as an empty value it would mean no."""
        with (team.clone.path / ".git/config").open("a") as config:
            config.write("[http]\n\tsslVerify\n")
        settings, _ = await clone._settings(team.clone.path, "origin", 10)
        assert [name for name, _ in settings] == ["remote.origin.url"]

    async def test_short_names_for_addresses_are_understood(self, team):
        team.clone.git("config", f"url.{team.remote.path.parent}/.insteadOf", "work:")
        team.clone.git("config", "remote.origin.url", "work:payment.git")
        await team.driver().deploy("v1", call("a"))
        assert team.shows("pay.py") == "good"


class TestRehearsal:
    async def test_all_is_tried_but_the_push(self, team):
        before = everything(team.remote.path)
        driver = team.driver()
        assert isinstance(driver, Rehearses)
        said = await driver.rehearse("v1", call("a"))
        tip = team.remote.git("rev-parse", "--short=7", "main")
        assert said == f"{team.fix[:7]} can be reverted on main (at {tip}); the push was tried, not made"
        assert everything(team.remote.path) == before

    async def test_a_conflict_is_known_before_the_rollout(self, team):
        team.commit("something else", repo=team.other)
        with pytest.raises(PermanentError, match=r"conflicts with later commits on main, in pay\.py"):
            await team.driver().rehearse("v1", call("a"))

    async def test_a_branch_of_its_own_that_is_taken_is_known_before_the_rollout(self, team):
        team.take("undo")
        with pytest.raises(PermanentError, match="has a branch undo already"):
            await team.driver(push="branch", new_branch="undo").rehearse("v1", call("a"))

    async def test_the_probe_names_what_it_found(self, team):
        tip = team.remote.git("rev-parse", "--short=7", "main")
        said = f"origin answers, {team.fix[:7]} can be found on main (at {tip})"
        assert await team.driver().probe() == said


class TestCredentials:
    @pytest.fixture
    def page(self):
        with servers.http_server() as running:
            yield running

    @pytest.mark.parametrize("user", ["me:pl4nted", "pl4nted", "me:pl4nt%40pl4nted"])
    @pytest.mark.parametrize(
        ("status", "error"),
        [(401, PermanentError), (403, PermanentError), (404, PermanentError), (502, TemporaryError)],
    )
    async def test_what_is_in_an_address_is_never_shown(self, team, page, user, status, error):
        page.status = status
        team.clone.git("config", "remote.origin.url", page.url.replace("://", f"://{user}@") + "/payment.git")
        with pytest.raises(error) as caught:
            await team.driver().deploy("v1", call("a"))
        assert "pl4nt" not in "".join(traceback.format_exception(caught.value))
        assert "git cannot fetch from origin" in str(caught.value)

    async def test_a_server_over_http_is_pushed_to_with_the_clones_own_credentials(self, team, tmp_path):
        with githttp.serve(tmp_path) as url:
            team.clone.git("config", "remote.origin.url", f"{url.replace('://', f'://{githttp.WRITER}@')}/payment.git")
            await team.driver().rehearse("v1", call("a"))
            assert team.reverts() == 0
            await team.driver().deploy("v1", call("a"))
        assert (team.shows("pay.py"), team.reverts()) == ("good", 1)

    async def test_who_may_only_read_is_known_before_the_rollout(self, team, tmp_path):
        with githttp.serve(tmp_path) as url:
            team.clone.git("config", "remote.origin.url", f"{url.replace('://', f'://{githttp.READER}@')}/payment.git")
            assert "origin answers" in await team.driver().probe()
            with pytest.raises(PermanentError, match=r"git cannot push to origin.* 403.*`push: branch`") as caught:
                await team.driver().rehearse("v1", call("a"))
        assert "pl4nted" not in "".join(traceback.format_exception(caught.value))

    async def test_nobody_is_asked_for_a_password(self, team, tmp_path):
        with githttp.serve(tmp_path) as url:
            team.clone.git("config", "remote.origin.url", f"{url}/payment.git")
            with pytest.raises(PermanentError, match="could not read Username"):
                await team.driver().probe()

    async def test_the_clones_own_header_is_sent_and_written_nowhere(self, team, page):
        page.status = 502
        team.clone.git("config", "remote.origin.url", f"{page.url}/payment.git")
        team.clone.git("config", f"http.{page.url}/.extraHeader", "Authorization: Basic pl4nted")
        with pytest.raises(TemporaryError) as caught:
            await team.driver().deploy("v1", call("a"))
        assert {headers.get("authorization") for headers, _ in page.requests} == {"Basic pl4nted"}
        assert "pl4nted" not in str(caught.value)
