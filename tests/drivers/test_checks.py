"""The checks that look at addresses and at git."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from pilotage import planfile
from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.checks.command import CommandCheck
from pilotage.drivers.checks.git_merged import GitMergedCheck
from pilotage.drivers.checks.http import HttpCheck
from pilotage.testing import CheckContract
from tests import repositories, servers

SECRET = "s3cr3t-of-the-dashboard"


@pytest.fixture
def page():
    with servers.http_server(b"all is well") as running:
        yield running


def http(page, **options):
    return HttpCheck(HttpCheck.Options(**({"url": page.url} | options)), Context(None, None))


class TestHttp(CheckContract):
    @pytest.fixture
    async def driver(self, page):
        return http(page)

    @pytest.fixture
    def made(self, page):
        async def make(good):
            page.status = 200 if good else 503

        return make

    async def test_the_evidence_names_address_status_and_time(self, driver, page):
        evidence = await driver.look()
        assert evidence.text.startswith(f"{page.url} answered 200 in ")
        assert evidence.text.endswith(" ms")

    async def test_another_status_is_named_with_the_expected_one(self, page):
        page.status = 404
        evidence = await http(page, status=204).look()
        assert evidence.holds is False
        assert "answered 404" in evidence.text
        assert "expected 204" in evidence.text

    async def test_the_body_must_contain_what_was_asked(self, page):
        assert (await http(page, contains="is well").look()).holds
        evidence = await http(page, contains="is broken").look()
        assert (evidence.holds, evidence.text.endswith("without 'is broken'")) == (False, True)

    async def test_only_the_first_mebibyte_is_looked_at(self, page):
        page.body = b"x" * (2 * 1024 * 1024) + b"needle"
        assert (await http(page, contains="needle").look()).holds is False

    async def test_several_addresses_must_all_answer(self, page):
        gone = f"http://127.0.0.1:{servers.free_port()}/"
        evidence = await http(page, url=None, urls=[page.url, gone]).look()
        assert evidence.holds is False
        assert evidence.text.startswith(f"{gone} does not answer (Connect")
        assert "answered 200" not in evidence.text

    async def test_headers_are_sent_and_never_shown(self, page, monkeypatch):
        monkeypatch.setenv("DASHBOARD", f"Bearer {SECRET}\n")
        check = http(page, headers={"Authorization": {"env": "DASHBOARD"}}, status=500)
        evidence = await check.look()
        assert page.requests[-1][0]["authorization"] == f"Bearer {SECRET}"
        assert SECRET not in evidence.text + await check.probe()

    async def test_a_header_that_cannot_be_sent_is_refused_without_its_value(self, page, monkeypatch):
        monkeypatch.setenv("DASHBOARD", f"{SECRET}\nX-Other: 1")
        with pytest.raises(PermanentError, match="DASHBOARD") as error:
            await http(page, headers={"Authorization": {"env": "DASHBOARD"}}).look()
        assert SECRET not in str(error.value)
        assert page.requests == []

    async def test_a_missing_secret_is_named(self, page, monkeypatch):
        monkeypatch.delenv("DASHBOARD", raising=False)
        with pytest.raises(PermanentError, match="DASHBOARD"):
            await http(page, headers={"Authorization": {"env": "DASHBOARD"}}).probe()

    async def test_the_query_is_not_shown(self, page):
        evidence = await http(page, url=f"{page.url}/d?key={SECRET}", status=201).look()
        assert SECRET not in evidence.text

    async def test_a_server_that_never_answers_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            evidence = await HttpCheck(HttpCheck.Options(url=url, timeout_s=0.05), Context(None, None)).look()
        assert evidence.holds is False
        assert "0.05 s" in evidence.text or "Timeout" in evidence.text

    async def test_a_server_that_drips_is_given_up(self):
        async def drip(reader, writer):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        evidence = await HttpCheck(HttpCheck.Options(url=url, contains="z", timeout_s=0.2), Context(None, None)).look()
        server.close()
        assert (evidence.holds, "did not answer within 0.2 s" in evidence.text) == (False, True)

    @pytest.mark.parametrize(
        "options",
        [{}, {"url": "ftp://x/"}, {"url": "dashboard"}, {"url": "http://"}, {"url": "http://a", "urls": ["http://b"]},
         {"url": "http://a b/"}, {"url": "http://a:99999/"}, {"url": "http://a", "headers": {"A": "plain"}},
         {"url": "http://a", "headers": {"A b": {"env": "X"}}}],
    )  # fmt: skip
    def test_wrong_options_are_refused(self, options):
        with pytest.raises(ValidationError):
            HttpCheck.Options.model_validate(options)

    def test_a_password_in_the_address_is_refused_and_not_repeated(self):
        with pytest.raises(ValidationError, match="give it as a secret") as error:
            HttpCheck.Options(url=f"https://me:{SECRET}@example.org/")
        assert SECRET not in str(error.value)


@pytest.fixture
def repo(tmp_path):
    repo = repositories.new(tmp_path / "service")
    repo.write("a", "1")
    repo.commit()
    repo.git("branch", "hotfix/npe")
    repo.write("a", "2")
    repo.commit("others went on")
    repo.git("checkout", "--quiet", "hotfix/npe")
    repo.write("b", "fix")
    repo.commit("the fix")
    return repo


def merged(repo, **options):
    given = {"repository": repo.path.name, "commit": "hotfix/npe", "into": "main"} | options
    return GitMergedCheck(GitMergedCheck.Options(**given), Context(repo.path.parent, repo.path.parent))


class TestGitMerged(CheckContract):
    @pytest.fixture
    async def driver(self, repo):
        return merged(repo)

    @pytest.fixture
    def made(self, repo):
        async def make(good):
            if good:
                repo.git("checkout", "--quiet", "main")
                repo.git("merge", "--quiet", "--no-edit", "hotfix/npe")

        return make

    async def test_what_is_missing_is_counted(self, repo):
        repo.commit("one more")
        evidence = await merged(repo).look()
        fix, main = repo.git("rev-parse", "hotfix/npe")[:7], repo.git("rev-parse", "main")[:7]
        expected = f"{fix} (hotfix/npe) is not part of main (at {main}): 2 commits are missing"
        assert (evidence.holds, evidence.text) == (False, expected)

    async def test_one_missing_commit_is_one(self, repo):
        assert (await merged(repo).look()).text.endswith(": 1 commit is missing")

    async def test_a_hash_and_a_tag_name_a_commit_too(self, repo):
        repo.git("tag", "-a", "v2.4.1", "-m", "x", "main~1")
        for name in (repo.git("rev-parse", "main~1")[:8], "v2.4.1"):
            assert (await merged(repo, commit=name).look()).holds is True

    async def test_the_origins_branch_counts_more_than_a_stale_local_one(self, repo, tmp_path):
        repositories.new(tmp_path / "clone")
        clone = repositories.Repo(tmp_path / "clone")
        clone.git("remote", "add", "origin", str(repo.path))
        clone.git("fetch", "--quiet", "origin")
        clone.git("branch", "--no-track", "main", "origin/hotfix/npe")
        evidence = await merged(clone).look()
        assert (evidence.holds, "origin/main (at " in evidence.text) == (False, True)

    async def test_a_fetch_brings_what_was_merged_meanwhile(self, repo, tmp_path):
        repo.git("clone", "--quiet", str(repo.path), str(tmp_path / "clone"))
        clone = repositories.Repo(tmp_path / "clone")
        repo.git("checkout", "--quiet", "main")
        repo.git("merge", "--quiet", "--no-edit", "hotfix/npe")
        assert (await merged(clone).look()).holds is False
        assert (await merged(clone, fetch=True).look()).holds is True

    async def test_a_fetch_runs_no_hook(self, repo, tmp_path):
        repo.git("clone", "--quiet", str(repo.path), str(tmp_path / "clone"))
        clone = repositories.Repo(tmp_path / "clone")
        repo.commit("something to fetch")
        hostile(clone, tmp_path / "ran")
        assert (await merged(clone, commit="origin/hotfix/npe", fetch=True).look()).text.endswith(
            "2 commits are missing"
        )
        assert not (tmp_path / "ran").exists()

    async def test_a_fetch_that_fails_may_be_tried_again(self, repo):
        repo.git("remote", "add", "origin", str(repo.path / "gone"))
        with pytest.raises(TemporaryError, match="cannot fetch from origin"):
            await merged(repo, fetch=True).look()

    @pytest.mark.parametrize(
        ("option", "said"), [("commit", "branch, tag or commit nowhere"), ("into", "branch nowhere")]
    )
    async def test_what_is_not_there_is_named(self, repo, option, said):
        evidence = await merged(repo, **{option: "nowhere"}).look()
        assert (evidence.holds, said in evidence.text) == (None, True)

    async def test_a_shallow_clone_cannot_tell(self, repo, tmp_path):
        repo.git("checkout", "--quiet", "main")
        repo.git("merge", "--quiet", "--no-edit", "hotfix/npe")
        for place in range(3):
            repo.commit(f"later {place}")
        repo.git("clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{repo.path}", str(tmp_path / "clone"))
        evidence = await merged(repositories.Repo(tmp_path / "clone")).look()
        assert (evidence.holds, "shallow" in evidence.text) == (None, True)

    async def test_a_folder_without_a_repository_is_refused(self, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(PermanentError, match="expected a git repository"):
            await merged(repositories.Repo(tmp_path / "empty")).probe()
        with pytest.raises(PermanentError, match="no such folder"):
            await merged(repositories.Repo(tmp_path / "gone")).look()

    async def test_nothing_the_repository_configures_is_run(self, repo, tmp_path):
        hostile(repo, tmp_path / "ran")
        await merged(repo).look()
        await merged(repo).probe()
        assert not (tmp_path / "ran").exists()

    async def test_a_missing_object_is_not_fetched_by_a_look(self, repo, tmp_path):
        promises(repo, tmp_path)
        missing = repo.path / ".git/refs/heads/missing"
        missing.write_text("1" * 40 + "\n")
        evidence = await merged(repo, commit="missing").look()
        assert evidence.holds is None
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        "name", ["--upload-pack=x", "-h", "a b", "a..b", "HEAD~1", "@{-1}", ":/fix", "", "a\nb", "a^"]
    )
    def test_only_plain_names_are_taken(self, name):
        for option in ("commit", "into"):
            with pytest.raises(ValidationError):
                GitMergedCheck.Options.model_validate({"commit": "main", "into": "main"} | {option: name})


def promises(repo, folder):
    """A partial clone whose missing objects come from a program, which leaves the file `ran`."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\ntouch {folder}/ran\n")
    program.chmod(0o755)
    repo.git("config", "core.repositoryformatversion", "1")
    repo.git("config", "extensions.partialClone", "origin")
    repo.git("config", "remote.origin.promisor", "true")
    repo.git("config", "remote.origin.url", f"ext::{program}")
    repo.git("config", "protocol.ext.allow", "always")


