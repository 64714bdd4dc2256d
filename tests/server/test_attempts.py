"""Attempts that must fail: each is made as somebody would make it, and nothing may come of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from pilotage.core.people import Role, Scope
from pilotage.core.state import Command
from pilotage.server.sessions import csrf_of
from pilotage.store import audit, known, people, queries
from tests.server.team import HERE, Team, settings, team

OLGA, VIC, AMIR, ANNA, ROOT = (f"{name}@shop.example" for name in ("olga", "vic", "amir", "anna", "root"))
EVIL = "https://evil.example"
INJECTION = "{{ 7 * 191 }}<script>alert(1)</script>${7*191}"


async def digest_of(ours: Team, rollout: str) -> str:
    return (await ours.coordinator.store.run(queries.get_rollout, rollout)).plan.digest


async def approve(ours: Team, token: str, rollout: str, phase: int = 0, digest: str = "") -> httpx.Response:
    body = {"digest": digest or await digest_of(ours, rollout), "phase": phase}
    async with ours.client(token) as client:
        return await client.post(f"/v1/rollouts/{rollout}/approve", json=body)


async def asked(ours: Team, by: str = OLGA, service: str = "asked") -> tuple[str, str]:
    """A plan that waits for a second person: its id and its digest."""
    async with ours.client(await ours.token(by)) as client:
        answer = await client.post("/v1/plans", json=ours.plan(service=service))
        plan = answer.json()["id"]
        assert (await client.post(f"/v1/plans/{plan}/request-approval", json={})).status_code == 201
    return plan, (await ours.coordinator.store.run(known.get, plan)).plan.digest


def approvals_given(ours: Team) -> list[Any]:
    return [order for _, order in ours.engine.orders if order.command is Command.APPROVE]


# ------------------------------------------------------------------ approvals


async def test_nobody_approves_a_phase_of_the_rollout_that_they_started(ours: Team) -> None:
    rollout = await ours.rollout(by=AMIR)
    answer = await approve(ours, await ours.token(AMIR), rollout)
    assert answer.status_code == 409
    assert "somebody else has to approve it" in answer.json()["detail"]
    assert approvals_given(ours) == []
    assert (await approve(ours, await ours.token(ANNA), rollout)).status_code == 200


async def test_another_token_of_the_same_person_is_no_second_person(ours: Team) -> None:
    rollout = await ours.rollout(by=AMIR)
    answer = await approve(ours, await ours.token(AMIR, Scope.APPROVE, Scope.READ), rollout)
    assert answer.status_code == 409
    assert approvals_given(ours) == []


async def test_a_machine_whose_token_the_requester_made_is_no_second_person(ours: Team) -> None:
    rollout = await ours.rollout(by=ROOT)
    answer = await approve(ours, await ours.machine("robot", "token", Role.APPROVER), rollout)
    assert answer.status_code == 409
    assert f"{ROOT} asked for this and made the token robot" in answer.json()["detail"]
    assert approvals_given(ours) == []


async def test_who_asked_for_the_approval_of_a_plan_does_not_give_it(ours: Team) -> None:
    plan, digest = await asked(ours, by=AMIR)
    async with ours.client(await ours.token(AMIR)) as amir:
        answer = await amir.post(f"/v1/plans/{plan}/approve", json={"digest": digest})
    assert answer.status_code == 409


async def test_who_wrote_a_plan_does_not_approve_it_when_another_asked(ours: Team) -> None:
    async with ours.client(await ours.token(AMIR)) as amir, ours.client(await ours.token(OLGA)) as olga:
        plan = (await amir.post("/v1/plans", json=ours.plan())).json()["id"]
        assert (await olga.post(f"/v1/plans/{plan}/request-approval", json={})).status_code == 201
        digest = (await ours.coordinator.store.run(known.get, plan)).plan.digest
        assert (await amir.post(f"/v1/plans/{plan}/approve", json={"digest": digest})).status_code == 409


async def test_the_name_in_the_request_does_not_make_somebody_else_of_the_caller(ours: Team) -> None:
    rollout = await ours.rollout(by=AMIR)
    body = {"by": ANNA, "digest": await digest_of(ours, rollout), "phase": 0}
    async with ours.client(await ours.token(AMIR)) as amir:
        assert (await amir.post(f"/v1/rollouts/{rollout}/approve", json=body)).status_code == 409
    assert approvals_given(ours) == []


async def test_the_approval_of_a_plan_that_has_changed_since_does_not_count(ours: Team) -> None:
    plan, digest = await asked(ours)
    changed = "sha256:" + "0" * 64
    async with ours.client(await ours.token(AMIR)) as amir:
        answer = await amir.post(f"/v1/plans/{plan}/approve", json={"digest": changed})
        assert answer.status_code == 409
        assert "the plan has changed" in answer.json()["detail"]
    rollout = await ours.rollout(service="other")
    assert (await approve(ours, await ours.token(AMIR), rollout, digest=digest)).status_code == 409
    assert approvals_given(ours) == []


async def test_the_same_approval_sent_again_does_nothing(ours: Team) -> None:
    rollout, amir = await ours.rollout(), await ours.token(AMIR)
    assert (await approve(ours, amir, rollout)).status_code == 200
    assert (await approve(ours, amir, rollout)).status_code == 409
    assert len(approvals_given(ours)) == 1


async def test_the_approval_of_one_phase_is_none_for_the_next(ours: Team) -> None:
    rollout, amir = await ours.rollout(), await ours.token(AMIR)
    assert (await approve(ours, amir, rollout, phase=0)).status_code == 200
    await ours.asks(rollout, 1)
    assert (await approve(ours, amir, rollout, phase=0)).status_code == 409
    assert len(approvals_given(ours)) == 1


async def test_an_approval_that_does_not_say_for_what_is_none(ours: Team) -> None:
    rollout = await ours.rollout()
    async with ours.client(await ours.token(AMIR)) as amir:
        for body in ({}, {"phase": 0}, {"digest": await digest_of(ours, rollout)}):
            answer = await amir.post(f"/v1/rollouts/{rollout}/approve", json=body)
            assert answer.status_code == 409, body
    assert approvals_given(ours) == []


async def test_an_approval_lets_a_plan_begin_once(tmp_path: Path) -> None:
    rules = settings(folders=[str(tmp_path)], approvals={"environments": ["test"]})
    async with team(tmp_path, rules) as ours, ours.client(await ours.token(OLGA)) as olga:
        plan, digest = await asked(ours)
        early = await olga.post(f"/v1/plans/{plan}/start", json={})
        assert early.status_code == 412
        assert "nobody has approved this plan" in early.text
        async with ours.client(await ours.token(AMIR)) as amir:
            assert (await amir.post(f"/v1/plans/{plan}/approve", json={"digest": digest})).status_code == 200
            rollout = (await olga.post(f"/v1/plans/{plan}/start", json={})).json()["id"]
            await ours.coordinator.store.run(queries.end_rollout, rollout)
            assert (await amir.post(f"/v1/plans/{plan}/approve", json={"digest": digest})).status_code == 409
        again = await olga.post(f"/v1/plans/{plan}/start", json={})
        same = (await olga.post("/v1/plans", json=ours.plan(service="asked"))).json()["id"]
        anew = await olga.post(f"/v1/plans/{same}/start", json={})
        assert (await ours.coordinator.store.run(known.get, same)).plan.digest == digest
        assert again.status_code == 412
        assert anew.status_code == 412
        assert len(ours.engine.started) == 1


async def test_the_token_of_the_state_folder_approves_nothing_where_people_log_in(ours: Team) -> None:
    rollout = await ours.rollout()
    plan, digest = await asked(ours)
    assert (await approve(ours, HERE, rollout)).status_code == 403
    async with ours.client(HERE) as here:
        body = {"digest": digest, "by": AMIR}
        assert (await here.post(f"/v1/plans/{plan}/approve", json=body)).status_code == 403
    assert approvals_given(ours) == []


async def test_what_was_started_in_ones_name_on_this_machine_one_does_not_approve(ours: Team) -> None:
    async with ours.client(HERE) as here:
        started = await here.post("/v1/rollouts", json={**ours.plan(), "by": AMIR})
    rollout = started.json()["id"]
    await ours.asks(rollout, 0)
    row = await ours.coordinator.store.run(queries.get_rollout, rollout)
    assert row.requested_by == f"{AMIR} (this machine)"
    assert (await approve(ours, await ours.token(AMIR), rollout)).status_code == 409


# ------------------------------------------------------------------ agents, machines, roles


@pytest.mark.parametrize("command", ["approve", "promote", "resume"])
async def test_an_agent_never_lets_a_rollout_go_on(ours: Team, command: str) -> None:
    rollout = await ours.rollout()
    agent = await ours.machine("helper", "agent", Role.ADMIN)
    body = {"digest": await digest_of(ours, rollout), "phase": 0}
    async with ours.client(agent) as client:
        answer = await client.post(f"/v1/rollouts/{rollout}/{command}", json=body)
    assert answer.status_code == 403
    assert "is an agent" in answer.json()["detail"]
    assert ours.engine.orders == []


async def test_an_agent_does_nothing_around_a_rollout_that_lets_it_go_on_either(ours: Team) -> None:
    plan, digest = await asked(ours)
    rollout = await ours.rollout()
    ours.engine.started.clear()
    async with ours.client(await ours.machine("helper", "agent", Role.ADMIN)) as agent:
        refused = [
            await agent.post(f"/v1/rollouts/{rollout}/announce", json={"text": "all is well", "by": "ann"}),
            await agent.post(f"/v1/rollouts/{rollout}/followups/x/done", json={}),
            await agent.post(f"/v1/plans/{plan}/approve", json={"digest": digest}),
            await agent.post(f"/v1/plans/{plan}/start", json={"overrides": ["ticket"], "reason": "hurry"}),
            await agent.post(f"/v1/plans/{plan}/tick", json={"items": ["ticket"], "reason": "looks fine"}),
            await agent.post("/v1/locks/release", json={"service": "shop", "environment": "test"}),
            await agent.post("/v1/shutdown"),
            await agent.post("/v1/tokens", json={"kind": "person", "scopes": ["approve"], "lasts_s": 3600}),
            await agent.post("/v1/open"),
        ]
    assert [one.status_code for one in refused] == [403] * 9
    assert ours.engine.started == []


async def test_an_agents_token_opens_no_page(ours: Team) -> None:
    agent = await ours.machine("helper", "agent", Role.ADMIN)
    async with ours.client(Origin=ours.access.settings.url) as browser:
        answer = await browser.post("/login/token", data={"token": agent})
        assert answer.status_code == 403
        assert not browser.cookies


VIEWERS = {
    "rollback": "/v1/rollouts/{rollout}/rollback",
    "hold": "/v1/rollouts/{rollout}/hold",
    "promote": "/v1/rollouts/{rollout}/promote",
    "approve": "/v1/rollouts/{rollout}/approve",
    "tick": "/v1/plans/{plan}/tick",
    "start": "/v1/plans/{plan}/start",
    "schedule": "/v1/plans/{plan}/schedule",
    "rehearse": "/v1/plans/{plan}/rehearse",
    "forget": "/v1/plans/{plan}/forget",
    "request": "/v1/plans/{plan}/request-approval",
    "announce": "/v1/rollouts/{rollout}/announce",
    "freeze": "/v1/freezes",
    "lock": "/v1/locks",
    "shutdown": "/v1/shutdown",
}
BODIES: dict[str, dict[str, Any]] = {
    "approve": {"digest": "sha256:0", "phase": 0},
    "tick": {"items": ["review"]},
    "announce": {"text": "all is well"},
    "freeze": {"reason": "because"},
    "lock": {"service": "shop", "environment": "test", "reason": "because"},
}


@pytest.mark.parametrize("what", VIEWERS)
async def test_a_viewer_changes_nothing(ours: Team, what: str) -> None:
    rollout, (plan, _) = await ours.rollout(service="other"), await asked(ours)
    began = list(ours.engine.started)
    async with ours.client(await ours.token(VIC)) as vic:
        assert (await vic.get(f"/v1/rollouts/{rollout}")).status_code == 200
        path = VIEWERS[what].format(rollout=rollout, plan=plan)
        answer = await vic.post(path, json=BODIES.get(what, {}))
    assert answer.status_code == 403, answer.text
    assert f"{VIC} may not" in answer.json()["detail"]
    assert ours.engine.orders == []
    assert ours.engine.started == began
    assert any(by == VIC and outcome.startswith("denied") for by, _, _, outcome in await ours.log())


async def test_a_viewer_starts_no_plan_of_their_own(ours: Team) -> None:
    async with ours.client(await ours.token(VIC)) as vic:
        assert (await vic.post("/v1/rollouts", json=ours.plan())).status_code == 403
        assert (await vic.post("/v1/plans", json=ours.plan())).status_code == 403
    assert ours.engine.started == []


@pytest.mark.parametrize("command", ["promote", "approve"])
async def test_an_operator_neither_promotes_nor_approves(ours: Team, command: str) -> None:
    rollout = await ours.rollout(by=ANNA)
    body = {"digest": await digest_of(ours, rollout), "phase": 0}
    async with ours.client(await ours.token(OLGA)) as olga:
        answer = await olga.post(f"/v1/rollouts/{rollout}/{command}", json=body)
        assert answer.status_code == 403
        assert (await olga.post(f"/v1/rollouts/{rollout}/rollback", json={})).status_code == 200
    assert [order.command for _, order in ours.engine.orders] == [Command.ROLLBACK]


async def test_an_operator_passes_over_nothing(ours: Team) -> None:
    plan, _ = await asked(ours)
    over = {"overrides": ["review"], "reason": "hurry"}
    async with ours.client(await ours.token(OLGA)) as olga:
        refused = [
            await olga.post("/v1/rollouts", json={**ours.plan(), **over}),
            await olga.post(f"/v1/plans/{plan}/start", json=over),
            await olga.post(f"/v1/plans/{plan}/schedule", json=over),
        ]
    assert [one.status_code for one in refused] == [403, 403, 403]
    assert ours.engine.started == []


async def test_somebody_without_a_role_does_not_learn_that_a_rollout_exists(ours: Team) -> None:
    rollout = await ours.rollout()
    async with ours.client(await ours.token("nina@shop.example")) as nina:
        there, nowhere = await nina.get(f"/v1/rollouts/{rollout}"), await nina.get("/v1/rollouts/shop-0000")
        back = await nina.post(f"/v1/rollouts/{rollout}/rollback", json={})
        assert (await nina.get("/v1/rollouts")).json() == []
    assert (there.status_code, nowhere.status_code, back.status_code) == (404, 404, 404)
    assert there.json()["detail"].replace(rollout, "shop-0000") == nowhere.json()["detail"]


PAGES = {
    "rollback": ("/rollouts/{rollout}/commands", {"command": "rollback"}),
    "hold": ("/rollouts/{rollout}/commands", {"command": "hold"}),
    "promote": ("/rollouts/{rollout}/commands", {"command": "promote", "service": "other"}),
    "approve": ("/rollouts/{rollout}/commands", {"command": "approve", "phase": "0", "digest": "{digest}"}),
    "tick": ("/plans/{plan}/tick", {"item": "review"}),
    "rehearse": ("/plans/{plan}/rehearse", {}),
    "start": ("/plans/{plan}/start", {}),
    "approve the start": ("/plans/{plan}/approve", {"digest": "{planned}", "answer": "yes"}),
    "forget": ("/plans/{plan}/forget", {}),
    "freeze": ("/freezes", {"reason": "because"}),
    "lock": ("/locks", {"service": "shop", "environment": "test", "reason": "because"}),
    "a machine": ("/people/tokens", {"kind": "token", "role": "admin", "days": "7", "scope": "admin", "name": "mine"}),
    "another's end": ("/people/sign-out", {"name": ANNA}),
}


async def by_page(ours: Team, who: str, what: str) -> httpx.Response:
    """As that person's browser sends it, from a page of ours."""
    rollout, (plan, planned) = await ours.rollout(by=ANNA, service="other"), await asked(ours, by=ANNA)
    path, fields = PAGES[what]
    about = {"rollout": rollout, "plan": plan, "planned": planned, "digest": await digest_of(ours, rollout)}
    async with await ours.session(who) as browser:
        told = {name: value.format(**about) for name, value in fields.items()}
        return await browser.post(path.format(**about), data=told)


