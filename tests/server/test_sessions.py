"""Sessions of the page: how they begin, how long they last, and how they end."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from starlette.responses import Response

from pilotage.core.people import Scope
from pilotage.server.sessions import begin, owner
from pilotage.settings import Settings
from pilotage.store import people
from tests.server.team import HERE, URL, Team, settings, team

OLGA, ANNA = "olga@shop.example", "anna@shop.example"


@asynccontextmanager
async def by_token(ours: Team, *scopes: Scope, lasts_s: float = 86400.0) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that logged in with a token of hers."""
    async with ours.client(Origin=URL) as browser:
        answer = await browser.post("/login/token", data={"token": await ours.token(OLGA, *scopes, lasts_s=lasts_s)})
        assert answer.status_code == 303, answer.text
        page = await browser.get("/me")
        browser.headers["X-CSRF-Token"] = page.text.split('name="csrf" value="')[1].split('"')[0]
        yield browser


async def test_a_session_ends_when_it_is_not_used(ours: Team) -> None:
    async with await ours.session(OLGA) as olga:
        for _ in range(3):
            ours.hands.at += 7100
            assert (await olga.get("/me")).status_code == 200
        ours.hands.at += 7300
        assert (await olga.get("/me")).headers["location"] == "/login?next=%2Fme"


async def test_a_session_ends_however_much_it_is_used(ours: Team) -> None:
    async with await ours.session(OLGA) as olga:
        for _ in range(7):
            ours.hands.at += 6000
            assert (await olga.get("/me")).status_code == 200
        ours.hands.at += 1300
        assert (await olga.get("/me")).status_code == 303


async def test_the_cookie_is_no_business_of_scripts_other_hosts_or_plain_http(ours: Team) -> None:
    answer = Response()
    await begin(ours.access, answer, OLGA, (), "person", 3600)
    told = answer.headers["set-cookie"]
    assert told.startswith("__Host-pilotage=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=3600"} <= {
        part.strip() for part in told.split(";")
    }
    assert "domain" not in told.lower()
    cookie = told.partition("=")[2].partition(";")[0]
    assert len(cookie) >= 43
    assert await ours.coordinator.store.run(people.find_session, people.hashed(cookie), ours.hands.at, 60) is None


async def test_a_token_opens_the_page_and_may_there_what_it_may(ours: Team) -> None:
    async with by_token(ours, Scope.READ) as olga:
        assert "operator of every service" in (await olga.get("/me")).text
        answer = await olga.post("/me/tokens", data={"scope": "rollback", "days": "1"})
        assert "may not rollback" in answer.text
    assert ("olga@shop.example", "person", "login", "done") in await ours.log()


async def test_the_session_of_a_token_ends_with_the_token(ours: Team) -> None:
    async with by_token(ours, lasts_s=3600) as olga:
        ours.hands.at += 3601
        assert (await olga.get("/me")).status_code == 303
    async with by_token(ours) as olga, ours.client(await ours.token("root@shop.example")) as root:
        assert (await olga.get("/me")).status_code == 200
        for one in (await root.get("/v1/tokens")).json():
            if one["name"] == OLGA:
                await root.post(f"/v1/tokens/{one['id']}/revoke")
        assert (await olga.get("/me")).status_code == 303


async def test_wrong_tokens_open_no_page_and_say_why(ours: Team) -> None:
    expired = await ours.token(OLGA, lasts_s=60)
    ours.hands.at += 61
    tokens = {"nonsense": 401, expired: 401, HERE: 401, await ours.machine("ci"): 403, "": 401, "x" * 5000: 401}
    async with ours.client(Origin=URL) as browser:
        for token, status in tokens.items():
            answer = await browser.post("/login/token", data={"token": token})
            assert answer.status_code == status, token
        assert not browser.cookies


async def test_a_login_by_token_comes_from_our_own_page(ours: Team) -> None:
    """Else another site could log somebody in as somebody else."""
    token = await ours.token(OLGA)
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "cross-site"}):
        async with ours.client(**headers) as browser:
            answer = await browser.post("/login/token", data={"token": token})
            assert answer.status_code == 403
            assert not browser.cookies


