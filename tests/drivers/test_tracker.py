"""Trackers: a team's command, and GitHub's issues before a server that answers as GitHub documents."""

from __future__ import annotations

import json
import sys
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Ticket
from pilotage.drivers.tracker.command import CommandTracker
from pilotage.drivers.tracker.github_issues import GithubIssuesTracker
from pilotage.testing import TrackerContract
from tests import builds
from tests.issues import GitHubIssues

TICKET = TrackerContract.ticket
OPEN = (
    "import json, sys; open('opened', 'a').write(json.dumps(sys.argv[1:]) + '\\n');"
    "print('opening'); print('https://tracker.example.org/' + sys.argv[4])"
)


def command(folder, *argv, **options):
    given = {"command": list(argv) or [sys.executable, "-c", OPEN, "{title}", "{text}", "{who}", "{key}"]}
    return CommandTracker(CommandTracker.Options.model_validate(given | options), Context(folder, folder / "state"))


def arguments(folder):
    return [json.loads(line) for one in folder.glob("opened") for line in one.read_text().splitlines()]


class TestCommand(TrackerContract):
    @pytest.fixture
    def driver(self, tmp_path):
        return command(tmp_path)

    @pytest.fixture
    def opened(self, tmp_path):
        return lambda: [" ".join(one) for one in arguments(tmp_path)]

    async def test_its_last_line_is_the_address(self, driver):
        assert await driver.open(TICKET) == "https://tracker.example.org/r-1/permanent-fix"

    async def test_each_placeholder_is_one_argument_whatever_is_in_it(self, driver, tmp_path):
        await driver.open(Ticket("k", "--delete '$(id)'\n{key}", "- one\n- two {who}", "a; b"))
        assert arguments(tmp_path) == [[" --delete '$(id)' {key}", " - one\n- two {who}", "a; b", "k"]]

    async def test_secrets_do_not_leave_and_a_long_text_is_cut(self, driver, tmp_path):
        await driver.open(Ticket("k", "t", "password=hunter22 " + "x" * 200_000))
        ((_, text, _, _),) = arguments(tmp_path)
        assert "hunter22" not in text
        assert text.endswith("x (cut)")
        assert len(text) < 31_000

    async def test_one_that_fails_is_run_again(self, tmp_path):
        once = "import os; os.path.exists('x') or (open('x', 'w'), os._exit(3)); print('https://t/1')"
        driver = command(tmp_path, sys.executable, "-c", once)
        with pytest.raises(TemporaryError, match="exit code 3"):
            await driver.open(TICKET)
        assert await driver.open(TICKET) == "https://t/1"

    async def test_one_that_says_nothing_is_told(self, tmp_path):
        with pytest.raises(PermanentError, match="expected the ticket's on its last line"):
            await command(tmp_path, "true").open(TICKET)

    async def test_one_that_is_not_there_is_known_before(self, tmp_path):
        with pytest.raises(PermanentError, match="no-such-tracker"):
            await command(tmp_path, "no-such-tracker", "{title}").probe()

    @pytest.mark.parametrize(
        "argv", [[], [""], ["jira", "{summary}"], ["sh", "-c", "jira create {title}"], ["jira", "a{title}"],
                 ["jira", "{title} {text}"]]
    )  # fmt: skip
    def test_wrong_commands_are_refused(self, argv):
        with pytest.raises(ValidationError):
            CommandTracker.Options(command=argv)

    def test_an_option_may_carry_a_placeholder(self):
        assert CommandTracker.Options(command=["jira", "--summary={title}", "{text}"]).command


@pytest.fixture
def github(monkeypatch):
    with builds.serve(GitHubIssues()) as running:
        monkeypatch.setenv("GITHUB_TOKEN", running.token)
        yield running


def issues(github, **options):
    given = {"repository": "octo/payment", "token": {"env": "GITHUB_TOKEN"}, "api": github.url}
    return GithubIssuesTracker(GithubIssuesTracker.Options.model_validate(given | options), Context(None, None))


async def failure(driver, github) -> DriverError:
    """What opening raises; no error may show the token, however it is written out."""
    with pytest.raises(DriverError) as error:
        await driver.open(TICKET)
    assert github.token not in "".join(traceback.format_exception(error.value))
    return error.value


