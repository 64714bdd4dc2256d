"""The Slack driver, before a server that answers as Slack documents."""

from __future__ import annotations

import asyncio
import threading
import traceback
from dataclasses import replace

import pytest
from pydantic import ValidationError

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Message
from pilotage.drivers.notify.slack import SlackNotifier
from pilotage.testing import CredentialsContract, NotifierContract, RepeatsContract, ThreadContract
from tests import servers
from tests.drivers import served, slack

FIRST = Message("r-1/0", "r-1", "rollout_started", "payment v2: started", "P0: orders fail")
SECOND = Message("r-1/4", "r-1", "rolled_back", "payment v2: rolled back", "All traffic is on v1 again.")


@pytest.fixture
def workspace(monkeypatch):
    with served.serve(slack.Slack()) as running:
        monkeypatch.setenv("SLACK_TOKEN", running.token)
        yield running


def notifier(workspace, **options):
    given = {"token": {"env": "SLACK_TOKEN"}, "channel": slack.CHANNEL, "api": workspace.url}
    return SlackNotifier(SlackNotifier.Options.model_validate(given | options), Context(None, None))


async def failure(work, workspace) -> DriverError:
    """What it raises; no error may show the token, however it is written out."""
    with pytest.raises(DriverError) as error:
        await work
    assert workspace.token not in "".join(traceback.format_exception(error.value))
    return error.value


class TestSlack(NotifierContract, RepeatsContract, ThreadContract, CredentialsContract):
    @pytest.fixture
    def driver(self, workspace):
        return notifier(workspace)

    @pytest.fixture
    def received(self, workspace):
        return workspace.shown

    @pytest.fixture
    def threads(self, workspace):
        return workspace.begun

    @pytest.fixture
    def refused(self, workspace, monkeypatch):
        monkeypatch.setenv("SLACK_TOKEN", "xoxb-another")
        return notifier(workspace)


async def test_the_post_shows_the_present_state_and_its_thread_all_of_it(workspace):
    thread = await notifier(workspace).send(FIRST)
    assert await notifier(workspace).send(replace(SECOND, thread=thread)) == thread
    post, reply = workspace.posts
    assert thread == f"{slack.CHANNEL}:{post['ts']}"
    assert reply["thread_ts"] == post["ts"]
    assert workspace.shown() == ["payment v2: rolled back\nAll traffic is on v1 again."] * 2


async def test_mentions_links_and_formatting_from_outside_are_plain_text(workspace):
    hostile = "<!channel> <@U1> <https://evil.example|your bank> @here *bold* &lt; a > b & c"
    await notifier(workspace).send(replace(FIRST, title=hostile, text=hostile))
    assert workspace.shown() == [f"{hostile}\n{hostile}"]


@pytest.mark.parametrize("text", ["x" * 5000, "<" * 5000, "&<>ä" * 3000])
async def test_what_is_too_long_for_a_block_is_cut(workspace, text):
    await notifier(workspace).send(replace(FIRST, title=text, text=text))
    title, shown = workspace.shown()[0].split("\n")
    assert (title.endswith("..."), shown.endswith("...")) == (True, True)
    assert text.startswith(shown.removesuffix("..."))
    assert len(workspace.posts[0]["blocks"][1]["text"]["text"]) > 2900


async def test_a_message_without_words_still_arrives(workspace):
    await notifier(workspace).send(replace(FIRST, title=" ", text=" "))
    assert workspace.shown() == ["rollout_started"]


async def test_a_first_post_whose_answer_is_lost_is_not_posted_again(workspace):
    workspace.lose = 1
    assert isinstance(await failure(notifier(workspace).send(FIRST), workspace), TemporaryError)
    thread = await notifier(workspace).send(replace(FIRST, attempt=1))
    assert len(workspace.posts) == 1
    assert thread == f"{slack.CHANNEL}:{workspace.posts[0]['ts']}"


async def test_a_reply_whose_answer_is_lost_is_not_posted_again(workspace):
    thread = await notifier(workspace).send(FIRST)
    workspace.instead = lambda request: setattr(workspace, "lose", int(request.path == "/chat.postMessage"))
    await failure(notifier(workspace).send(replace(SECOND, thread=thread)), workspace)
    workspace.instead = None
    await notifier(workspace).send(replace(SECOND, thread=thread, attempt=1))
    assert [one.get("thread_ts") for one in workspace.posts] == [None, workspace.posts[0]["ts"]]


async def test_a_reply_that_did_not_arrive_is_posted_when_tried_again(workspace):
    thread = await notifier(workspace).send(FIRST)
    await notifier(workspace).send(replace(SECOND, thread=thread, attempt=3))
    assert len(workspace.posts) == 2


async def test_a_long_thread_is_looked_through(workspace):
    workspace.page = 3
    thread = await notifier(workspace).send(FIRST)
    for number in range(1, 8):
        await notifier(workspace).send(replace(SECOND, id=f"r-1/{number}", thread=thread))
    await notifier(workspace).send(replace(SECOND, id="r-1/7", thread=thread, attempt=1))
    assert len(workspace.posts) == 8