async def test_a_person_ends_all_their_sessions_and_nobody_elses(ours: Team) -> None:
    async with await ours.session(OLGA) as one, await ours.session(ANNA) as anna:
        ours.hands.at += 1
        async with await ours.session(OLGA) as two:
            assert (await one.post("/me/sign-out")).headers["location"] == "/login?out=1"
            assert [(await each.get("/me")).status_code for each in (one, two, anna)] == [303, 303, 200]


async def test_leaving_ends_this_session_only(ours: Team) -> None:
    async with await ours.session(OLGA) as one:
        ours.hands.at += 1
        async with await ours.session(OLGA) as two:
            assert (await one.get("/logout")).status_code == 405
            assert (await one.post("/logout")).status_code == 303
            assert [(await each.get("/me")).status_code for each in (one, two)] == [303, 200]


async def test_a_new_token_is_on_the_one_page_that_made_it(ours: Team) -> None:
    async with await ours.session(OLGA) as olga:
        made = await olga.post("/me/tokens", data={"scope": ["plan:read", "rollback"], "days": "7", "note": "laptop"})
        secret = made.text.split('<pre id="secret">')[1].split("<")[0]
        assert made.headers["cache-control"] == "no-store"
        shown = (await olga.get("/me")).text
        assert secret not in shown
        assert "laptop" in shown
        async with ours.client(secret) as api:
            assert (await api.get("/v1/rollouts")).status_code == 200
            named = (await api.get("/v1/tokens")).json()[0]["id"]
        assert (await olga.post(f"/me/tokens/{named}/revoke")).status_code == 303
        async with ours.client(secret) as api:
            assert (await api.get("/v1/rollouts")).status_code == 401


async def test_htmx_and_streams_without_a_session_are_told_and_not_sent_to_a_page(ours: Team) -> None:
    async with ours.client() as nobody:
        part = await nobody.get("/me", headers={"HX-Request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login?next=%2Fme")
        stream = await nobody.get("/me", headers={"Accept": "text/event-stream"})
        assert stream.status_code == 401


async def test_a_session_of_the_time_without_a_login_counts_no_more(tmp_path: Path) -> None:
    async with team(tmp_path, settings()) as ours:
        at = ours.hands.at
        about = ("kept", owner(), (), "local", at, at + 3600)
        await ours.coordinator.store.run(people.begin_session, *about)
        async with ours.client() as browser:
            browser.cookies.set(ours.access.cookie, "kept")
            assert (await browser.get("/")).status_code == 303


async def test_a_session_of_a_login_counts_no_more_without_one(tmp_path: Path) -> None:
    """Else a viewer's cookie from before would be worth everything."""
    async with team(tmp_path, Settings()) as ours, await ours.session(OLGA) as browser:
        assert (await browser.get("/me")).status_code == 403


async def test_a_key_opens_the_page_once_and_within_a_minute(tmp_path: Path) -> None:
    async with team(tmp_path, Settings()) as ours, ours.client(HERE) as here:
        passed = [0.0]
        ours.access.keys.now = lambda: passed[0]
        path = (await here.post("/v1/open")).json()["path"]
        async with ours.client() as browser:
            answer = await browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/")
            assert owner() in (await browser.get("/me")).text
        async with ours.client() as second:
            assert (await second.get(path)).status_code == 401
            late = (await here.post("/v1/open")).json()["path"]
            passed[0] = 61
            assert (await second.get(late)).status_code == 401
            assert (await second.get("/login/open?key=")).status_code == 401
            assert not second.cookies


async def test_a_persons_token_opens_their_page_and_no_machines_does(ours: Team) -> None:
    async with ours.client(await ours.token(OLGA, Scope.READ)) as api, ours.client(HERE) as here:
        answer = (await api.post("/v1/open")).json()
        assert answer["url"] == URL
        async with ours.client() as browser:
            assert (await browser.get(answer["path"])).status_code == 303
            assert OLGA in (await browser.get("/me")).text
        assert (await here.post("/v1/open")).json() == {"url": URL, "path": "/"}
        async with ours.client(await ours.machine("ci")) as ci:
            assert (await ci.post("/v1/open")).status_code == 403


def test_the_owner_is_who_runs_the_process_whatever_its_environment_says() -> None:
    os.environ["LOGNAME"] = "somebody else"
    try:
        assert owner() != "somebody else"
    finally:
        del os.environ["LOGNAME"]