def hostile(repo, ran):
    """A repository whose own configuration would leave a file."""
    touch = f"touch {ran}"
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "pager.rev-parse", "gpg.program",
                 "diff.external", "core.askPass", "credential.helper", "core.alternateRefsCommand"):  # fmt: skip
        repo.git("config", name, touch)
    for alias in ("rev-parse", "for-each-ref", "merge-base", "rev-list", "symbolic-ref", "config"):
        repo.git("config", f"alias.{alias}", f"!{touch}")
    for hook in ("post-index-change", "reference-transaction", "pre-auto-gc", "post-checkout"):
        repo.write(f".git/hooks/{hook}", f"#!/bin/sh\n{touch}\n", 0o755)


class TestCommand(CheckContract):
    @pytest.fixture
    async def driver(self, tmp_path):
        return CommandCheck(CommandCheck.Options(command=["test", "-e", "done"]), Context(tmp_path, tmp_path))

    @pytest.fixture
    def made(self, tmp_path):
        async def make(good):
            if good:
                (tmp_path / "done").touch()

        return make


def test_the_checks_in_the_docs_are_good_items(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "x")
    docs = Path(__file__).parents[2] / "docs"
    items = re.findall(r"^checklist:\n((?:  - .*\n)+)", (docs / "drivers.md").read_text(), re.MULTILINE)
    plan = re.findall(r"```yaml\n(.*?)```", (docs / "plan-file.md").read_text(), re.DOTALL)[0]
    with_items = re.sub(r"^checklist:.*\n", f"checklist:\n{''.join(items)}", plan, count=1, flags=re.MULTILINE)
    checklist = planfile.load(with_items, directory=tmp_path).preparation.checklist
    assert {one.check for one in checklist} >= {"command", "git-merged", "github-build", "http"}
