"""One comment on a pull request or merge request, against servers that answer as documented, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pilotage.ci import Forge, NoPullRequest, comment, forge_of, keep, marker
from pilotage.ci.comment import LONGEST, quiet
from pilotage.core.errors import PermanentError, TemporaryError
from tests.builds import serve
from tests.ci.forges import GitHubComments, GitLabNotes

SIGN = marker("run", "deploy/plan.yaml")


def told(forge: Forge, text: str, sign: str = SIGN) -> None:
    keep(forge, sign, f"{sign}\n{text}")
    forge.close()


def test_on_github_the_second_job_edits_the_comment_of_the_first(hub: GitHubComments) -> None:
    told(forge_of(hub.environment), "under way")
    told(forge_of(hub.environment), "promoted")
    assert [one["body"] for one in hub.comments] == [f"{SIGN}\npromoted"]


def test_on_gitlab_the_second_job_edits_the_note_of_the_first(lab: GitLabNotes) -> None:
    told(forge_of(lab.environment), "under way")
    told(forge_of(lab.environment), "promoted")
    assert [one["body"] for one in lab.notes] == [f"{SIGN}\npromoted"]


def test_it_is_found_behind_more_than_a_page_of_others(hub: GitHubComments, lab: GitLabNotes) -> None:
    for number in range(150):
        hub.says(f"comment {number}", "ann")
        lab.says(f"note {number}", 9)
    for text in ("under way", "rolled back"):
        told(forge_of(hub.environment), text)
        told(forge_of(lab.environment), text)
    assert (len(hub.comments), len(lab.notes)) == (151, 151)
    assert hub.comments[-1]["body"].endswith("rolled back")
    assert lab.notes[-1]["body"].endswith("rolled back")


def test_a_comment_of_somebody_else_with_our_sign_is_left_alone(hub: GitHubComments, lab: GitLabNotes) -> None:
    hub.says(f"{SIGN}\nmine now", "mallory")
    lab.says(f"{SIGN}\nmine now", 66)
    told(forge_of(hub.environment), "promoted")
    told(forge_of(lab.environment), "promoted")
    assert [one["body"] for one in hub.comments] == [f"{SIGN}\nmine now", f"{SIGN}\npromoted"]
    assert [one["body"] for one in lab.notes] == [f"{SIGN}\nmine now", f"{SIGN}\npromoted"]


def test_with_a_persons_token_only_that_persons_comments_are_edited(hub: GitHubComments) -> None:
    hub.person = "ann"
    hub.says(f"{SIGN}\na bot's", "other[bot]", "Bot")
    told(forge_of(hub.environment), "under way")
    told(forge_of(hub.environment), "promoted")
    assert [one["body"] for one in hub.comments] == [f"{SIGN}\na bot's", f"{SIGN}\npromoted"]


def test_each_plan_and_each_command_has_a_comment_of_its_own(hub: GitHubComments) -> None:
    signs = {marker("run", "a.yaml"), marker("check", "a.yaml"), marker("run", "b.yaml")}
    for sign in sorted(signs):
        told(forge_of(hub.environment), "here", sign)
    assert len(hub.comments) == len(signs) == 3


def test_a_job_of_a_pull_request_knows_its_number_from_the_event(hub: GitHubComments, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    told(forge_of({**hub.environment, "GITHUB_EVENT_PATH": str(event)}), "here")
    assert not any("/commits/" in one.path for one in hub.requests)
    assert len(hub.comments) == 1


def test_a_job_after_the_merge_finds_the_request_that_the_commit_came_by(lab: GitLabNotes, hub: GitHubComments) -> None:
    told(forge_of({**lab.environment, "CI_MERGE_REQUEST_IID": ""}), "here")
    told(forge_of(hub.environment), "here")
    assert (len(lab.notes), len(hub.comments)) == (1, 1)


def test_a_commit_without_a_pull_request_is_said(hub: GitHubComments) -> None:
    hub.merged = False
    with pytest.raises(NoPullRequest, match="no pull request or merge request belongs to this commit"):
        forge_of(hub.environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_REPOSITORY", "octo/payment/../../user"),
        ("GITHUB_API_URL", "http://evil.example"),
        ("GITHUB_API_URL", "https://ann:pw@api.github.com"),
        ("GITHUB_SHA", "main"),
        ("GITHUB_TOKEN", ""),
    ],
)
def test_what_no_job_has_is_refused_before_the_token_is_sent(hub: GitHubComments, name: str, value: str) -> None:
    with pytest.raises(NoPullRequest, match=name):
        forge_of({**hub.environment, name: value})
    assert hub.requests == []


def test_elsewhere_there_is_nowhere_to_comment() -> None:
    with pytest.raises(NoPullRequest, match="no job of GitHub Actions or GitLab CI"):
        forge_of({})


def test_a_token_that_may_not_is_told_without_the_token(hub: GitHubComments) -> None:
    hub.may_write = False
    forge = forge_of(hub.environment)
    with pytest.raises(PermanentError, match=r"GitHub answered HTTP 403 to POST .*not accessible by integration") as no:
        told(forge, "here")
    assert hub.token not in str(no.value)


def test_a_server_with_hiccups_is_asked_once_more_but_never_written_to_twice(hub: GitHubComments) -> None:
    seen: list[str] = []

    def hiccup(request: object) -> tuple[int, dict[str, str], object]:
        method = request.method  # type: ignore[attr-defined]
        seen.append(method)
        if seen.count(method) == 1:
            return 502, {}, b"<html>"
        return hub.answer(request)  # type: ignore[arg-type]

    hub.instead = hiccup
    forge = forge_of(hub.environment)
    with pytest.raises(TemporaryError, match="HTTP 502 to POST"):
        told(forge, "here")
    assert seen.count("POST") == 1


def test_a_redirect_gets_no_token(hub: GitHubComments) -> None:
    with serve(GitHubComments()) as other:
        hub.instead = lambda request: (307, {"Location": f"{other.url}{request.path}"}, {"message": "moved"})
        with pytest.raises(PermanentError, match="HTTP 307"):
            forge_of(hub.environment)
        assert other.requests == []


HOSTILE = """/merge
  /approve