@pytest.mark.parametrize("what", PAGES)
async def test_a_viewer_changes_nothing_by_page_either(ours: Team, what: str) -> None:
    answer = await by_page(ours, VIC, what)
    assert answer.status_code in (403, 409), answer.text[:500]
    assert ours.engine.orders == []
    assert len(ours.engine.started) == 1
    assert any(by == VIC and outcome.startswith("denied") for by, _, _, outcome in await ours.log())


@pytest.mark.parametrize("what", ["promote", "approve", "approve the start", "a machine", "another's end"])
async def test_an_operator_decides_nothing_by_page_either(ours: Team, what: str) -> None:
    answer = await by_page(ours, OLGA, what)
    assert answer.status_code in (403, 409), answer.text[:500]
    assert ours.engine.orders == []
    assert any(by == OLGA and outcome.startswith("denied") for by, _, _, outcome in await ours.log())


@pytest.mark.parametrize("what", ["approve", "approve the start"])
async def test_nobody_approves_their_own_by_page_either(ours: Team, what: str) -> None:
    answer = await by_page(ours, ANNA, what)
    assert answer.status_code == 409
    assert "somebody else has to approve it" in answer.text
    assert approvals_given(ours) == []


@pytest.mark.parametrize("what", PAGES)
async def test_no_page_is_changed_from_another_site(ours: Team, what: str) -> None:
    rollout, (plan, planned) = await ours.rollout(service="other"), await asked(ours)
    path, fields = PAGES[what]
    about = {"rollout": rollout, "plan": plan, "planned": planned, "digest": await digest_of(ours, rollout)}
    told = {name: value.format(**about) for name, value in fields.items()}
    async with await ours.session(ROOT) as root:
        foreign = await root.post(path.format(**about), data=told, headers={"Origin": EVIL})
        unsigned = await root.post(path.format(**about), data={**told, "csrf": "0" * 64}, headers={"X-CSRF-Token": ""})
    assert (foreign.status_code, unsigned.status_code) == (403, 403)
    assert ours.engine.orders == []
    assert len(ours.engine.started) == 1


