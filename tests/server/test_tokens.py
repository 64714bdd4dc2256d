"""API tokens: who makes which, how long they last, who sees them and takes them back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from pilotage.core.people import Role, Scope
from pilotage.settings.people import Assignment
from pilotage.store import people
from pilotage.store.schema import tokens
from tests.server.team import HERE, Team

OLGA, VIC, ANNA, ROOT = (f"{name}@shop.example" for name in ("olga", "vic", "anna", "root"))
DAY = 86400


def wanted(kind: str = "person", *scopes: str, lasts_s: float = DAY, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "scopes": list(scopes or ["plan:read"]), "lasts_s": lasts_s, **more}


async def test_a_person_makes_a_token_for_themselves_and_it_is_shown_once(ours: Team) -> None:
    async with ours.client(await ours.token(OLGA)) as olga:
        made = await olga.post(
            "/v1/tokens", json=wanted("person", "plan:read", "rollback", lasts_s=3600, note="my laptop")
        )
        assert made.status_code == 201
        secret = made.json()["secret"]
        assert secret.startswith("plt_")
        told = (await olga.get("/v1/tokens")).json()
    assert secret not in str(told)
    assert {one["name"] for one in told} == {OLGA}
    async with ours.client(secret) as hers:
        assert (await hers.get("/v1/rollouts")).status_code == 200


async def test_the_secret_is_neither_in_the_store_nor_in_the_audit_log(ours: Team) -> None:
    async with ours.client(await ours.token(ROOT)) as root:
        body = wanted("token", name="ci", grants=[{"role": "operator"}])
        secret = (await root.post("/v1/tokens", json=body)).json()["secret"]
    rows = await ours.coordinator.store.run(lambda connection: connection.execute(select(tokens)).all())
    assert secret.rpartition("_")[2] not in str(rows) + str(await ours.log())
    assert (ROOT, "person", "create-token", "done") in await ours.log()


async def test_a_person_gets_no_scope_beyond_what_they_may(ours: Team) -> None:
    async with ours.client(await ours.token(OLGA)) as olga, ours.client(await ours.token(VIC)) as vic:
        for scope in ("approve", "admin"):
            assert (await olga.post("/v1/tokens", json=wanted("person", scope))).status_code == 403
        assert (await vic.post("/v1/tokens", json=wanted("person", "rollback"))).status_code == 403
        assert (await vic.post("/v1/tokens", json=wanted("person", "plan:read"))).status_code == 201


async def test_a_token_makes_none_that_may_more_or_lasts_longer_than_itself(ours: Team) -> None:
    async with ours.client(await ours.token(ANNA, Scope.READ, Scope.ROLLBACK, lasts_s=2 * DAY)) as anna:
        assert (await anna.post("/v1/tokens", json=wanted("person", "approve"))).status_code == 403
        longer = await anna.post("/v1/tokens", json=wanted("person", "plan:read", lasts_s=3 * DAY))
        assert longer.status_code == 409
        assert "ends with it, in 2 days" in longer.json()["detail"]
        assert (await anna.post("/v1/tokens", json=wanted("person", "plan:read", lasts_s=DAY))).status_code == 201


async def test_nobody_makes_a_token_in_the_name_of_another_person(ours: Team) -> None:
    for who in (OLGA, ROOT):
        async with ours.client(await ours.token(who)) as client:
            answer = await client.post("/v1/tokens", json=wanted(name=ANNA))
            assert answer.status_code == 403
            assert "for themselves" in answer.json()["detail"] or f"for {who} only" in answer.json()["detail"]


async def test_only_an_admin_makes_machines_and_agents(ours: Team) -> None:
    body = wanted("token", "plan:read", name="ci", grants=[{"role": "viewer"}])
    for who, status in ((OLGA, 403), (ANNA, 403), (ROOT, 201)):
        async with ours.client(await ours.token(who)) as client:
            for kind in ("token", "agent"):
                assert (await client.post("/v1/tokens", json={**body, "kind": kind})).status_code == status


@pytest.mark.parametrize("kind", ["token", "agent"])
async def test_machines_make_no_tokens(ours: Team, kind: str) -> None:
    async with ours.client(await ours.machine("robot", kind, Role.ADMIN)) as robot:
        for body in (wanted(), wanted("token", name="two", grants=[{"role": "viewer"}])):
            answer = await robot.post("/v1/tokens", json=body)
            assert answer.status_code == 403
            assert "only people make tokens" in answer.json()["detail"]


@pytest.mark.parametrize("scope", ["approve", "admin"])
async def test_an_agents_token_has_no_scope_to_approve_or_administer(ours: Team, scope: str) -> None:
    async with ours.client(await ours.token(ROOT)) as root:
        answer = await root.post("/v1/tokens", json=wanted("agent", scope, name="helper", grants=[{"role": "admin"}]))
    assert answer.status_code == 409
    assert "never approves" in answer.json()["detail"]


@pytest.mark.parametrize("name", [OLGA, "olga@else", "*", "group:payment-team", "", "CI", "a b", "-x", "x" * 64])
async def test_a_machine_is_not_called_like_a_person(ours: Team, name: str) -> None:
    async with ours.client(await ours.token(ROOT)) as root:
        answer = await root.post("/v1/tokens", json=wanted("token", name=name, grants=[{"role": "viewer"}]))
    assert answer.status_code == 409, answer.text


async def test_a_machine_is_not_called_like_somebody_who_was_here(ours: Team) -> None:
    await ours.session("kim")
    async with ours.client(await ours.token(ROOT)) as root:
        answer = await root.post("/v1/tokens", json=wanted("token", name="kim", grants=[{"role": "viewer"}]))
    assert answer.status_code == 409
    assert "is a person's name here" in answer.json()["detail"]


@pytest.mark.parametrize("lasts_s", [0, -1, 59, 367 * DAY, 1e300])
async def test_a_token_lasts_a_minute_to_a_year(ours: Team, lasts_s: float) -> None:
    async with ours.client(await ours.token(OLGA)) as olga:
        assert (await olga.post("/v1/tokens", json=wanted(lasts_s=lasts_s))).status_code in (409, 422)


async def test_a_persons_token_is_worth_what_the_roles_say_now(ours: Team) -> None:
    """A role that is taken away is taken away from tokens and sessions at once."""
    async with ours.client(await ours.token(OLGA)) as olga, await ours.session(OLGA) as page:
        rollout = await ours.rollout()
        assert (await olga.post(f"/v1/rollouts/{rollout}/rollback", json={})).status_code == 200
        ours.access.live.settings = ours.access.settings.model_copy(
            update={"roles": (Assignment.model_validate({"who": [OLGA], "role": "viewer"}),)}
        )
        assert (await olga.post(f"/v1/rollouts/{rollout}/rollback", json={})).status_code == 403
        assert "viewer of every service" in (await page.get("/me")).text
        ours.access.live.settings = ours.access.settings.model_copy(update={"roles": ()})
        assert (await olga.get(f"/v1/rollouts/{rollout}")).status_code == 404
        assert "Nothing yet" in (await page.get("/me")).text


async def test_a_role_counts_in_its_service_and_environment_only(ours: Team) -> None:
    shop, other = await ours.rollout(service="shop"), await ours.rollout(service="other")
    here = {"who": [VIC], "role": "operator", "service": "shop", "environment": "test"}
    elsewhere = {"who": [VIC], "role": "admin", "service": "other", "environment": "production"}
    roles = tuple(Assignment.model_validate(one) for one in (here, elsewhere))
    ours.access.live.settings = ours.access.settings.model_copy(update={"roles": roles})
    async with ours.client(await ours.token(VIC)) as vic:
        assert [one["id"] for one in (await vic.get("/v1/rollouts")).json()] == [shop]
        assert (await vic.post(f"/v1/rollouts/{shop}/rollback", json={})).status_code == 200
        assert (await vic.post(f"/v1/rollouts/{other}/rollback", json={})).status_code == 404
        assert (await vic.post("/v1/freezes", json={"reason": "all"})).status_code == 403


async def test_an_admin_sees_all_tokens_and_others_their_own(ours: Team) -> None:
    await ours.machine("ci")
    async with ours.client(await ours.token(ROOT)) as root, ours.client(await ours.token(OLGA)) as olga:
        assert {one["name"] for one in (await root.get("/v1/tokens")).json()} == {"ci", ROOT, OLGA}
        assert {one["name"] for one in (await olga.get("/v1/tokens")).json()} == {OLGA}


async def test_the_last_use_of_a_token_is_kept(ours: Team) -> None:
    async with ours.client(await ours.token(OLGA)) as olga:
        assert (await olga.get("/v1/tokens")).json()[0]["used_at"] == ours.hands.at
        ours.hands.at += 120
        assert (await olga.get("/v1/tokens")).json()[0]["used_at"] == ours.hands.at


async def test_this_machine_makes_the_first_token_of_a_person(ours: Team) -> None:
    async with ours.client(HERE) as here:
        for name in ("", "a\nb", "x" * 128 + "y"):
            assert (await here.post("/v1/tokens", json=wanted(name=name, by="ann"))).status_code in (409, 422)
        made = (await here.post("/v1/tokens", json=wanted(name=OLGA, by="ann"))).json()
    assert (made["name"], made["kind"], made["created_by"]) == (OLGA, "person", "ann (this machine)")
    assert (await ours.log())[0][:3] == ("ann (this machine)", "local", "create-token")


async def test_revoking_a_token_that_is_not_there_says_so(ours: Team) -> None:
    async with ours.client(await ours.token(ROOT)) as root:
        answer = await root.post("/v1/tokens/nothing/revoke")
    assert answer.status_code == 404
    assert "pilotage token list" in answer.json()["detail"]


async def test_an_admin_ends_the_sessions_of_whoever_leaves(ours: Team) -> None:
    async with await ours.session(OLGA) as olga, ours.client(await ours.token(ROOT)) as root:
        assert (await olga.get("/me")).status_code == 200
        answer = await root.post("/v1/sessions/end", json={"name": OLGA})
        assert answer.json() == {"name": OLGA, "ended": 1}
        assert (await olga.get("/me")).status_code == 303


async def test_tokens_are_known_by_their_hash_only(ours: Team) -> None:
    secret = await ours.token(OLGA)
    found = await ours.coordinator.store.run(people.find_token, people.hashed(secret), ours.hands.at)
    assert found is None
