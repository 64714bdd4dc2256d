"""Server-sent events, read from a real port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from pilotage.core import events as ev
from pilotage.core.people import Grant, Role
from pilotage.server.hub import Hub
from pilotage.store import people, queries
from tests.server.records import add_rollout, tell
from tests.server.world import LOCAL, World, served

WITHIN_S = 20.0


class Stream:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        """The next event's fields; of a comment the field ``:``."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(WITHIN_S):
            async for line in self._lines:
                if not line and fields:
                    return fields
                name, _, value = line.partition(":")
                fields[name or ":"] = value.strip()
        raise EOFError

    async def event(self) -> tuple[str, str, dict[str, Any]]:
        """Its id, name and data; comments are passed over."""
        while "event" not in (found := await self.block()):
            pass
        return found.get("id", ""), found["event"], json.loads(found["data"])


@pytest.fixture
async def address(service: World) -> AsyncIterator[str]:
    service.app.state.hub = Hub(service.store, every_s=0.02)
    async with served(service.app) as url:
        yield url


@asynccontextmanager
async def following(address: str, path: str, token: str = LOCAL, last: str = "") -> AsyncIterator[Stream]:
    headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last else {})
    async with (
        httpx.AsyncClient(base_url=address, headers=headers, timeout=WITHIN_S) as client,
        client.stream("GET", path) as response,
    ):
        yield Stream(response)


async def test_a_rollout_is_told_as_it_happens_until_it_is_settled(service: World, address: str) -> None:
    await add_rollout(service.store, service.folder, "one")
    async with following(address, "/v1/rollouts/one/stream") as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert await stream.block() == {"retry": "2000"}
        await tell(service.store, "one", 3, ev.Paused(0, "a look"))
        number, kind, data = await stream.event()
        assert (number, kind, data["event"]["reason"]) == ("3", "paused", "a look")
        assert data["sentence"]
        await tell(service.store, "one", 4, ev.Promoted("done"))
        assert (await stream.event())[:2] == ("4", "promoted")
        await service.store.run(queries.settle_rollout, "one")
        assert await stream.event() == ("", "settled", {"rollout": "one"})
        with pytest.raises(EOFError):
            await stream.block()


async def test_it_goes_on_after_the_last_that_was_seen(service: World, address: str) -> None:
    await add_rollout(service.store, service.folder, "one")
    async with following(address, "/v1/rollouts/latest/stream", last="0") as stream:
        assert [(await stream.event())[:2] for _ in range(2)] == [("1", "phase_started"), ("2", "weight_set")]
    async with following(address, "/v1/rollouts/one/stream", last="99999") as stream:
        await stream.block()
        await tell(service.store, "one", 3, ev.Paused(0, "a look"))
        assert (await stream.event())[:2] == ("3", "paused")


async def test_all_rollouts_that_somebody_may_see_are_told_in_one_order(service: World, address: str) -> None:
    secret = await service.token("bob", Grant(Role.VIEWER, "mine"))
    async with following(address, "/v1/stream", secret) as bob, following(address, "/v1/stream") as admin:
        await bob.block()
        await admin.block()
        await add_rollout(service.store, service.folder, "theirs")
        await add_rollout(service.store, service.folder, "mine")
        seen = [await admin.event() for _ in range(6)]
        assert [data["rollout"] for *_, data in seen] == ["theirs"] * 3 + ["mine"] * 3
        assert (await bob.event())[2]["rollout"] == "mine"
    async with following(address, "/v1/stream", last=seen[3][0]) as again:
        assert [(await again.event())[0] for _ in range(2)] == [seen[4][0], seen[5][0]]


async def test_one_that_somebody_may_not_see_is_not_there(service: World, address: str) -> None:
    await add_rollout(service.store, service.folder, "theirs")
    secret = await service.token("bob", Grant(Role.VIEWER, "mine"))
    async with following(address, "/v1/rollouts/theirs/stream", secret) as stream:
        assert stream.response.status_code == 404


async def test_a_token_that_is_revoked_meanwhile_ends_the_stream(service: World, address: str) -> None:
    await add_rollout(service.store, service.folder, "one")
    secret = await service.token("bob", Grant(Role.VIEWER))
    async with following(address, "/v1/rollouts/one/stream", secret) as stream:
        await stream.block()
        await service.store.run(people.revoke_token, "bob", "ann", service.clock.now())
        service.clock.time += 60
        await tell(service.store, "one", 3, ev.Paused(0, "a look"))
        _, kind, data = await stream.event()
        assert kind == "dropped"
        assert "revoked by ann" in data["detail"]
        with pytest.raises(EOFError):
            await stream.block()


async def test_a_reader_that_reads_nothing_is_dropped_and_the_others_are_not(service: World, address: str) -> None:
    await add_rollout(service.store, service.folder, "one")
    hub = service.app.state.hub = Hub(service.store, every_s=0.02, most_waiting=20)
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    ask = f"GET /v1/rollouts/one/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {LOCAL}\r\n\r\n"
    writer.write(ask.encode())
    await writer.drain()
    async with following(address, "/v1/rollouts/one/stream") as stream:
        await stream.block()
        async with asyncio.timeout(WITHIN_S):
            while hub.followers < 2:
                await asyncio.sleep(0.01)
        words = "x" * 400_000  # more than the kernel keeps for somebody who does not read
        for number in range(3, 63):
            await tell(service.store, "one", number, ev.Announced(words, ""))
            assert (await stream.event())[0] == str(number)
        tail = b""
        while b"event: dropped" not in tail and (text := await asyncio.wait_for(reader.read(2**20), WITHIN_S)):
            tail = (tail + text)[-2000:]
        assert b"event: dropped" in tail
        assert b"too slow" in tail
    writer.close()


async def test_when_the_server_stops_streams_end(service: World, address: str) -> None:
    await add_rollout(service.store, service.folder, "one")
    async with following(address, "/v1/rollouts/one/stream") as stream:
        await stream.block()
        service.app.state.hub.close()
        with pytest.raises(EOFError):
            await stream.event()


async def test_nobody_follows_any_more_when_a_reader_has_gone(service: World, address: str) -> None:
    await add_rollout(service.store, service.folder, "one")
    async with following(address, "/v1/rollouts/one/stream") as stream:
        await stream.block()
    async with asyncio.timeout(WITHIN_S):
        while service.app.state.hub.followers:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("last", ["x", "1.5", "99999999999999"])
async def test_a_last_id_that_is_none_is_refused(service: World, address: str, last: str) -> None:
    await add_rollout(service.store, service.folder, "one")
    async with following(address, "/v1/rollouts/one/stream", last=last) as stream:
        assert stream.response.status_code == 422