# ------------------------------------------------------------------ credentials


async def test_an_expired_token_is_refused_and_says_what_to_do(ours: Team) -> None:
    token = await ours.token(OLGA, lasts_s=3600)
    ours.hands.at += 3601
    async with ours.client(token) as olga:
        answer = await olga.get("/v1/rollouts")
    assert answer.status_code == 401
    assert "has expired: `pilotage token create`" in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_token_is_refused_from_that_moment_on(ours: Team) -> None:
    token = await ours.token(OLGA)
    async with ours.client(token) as olga, ours.client(await ours.token(ROOT)) as root:
        named = next(one["id"] for one in (await root.get("/v1/tokens")).json() if one["name"] == OLGA)
        assert (await olga.get("/v1/rollouts")).status_code == 200
        assert (await root.post(f"/v1/tokens/{named}/revoke")).status_code == 200
        answer = await olga.get("/v1/rollouts")
    assert answer.status_code == 401
    assert f"was revoked by {ROOT}" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("scopes", "command", "lacks"),
    [
        ((Scope.READ,), "rollback", "rollback"),
        ((Scope.READ, Scope.ROLLBACK), "promote", "approve"),
        ((Scope.READ, Scope.WRITE), "hold", "rollback"),
        ((Scope.READ, Scope.WRITE, Scope.ROLLBACK), "approve", "approve"),
    ],
)
async def test_a_token_does_nothing_beyond_its_scopes(
    ours: Team, scopes: tuple[Scope, ...], command: str, lacks: str
) -> None:
    rollout = await ours.rollout()
    body = {"digest": await digest_of(ours, rollout), "phase": 0}
    async with ours.client(await ours.token(ANNA, *scopes)) as anna:
        answer = await anna.post(f"/v1/rollouts/{rollout}/{command}", json=body)
    assert answer.status_code == 403
    assert f"it lacks the scope {lacks}" in answer.json()["detail"]
    assert ours.engine.orders == []