async def test_a_hang_ends_at_the_time_limit_and_the_post_is_found_then(workspace):
    workspace.hang = threading.Event()
    error = await failure(notifier(workspace, timeout_s=0.3).send(FIRST), workspace)
    assert (type(error), str(error)) == (TemporaryError, "Slack did not answer within 0.3 s")
    workspace.hang.set()
    await notifier(workspace).send(replace(FIRST, attempt=1))
    assert len(workspace.posts) == 1


async def test_a_post_that_somebody_removed_is_begun_anew(workspace):
    thread = await notifier(workspace).send(FIRST)
    workspace.posts.clear()
    await notifier(workspace).send(replace(SECOND, thread=thread))
    assert (workspace.begun(), len(workspace.posts)) == (1, 1)


async def test_where_posts_may_not_be_edited_the_reply_still_comes(workspace):
    thread = await notifier(workspace).send(FIRST)
    workspace.instead = lambda request: slack._no("edit_window_closed") if request.path == "/chat.update" else None
    assert await notifier(workspace).send(replace(SECOND, thread=thread)) == thread
    assert len(workspace.posts) == 2


async def test_another_channel_in_the_plan_begins_there(workspace):
    thread = await notifier(workspace).send(replace(FIRST, thread="C0000OTHER:1700000000.000100"))
    assert thread.startswith(f"{slack.CHANNEL}:")


async def test_without_the_scope_to_look_a_message_may_come_twice_but_comes(workspace):
    workspace.scopes = {"chat:write"}
    await notifier(workspace).send(replace(FIRST, attempt=1))
    assert len(workspace.posts) == 1
    said = await notifier(workspace).probe()
    assert "posts in C024BE91L; a message may come twice" in said
    assert "channels:history" in said


async def test_probe_says_who_and_where(workspace):
    assert await notifier(workspace).probe() == "Slack: pilotage of Acme posts in #hot-fixes"
    assert all(one.method == "GET" for one in workspace.requests)


@pytest.mark.parametrize(("member", "archived", "said"), [(False, False, "invite the app"), (True, True, "archived")])
async def test_probe_tells_a_channel_in_which_it_could_not_post(workspace, member, archived, said):
    workspace.member, workspace.archived = member, archived
    error = await failure(notifier(workspace).probe(), workspace)
    assert isinstance(error, PermanentError)
    assert said in str(error)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (slack._no("token_revoked"), PermanentError, "store its new token"),
        (slack._no("channel_not_found"), PermanentError, "is the channel's id right"),
        (slack._no("missing_scope", needed="chat:write"), PermanentError, "lacks the scope chat:write"),
        (slack._no("some_new_word"), PermanentError, "some_new_word"),
        (slack._no("internal_error"), TemporaryError, "internal_error"),
        ((429, {"Retry-After": "30"}, {"ok": False, "error": "ratelimited"}), TemporaryError, "after 30 s"),
        ((429, {"Retry-After": "7"}, "slow down"), TemporaryError, "after 7 s"),
        ((503, {}, "down"), TemporaryError, "503"),
        ((302, {"Location": "http://127.0.0.1:9/"}, ""), PermanentError, "sends elsewhere"),
        ((200, {}, {"hello": "there"}), PermanentError, "is `api` right?"),
    ],
)
async def test_a_refusal_is_told_by_its_kind(workspace, answer, kind, said):
    workspace.instead = lambda request: answer
    error = await failure(notifier(workspace).send(FIRST), workspace)
    assert (isinstance(error, kind), said in str(error)) == (True, True), str(error)


async def test_a_token_that_slack_repeats_is_not_shown(workspace):
    workspace.instead = lambda request: (400, {}, {"message": f"what is {workspace.token}?"})
    assert "(hidden)" in str(await failure(notifier(workspace).send(FIRST), workspace))


async def test_nobody_there_is_temporary(workspace):
    driver = notifier(workspace, api=f"http://127.0.0.1:{servers.free_port()}")
    assert isinstance(await failure(driver.send(FIRST), workspace), TemporaryError)


@pytest.mark.parametrize("channel", ["#hot-fixes", "hot-fixes", "C024BE91L/../x", ""])
def test_a_channel_is_named_by_its_id(channel):
    with pytest.raises(ValidationError, match="the channel's id, such as"):
        SlackNotifier.Options(token={"env": "SLACK_TOKEN"}, channel=channel)


@pytest.mark.parametrize(
    "api", ["http://slack.example.org/api", "https://me:planted@slack.com", "slack.com", "ftp://x"]
)
def test_the_token_goes_nowhere_unencrypted(api):
    with pytest.raises(ValidationError, match="https://") as caught:
        SlackNotifier.Options(token={"env": "SLACK_TOKEN"}, channel=slack.CHANNEL, api=api)
    assert "planted" not in str(caught.value)


async def test_messages_of_one_moment_do_not_wait_for_each_other(workspace):
    await asyncio.gather(*(notifier(workspace).send(replace(FIRST, rollout=f"r-{n}", id=f"r-{n}/0")) for n in range(5)))
    assert workspace.begun() == 5
