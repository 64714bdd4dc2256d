"""The load hides nothing: each kind of failure is counted, and what is none is not."""

import asyncio
from contextlib import asynccontextmanager
from math import inf

import pytest

from tests.proxies.load import Answer, Seen, load
from tests.proxies.upstream import upstream
from tests.servers import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstable"


@asynccontextmanager
async def server(answer, keep=True):
    """Answers each request with these bytes; closes the connection after each where it does not `keep` it."""

    async def serve(reader, writer):
        while await reader.read(65536):
            writer.write(answer)
            if not keep:
                break
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"


async def failures(url):
    async with load(url, clients=2, slow=0, rate=200) as seen:
        while seen.failed < 10:
            await asyncio.sleep(0.01)
    return seen.failures


async def test_every_request_is_answered_and_counted_by_who_answered():
    with upstream("stable") as url:
        async with load(url, rate=500) as seen:
            await seen.more(200)
    assert seen.share("stable", since=0) == (100, len(seen.answers))
    assert (seen.all, seen.failed, seen.reopened) == (len(seen.answers), 0, 0)


def test_what_was_on_its_way_at_a_switch_belongs_to_neither_side():
    answers = [Answer(0, 2, "stable"), Answer(2, 3, "stable"), Answer(4, 5, "canary"), Answer(5, 9, "stable")]
    seen = Seen(answers)
    assert seen.within(1, 6) == answers[1:3]
    assert seen.share("canary", 1, 6) == (50, 2)
    assert seen.turned("canary", 1, 6) == (4, 1)
    assert seen.turned("nobody", 1, 6) == (inf, 3)


async def test_slow_requests_are_on_their_way_all_the_time_and_waited_for_at_the_end():
    with upstream("stable") as url:
        async with load(url, clients=3, slow=2, rate=100) as seen:
            await seen.more(20)
    slow = [one for one in seen.answers if one.done - one.sent > 0.25]
    assert len(slow) >= 2
    assert seen.failed == 0


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "status 503"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "empty"),
        (b"HTTP/1.1 200 OK\r\n\r\nstable", "without a length"),
        (OK[:-1], "cut"),
        (b"", "cut"),
    ],
)
async def test_an_answer_that_is_not_whole_or_not_good_is_a_failure(answer, kind):
    async with server(answer, keep=False) as url:
        assert set(await failures(url)) == {kind}


async def test_nobody_there_is_a_failure():
    assert set(await failures(f"http://127.0.0.1:{free_port()}")) == {"refused"}


async def test_an_answer_that_does_not_come_in_time_is_a_failure(monkeypatch):
    monkeypatch.setattr("tests.proxies.load.LATE_S", 0.02)
    async with server(b"") as url:
        assert set(await failures(url)) == {"late"}


async def test_a_kept_connection_that_was_closed_before_anything_was_sent_on_it_is_none():
    async with server(OK, keep=False) as url, load(url, clients=2, slow=0, rate=50) as seen:
        await seen.more(20)
    assert seen.failed == 0
    assert seen.reopened >= 16


async def test_a_load_that_ends_too_early_is_said():
    with upstream("stable") as url:
        async with load(url, clients=1, slow=0, rate=100, seconds=0.1) as seen:
            with pytest.raises(TimeoutError, match="too early"):
                await seen.more(1000)