@pytest.mark.parametrize(
    "given", ["", "Basic b2xnYTpvbGdh", "Bearer ", "Bearer nonsense", f"Bearer{HERE}", "Bearer plt_x_y"]
)
async def test_what_is_no_token_opens_nothing(ours: Team, given: str) -> None:
    async with ours.client(Authorization=given) as nobody:
        for path in ("/v1/rollouts", "/v1/tokens", "/metrics", "/v1/health"):
            assert (await nobody.get(path)).status_code == 401


async def test_a_token_in_the_cookie_or_a_session_in_the_header_opens_nothing(ours: Team) -> None:
    browser = await ours.session(OLGA)
    cookie = browser.cookies[ours.access.cookie]
    async with browser, ours.client(cookie) as other, ours.client() as third:
        assert (await browser.get("/v1/rollouts")).status_code == 401
        assert (await other.get("/v1/rollouts")).status_code == 401
        third.cookies.set(ours.access.cookie, await ours.token(OLGA))
        assert (await third.get("/")).status_code == 303


async def test_nobody_ends_the_sessions_or_tokens_of_somebody_else(ours: Team) -> None:
    async with await ours.session(OLGA) as olga, ours.client(await ours.token(ANNA)) as anna:
        assert (await anna.post("/v1/sessions/end", json={"name": OLGA})).status_code == 403
        assert (await olga.get("/")).status_code == 200
        theirs = (await ours.coordinator.store.run(people.tokens_of, ANNA, "person"))[0].id
        assert (await olga.post(f"/me/tokens/{theirs}/revoke")).status_code == 403
        assert (await anna.get("/v1/rollouts")).status_code == 200


