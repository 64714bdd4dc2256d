"""What an agent may: a start only after a person's yes, the way back always, and nothing that is a person's to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from pilotage.core.people import Role, Scope
from pilotage.settings import Settings
from pilotage.store import known
from tests.server.team import HERE, Team, settings, team

OLGA, AMIR, ROOT = (f"{name}@shop.example" for name in ("olga", "amir", "root"))


async def asked_for(ours: Team, agent: httpx.AsyncClient, **other: Any) -> tuple[str, str]:
    """A plan of the agent's for whose start it has asked: its id and its digest."""
    plan = str((await agent.post("/v1/plans", json=ours.plan(**other))).json()["id"])
    answer = await agent.post(f"/v1/plans/{plan}/request-approval", json={})
    assert answer.status_code == 201, answer.text
    return plan, (await ours.coordinator.store.run(known.get, plan)).plan.digest


async def test_an_agent_starts_nothing_that_no_person_has_approved_whatever_the_settings_ask(ours: Team) -> None:
    async with ours.client(await ours.machine("claude", "agent", Role.ADMIN)) as agent:
        plan, digest = await asked_for(ours, agent)
        by_id = await agent.post(f"/v1/plans/{plan}/start", json={})
        by_text = await agent.post("/v1/rollouts", json=ours.plan())
        assert [one.status_code for one in (by_id, by_text)] == [412, 412]
        assert "nobody has approved this plan as it is now" in by_id.json()["detail"]
        assert ours.engine.started == []

        async with ours.client(await ours.token(AMIR)) as amir:
            assert (await amir.post(f"/v1/plans/{plan}/approve", json={"digest": digest})).status_code == 200
        assert (await agent.post(f"/v1/plans/{plan}/start", json={})).status_code == 201
        assert len(ours.engine.started) == 1


async def test_an_approval_of_an_agents_plan_lets_no_other_text_begin(ours: Team) -> None:
    async with ours.client(await ours.machine("claude", "agent")) as agent:
        plan, digest = await asked_for(ours, agent)
        async with ours.client(await ours.token(AMIR)) as amir:
            await amir.post(f"/v1/plans/{plan}/approve", json={"digest": digest})
        changed = await agent.post("/v1/rollouts", json=ours.plan(phases="[{weight: 100%, watch: 2s}]"))
    assert changed.status_code == 412
    assert ours.engine.started == []


async def test_on_one_machine_without_a_login_the_person_there_approves_what_its_agent_asks_for(tmp_path: Path) -> None:
    async with team(tmp_path, Settings()) as ours:
        agent_token = await ours.machine("claude", "agent")
        async with ours.client(agent_token) as agent, ours.client(HERE) as person:
            plan, digest = await asked_for(ours, agent)
            assert (await agent.post(f"/v1/plans/{plan}/start", json={})).status_code == 412
            assert (await agent.post(f"/v1/plans/{plan}/approve", json={"digest": digest})).status_code == 403
            yes = await person.post(f"/v1/plans/{plan}/approve", json={"digest": digest, "by": "ann"})
            assert yes.status_code == 200
            assert (await agent.post(f"/v1/plans/{plan}/start", json={})).status_code == 201


async def test_nothing_that_an_agent_wrote_runs_before_a_person_has_approved_it(ours: Team) -> None:
    ran = ours.folder / "ran"
    script = ours.folder / "steal.sh"
    script.write_text(f"#!/bin/sh\necho ran >> {ran}\necho 0\n")
    script.chmod(0o755)
    body = ours.plan(service="other")
    body["plan"] = body["plan"].replace('read: ["./read"]', f'read: ["{script}"]')
    assert str(script) in body["plan"]
    async with ours.client(await ours.machine("claude", "agent", Role.ADMIN)) as agent:
        plan = str((await agent.post("/v1/plans", json=body)).json()["id"])
        await agent.post(f"/v1/plans/{plan}/request-approval", json={})
        assert (await agent.get(f"/v1/plans/{plan}")).status_code == 200
        assert (await agent.post(f"/v1/plans/{plan}/start", json={})).status_code == 412
        assert (await agent.post("/v1/rollouts", json=body)).status_code == 412
        for path in ("rehearse", "metrics"):
            answer = await agent.post(f"/v1/plans/{plan}/{path}", json={})
            assert (answer.status_code, "is an agent" in answer.json()["detail"]) == (403, True)
    async with ours.client(await ours.token(OLGA)) as olga:
        seen = (await olga.get(f"/v1/plans/{plan}")).json()
        assert "none of its drivers is asked before a person has approved it" in seen["notes"][-1]
        assert not ran.exists()  # nor by a person who only looks
    async with await ours.session(OLGA) as browser:
        assert "not looked up yet" in (await browser.get(f"/plans/{plan}/checklist")).text
        assert "is an agent" in (await browser.get(f"/plans/{plan}?look=true")).text
    assert not ran.exists()
    async with ours.client(await ours.token(AMIR)) as amir:
        assert (await amir.post(f"/v1/plans/{plan}/approve", json={"digest": seen["digest"]})).status_code == 200
        await amir.get(f"/v1/plans/{plan}")
    assert ran.exists()


