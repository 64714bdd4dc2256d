"""Logging in with a real OpenID provider: real redirects, followed by a client that keeps cookies as a browser does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from pilotage.settings import Settings
from pilotage.settings.people import Assignment
from tests.oidc.provider import SECRET, Provider, follow, running
from tests.server.serving import serving
from tests.server.team import ROLES, Team, team
from tests.servers import free_port

SCOPES = ["openid", "email", "groups"]


@dataclass
class World:
    ours: Team
    provider: Provider
    url: str

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=20)

    async def at_the_callback(self, browser: httpx.AsyncClient, who: str, next: str = "/") -> str:
        """The address that the provider sends the browser back to."""
        page = await browser.get("/login/start", params={"next": next})
        assert page.status_code == 303, page.text
        page = await browser.get(page.headers["location"])
        back = await self.provider.let_in(browser, page, who)
        return str(back.headers["location"])

    async def log_in(self, browser: httpx.AsyncClient, who: str, next: str = "/") -> httpx.Response:
        return await browser.get(await self.at_the_callback(browser, who, next))


@asynccontextmanager
async def world(
    folder: Path, client: str = "pilotage", oidc: dict[str, Any] | None = None, **more: str
) -> AsyncIterator[World]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(folder, url, **more) as provider:
        about = {"issuer": provider.issuer, "client_id": client, "scopes": SCOPES, **(oidc or {})}
        told = {"url": url, "login": {"oidc": about}, "roles": ROLES, "limits": {"logins_per_minute": 1000}}
        rules = Settings.model_validate({**told, "folders": [str(folder)]})
        async with team(folder, rules) as ours, serving(ours.app, rules, port):
            ours.hands.at = time.time()  # the provider's clock is the real one
            yield World(ours, provider, url)


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as found:
        yield found


async def test_somebody_logs_in_and_lands_on_the_page_that_they_wanted(real: World) -> None:
    async with real.browser() as olga:
        sent = await olga.get("/me?x=1")
        assert sent.headers["location"] == "/login?next=%2Fme%3Fx%3D1"
        page = await olga.get(sent.headers["location"])
        assert "Log in with 127.0.0.1" in page.text
        answer = await real.log_in(olga, "olga", "/me?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/me?x=1")
        me = await olga.get("/me?x=1")
        assert "olga@shop.example" in me.text
        assert "operator of every service" in me.text
    assert ("olga@shop.example", "person", "login", "done") in await real.ours.log()


async def test_a_group_that_the_provider_tells_gives_the_role(tmp_path: Path) -> None:
    roles = [{"who": ["group:payment-team"], "role": "approver", "service": "payment"}]
    async with world(tmp_path) as real, real.browser() as olga:
        given = tuple(Assignment.model_validate(one) for one in roles)
        real.ours.access.live.settings = real.ours.access.settings.model_copy(update={"roles": given})
        await real.log_in(olga, "olga")
        assert "approver of payment" in (await olga.get("/me")).text


@pytest.mark.parametrize("where", ["in the token", "in userinfo"])
@pytest.mark.parametrize("client", ["pilotage", "pilotage-confidential", "pilotage-es256"])
async def test_every_kind_of_client_logs_in(
    tmp_path: Path, client: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OIDC_SECRET", SECRET)
    oidc = {"client_secret": {"env": "OIDC_SECRET"}} if client == "pilotage-confidential" else {}
    async with world(tmp_path, client, oidc, CLAIMS=where) as real, real.browser() as olga:
        assert (await real.log_in(olga, "olga")).status_code == 303
        assert "olga@shop.example" in (await olga.get("/me")).text


async def test_a_wrong_client_secret_lets_nobody_in_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OIDC_SECRET", "guessed wrong by somebody")
    oidc = {"client_secret": {"env": "OIDC_SECRET"}}
    async with world(tmp_path, "pilotage-confidential", oidc) as real, real.browser() as olga:
        answer = await real.log_in(olga, "olga")
        assert answer.status_code == 502
        assert "guessed" not in answer.text + str(await real.ours.log()) + "".join(capfd.readouterr())
        assert (await olga.get("/")).status_code == 303


@pytest.mark.parametrize(
    ("who", "says"),
    [("mallory", "not verified"), ("nameless", "did not say your email"), ("starry", "cannot be a name here")],
)
async def test_who_has_no_name_that_counts_is_told_so_on_a_plain_page(real: World, who: str, says: str) -> None:
    async with real.browser() as browser:
        answer = await real.log_in(browser, who)
        assert answer.status_code == 403
        assert says in answer.text
        assert "text/html" in answer.headers["content-type"]
        assert (await browser.get("/")).status_code == 303
    assert (await real.ours.log())[0][3].startswith("refused:")


async def test_a_code_is_worth_one_session(real: World) -> None:
    async with real.browser() as olga, real.browser() as thief:
        back = await real.at_the_callback(olga, "olga")
        assert (await thief.get(back)).status_code == 400
        thief.cookies = httpx.Cookies(olga.cookies)
        assert (await olga.get(back)).status_code == 303
        assert (await thief.get(back)).status_code == 502
        thief.cookies.clear()
        assert (await thief.get("/")).status_code == 303


async def test_an_expired_code_lets_nobody_in(tmp_path: Path) -> None:
    async with world(tmp_path, CODE_S="1") as real, real.browser() as olga:
        back = await real.at_the_callback(olga, "olga")
        await asyncio.sleep(2.1)  # the clock of another program
        answer = await olga.get(back)
        assert answer.status_code == 502
        assert (await olga.get("/")).status_code == 303


async def test_a_wrong_state_lets_nobody_in(real: World) -> None:
    async with real.browser() as olga:
        parts = urlsplit(await real.at_the_callback(olga, "olga"))
        query = {name: value[0] for name, value in parse_qs(parts.query).items()}
        for state in ("", "x" * 43, query["state"][:-1]):
            answer = await olga.get(f"/login/callback?{urlencode({**query, 'state': state})}")
            assert answer.status_code == 400
            assert "did not begin in this browser" in answer.text
        answer = await olga.get(f"/login/callback?{urlencode({**query, 'iss': 'https://evil.example'})}")
        assert answer.status_code == 400


async def test_a_code_of_another_login_fits_no_other_verifier(real: World) -> None:
    """A stolen code is put into a login that the thief began: the verifier of PKCE is another one."""
    async with real.browser() as olga, real.browser() as thief:
        code = parse_qs(urlsplit(await real.at_the_callback(olga, "olga")).query)["code"][0]
        own = parse_qs(urlsplit(await real.at_the_callback(thief, "vic")).query)
        answer = await thief.get("/login/callback", params={"state": own["state"][0], "code": code})
        assert answer.status_code == 502
        assert (await thief.get("/")).status_code == 303


async def test_who_says_no_at_the_provider_is_not_logged_in(real: World) -> None:
    async with real.browser() as olga:
        page = await olga.get("/login/start")
        page = await follow(olga, await olga.get(page.headers["location"]), real.provider.issuer)
        page = await follow(olga, await olga.get(f"{page.url}/abort"), real.provider.issuer)
        answer = await olga.get(page.headers["location"])
        assert answer.status_code == 403
        assert "did not let you in" in answer.text


async def test_the_login_gives_a_new_session_and_ends_the_one_before(real: World) -> None:
    name, fixed = real.ours.access.cookie, "chosen by somebody else"

    async def opens(cookie: str) -> bool:
        async with real.browser() as other:
            other.cookies.set(name, cookie)
            return (await other.get("/me")).status_code == 200

    cookies = [fixed]
    for _ in range(2):
        async with real.browser() as olga:
            back = await real.at_the_callback(olga, "olga")
            olga.cookies.set(name, cookies[-1], domain="127.0.0.1", path="/")
            answer = await olga.get(back)
            cookies.append(answer.cookies[name])
    assert len(set(cookies)) == 3
    assert [await opens(one) for one in cookies] == [False, False, True]


async def test_two_tabs_log_in_side_by_side(real: World) -> None:
    async with real.browser() as olga:
        first = await olga.get("/login/start?next=/me")
        second = await real.at_the_callback(olga, "olga", "/")
        back = await real.provider.let_in(olga, await olga.get(first.headers["location"]), "olga")
        assert (await olga.get(second)).headers["location"] == "/"
        assert (await olga.get(back.headers["location"])).headers["location"] == "/me"


async def test_leaving_ends_the_session_and_shows_the_way_out_of_the_provider(real: World) -> None:
    async with real.browser() as olga:
        await real.log_in(olga, "olga")
        csrf = (await olga.get("/me")).text.split('name="csrf" value="')[1].split('"')[0]
        assert (await olga.post("/logout")).status_code == 403
        answer = await olga.post("/logout", data={"csrf": csrf})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?out=1")
        page = await olga.get(answer.headers["location"])
        assert "You are logged out" in page.text
        assert f"{real.provider.issuer}/session/end?client_id=pilotage" in page.text
        assert (await olga.get("/me")).status_code == 303


async def test_new_groups_at_the_provider_reach_the_tokens_at_the_next_login(real: World) -> None:
    token = await real.ours.token("olga@shop.example", groups=("everyone", "the old team"))
    async with real.browser() as olga:
        await real.log_in(olga, "olga")
    found = await real.ours.access.known_token(token)
    assert found.groups == ("everyone", "payment-team")


async def test_a_provider_that_is_away_leaves_the_token(real: World, tmp_path: Path) -> None:
    """The outage at night may be the provider's, too."""
    login = real.ours.access.settings.login
    assert login
    assert login.oidc
    away = login.oidc.model_copy(update={"issuer": f"http://127.0.0.1:{free_port()}"})
    told = {"login": login.model_copy(update={"oidc": away})}
    real.ours.access.live.settings = real.ours.access.settings.model_copy(update=told)
    token = await real.ours.token("olga@shop.example")
    async with real.browser() as olga:
        answer = await olga.get("/login/start")
        assert answer.status_code == 502
        assert "A token of yours works without it" in answer.text
        told = {"token": token, "next": "/me"}
        assert (await olga.post("/login/token", data=told, headers={"Origin": real.url})).status_code == 303
        assert "olga@shop.example" in (await olga.get("/me")).text