# ------------------------------------------------------------------ other sites


async def page_change(ours: Team, browser: httpx.AsyncClient, **headers: str) -> httpx.Response:
    """Ends all sessions of whose browser it is, if it gets through."""
    return await browser.post("/me/sign-out", headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": csrf_of("the cookie of another session")},
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "https://pilotage.shop.example.evil.example"},
        {"Origin": "http://pilotage.shop.example"},
        {"Origin": "https://pilotage.shop.example:8443"},
        {"Origin": ""},
    ],
)
async def test_a_change_that_comes_from_elsewhere_is_none(ours: Team, headers: dict[str, str]) -> None:
    async with await ours.session(OLGA) as olga:
        answer = await page_change(ours, olga, **headers)
        assert answer.status_code == 403
        assert (await olga.get("/")).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_browser_that_says_it_comes_from_another_site_is_believed(ours: Team, site: str) -> None:
    async with await ours.session(OLGA) as olga:
        del olga.headers["origin"]
        assert (await page_change(ours, olga, **{"Sec-Fetch-Site": site})).status_code == 403
        assert (await page_change(ours, olga, **{"Sec-Fetch-Site": "same-origin"})).status_code == 303


async def test_the_value_of_another_persons_session_does_not_help(ours: Team) -> None:
    async with await ours.session(OLGA) as olga, await ours.session(ANNA) as anna:
        answer = await page_change(ours, olga, **{"X-CSRF-Token": anna.headers["x-csrf-token"]})
        assert answer.status_code == 403


