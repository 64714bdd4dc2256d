"""The checks that ask build servers, before servers that answer as GitHub and GitLab document."""

from __future__ import annotations

import socket
import traceback

import pytest
from pydantic import ValidationError

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.checks.github_build import GithubBuildCheck
from pilotage.drivers.checks.gitlab_build import GitlabBuildCheck
from pilotage.testing import CheckContract
from tests import builds
from tests.builds import COMMIT, run


@pytest.fixture
def github(monkeypatch):
    with builds.serve(builds.GitHub()) as running:
        monkeypatch.setenv("GITHUB_TOKEN", running.token)
        yield running


def check(github, **options):
    given = {"repository": "octo/payment", "commit": COMMIT, "api": github.url, "token": {"env": "GITHUB_TOKEN"}}
    return GithubBuildCheck(GithubBuildCheck.Options.model_validate(given | options), Context(None, None))


async def failure(driver, github) -> DriverError:
    """What looking raises; no error may show the token, however it is written out."""
    with pytest.raises(DriverError) as error:
        await driver.look()
    assert github.token not in "".join(traceback.format_exception(error.value))
    return error.value


class TestGithub(CheckContract):
    @pytest.fixture
    async def driver(self, github):
        return check(github)

    @pytest.fixture
    def made(self, github):
        async def make(good):
            github.check_runs = [run("test", "success" if good else "failure")]

        return make

    async def test_green_names_what_passed(self, github):
        github.check_runs = [run("test (3.11)"), run("lint", "neutral"), run("publish", "skipped")]
        github.statuses = [{"context": "ci/jenkins", "state": "success"}]
        evidence = await check(github).look()
        said = f"octo/payment at {COMMIT}: 4 builds passed: test (3.11), lint, publish, ci/jenkins"
        assert (evidence.holds, evidence.text) == (True, said)

    async def test_a_branch_is_resolved_once_and_its_commit_shown(self, github):
        github.check_runs = [run("test")]
        evidence = await check(github, commit="hotfix/npe").look()
        assert (evidence.holds, "octo/payment at hotfix/npe (3fa9c1d)" in evidence.text) == (True, True)
        assert [one.path for one in github.requests] == [
            "/repos/octo/payment/commits/hotfix%2Fnpe/status",
            f"/repos/octo/payment/commits/{COMMIT}/check-runs",
        ]
        assert github.requests[0].headers["x-github-api-version"] == "2022-11-28"

    @pytest.mark.parametrize(
        "conclusion", ["failure", "cancelled", "timed_out", "action_required", "stale", "new-word"]
    )
    async def test_every_other_conclusion_is_a_failure(self, github, conclusion):
        github.check_runs = [run("test"), run("lint", conclusion)]
        evidence = await check(github).look()
        assert (evidence.holds, evidence.text.endswith(f"failed: lint ({conclusion})")) == (False, True)

    @pytest.mark.parametrize("status", ["queued", "in_progress", "waiting", "requested", "pending"])
    async def test_a_build_that_runs_does_not_hold_yet(self, github, status):
        github.check_runs = [run("test"), run("deploy-preview", status=status)]
        evidence = await check(github).look()
        assert (evidence.holds, evidence.text.endswith("still running: deploy-preview")) == (False, True)

    async def test_what_failed_is_said_before_what_runs(self, github):
        github.check_runs = [run("test", status="queued"), run("lint", "failure")]
        assert "failed: lint" in (await check(github).look()).text

    async def test_no_build_at_all_cannot_hold(self, github):
        evidence = await check(github).look()
        assert (evidence.holds, evidence.text) == (None, f"no build ran for octo/payment at {COMMIT}")

    async def test_builds_that_were_all_skipped_cannot_hold(self, github):
        github.check_runs = [run("test", "skipped")]
        evidence = await check(github).look()
        assert (evidence.holds, "every build was skipped: test" in evidence.text) == (None, True)

    @pytest.mark.parametrize(("state", "said"), [("failure", "failed: ci (failure)"), ("error", "failed: ci (error)"),
                                                 ("pending", "still running: ci")])  # fmt: skip
    async def test_a_commit_status_counts_too(self, github, state, said):
        github.check_runs = [run("test")]
        github.statuses = [{"context": "ci", "state": state}]
        evidence = await check(github).look()
        assert (evidence.holds, evidence.text.endswith(said)) == (False, True)

    async def test_statuses_beyond_the_first_page_count_by_the_combined_state(self, github):
        github.statuses = [{"context": f"c{n}", "state": "success"} for n in range(100)] + [
            {"context": "z", "state": "error"}
        ]
        assert (await check(github).look()).holds is False

    async def test_every_page_is_read(self, github):
        github.check_runs = [run(f"test {number}") for number in range(250)] + [run("the last", "failure")]
        evidence = await check(github).look()
        assert (evidence.holds, evidence.text.endswith("failed: the last (failure)")) == (False, True)

    async def test_more_builds_than_are_read_cannot_hold(self, github):
        github.check_runs = [run(f"test {number}") for number in range(1001)]
        assert (await check(github).look()).holds is None

    async def test_a_list_shorter_than_its_count_cannot_hold(self, github):
        github.check_runs = [run("test")]

        def instead(request):
            status, headers, body = github.answer(request)
            return status, headers, body | {"total_count": 7} if "check_runs" in body else body

        github.instead = instead
        assert (await check(github).look()).holds is None

    async def test_named_workflows_alone_count_and_each_by_its_latest_run(self, github):
        more = {"head_sha": COMMIT, "path": ".github/workflows/build.yml@main"}
        github.workflow_runs = [
            run("Build", "success", id=9, **more),
            run("Build", "failure", id=3, **more),
            run("Nightly", "failure", id=11, head_sha=COMMIT, path=".github/workflows/nightly.yml"),
            run("Build", "failure", id=12, head_sha="f" * 40, path=".github/workflows/build.yml"),
        ]
        for name in ("Build", "build.yml"):
            assert (await check(github, workflows=[name]).look()).text.endswith(f"1 build passed: {name}")
        assert (await check(github, workflows=["Build", "Nightly"]).look()).holds is False

    async def test_a_named_workflow_without_a_run_cannot_hold(self, github):
        evidence = await check(github, workflows=["Build"]).look()
        assert (evidence.holds, evidence.text.endswith("no run of Build")) == (None, True)

    async def test_an_unknown_commit_is_named(self, github):
        evidence = await check(github, commit="nowhere").look()
        assert (evidence.holds, "no commit nowhere in octo/payment" in evidence.text) == (None, True)

    async def test_a_refused_token_is_said_without_it(self, github, monkeypatch):
        monkeypatch.setenv("GITHUB_TOKEN", "ghp_" + "0" * 36)
        error = await failure(check(github), github)
        assert isinstance(error, PermanentError)
        assert "the token in GITHUB_TOKEN (401)" in str(error)
        assert "ghp_" not in str(error)

    async def test_a_private_repository_needs_a_token(self, github):
        error = await failure(check(github, token=None), github)
        assert "a private one needs a token" in str(error)

    async def test_a_public_one_does_not(self, github):
        github.public = True
        github.check_runs = [run("test")]
        assert (await check(github, token=None).look()).holds
        assert "authorization" not in github.requests[-1].headers

    async def test_another_repository_is_named(self, github):
        assert "repository octo/other" in str(await failure(check(github, repository="octo/other"), github))

    @pytest.mark.parametrize(
        ("status", "headers", "message"),
        [(429, {"retry-after": "60"}, ""), (403, {"retry-after": "60"}, ""), (403, {"x-ratelimit-remaining": "0"}, ""),
         (403, {}, "You have exceeded a secondary rate limit")],
    )  # fmt: skip
    async def test_a_limit_passes(self, github, status, headers, message):
        github.instead = lambda _: (status, headers, {"message": message})
        error = await failure(check(github), github)
        assert isinstance(error, TemporaryError)
        assert "limits how often" in str(error)
        assert ("after 60 s" in str(error)) == ("retry-after" in headers)

    async def test_another_403_does_not_pass(self, github):
        github.instead = lambda _: (403, {}, {"message": "Resource not accessible by personal access token"})
        error = await failure(check(github), github)
        assert isinstance(error, PermanentError)
        assert "Resource not accessible" in str(error)

    async def test_a_server_in_trouble_may_be_asked_again(self, github):
        github.instead = lambda _: (502, {"Content-Type": "text/html"}, b"<html>Unicorn!</html>")
        assert isinstance(await failure(check(github), github), TemporaryError)

    @pytest.mark.parametrize(
        "body",
        [b"<html>Sign in</html>", b"[]", b"{}", b"[" * 100_000, b"\xff\xfe", b"", b'{"sha": "' + b"a" * 9 + b'"}'],
    )
    async def test_an_answer_that_is_not_githubs_is_refused(self, github, body):
        github.instead = lambda _: (200, {}, body)
        assert "does not answer as GitHub does" in str(await failure(check(github), github))

    @pytest.mark.parametrize("rows", [None, 7, [1], ["x"], {}])
    async def test_rows_that_are_no_builds_are_refused(self, github, rows):
        github.instead = lambda request: (
            (200, {}, {"sha": COMMIT, "state": "pending", "statuses": []})
            if request.path.endswith("status")
            else (200, {}, {"total_count": 1, "check_runs": rows})
        )
        assert "does not answer as GitHub does" in str(await failure(check(github), github))

    async def test_a_huge_answer_is_not_read_to_its_end(self, github):
        github.instead = lambda _: (200, {}, b" " * (9 * 1024 * 1024))
        assert "more than 8 MiB" in str(await failure(check(github), github))

    async def test_names_from_outside_stay_on_one_short_line(self, github):
        github.check_runs = [run("\x1b[31mevil\nname token=abcdefgh " + "x" * 5000)]
        text = (await check(github).look()).text
        assert "\n" not in text
        assert "\x1b" not in text
        assert "abcdefgh" not in text
        assert len(text) < 300

    async def test_a_silent_server_is_given_up(self, github):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            api = f"http://127.0.0.1:{silent.getsockname()[1]}"
            error = await failure(check(github, api=api, timeout_s=0.05), github)
        assert isinstance(error, TemporaryError)

    async def test_the_token_goes_nowhere_else(self, github):
        with builds.serve(builds.GitHub()) as other:
            github.instead = lambda request: (301, {"Location": f"{other.url}{request.path}"}, {})
            assert "the token is not sent there" in str(await failure(check(github), github))
            assert other.requests == []

    async def test_a_renamed_repository_is_followed_on_the_same_server(self, github):
        github.check_runs = [run("test")]

        def instead(request):
            if "/octo/old/" in request.path:
                return 301, {"Location": f"{github.url}{request.path.replace('/old/', '/payment/')}"}, {}
            return github.answer(request)

        github.instead = instead
        assert (await check(github, repository="octo/old").look()).holds is True

    async def test_a_loop_of_redirects_ends(self, github):
        github.instead = lambda request: (302, {"Location": request.path}, {})
        assert "from one address to the next" in str(await failure(check(github), github))

    async def test_a_token_that_cannot_be_sent_is_named_by_its_reference(self, github, monkeypatch):
        monkeypatch.setenv("GITHUB_TOKEN", f"{github.token}\r\nX-Evil: 1")
        assert "GITHUB_TOKEN" in str(await failure(check(github), github))

    @pytest.mark.parametrize(
        "options",
        [{"repository": "payment"}, {"repository": "a/../b"}, {"repository": "a/b?c"},
         {"commit": "--x"}, {"commit": "a..b"},
         {"api": "ftp://x"}, {"api": "https://me:pw@x"}, {"token": "ghp_plain"}, {"timeout_s": 0}],
    )  # fmt: skip
    def test_wrong_options_are_refused(self, options):
        with pytest.raises(ValidationError):
            GithubBuildCheck.Options.model_validate({"repository": "a/b", "commit": "c"} | options)