async def test_an_agent_does_not_move_a_plan_to_another_folder(ours: Team) -> None:
    body = ours.plan(service="other")
    async with ours.client(await ours.token(OLGA)) as olga:
        plan = (await olga.post("/v1/plans", json=body)).json()["id"]
    elsewhere = ours.folder / "elsewhere"
    elsewhere.mkdir()
    async with ours.client(await ours.machine("claude", "agent")) as agent:
        for path in ("/v1/plans", "/v1/rollouts"):
            answer = await agent.post(path, json={**body, "directory": str(elsewhere)})
            assert (answer.status_code, "does not move a plan" in answer.json()["detail"]) == (409, True)
        assert (await agent.post("/v1/plans", json=body)).json()["id"] == plan


async def test_who_made_an_agent_stands_behind_what_it_asks_for(ours: Team) -> None:
    async with ours.client(await ours.machine("claude", "agent")) as agent:
        plan, digest = await asked_for(ours, agent)
    async with ours.client(await ours.token(ROOT)) as root:
        answer = await root.post(f"/v1/plans/{plan}/approve", json={"digest": digest})
    assert answer.status_code == 409
    assert f"{ROOT} asked for this" in answer.json()["detail"]


async def test_an_agent_schedules_nothing(ours: Team) -> None:
    async with ours.client(await ours.machine("claude", "agent", Role.ADMIN)) as agent:
        plan, _ = await asked_for(ours, agent)
        answer = await agent.post(f"/v1/plans/{plan}/schedule", json={})
    assert answer.status_code == 403
    assert not (await ours.coordinator.store.run(known.get, plan)).scheduled_by


async def test_a_person_begins_what_was_asked_for_without_waiting_where_the_settings_ask_for_nobody(ours: Team) -> None:
    async with ours.client(await ours.machine("claude", "agent")) as agent:
        await asked_for(ours, agent)
    async with ours.client(await ours.token(OLGA)) as olga:
        answer = await olga.post("/v1/rollouts", json=ours.plan())
    assert answer.status_code == 201


async def test_the_emergency_stop_leaves_an_agent_the_way_back_at_its_next_request(ours: Team) -> None:
    rollout = await ours.rollout()
    async with ours.client(await ours.machine("claude", "agent", Role.OPERATOR)) as agent:
        assert (await agent.post("/v1/plans", json=ours.plan(service="other"))).status_code == 201
        assert ours.access.live.take(settings(folders=[str(ours.folder)], agents={"only_back": True}))
        refused = await agent.post("/v1/plans", json=ours.plan(service="third"))
        assert refused.status_code == 403
        assert "only_back" in refused.json()["detail"]
        assert (await agent.get(f"/v1/rollouts/{rollout}")).status_code == 200
        assert (await agent.post(f"/v1/rollouts/{rollout}/rollback", json={})).status_code == 200
        assert (await agent.get("/v1/me")).json()["scopes"] == ["plan:read", "rollback"]


@pytest.mark.parametrize(
    ("kind", "scopes"),
    [("agent", ["plan:read", "rollout:write", "rollback"]), ("token", [one.value for one in Scope])],
)
async def test_who_asks_is_told_what_it_may_at_most(ours: Team, kind: str, scopes: list[str]) -> None:
    async with ours.client(await ours.machine("claude", kind, Role.ADMIN)) as client:
        me = (await client.get("/v1/me")).json()
    assert (me["name"], me["kind"], me["scopes"], me["shared"]) == ("claude", kind, scopes, True)
    assert me["grants"] == [{"role": "admin", "service": "*", "environment": "*"}]
