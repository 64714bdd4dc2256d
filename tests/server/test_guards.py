"""What stands before every route: headers, hosts, rates, sizes."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from pilotage.server.guards_body import nesting
from pilotage.server.guards_place import hostname
from pilotage.server.guards_rate import MOST, Buckets, network
from pilotage.settings import Settings
from pilotage.settings.limits import RateLimits
from tests.server.serving import serving
from tests.server.team import HERE, URL, Team, settings, team
from tests.servers import free_port

OLGA = "olga@shop.example"


def limited(ours: Team, requests: int = 1200, logins: int = 1000) -> None:
    limits = RateLimits(requests_per_minute=requests, logins_per_minute=logins)
    ours.access.live.settings = ours.access.settings.model_copy(update={"limits": limits})
    ours.access.limits.buckets.now = lambda: ours.hands.at


@pytest.mark.parametrize("path", ["/", "/login", "/me", "/static/pilotage.css", "/v1/rollouts", "/healthz", "/nowhere"])
async def test_every_answer_says_what_a_browser_may_do_with_it(ours: Team, path: str) -> None:
    async with await ours.session(OLGA) as olga:
        headers = (await olga.get(path)).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert "camera=()" in headers["permissions-policy"]
    assert (headers.get("cache-control") == "no-store") == (not path.startswith("/static"))


async def test_refusals_and_our_own_faults_have_the_headers_too(ours: Team) -> None:
    ours.app.add_api_route("/v1/fault", lambda: 1 / 0, methods=["GET"])
    async with ours.client() as nobody:
        foreign = await nobody.get("/", headers={"Host": "evil.example"})
        fault = await nobody.get("/v1/fault")
    assert (foreign.status_code, fault.status_code) == (421, 500)
    for one in (foreign, fault):
        assert "default-src 'none'" in one.headers["content-security-policy"]
    assert fault.json()["type"] == "Failed"
    assert "ZeroDivision" not in fault.text


async def test_without_tls_nothing_is_said_of_it(tmp_path: Path) -> None:
    async with team(tmp_path, Settings()) as ours, ours.client() as nobody:
        assert "strict-transport-security" not in (await nobody.get("/healthz")).headers


@pytest.mark.parametrize(
    "host",
    [
        "pilotage.shop.example",
        "PILOTAGE.shop.example:443",
        "pilotage.shop.example.",
        "127.0.0.1:80",
        "[::1]:8700",
        "localhost",
    ],
)
async def test_the_hosts_that_are_ours_are_answered(ours: Team, host: str) -> None:
    async with ours.client(await ours.token(OLGA), Host=host) as olga:
        assert (await olga.get("/v1/rollouts")).status_code == 200


async def test_another_name_for_machines_is_answered_when_the_settings_have_it(tmp_path: Path) -> None:
    async with team(tmp_path, settings(hosts=["pilotage.ops.svc"])) as ours, ours.client(HERE) as here:
        assert (await here.get("/v1/rollouts", headers={"Host": "pilotage.ops.svc:8700"})).status_code == 200
        assert (await here.get("/v1/rollouts", headers={"Host": "other.ops.svc"})).status_code == 421


async def test_probes_come_by_address(ours: Team) -> None:
    async with ours.client(Host="10.1.2.3:8700") as probe:
        assert (await probe.get("/healthz")).status_code == 200
        assert (await probe.get("/metrics")).status_code == 401


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a.example:80", "a.example"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("A", "a"),
        ("", ""),
        ("a@b", ""),
        ("::1", ""),
        ("a b", ""),
        ("a/b:1", ""),
    ],
)
def test_a_host_is_read_without_its_port(host: str, name: str) -> None:
    assert hostname(host) == name


async def test_a_page_for_people_refuses_in_words_and_the_api_in_json(ours: Team) -> None:
    async with ours.client(Host="evil.example", Accept="text/html") as nobody:
        page, answer = await nobody.get("/"), await nobody.get("/v1/rollouts")
    assert page.headers["content-type"].startswith("text/html")
    assert "Misdirected Request" in page.text
    assert answer.headers["content-type"] == "application/problem+json"


# ------------------------------------------------------------------ rates


async def test_a_caller_who_asks_too_often_waits_and_is_told_how_long(ours: Team) -> None:
    limited(ours, requests=60)
    async with ours.client(await ours.token(OLGA)) as olga:
        statuses = [(await olga.get("/v1/rollouts")).status_code for _ in range(61)]
        answer = await olga.get("/v1/rollouts")
        assert statuses == [200] * 60 + [429]
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["content-type"] == "application/problem+json"
        assert "again in 1 s" in answer.json()["detail"]
        ours.hands.at += 1
        assert (await olga.get("/v1/rollouts")).status_code == 200


async def test_a_page_that_is_asked_for_too_often_says_when_again(ours: Team) -> None:
    limited(ours, requests=5)
    async with await ours.session(OLGA) as olga:
        while (answer := await olga.get("/")).status_code != 429:
            assert answer.status_code == 200
    assert int(answer.headers["retry-after"]) > 0
    assert "again in" in answer.text


async def test_who_has_asked_too_often_may_still_go_back(ours: Team) -> None:
    limited(ours, requests=10)
    rollout = await ours.rollout()
    async with ours.client(await ours.token(OLGA)) as olga:
        while (await olga.get("/v1/rollouts")).status_code != 429:
            pass
        for command in ("rollback", "rollback", "rollback"):
            answer = await olga.post(f"/v1/rollouts/{rollout}/{command}", json={})
            assert answer.status_code == 200
        assert (await olga.post(f"/v1/rollouts/{rollout}/report-trouble", json={})).status_code == 429


async def test_going_back_has_an_end_too(ours: Team) -> None:
    limited(ours)
    async with ours.client(await ours.token(OLGA)) as olga:
        statuses = {(await olga.post("/v1/rollouts/none/rollback", json={})).status_code for _ in range(610)}
    assert statuses == {404, 429}


async def test_many_tokens_of_one_person_have_one_bucket(ours: Team) -> None:
    limited(ours, requests=10)
    statuses = []
    for _ in range(12):
        async with ours.client(await ours.token(OLGA)) as olga:
            statuses.append((await olga.get("/v1/rollouts")).status_code)
    assert statuses == [200] * 10 + [429] * 2


async def test_guesses_from_one_address_keep_nobody_else_out(ours: Team) -> None:
    limited(ours, logins=5)
    good = await ours.token(OLGA)
    async with ours.client("plt_guess_x") as guesser, ours.client(good) as olga:
        statuses = [(await guesser.get("/v1/rollouts")).status_code for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        assert (await olga.get("/v1/rollouts")).status_code == 200
    async with ours.client("plt_guess_x", address="192.0.2.8") as other:
        assert (await other.get("/v1/rollouts")).status_code == 401


async def test_logins_of_one_address_are_limited(ours: Team) -> None:
    limited(ours, logins=5)
    async with ours.client(Origin=URL) as browser:
        statuses = [(await browser.post("/login/token", data={"token": "x"})).status_code for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        assert "retry-after" in (await browser.get("/login/start")).headers
        assert (await browser.get("/login/open?key=x")).status_code == 429


async def test_strangers_are_limited_by_their_address(ours: Team) -> None:
    limited(ours, requests=5)
    async with ours.client() as nobody, ours.client(address="2001:db8::1") as other:
        assert [(await nobody.get("/login")).status_code for _ in range(7)] == [200] * 5 + [429] * 2
        assert (await other.get("/login")).status_code == 200


async def test_this_machines_command_line_is_not_limited(ours: Team) -> None:
    limited(ours, requests=5)
    async with ours.client(HERE) as here:
        assert {(await here.get("/v1/rollouts")).status_code for _ in range(20)} == {200}


def test_a_bucket_fills_again_and_the_oldest_is_forgotten() -> None:
    now = [0.0]
    buckets = Buckets(lambda: now[0])
    assert [buckets.take("a", 2) for _ in range(3)] == [0, 0, 30]
    now[0] = 15
    assert buckets.take("a", 2) == 15
    now[0] = 30
    assert [buckets.take("a", 2) for _ in range(2)] == [0, 30]
    for number in range(MOST):
        buckets.take(str(number), 2)
    assert buckets.take("a", 2) == 0
    assert len(buckets._kept) == MOST


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_a_household_is_one_address(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


# ------------------------------------------------------------------ bodies


def test_the_worst_body_is_looked_through_quickly() -> None:
    for body in (b"[" * 2_000_000, b'"\\' * 1_000_000, b'"' * 1_999_999, b'["\\"]",' * 280_000, b"\\" * 2_000_000):
        began = time.perf_counter()
        nesting(body)
        assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("body", "good"),
    [
        (b"", True),
        (b"{}", True),
        (b"[" * 64 + b"]" * 64, True),
        (b"[" * 65 + b"]" * 65, False),
        (b'{"a": "' + b"[" * 500 + b'"}', True),
        (b'{"a": "\\"' + b"[" * 500 + b'"}', True),
        (b'{"a": "\\\\"' + b",[" * 100, False),
        (b"[" + b"[]," * 5000 + b"[]]", True),
    ],
)
def test_depth_is_counted_outside_of_strings(body: bytes, good: bool) -> None:
    assert (nesting(body) == "") is good


async def test_a_body_of_just_the_size_is_read(ours: Team) -> None:
    told = ours.plan()
    told["reason"] = "x"
    body = str(told).encode()
    assert len(body) < 2**21
    async with ours.client(await ours.token(OLGA)) as olga:
        answer = await olga.post("/v1/rollouts", content=b" " * 2**21, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["type"] != "TooLarge"


async def raw(port: int, sent: bytes) -> bytes:
    """What the server says to these bytes, until it closes or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        await writer.drain()
        return await asyncio.wait_for(reader.read(65536), 10)
    finally:
        writer.close()