async def test_a_form_with_json_inside_is_no_form_of_ours(ours: Team) -> None:
    async with await ours.session(OLGA) as olga:
        csrf = olga.headers.pop("x-csrf-token")
        told = json.dumps({"csrf": csrf})
        for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
            answer = await olga.post("/me/sign-out", content=told, headers={"Content-Type": kind})
            assert answer.status_code == 403, kind
        assert (await olga.get("/")).status_code == 200


async def test_the_api_takes_no_json_that_a_form_could_send(ours: Team) -> None:
    rollout = await ours.rollout()
    async with ours.client(await ours.token(OLGA)) as olga:
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            answer = await olga.post(
                f"/v1/rollouts/{rollout}/rollback", content='{"reason": "x"}', headers={"Content-Type": kind}
            )
            assert answer.status_code == 415, kind
    assert ours.engine.orders == []


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://localhost:3000", "https://pilotage.shop.example.evil.example"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_the_api_answers_no_page_of_another_origin(ours: Team, origin: str, method: str) -> None:
    async with ours.client(await ours.token(OLGA), Origin=origin) as olga:
        answer = await olga.request(method, "/v1/rollouts", json={})
    assert answer.status_code == 403
    assert answer.json()["type"] == "ForeignOrigin"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "pilotage.shop.example.evil.example",
        "192.0.2.1:8700",
        "localhost.evil.example",
        "",
        "127.0.0.1.nip.io",
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/rollouts", "/login", "/static/pilotage.css"])
async def test_a_foreign_host_gets_nothing(ours: Team, host: str, path: str) -> None:
    async with ours.client(await ours.token(OLGA), Host=host) as olga:
        answer = await olga.get(path)
    assert answer.status_code == 421
    assert "rollouts" not in answer.text or "To the rollouts" in answer.text