def posted(github):
    return [json.loads(one.body) for one in github.requests if one.method == "POST"]


class TestGithubIssues(TrackerContract):
    @pytest.fixture
    def driver(self, github):
        return issues(github)

    @pytest.fixture
    def opened(self, github):
        return lambda: [f"{one['title']}\n{one['body']}" for one in github.issues]

    async def test_an_issue_has_labels_an_assignee_and_a_marker(self, github):
        driver = issues(github, labels=["follow-up"], assignees={"owner": "bob"})
        assert await driver.open(TICKET) == "https://github.com/octo/payment/issues/1"
        assert posted(github) == [{
            "title": "Fix it for good",
            "body": "payment 2.4.1 was rolled back\n\nFor: owner\n\n<!-- pilotage: r-1/permanent-fix -->",
            "labels": ["follow-up"],
            "assignees": ["bob"],
        }]  # fmt: skip
        assert github.requests[-1].headers["content-type"] == "application/json; charset=utf-8"

    async def test_whom_nobody_knows_is_named_and_not_assigned(self, github):
        await issues(github, assignees={"on-call": "bob"}).open(TICKET)
        assert posted(github)[0]["assignees"] == []
        assert "For: owner" in posted(github)[0]["body"]

    async def test_it_is_found_again_without_its_label_closed_and_edited(self, github):
        """GitHub leaves labels out when the token has no push access."""
        github.may_label = False
        driver = issues(github, labels=["follow-up"])
        where = await driver.open(TICKET)
        github.issues[0] |= {"state": "closed", "body": github.issues[0]["body"] + "\n\nedited"}
        assert await driver.open(TICKET) == where
        assert len(github.issues) == 1

    async def test_it_is_found_on_a_later_page_and_looked_for_in_the_last_month(self, github):
        where = await issues(github).open(TICKET)
        github.issues += [{"number": n, "body": None, "html_url": f"x/{n}"} for n in range(2, 302)]
        assert await issues(github).open(TICKET) == where
        since = datetime.fromisoformat(github.requests[-1].query["since"])
        assert timedelta(days=29) < datetime.now(UTC) - since < timedelta(days=31)

    async def test_at_most_a_thousand_are_looked_at(self, github):
        github.issues += [{"number": n, "body": "", "html_url": f"x/{n}"} for n in range(1, 2001)]
        await issues(github).open(TICKET)
        assert len(github.requests) == 11

    async def test_an_answer_that_got_lost_opens_no_second_issue(self, github):
        def lost(request):
            status, headers, body = github.answer(request)
            return (502, {}, b"") if request.method == "POST" else (status, headers, body)

        github.instead = lost
        assert isinstance(await failure(issues(github), github), TemporaryError)
        github.instead = None
        assert await issues(github).open(TICKET) == "https://github.com/octo/payment/issues/1"
        assert len(github.issues) == 1

    async def test_a_pull_request_with_the_marker_is_no_ticket(self, github):
        body = "<!-- pilotage: r-1/permanent-fix -->"
        github.issues.append({"number": 1, "body": body, "html_url": "x", "pull_request": {}})
        assert (await issues(github).open(TICKET)).endswith("/issues/2")

    async def test_words_from_outside_notify_nobody_and_hide_nothing(self, github):
        text = "@octo/all, ask @bob\n<!-- pilotage: other --> <!-- hidden\x1b[31m token=abcdefgh12345"
        await issues(github).open(Ticket("k", "ping @bob", text, "@carol"))
        (sent,) = posted(github)
        for words in (sent["title"], sent["body"]):
            assert not any(f"@{one}" in words for one in ("octo", "bob", "carol"))
        assert sent["body"].count("<!") == 1
        assert sent["body"].endswith("<!-- pilotage: k -->")
        assert "\x1b" not in sent["body"]
        assert "abcdefgh12345" not in sent["body"]

    async def test_a_key_cannot_end_its_comment(self, github):
        await issues(github).open(replace(TICKET, key="a --> @bob <!-- b"))
        assert posted(github)[0]["body"].endswith("\n<!-- pilotage: a%20--%3E%20@bob%20%3C%21--%20b -->")

    async def test_a_huge_text_fits(self, github):
        await issues(github).open(replace(TICKET, title="t" * 1000, text="x" * 100_000))
        assert len(posted(github)[0]["title"]) <= 256
        assert len(posted(github)[0]["body"]) <= 65_536

    @pytest.mark.parametrize(
        ("status", "headers", "message", "kind", "said"),
        [
            (401, {}, "Bad credentials", PermanentError, "the token in GITHUB_TOKEN (401)"),
            (403, {}, "Resource not accessible by personal access token", PermanentError, "Resource not accessible"),
            (403, {"Retry-After": "60"}, "You have exceeded a secondary rate limit", TemporaryError, "after 60 s"),
            (403, {"X-RateLimit-Remaining": "0"}, "API rate limit exceeded", TemporaryError, "limits how often"),
            (404, {}, "Not Found", PermanentError, "may the token in GITHUB_TOKEN see it?"),
            (410, {}, "Issues has been disabled", PermanentError, "octo/payment has no issues on GitHub (410)"),
            (422, {}, "Validation Failed", PermanentError, "Validation Failed: are the labels and assignees right?"),
            (429, {"Retry-After": "7"}, "Too many", TemporaryError, "after 7 s"),
            (503, {}, "Service unavailable", TemporaryError, "GitHub answered 503"),
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_a_refusal_is_told_by_its_kind(self, github, method, status, headers, message, kind, said):
        github.instead = lambda request: (
            (status, headers, {"message": message}) if request.method == method else github.answer(request)
        )
        error = await failure(issues(github), github)
        assert isinstance(error, kind)
        assert said in str(error)
        assert github.issues == []

    async def test_a_wrong_assignee_is_named(self, github):
        error = await failure(issues(github, assignees={"owner": "gone"}), github)
        assert "Validation Failed (assignees)" in str(error)
        with pytest.raises(PermanentError, match="owner: gone cannot be assigned"):
            await issues(github, assignees={"owner": "gone"}).probe()

    async def test_the_probe_asks_for_issues_and_assignees(self, github):
        driver = issues(github, assignees={"owner": "bob"})
        assert await driver.probe() == "GitHub shows octo/payment, and it has issues"
        github.has_issues = False
        with pytest.raises(PermanentError, match="switch them on"):
            await driver.probe()

    async def test_a_renamed_repository_is_followed_and_the_issue_posted_there(self, github):
        def instead(request):
            if "/octo/old/" in request.path:
                place = request.path.replace("/old/", "/payment/")
                return 307, {"Location": f"{github.url}{place}?{urlencode(request.query)}"}, {}
            return github.answer(request)

        github.instead = instead
        await issues(github, repository="octo/old").open(TICKET)
        assert len(github.issues) == 1

    async def test_neither_token_nor_issue_go_elsewhere(self, github):
        with builds.serve(GitHubIssues()) as other:
            github.instead = lambda request: (
                (307, {"Location": f"{other.url}{request.path}"}, {}) if request.method == "POST"
                else github.answer(request)
            )  # fmt: skip
            assert "the token is not sent there" in str(await failure(issues(github), github))
            assert other.requests == []

    async def test_a_post_is_never_turned_into_a_get(self, github):
        github.instead = lambda request: (
            (302, {"Location": request.path}, {}) if request.method == "POST" else github.answer(request)
        )
        assert isinstance(await failure(issues(github), github), PermanentError)

    @pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"html_url": 7}', b"[" * 100_000, b'{"html_url": ""}'])
    async def test_an_answer_that_is_not_githubs_is_refused(self, github, body):
        github.instead = lambda request: (201, {}, body) if request.method == "POST" else github.answer(request)
        assert "does not answer as GitHub does" in str(await failure(issues(github), github))

    @pytest.mark.parametrize(
        "wrong",
        [{"repository": "payment"}, {"token": "ghp_plain"}, {"token": None}, {"labels": ["a,b"]}, {"labels": [""]},
         {"assignees": {"owner": "@bob"}}, {"assignees": {"owner": "../x"}}, {"api": "ftp://x"}, {"timeout_s": 0}],
    )  # fmt: skip
    def test_wrong_options_are_refused(self, wrong):
        given = {"repository": "octo/payment", "token": {"env": "GITHUB_TOKEN"}}
        with pytest.raises(ValidationError):
            GithubIssuesTracker.Options.model_validate(given | wrong)
