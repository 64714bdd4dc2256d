"""What git knows about a folder, whatever state it is in."""

from __future__ import annotations

import os
import subprocess

import pytest

from pilotage.core.git import age, environment, github_of, is_name, version_of
from pilotage.repository import look
from tests import repositories
from tests.drivers.test_checks import hostile, promises


@pytest.fixture
def repo(tmp_path):
    repo = repositories.new(tmp_path / "service")
    repo.write("a", "1")
    repo.commit()
    return repo


def test_branch_commit_main_and_the_origin_are_told(repo):
    repo.git("remote", "add", "origin", "git@github.com:octo/payment.git")
    repo.git("checkout", "--quiet", "-b", "hotfix/npe")
    fix = repo.commit()
    seen = look(repo.path)
    assert (seen.root, seen.is_git, seen.branch, seen.commit) == (str(repo.path), True, "hotfix/npe", fix)
    assert (seen.main, seen.github, seen.notes) == ("main", "octo/payment", ())


def test_the_remotes_head_says_which_branch_is_deployed(repo, tmp_path):
    repo.git("branch", "release")
    repo.git("symbolic-ref", "HEAD", "refs/heads/release")
    repo.git("clone", "--quiet", str(repo.path), str(tmp_path / "clone"))
    clone = repositories.Repo(tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "fix")
    seen = look(clone.path)
    assert (seen.branch, seen.main, seen.github) == ("fix", "release", "")


def test_versions_come_newest_first_and_without_their_v(repo):
    for tag in ("v2.4.0", "v2.10.0", "2.9.1", "v2.10.0-rc.1", "release-1.0.0", "nightly", "v1", "deploy-2026-11-01"):
        repo.git("tag", tag)
    repo.commit()
    repo.git("tag", "-a", "v2.10.1", "-m", "the fix")
    seen = look(repo.path)
    assert seen.tags == ("2.10.1", "2.10.0", "2.10.0-rc.1", "2.9.1", "2.4.0", "1.0.0")
    assert seen.tag_here == "2.10.1"


def test_a_commit_without_a_tag_has_none(repo):
    repo.git("tag", "v1.0.0")
    repo.commit()
    assert look(repo.path).tag_here == ""


def test_a_folder_below_is_looked_at_from_the_top(repo):
    repo.write("services/payment/deploy.sh", '#!/bin/sh\nVERSION=$1\necho "$VERSION"\n', 0o755)
    repo.write("deploy.sh", '#!/bin/sh\nVERSION=$1\necho "$VERSION"\n', 0o755)
    repo.write("services/other/deploy.sh", '#!/bin/sh\nVERSION=$1\necho "$VERSION"\n', 0o755)
    seen = look(repo.path / "services" / "payment")
    assert seen.root == str(repo.path)
    scores = {one.options["command"][0]: one.confidence for one in seen.proposals if one.port == "deploy"}
    assert set(scores) == {"./deploy.sh", "../../deploy.sh", "../other/deploy.sh"}
    assert scores["../other/deploy.sh"] < scores["./deploy.sh"]


def test_a_detached_head_has_a_commit_and_no_branch(repo):
    first = repo.git("rev-parse", "HEAD")
    repo.commit()
    repo.git("checkout", "--quiet", "--detach", first)
    seen = look(repo.path)
    assert (seen.branch, seen.commit, seen.main) == ("", first, "main")
    assert any("detached" in note for note in seen.notes)


def test_a_repository_without_commits_has_a_branch_only(tmp_path):
    repo = repositories.new(tmp_path / "new")
    seen = look(repo.path)
    assert (seen.is_git, seen.branch, seen.commit, seen.main) == (True, "main", "", "")
    assert "no commit yet" in seen.notes


def test_a_shallow_clone_is_said(repo, tmp_path):
    repo.commit()
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.path}", str(tmp_path / "clone"))
    assert any("shallow" in note for note in look(tmp_path / "clone").notes)


def test_a_worktree_and_a_submodule_are_repositories_of_their_own(repo, tmp_path):
    repo.git("worktree", "add", "--quiet", "-b", "fix", str(tmp_path / "tree"))
    seen = look(tmp_path / "tree")
    assert (seen.root, seen.branch) == (str(tmp_path / "tree"), "fix")
    outer = repositories.new(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.path), "inner")
    seen = look(outer.path / "inner")
    assert (seen.root, seen.branch) == (str(outer.path / "inner"), "main")


def test_a_bare_repository_has_no_files(repo, tmp_path):
    repo.git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    seen = look(tmp_path / "bare.git")
    assert (seen.is_git, seen.branch, seen.proposals) == (True, "main", ())
    assert any("bare" in note for note in seen.notes)
    assert look(repo.path / ".git").proposals == ()


def test_a_folder_that_is_no_repository_is_looked_at_all_the_same(tmp_path):
    (tmp_path / "deploy.sh").write_text("VERSION=$1\n")
    seen = look(tmp_path)
    assert (seen.root, seen.is_git, seen.notes) == (str(tmp_path), False, ())
    assert seen.best("deploy").options["command"] == ["bash", "./deploy.sh", "{version}"]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    seen = look(tmp_path / "gone")
    assert (seen.is_git, seen.proposals) == (False, ())
    assert "is not a folder" in seen.notes[0]