@pytest.mark.parametrize(
    "next",
    ["//evil.example", EVIL, "/\\evil.example", "/%0d%0aX: y", "javascript:alert(1)", "\\\\evil.example", "/login"],
)
async def test_a_login_leads_nowhere_else(ours: Team, next: str) -> None:
    token = await ours.token(OLGA)
    async with ours.client(Origin=ours.access.settings.url) as browser:
        answer = await browser.post("/login/token", data={"token": token, "next": next})
        assert answer.status_code == 303
        where = answer.headers["location"]
        assert where == "/" or (where.startswith("/%0d") and "\r" not in where)
        shown = await browser.get("/login", params={"next": next})
        assert "evil.example" not in shown.text


# ------------------------------------------------------------------ paths, templates, bodies, headers


@pytest.mark.parametrize("directory", ["..", "../state", "/", "/etc", "relative", "", "{folder}/../..", "{folder}/out"])
async def test_a_plan_uses_no_folder_but_those_of_the_settings(ours: Team, directory: str) -> None:
    (ours.folder / "out").symlink_to("/etc")
    where = directory.format(folder=ours.folder)
    async with ours.client(await ours.token(OLGA)) as olga:
        for path in ("/v1/plans", "/v1/rollouts"):
            answer = await olga.post(path, json={**ours.plan(), "directory": where})
            assert answer.status_code == 403, answer.text
    assert ours.engine.started == []


@pytest.mark.parametrize(
    "path",
    [
        "/static/../access.py",
        "/static/..%2f..%2faccess.py",
        "/static/%2e%2e/%2e%2e/access.py",
        "/static/..\\..\\access.py",
        "/static//etc/passwd",
        "/static/%00",
        "/v1/rollouts/..%2f..%2fetc%2fpasswd",
        "/v1/rollouts/%2e%2e/report",
        "/v1/rollouts/%2e%2e%2f%2e%2e/events",
        "/v1/plans/..%2F..",
    ],
)
async def test_no_path_leads_out(ours: Team, path: str) -> None:
    async with ours.client(await ours.token(OLGA)) as olga:
        answer = await olga.get(path)
    assert answer.status_code in (404, 405), answer.text
    assert "root:" not in answer.text
    assert "Access" not in answer.text


async def test_a_file_name_is_only_a_name(ours: Team) -> None:
    async with ours.client(await ours.token(OLGA)) as olga:
        answer = await olga.post("/v1/plans", json={**ours.plan(), "file": "../../../etc/passwd"})
        assert answer.status_code == 201
        assert "root:" not in (await olga.get(f"/v1/plans/{answer.json()['id']}")).text


async def test_a_template_in_a_name_a_reason_or_a_note_is_text(ours: Team) -> None:
    name = "{{7*191}}<script>alert(1)</script>"
    rollout = await ours.rollout()
    async with ours.client(await ours.token(OLGA)) as olga, await ours.session(name) as browser:
        await olga.post(f"/v1/rollouts/{rollout}/report-trouble", json={"reason": INJECTION})
        body = {"kind": "person", "scopes": ["plan:read"], "lasts_s": 3600, "note": INJECTION}
        assert (await olga.post("/v1/tokens", json=body)).status_code == 201
        pages = [await browser.get("/me"), await browser.get("/")]
        async with await ours.session(OLGA) as her:
            pages += [
                await her.get("/"),
                await her.get("/me"),
                await her.get("/login", params={"next": f"/{INJECTION}"}),
            ]
        page = await olga.get(f"/v1/rollouts/{rollout}/report?format=html")
        for one in (*pages, page):
            assert one.status_code == 200
            assert "1337" not in one.text
            assert "<script>alert" not in one.text
    assert INJECTION.split("<")[0] in pages[3].text


async def test_a_template_in_a_plans_summary_is_text(ours: Team) -> None:
    token = await ours.token(OLGA)
    told = ours.plan()
    told["plan"] = told["plan"].replace("summary: a test", f"summary: {json.dumps(INJECTION)}")
    async with ours.client(token) as olga, await ours.session(OLGA) as browser:
        rollout = (await olga.post("/v1/rollouts", json=told)).json()["id"]
        page = await olga.get(f"/v1/rollouts/{rollout}/report?format=html")
        live = [await browser.get(f"/rollouts/{rollout}{part}") for part in ("", "/report", "/plan", "/review")]
        for one in (page, await browser.get("/"), await browser.get(f"/?search={INJECTION}"), *live):
            assert one.status_code == 200
            assert "1337" not in one.text
            assert "<script>alert" not in one.text