async def test_over_the_wire_strange_requests_get_an_answer_and_never_a_fault(tmp_path: Path) -> None:
    port = free_port()
    async with team(tmp_path, Settings()) as ours, serving(ours.app, Settings(), port):
        get, post = b"GET / HTTP/1.1\r\n", b"POST /v1/rollouts HTTP/1.1\r\n"
        host, end, chunked = b"Host: 127.0.0.1\r\n", b"\r\n", b"Transfer-Encoding: chunked\r\n"
        sent = {
            "a long address": b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\n" + host + end,
            "a long header": get + host + b"X: " + b"x" * 1_000_000 + end + end,
            "two hosts": get + host + b"Host: evil.example\r\n" + end,
            "no host": get + end,
            "two lengths": post + host + b"Content-Length: 2\r\nContent-Length: 3\r\n" + end + b"{}",
            "chunks and a length": post + host + chunked + b"Content-Length: 3\r\n" + end + b"0\r\n\r\n",
            "a huge length": post + host + b"Content-Length: 999999999999999\r\n" + end + b"{}",
            "an odd encoding": post + host + b"Transfer-Encoding: gzip\r\n" + end,
            "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        }
        for what, told in sent.items():
            answer = await raw(port, told)
            status = answer.split(b" ")[1:2]
            assert [one[:1] for one in status] == [b"4"], (what, answer[:200])
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200


async def test_a_stream_passes_through_as_it_comes(tmp_path: Path) -> None:
    """Each part is there before the next one is made."""
    port, more = free_port(), asyncio.Event()

    async def parts() -> Any:
        yield b"data: 1\n\n"
        await asyncio.wait_for(more.wait(), 10)
        yield b"data: 2\n\n"

    async def stream() -> StreamingResponse:
        return StreamingResponse(parts(), media_type="text/event-stream")

    async with team(tmp_path, Settings()) as ours:
        app: FastAPI = ours.app
        app.add_api_route("/stream", stream, methods=["GET"])
        async with (
            serving(app, Settings(), port),
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", f"http://127.0.0.1:{port}/stream") as answer,
        ):
            told = answer.aiter_bytes()
            assert await anext(told) == b"data: 1\n\n"
            more.set()
            assert await anext(told) == b"data: 2\n\n"


async def test_a_browser_that_leaves_a_stream_ends_it(tmp_path: Path) -> None:
    port, ended = free_port(), asyncio.Event()

    async def parts() -> Any:
        try:
            while True:
                yield b"data: x\n\n"
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async def stream() -> StreamingResponse:
        return StreamingResponse(parts(), media_type="text/event-stream")

    async with team(tmp_path, Settings()) as ours:
        ours.app.add_api_route("/stream", stream, methods=["GET"])
        async with serving(ours.app, Settings(), port):
            with socket.create_connection(("127.0.0.1", port)) as one:
                one.sendall(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert await asyncio.to_thread(one.recv, 100)
            await asyncio.wait_for(ended.wait(), 10)