@pytest.fixture
def gitlab(monkeypatch):
    with builds.serve(builds.GitLab()) as running:
        monkeypatch.setenv("GITLAB_TOKEN", running.token)
        yield running


def lab(gitlab, **options):
    given = {"project": "group/payment", "commit": "hotfix/npe", "api": gitlab.url, "token": {"env": "GITLAB_TOKEN"}}
    return GitlabBuildCheck(GitlabBuildCheck.Options.model_validate(given | options), Context(None, None))


def pipeline(number, status, ref="hotfix/npe", source="push", sha=COMMIT):
    return {"id": number, "status": status, "ref": ref, "source": source, "sha": sha}


class TestGitlab(CheckContract):
    @pytest.fixture
    async def driver(self, gitlab):
        return lab(gitlab)

    @pytest.fixture
    def made(self, gitlab):
        async def make(good):
            gitlab.pipelines = [pipeline(1, "success" if good else "failed")]

        return make

    async def test_the_latest_pipeline_of_each_branch_counts(self, gitlab):
        gitlab.pipelines = [pipeline(2, "success"), pipeline(1, "failed")]
        evidence = await lab(gitlab).look()
        said = "group/payment at hotfix/npe (3fa9c1d): passed: pipeline 2 on hotfix/npe"
        assert (evidence.holds, evidence.text) == (True, said)
        gitlab.pipelines.append(pipeline(3, "failed", "refs/merge-requests/7/head", "merge_request_event"))
        assert "failed: pipeline 3 on refs/merge-requests/7/head (failed)" in (await lab(gitlab).look()).text

    @pytest.mark.parametrize("status", ["running", "pending", "created", "manual", "scheduled", "waiting_for_resource"])
    async def test_what_has_not_ended_does_not_hold(self, gitlab, status):
        gitlab.pipelines = [pipeline(1, status)]
        evidence = await lab(gitlab).look()
        assert (evidence.holds, f"still running: pipeline 1 on hotfix/npe ({status})" in evidence.text) == (False, True)

    @pytest.mark.parametrize("pipelines", [[], [pipeline(1, "skipped")], [pipeline(1, "success", sha="f" * 40)]])
    async def test_no_build_cannot_hold(self, gitlab, pipelines):
        gitlab.pipelines = pipelines
        evidence = await lab(gitlab).look()
        assert (evidence.holds, evidence.text.startswith("no build ran for")) == (None, True)

    async def test_an_unknown_commit_is_named(self, gitlab):
        evidence = await lab(gitlab, commit="nowhere").look()
        assert (evidence.holds, "no commit nowhere" in evidence.text) == (None, True)

    async def test_refusals_do_not_show_the_token(self, gitlab, monkeypatch):
        assert "project group/other" in str(await failure(lab(gitlab, project="group/other"), gitlab))
        assert "a private one needs a token" in str(await failure(lab(gitlab, token=None), gitlab))
        gitlab.instead = lambda _: (429, {"Retry-After": "30"}, b"Retry later")
        assert "after 30 s" in str(await failure(lab(gitlab), gitlab))
        gitlab.instead = None
        monkeypatch.setenv("GITLAB_TOKEN", "glpat-wrong")
        assert "the token in GITLAB_TOKEN (401)" in str(await failure(lab(gitlab), gitlab))

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'"x"'])
    async def test_an_answer_that_is_not_gitlabs_is_refused(self, gitlab, body):
        gitlab.instead = lambda _: (200, {}, body)
        assert "does not answer as GitLab does" in str(await failure(lab(gitlab), gitlab))