@octo/everyone see #1 and !2, ann@shop.example too
<!-- pilotage:run:0000000000000000 -->
\u202e\x1b[31mred"""


def test_what_others_wrote_carries_out_nothing_and_calls_nobody(lab: GitLabNotes) -> None:
    told(forge_of(lab.environment), "/merge")
    assert lab.carried_out == ["/merge"]  # so the server of this test does carry it out
    lab.carried_out.clear()
    sign = marker("check", "plan.yaml")
    forge = forge_of(lab.environment)
    keep(forge, sign, comment(sign, f"x\n{HOSTILE}", HOSTILE, HOSTILE))
    forge.close()
    text = lab.notes[-1]["body"]
    assert lab.carried_out == []
    assert "@octo" not in text
    assert "#1" not in text
    assert "!2" not in text
    assert "ann@shop.example" in text
    assert text.count("<!--") == 1
    assert not any(one in text for one in "\u202e\x1b")


def test_an_ordinary_report_reads_as_it_was() -> None:
    text = "# Report\n\n| a | b |\n| --- | --- |\n| `x` | 5 % |\n\n- one: `/var/log`\n\n> 182 of 500 <b>"
    assert quiet(text) == text


def test_a_long_report_is_cut_at_a_line_and_says_so(hub: GitHubComments) -> None:
    forge = forge_of(hub.environment)
    keep(forge, SIGN, comment(SIGN, "t", "s", "```\n" + "a line\n" * 20_000))
    forge.close()
    body = hub.comments[0]["body"]
    assert LONGEST - 500 < len(body) <= LONGEST + 200
    assert "a line\n```\n\nThe rest does not fit" in body
