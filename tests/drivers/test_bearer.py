"""Access tokens: where they come from, how long they are kept, and that nobody sees one."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers.bearer import MetadataServer, WithToken, bearer
from pilotage.drivers.service import Service
from tests.drivers.served import Given, Request, Served, serve

TOKEN = "ya29.a0-very-secret"
NOWHERE = MetadataServer("Google Cloud", "http://127.0.0.1:9", "/token", {}, {})


@dataclass
class Metadata(Served):
    """As cloud.google.com/compute/docs/access/authenticate-workloads says; Azure's differs in names only."""

    tokens: list[str] = field(default_factory=lambda: [TOKEN, "ya29.second"])
    lasts: object = 3599

    def answer(self, request: Request) -> Given:
        if request.headers.get("metadata-flavor") != "Google":
            return 403, {}, None
        assert request.query == {"scopes": "a"}
        body = {"access_token": self.tokens[0], "expires_in": self.lasts, "token_type": "Bearer"}
        self.tokens = self.tokens[1:] or self.tokens
        return 200, {"Metadata-Flavor": "Google"}, body


@pytest.fixture
def metadata():
    with serve(Metadata()) as running:
        yield running


def of_machine(url, **headers):
    headers = headers or {"Metadata-Flavor": "Google"}
    return bearer(
        WithToken(), MetadataServer("Google Cloud", url, "/token", headers, {"scopes": "a"}), None, "Cloud Run"
    )


def of_command(tmp_path, script):
    (tmp_path / "print-token").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "print-token").chmod(0o755)
    return bearer(WithToken(token_command=["./print-token"]), NOWHERE, tmp_path, "Cloud Run")


async def test_the_metadata_server_is_asked_once_while_a_token_lasts(metadata):
    tokens = of_machine(metadata.url)
    assert [await tokens.get() for _ in range(3)] == [TOKEN] * 3
    assert len(metadata.requests) == 1


@pytest.mark.parametrize("lasts", [30, "30", 0])
async def test_a_token_that_ends_soon_is_used_and_not_kept(metadata, lasts):
    metadata.lasts = lasts
    tokens = of_machine(metadata.url)
    assert [await tokens.get() for _ in range(2)] == [TOKEN, "ya29.second"]


async def test_outside_of_the_cloud_it_is_told_what_to_give():
    with pytest.raises(
        TemporaryError, match=r"no access token for Cloud Run from Google.*give `token` or `token_command`"
    ):
        await of_machine("http://127.0.0.1:9").get()


async def test_a_machine_without_an_identity_is_told(metadata):
    metadata.instead = lambda _: (404, {}, None)
    with pytest.raises(PermanentError, match="no identity for this machine"):
        await of_machine(metadata.url).get()


@pytest.mark.parametrize("body", [[], None, {}, {"access_token": 17}, {"access_token": ""}, {"access_token": "a b"}])
async def test_what_is_no_token_is_refused_and_not_shown(metadata, body):
    metadata.instead = lambda _: (200, {}, body)
    with pytest.raises(PermanentError, match="Cloud Run"):
        await of_machine(metadata.url).get()


async def test_a_commands_line_is_the_token_and_kept_for_a_while(tmp_path):
    tokens = of_command(tmp_path, f"echo {TOKEN}; echo x >> runs")
    assert [await tokens.get() for _ in range(3)] == [TOKEN] * 3
    assert (tmp_path / "runs").read_text() == "x\n"


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ({"accessToken": TOKEN, "expires_on": time.time() + 3000, "expiresOn": "2026-01-01 10:00:00.000000"}, True),
        ({"accessToken": TOKEN, "expires_on": time.time() + 30}, False),
        ({"access_token": TOKEN}, True),
    ],
)
async def test_a_commands_json_tells_how_long_it_is_good(tmp_path, printed, kept):
    tokens = of_command(tmp_path, f"cat <<'END'\n{json.dumps(printed)}\nEND\necho x >> runs")
    assert [await tokens.get() for _ in range(2)] == [TOKEN] * 2
    assert len((tmp_path / "runs").read_text().split()) == (1 if kept else 2)


async def test_a_command_that_fails_is_told_without_what_it_printed(tmp_path):
    with pytest.raises(TemporaryError, match="exit code 3: You do not have an active account") as caught:
        await of_command(tmp_path, f"echo {TOKEN}; echo 'You do not have an active account' >&2; exit 3").get()
    assert TOKEN not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("script", ["", f"echo '{TOKEN} and more'", f"echo '{TOKEN}'; echo b", f"echo '{{{TOKEN}'"])
async def test_a_command_that_prints_something_else_is_refused_and_it_is_not_shown(tmp_path, script):
    with pytest.raises(PermanentError, match="print-token") as caught:
        await of_command(tmp_path, script).get()
    assert TOKEN not in str(caught.value)


async def test_a_missing_command_is_named(tmp_path):
    with pytest.raises(PermanentError, match="no-such-cli"):
        await bearer(WithToken(token_command=["no-such-cli"]), NOWHERE, tmp_path, "Cloud Run").get()


async def test_a_secret_is_read_each_time(monkeypatch):
    tokens = bearer(WithToken.model_validate({"token": {"env": "A_TOKEN"}}), NOWHERE, None, "Cloud Run")
    for value in ("first", "second"):
        monkeypatch.setenv("A_TOKEN", value)
        assert await tokens.get() == value


async def test_a_token_that_is_refused_is_fetched_anew_and_shown_nowhere(metadata):
    class Api(Served):
        def answer(self, request: Request) -> Given:
            if request.headers["authorization"] != "Bearer ya29.second":
                return 401, {}, {"error": {"message": f"expired: {request.headers['authorization']}"}}
            return 200, {}, {"you": f"sent {request.headers['authorization']}"}

    with serve(Api()) as api:
        service = Service("Cloud Run", api.url, None, 1, tokens=of_machine(metadata.url))
        refused = await service.call("GET", "/")
        assert refused.status == 401
        assert TOKEN not in refused.text
        with pytest.raises(
            PermanentError, match="Cloud Run refuses the token of this machine's identity in Google Cloud"
        ):
            service.refuse(refused, "it")
        assert (await service.ask("GET", "/", "it")).body == {"you": "sent Bearer (hidden)"}


async def test_one_that_was_kept_and_is_refused_may_be_tried_again_with_a_new_one(metadata):
    class Api(Served):
        revoked: str = ""

        def answer(self, request: Request) -> Given:
            return (401 if request.headers["authorization"] == f"Bearer {self.revoked}" else 200), {}, {}

    with serve(Api()) as api:
        service = Service("Cloud Run", api.url, None, 1, tokens=of_machine(metadata.url))
        assert (await service.call("GET", "/")).status == 200
        api.revoked = TOKEN
        with pytest.raises(TemporaryError, match=r"refuses the token of this machine.*the next try gets a new"):
            await service.call("GET", "/")
        assert (await service.call("GET", "/")).status == 200


async def test_a_metadata_server_that_limits_says_when_it_may_be_asked_again(metadata):
    metadata.instead = lambda _: (429, {"Retry-After": "7"}, None)
    with pytest.raises(TemporaryError, match="7 s") as caught:
        await of_machine(metadata.url).get()
    assert caught.value.after_s == 7


def test_there_is_one_source():
    with pytest.raises(ValidationError, match="or neither"):
        WithToken.model_validate({"token": {"env": "A"}, "token_command": ["b"]})
    with pytest.raises(ValidationError, match="no placeholder"):
        WithToken.model_validate({"token_command": ["b", "{version}"]})
