"""What a provider may not say: nobody comes in by it, and the person reads where to go on."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse

from pilotage.settings import Settings
from tests.oidc.bad import CLIENT, SECRET, Bad
from tests.server.serving import serving
from tests.server.team import ROLES, URL, Team, team
from tests.servers import free_port


@dataclass
class World:
    ours: Team
    bad: Bad

    async def log_in(self) -> tuple[httpx.Response, bool]:
        """The answer, and whether somebody is in."""
        async with self.ours.client() as browser:
            sent = await browser.get("/login/start")
            if sent.status_code != 303:
                return sent, False
            asked = parse_qs(urlsplit(sent.headers["location"]).query)
            self.bad.nonce = asked["nonce"][0]
            answer = await browser.get("/login/callback", params={"state": asked["state"][0], "code": "x"})
            return answer, (await browser.get("/me")).status_code == 200


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setenv("OIDC_SECRET", SECRET)
    port = free_port()
    bad = Bad(f"http://127.0.0.1:{port}")
    oidc = {"issuer": bad.issuer, "client_id": CLIENT, "client_secret": {"env": "OIDC_SECRET"}}
    told = {"url": URL, "login": {"oidc": oidc}, "roles": ROLES, "limits": {"logins_per_minute": 1000}}
    async with team(tmp_path, Settings.model_validate(told)) as ours, serving(bad.app(), Settings(), port):
        ours.hands.at = time.time()
        yield World(ours, bad)


async def test_the_right_answer_lets_in(world: World) -> None:
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (303, True)
    sent = world.bad.asked[0]
    assert sent["grant_type"] == ["authorization_code"]
    assert len(sent["code_verifier"][0]) >= 43
    assert sent["redirect_uri"] == [f"{URL}/login/callback"]


NOW = int(time.time())
WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "of somebody else"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "another client"},
    "an audience of others": {"aud": ["one", "two"]},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "no issuer": {"iss": None},
    "expired": {"exp": NOW - 3600, "iat": NOW - 7200},
    "without an end": {"exp": None},
    "an end that is no time": {"exp": "tomorrow"},
    "not yet": {"nbf": NOW + 36000},
    "made in the future": {"iat": NOW + 36000, "exp": NOW + 72000},
    "nobody": {"sub": None},
    "for another party": {"aud": [CLIENT, "another"], "azp": "another"},
    "another access token": {"at_hash": "bm90IHRoaXMgb25l"},
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS)
async def test_a_token_with_wrong_claims_lets_nobody_in(world: World, wrong: str) -> None:
    world.bad.claims = WRONG_CLAIMS[wrong]
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (502, False)
    assert "A token of yours works without it" in answer.text


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS256 by the public key"])
async def test_an_algorithm_that_anybody_could_sign_with_lets_nobody_in(world: World, algorithm: str) -> None:
    world.bad.algorithm = algorithm
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (502, False)


async def test_a_key_that_is_not_the_providers_lets_nobody_in(world: World) -> None:
    world.bad.key = world.bad.other
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (502, False)


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 100_000, 7, ["x"], {"a": 1}, "....", "e30.e30.e30"])
async def test_what_is_no_token_lets_nobody_in(world: World, token: Any) -> None:
    world.bad.token = token
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (502, False)


EXCHANGES = {
    "an error": JSONResponse({"error": "invalid_grant", "error_description": "secret detail"}, 400),
    "not JSON": PlainTextResponse("<html>"),
    "a list": JSONResponse([1]),
    "very deep": PlainTextResponse("[" * 200_000, media_type="application/json"),
    "elsewhere": RedirectResponse("https://evil.example"),
    "its own fault": PlainTextResponse("oops", 500),
}


@pytest.mark.parametrize("kind", EXCHANGES)
async def test_an_exchange_that_fails_lets_nobody_in(world: World, kind: str) -> None:
    world.bad.exchange = EXCHANGES[kind]
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (502, False)
    assert "secret detail" not in answer.text


ABOUT: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://evil.example"},
    "no issuer": {"issuer": None},
    "a token endpoint without TLS": {"token_endpoint": "http://evil.example/token"},
    "no keys": {"jwks_uri": None},
    "a page that is a script": {"authorization_endpoint": "javascript:alert(1)"},
    "userinfo of a file": {"userinfo_endpoint": "file:///etc/passwd"},
    "a goodbye that is a script": {"end_session_endpoint": "javascript:alert(1)"},
    "a number": {"token_endpoint": 7},
}


@pytest.mark.parametrize("kind", ABOUT)
async def test_a_document_that_is_not_the_providers_begins_no_login(world: World, kind: str) -> None:
    world.bad.about = ABOUT[kind]
    answer, _ = await world.log_in()
    assert answer.status_code == 502
    assert "location" not in answer.headers


async def test_userinfo_of_somebody_else_lets_nobody_in(world: World) -> None:
    world.bad.claims = {"email": None}
    world.bad.userinfo = {"sub": "mallory", "email": "root@shop.example", "email_verified": True}
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (502, False)


async def test_userinfo_that_doubts_the_address_counts(world: World) -> None:
    world.bad.claims = {"groups": None}
    world.bad.userinfo = {"email_verified": False}
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (403, False)
    assert "not verified" in answer.text


NO_NAMES = [7, ["olga"], {"a": 1}, "", "  ", "x" * 129, "olga\nroot", "group:payment-team", "*", "\u202eaglo"]


@pytest.mark.parametrize("name", NO_NAMES)
async def test_a_name_that_is_none_lets_nobody_in(world: World, name: Any) -> None:
    world.bad.claims = {"email": name}
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (403, False)


@pytest.mark.parametrize("groups", [7, {"a": 1}, "everyone", ["everyone", 7, None, {"a": 1}], [["x"]], None])
async def test_groups_that_are_none_are_left_out(world: World, groups: Any) -> None:
    world.bad.claims = {"groups": groups}
    answer, inside = await world.log_in()
    assert (answer.status_code, inside) == (303, True)


async def test_a_provider_that_is_slow_to_change_its_keys_is_asked_anew(world: World) -> None:
    assert (await world.log_in())[1]
    world.bad._own = world.bad.other
    assert (await world.log_in())[1]


async def test_a_refused_login_is_in_the_audit_log_without_what_the_provider_sent(world: World) -> None:
    world.bad.claims = {"iss": "https://evil.example/secret-path"}
    await world.log_in()
    by, _, what, outcome = (await world.ours.log())[0]
    assert (by, what) == ("nobody", "login")
    assert outcome == "refused: its id_token is not good: InvalidClaimError iss"


async def test_an_error_that_the_provider_sends_is_shown_as_text(world: World) -> None:
    async with world.ours.client() as browser:
        sent = await browser.get("/login/start")
        state = parse_qs(urlsplit(sent.headers["location"]).query)["state"][0]
        answer = await browser.get("/login/callback", params={"state": state, "error": "<script>alert(1)</script>"})
    assert answer.status_code == 403
    assert "<script>alert" not in answer.text


async def test_a_login_that_took_too_long_begins_again(world: World) -> None:
    async with world.ours.client() as browser:
        sent = await browser.get("/login/start")
        asked = parse_qs(urlsplit(sent.headers["location"]).query)
        world.bad.nonce = asked["nonce"][0]
        world.ours.hands.at += 601
        answer = await browser.get("/login/callback", params={"state": asked["state"][0], "code": "x"})
    assert answer.status_code == 400
    assert "ten minutes" in answer.text


async def test_a_cookie_that_was_changed_begins_no_session(world: World) -> None:
    async with world.ours.client() as browser:
        sent = await browser.get("/login/start")
        asked = parse_qs(urlsplit(sent.headers["location"]).query)
        name = next(one for one in browser.cookies if one.startswith("pilotage-login-"))
        kept = browser.cookies[name]
        browser.cookies.clear()
        for changed in (kept[:-1] + ("0" if kept[-1] != "0" else "1"), "x" + kept, "e30.", "", kept.partition(".")[0]):
            answer = await browser.get(
                "/login/callback",
                params={"state": asked["state"][0], "code": "x"},
                headers={"Cookie": f"{name}={changed}"},
            )
            assert answer.status_code == 400
