"""Whatever goes wrong is a problem (RFC 9457) with a sentence, and never a mistake of the server's."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from pilotage.core.people import Grant, Role
from tests.server.records import add_rollout
from tests.server.world import World


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.status_code == status, body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert {"type", "title", "detail"} <= set(body)
    return body


async def test_without_a_token_nobody_comes_in(service: World) -> None:
    async with service.client("") as nobody:
        answer = await nobody.get("/v1/rollouts")
    assert "a token is missing" in problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_path_that_is_none_says_where_those_are_that_are(api: httpx.AsyncClient) -> None:
    assert "/openapi.json" in problem(await api.get("/v1/nothing"), 404)["detail"]


async def test_a_wrong_method_says_which_is_right(api: httpx.AsyncClient) -> None:
    answer = await api.delete("/v1/rollouts/x")
    assert answer.headers["allow"] == "GET"
    assert problem(answer, 405)["detail"] == "DELETE is not possible here; GET is"


async def test_a_body_that_is_no_json_is_told_where_it_ends_to_be(api: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/v1/freezes", content=b'{"reason": ', headers=headers)
    assert "from sign 11 on" in problem(answer, 400)["detail"]


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000, b"\xff\xfe\x00", b'{"by": "\xff"}'])
async def test_a_body_nested_without_end_or_in_no_encoding_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    problem(await api.post("/v1/freezes", content=body, headers=headers), 400)


async def test_nesting_that_can_be_read_is_a_wrong_request(api: httpx.AsyncClient) -> None:
    deep: Any = {"by": "x"}
    for _ in range(60):
        deep = {"by": deep}
    found = problem(await api.post("/v1/freezes", json=deep), 422)
    assert found["problems"][0] == {"path": "body.by", "expected": "Input should be a valid string", "got": "a mapping"}


@pytest.mark.parametrize("sent", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_body_that_is_not_sent_as_json_is_told_so(api: httpx.AsyncClient, sent: str) -> None:
    answer = await api.post("/v1/freezes", content=b'{"reason": "a freeze"}', headers={"Content-Type": sent})
    assert f"got {sent}" in problem(answer, 415)["detail"]


async def test_every_mistake_of_a_request_is_told_and_nothing_of_what_was_sent(api: httpx.AsyncClient) -> None:
    found = problem(await api.post("/v1/freezes", json={"reason": 7, "begins": -1, "secret": "hunter2"}), 422)
    assert {one["path"] for one in found["problems"]} == {"body.reason", "body.begins", "body.secret"}
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
async def test_text_that_no_database_takes_is_refused(api: httpx.AsyncClient, text: str) -> None:
    import json

    body = json.dumps({"reason": f"a reason {text}"}).encode()
    problem(await api.post("/v1/freezes", content=body, headers={"Content-Type": "application/json"}), 422)


async def test_a_name_with_signs_that_no_name_has_is_refused(api: httpx.AsyncClient) -> None:
    assert problem(await api.get("/v1/rollouts/a%00b"), 422)["problems"][0]["path"] == "path.rollout"


async def test_an_unknown_rollout_and_one_of_others_are_told_alike(service: World) -> None:
    await add_rollout(service.store, service.folder, "theirs", "billing")
    secret = await service.token("bob", Grant(Role.ADMIN, "shop"))
    async with service.client(secret) as bob:
        unknown, theirs = await bob.get("/v1/rollouts/nothing"), await bob.get("/v1/rollouts/theirs")
    told = problem(unknown, 404)["detail"].replace("nothing", "theirs")
    assert problem(theirs, 404)["detail"] == told


async def test_what_a_role_may_not_do_says_which_role_may(service: World) -> None:
    await add_rollout(service.store, service.folder, "one", "shop")
    secret = await service.token("vera", Grant(Role.VIEWER))
    async with service.client(secret) as vera:
        assert (
            "needs the role operator" in problem(await vera.post("/v1/rollouts/one/rollback", json={}), 403)["detail"]
        )


async def test_a_mistake_of_ours_is_a_problem_too_and_tells_nothing_of_us(service: World) -> None:
    service.engine.outcomes = [RuntimeError("the inside of it")]
    await add_rollout(service.store, service.folder, "one", "shop")
    async with service.client() as client:
        found = problem(await client.post("/v1/rollouts/one/rollback", json={}), 500)
    assert "the inside of it" not in str(found)