async def chunks(size: int, of: int = 65_536) -> Any:
    for _ in range(size // of + 1):
        yield b"x" * of


@pytest.mark.parametrize("path", ["/v1/rollouts", "/login/token", "/v1/hooks/none"])
async def test_an_oversized_body_is_not_read_whether_it_says_its_size_or_not(ours: Team, path: str) -> None:
    async with ours.client(await ours.token(OLGA), Origin=ours.access.settings.url) as olga:
        told = await olga.post(path, content=b"x" * (2 * 1024 * 1024 + 1))
        untold = await olga.post(path, content=chunks(3 * 1024 * 1024))
    assert (told.status_code, untold.status_code) == (413, 413)
    assert told.headers["content-type"] == "application/problem+json"


DEEP = {
    "lists": "[" * 100_000 + "]" * 100_000,
    "objects": '{"a":' * 90_000 + "1" + "}" * 90_000,
    "not closed": "[" * 500_000,
    "after a string": '{"reason": "\\"]]]]\\\\", "by": ' + "[" * 100 + "]" * 100 + "}",
    "just too deep": "[" * 65 + "]" * 65,
    "wide": "[" + "[]," * 100_000 + "[]]",
    "a string without an end": '"\\"' * 200_000 + "[" * 100,
}


@pytest.mark.parametrize("body", DEEP)
async def test_a_deeply_nested_body_is_refused_before_it_is_parsed(ours: Team, body: str) -> None:
    async with ours.client(await ours.token(OLGA)) as olga:
        answer = await olga.post("/v1/rollouts", content=DEEP[body], headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    if body != "a string without an end":
        assert answer.json()["type"] == "TooDeep"


async def test_another_encoding_hides_no_depth(ours: Team) -> None:
    async with ours.client(await ours.token(OLGA)) as olga:
        for encoding in ("utf-16", "utf-16-le", "utf-32"):
            told = ("[" * 3000 + "]" * 3000).encode(encoding)
            answer = await olga.post("/v1/rollouts", content=told, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400


async def test_brackets_in_a_text_are_text(ours: Team) -> None:
    rollout = await ours.rollout()
    async with ours.client(await ours.token(OLGA)) as olga:
        answer = await olga.post(f"/v1/rollouts/{rollout}/report-trouble", json={"reason": '"[{' * 500})
    assert answer.status_code in (200, 409)


async def test_forwarded_headers_say_nothing_where_no_proxy_is_named(ours: Team) -> None:
    """The rate is the address's that there is, and not the one that a header makes up."""
    ours.access.live.settings = ours.access.settings.model_copy(
        update={"limits": ours.access.settings.limits.model_copy(update={"logins_per_minute": 5})}
    )
    statuses = []
    for number in range(8):
        forged = {
            "X-Forwarded-For": f"198.51.100.{number}",
            "X-Real-IP": f"198.51.100.{number}",
            "Forwarded": "for=10.0.0.1",
        }
        async with ours.client("plt_wrong", **forged) as nobody:
            statuses.append((await nobody.get("/v1/rollouts")).status_code)
    assert statuses == [401] * 5 + [429] * 3


async def test_forwarded_headers_change_no_origin_and_no_host(ours: Team) -> None:
    async with await ours.session(OLGA) as olga:
        forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Origin": "https://evil.example"}
        assert (await page_change(ours, olga, **forged)).status_code == 403
        foreign = {"Host": "evil.example", "X-Forwarded-Host": "pilotage.shop.example"}
        assert (await olga.get("/", headers=foreign)).status_code == 421


async def test_every_attempt_is_in_the_audit_log_and_the_log_holds(ours: Team) -> None:
    rollout = await ours.rollout(by=AMIR)
    await approve(ours, await ours.token(AMIR), rollout)
    async with ours.client(await ours.token(VIC)) as vic:
        await vic.post(f"/v1/rollouts/{rollout}/rollback", json={})
    told = [(by, what, re.split(r"[: ]", outcome)[0]) for by, _, what, outcome in await ours.log()]
    assert told[:2] == [(VIC, "rollback", "denied"), (AMIR, "approve", "refused")]
    assert (await ours.coordinator.store.run(audit.verify)).wrong == ()