def test_without_git_the_files_are_still_seen(repo, tmp_path, monkeypatch):
    repo.write("deploy.sh", "VERSION=$1\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    seen = look(repo.path)
    assert (seen.is_git, seen.best("deploy") is not None) == (False, True)
    assert "git is not installed" in seen.notes[0]


def test_a_git_that_lies_in_the_repository_is_not_run(repo, tmp_path, monkeypatch):
    repo.write("git", f"#!/bin/sh\ntouch {tmp_path}/ran\n", 0o755)
    monkeypatch.chdir(repo.path)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}{os.environ['PATH']}")
    assert look(repo.path).is_git
    assert not (tmp_path / "ran").exists()


def test_nothing_the_repository_configures_is_run(repo, tmp_path):
    repo.write(".gitattributes", "* diff=evil filter=evil\n")
    hostile(repo, tmp_path / "ran")
    for name in ("diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process"):
        repo.git("config", name, f"touch {tmp_path}/ran")
    repo.git("config", "core.worktree", "/etc")
    seen = look(repo.path)
    assert (seen.is_git, seen.root) == (True, str(repo.path))
    assert not (tmp_path / "ran").exists()


def test_missing_objects_are_not_fetched(repo, tmp_path):
    promises(repo, tmp_path)
    (repo.path / ".git/refs/tags/v9.9.9").write_text("1" * 40 + "\n")
    assert look(repo.path).is_git
    assert not (tmp_path / "ran").exists()


def test_git_is_asked_three_times_at_most(repo, monkeypatch):
    asked = []
    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda argv, **more: asked.append(argv) or real(argv, **more))
    look(repo.path)
    assert len(asked) == 3
    assert all(isinstance(argv, list) for argv in asked)


def test_a_callers_own_git_settings_do_not_lead_elsewhere(repo, tmp_path, monkeypatch):
    other = repositories.new(tmp_path / "other", "--initial-branch=elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    assert look(repo.path).branch == "main"


def test_credentials_in_the_origin_are_never_kept(repo):
    repo.git("remote", "add", "origin", "https://me:ghp_s3cr3t@github.com/octo/payment.git")
    seen = look(repo.path)
    assert seen.github == "octo/payment"
    assert "s3cr3t" not in repr(seen)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/octo/payment", "octo/payment"),
        ("https://github.com/octo/payment.git/", "octo/payment"),
        ("https://x-access-token:abc@github.com/octo/pay.ment.git", "octo/pay.ment"),
        ("git@github.com:octo/payment.git", "octo/payment"),
        ("ssh://git@github.com/octo/payment.git", "octo/payment"),
        ("ssh://git@ssh.github.com:443/octo/payment.git", "octo/payment"),
        ("git@gitlab.com:octo/payment.git", ""),
        ("https://github.com.evil.org/octo/payment", ""),
        ("https://evil.org/github.com/octo/payment", ""),
        ("https://evil.org/@github.com/octo/payment", ""),
        ("/srv/git/payment.git", ""),
        ("", ""),
    ],
)
def test_the_name_on_github_is_read_from_any_form_of_address(url, name):
    assert github_of(url) == name


@pytest.mark.parametrize(
    ("tag", "version"),
    [("v2.4.1", "2.4.1"), ("2.4", "2.4"), ("release/2.4.1-rc.1", "2.4.1-rc.1"), ("v1.2.3+build.5", "1.2.3+build.5"),
     ("v1", ""), ("latest", ""), ("2.4.1.2.3.4", ""), ("v2.4.1 ", ""), ("1.0rc1", "1.0rc1")],
)  # fmt: skip
def test_tags_that_name_versions(tag, version):
    assert version_of(tag) == version


def test_versions_have_semantic_versionings_order():
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.1", "1.10"]
    mixed = order[::2] + order[1::2]
    assert sorted(mixed, key=age) == order


@pytest.mark.parametrize("name", ["main", "hotfix/npe", "v2.4.1", "3fa9c1d", "feature/ünï", "a@b", "x-"])
def test_usual_names_are_names(name):
    assert is_name(name)


def test_the_environment_for_git_keeps_what_is_not_gits():
    kept = environment({"PATH": "/bin", "HOME": "/h", "GIT_DIR": "/x", "GIT_SSH_COMMAND": "evil"})
    assert (kept["PATH"], kept["HOME"], kept["GIT_ALLOW_PROTOCOL"]) == ("/bin", "/h", "none")
    assert not {"GIT_DIR", "GIT_SSH_COMMAND"} & set(kept)


def test_a_fetch_keeps_how_this_machine_reaches_remotes():
    kept = environment({"GIT_SSH_COMMAND": "ssh -i key", "GIT_DIR": "/x", "GIT_INDEX_FILE": "/y"}, transports=True)
    assert kept["GIT_SSH_COMMAND"] == "ssh -i key"
    assert not {"GIT_DIR", "GIT_INDEX_FILE"} & set(kept)
    assert "ext" not in kept["GIT_ALLOW_PROTOCOL"].split(":")


def test_a_repository_of_all_of_somebodys_files_is_not_looked_at_beyond_the_folder(repo, monkeypatch):
    repo.write("deploy.sh", "VERSION=$1\n")
    repo.write("project/scripts/deploy.sh", "VERSION=$1\n")
    monkeypatch.setattr("pilotage.repository._TOO_WIDE", (repo.path,))
    seen = look(repo.path / "project")
    assert (seen.root, seen.is_git) == (str(repo.path / "project"), True)
    assert [one.name for one in seen.proposals] == ["scripts/deploy.sh"]
