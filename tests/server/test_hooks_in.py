"""Hooks in: who is believed, and what a message does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pilotage.core import events as ev
from pilotage.core.checklist import ticks_of
from pilotage.core.people import Caller, Grant, Right, Role
from pilotage.server.hooks.acts import SCOPES
from pilotage.settings import Settings
from pilotage.store import audit, queries
from tests.server.hookbodies import SHA, alert, alertmanager, check_suite, deployment_status, pipeline, workflow_run
from tests.server.hookworld import LOOKED_UP, SECRET, HookWorld, github, hook_world, standard

BEARER = {"Authorization": f"Bearer {SECRET}"}
SIMPLE = {"service": "shop", "environment": "production", "text": "payments fail", "id": "INC-7"}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("SHORT_SECRET", "hunter2")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[HookWorld]:
    with hook_world(
        tmp_path,
        ci={"kind": "built"},
        main_build={"kind": "built", "only": ["build"], "item": "built"},
        shop_ci={"kind": "built", "service": "shop", "environment": "production"},
        alerts={"kind": "firing"},
        shop_alerts={"kind": "firing", "service": "shop", "environment": "production"},
        pager={"kind": "firing", "then": "rollback"},
        notes={"kind": "firing", "then": "report"},
        tickets={"kind": "reports"},
        short={"kind": "firing", "secret": {"env": "SHORT_SECRET"}},
        unset={"kind": "firing", "secret": {"env": "NOBODY_SET_THIS"}},
    ) as one:
        yield one


# ------------------------------------------------------------------ who is believed


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"pilotage:{password}".encode()).decode()}


async def test_each_way_to_prove_a_message_is_taken(world: HookWorld) -> None:
    body = json.dumps(SIMPLE).encode()
    ways = [BEARER, basic(SECRET), {"X-Gitlab-Token": SECRET}, github(body), standard(body, world.clock.now())]
    for headers in ways:
        assert (await world.send("alerts", body, headers)).status_code == 202, headers


async def test_a_secret_of_standard_webhooks_is_taken_as_it_says(
    world: HookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitLab's signing token is one: whsec_ and 32 bytes in base64."""
    key = bytes(range(32))
    monkeypatch.setenv("HOOK_SECRET", "whsec_" + base64.b64encode(key).decode())
    body = json.dumps(SIMPLE).encode()
    good = standard(body, world.clock.now(), key=key)
    assert (await world.send("alerts", body, good)).status_code == 202
    rotated = {**good, "webhook-signature": f"v1a,AAAA v1,wrong= {good['webhook-signature']}"}
    assert (await world.send("alerts", body, rotated)).status_code == 202
    text_itself = standard(body, world.clock.now(), key=("whsec_" + base64.b64encode(key).decode()).encode())
    assert (await world.send("alerts", body, text_itself)).status_code == 401


async def test_the_example_of_githubs_documentation_is_verified() -> None:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation"""
    from pilotage.server.hooks.proof import proven

    signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert proven("It's a Secret to Everybody", {"x-hub-signature-256": signed}, b"Hello, World!", 0.0)


async def test_whoever_is_not_believed_hears_the_same_and_nothing_happens(world: HookWorld) -> None:
    await world.rollout("shop-1")
    body, now = json.dumps(SIMPLE).encode(), world.clock.now()
    wrong: list[tuple[str, dict[str, str]]] = [
        ("nobody", BEARER),
        ("nobody", {}),
        ("alerts", {}),
        ("alerts", {"Authorization": "Bearer wrong"}),
        ("alerts", {"Authorization": f"Bearer {SECRET}x"}),
        ("alerts", {"Authorization": "Bearer"}),
        ("alerts", {"Authorization": f"Digest {SECRET}"}),
        ("alerts", {"Authorization": "Basic %%%"}),
        ("alerts", {"Authorization": "Bearer the-token-of-the-state-folder"}),
        ("alerts", basic("wrong")),
        ("alerts", {"X-Gitlab-Token": ""}),
        ("alerts", {"X-Gitlab-Token": "wr\xf6ng"}),
        ("alerts", github(body, "another secret, as long")),
        ("alerts", github(body + b" ")),
        ("alerts", {"X-Hub-Signature-256": "sha256="}),
        ("alerts", {"X-Hub-Signature": "sha1=757107ea0eb2509fc211221cce984b8a37570b6d"}),
        ("alerts", standard(body, now, key=b"another")),
        ("alerts", {**standard(body, now), "webhook-id": "msg_2"}),
        ("alerts", {**standard(body, now), "webhook-timestamp": str(int(now) + 1)}),
        ("alerts", {**standard(body, now), "webhook-timestamp": "soon"}),
        ("alerts", {"webhook-signature": standard(body, now)["webhook-signature"]}),
        ("alerts", {**standard(body, now, key=b"another"), **BEARER}),
        ("alerts", standard(body, now - 301)),
        ("alerts", standard(body, now + 301)),
        ("short", {"Authorization": "Bearer hunter2"}),
        ("unset", {"Authorization": "Bearer "}),
        ("unset", github(body, "")),
    ]
    answers = []
    for name, headers in wrong:
        encoded = {key: value.encode("latin-1").decode("latin-1") for key, value in headers.items()}
        answers.append(await world.client.post(f"/v1/hooks/{name}", content=body, headers=_raw(encoded)))
    assert {one.status_code for one in answers} == {401}
    assert len({one.json()["detail"] for one in answers}) == 1
    assert len({tuple(sorted(one.json())) for one in answers}) == 1
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert world.engine.orders == []
    assert await world.audited() == []


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def test_whoever_guesses_is_slowed_down_and_the_others_are_not(world: HookWorld) -> None:
    body = json.dumps(SIMPLE).encode()
    guesses = [await world.send("alerts", body, {"Authorization": f"Bearer guess-{number}"}) for number in range(60)]
    assert [one.status_code for one in guesses[:40]] == [401] * 40
    assert guesses[-1].status_code == 429
    assert (await world.send("nobody", body)).status_code == 429
    assert (await world.send("alerts", body)).status_code == 202


async def test_a_timestamp_counts_for_five_minutes(world: HookWorld) -> None:
    body, now = json.dumps(SIMPLE).encode(), world.clock.now()
    for at in (now - 299, now + 299):
        assert (await world.send("alerts", body, standard(body, at))).status_code == 202


@pytest.mark.parametrize("how", ["standard", "github", "gitlab"])
async def test_a_message_that_comes_again_acts_once(world: HookWorld, how: str) -> None:
    await world.rollout("shop-1")
    body = json.dumps({**SIMPLE, "id": None}).encode()

    def signed() -> dict[str, str]:
        gitlab = {"X-Gitlab-Token": SECRET, "Idempotency-Key": "f5e57ebe-a9a8-4f9c-9a5e-7d4a6d1b1f0a"}
        return {"standard": standard(body, world.clock.now()), "github": github(body), "gitlab": gitlab}[how]

    first = await world.send("tickets", body, signed())
    assert first.status_code == 200
    await world.happened("shop-1", ev.PhaseStarted(1, "50 %", 50.0), ev.WatchStarted(1, 60.0))
    again = signed() | ({"X-GitHub-Delivery": "another, which nobody signed"} if how == "github" else {})
    second = await world.send("tickets", body, again)
    assert second.status_code == 202
    assert second.json() == {"done": [], "message": "nothing to do: this message has been heard before"}
    assert len(world.engine.orders) == 1


async def test_two_at_the_same_moment_act_once(world: HookWorld) -> None:
    await world.rollout("shop-1")
    body = json.dumps(SIMPLE).encode()
    headers = standard(body, world.clock.now())
    answers = await asyncio.gather(*(world.send("tickets", body, headers) for _ in range(8)))
    assert sorted(one.status_code for one in answers) == [200, *[202] * 7]
    assert len(world.engine.orders) == 1


async def test_one_that_found_nothing_to_do_may_be_sent_again(world: HookWorld) -> None:
    """The build was green before the plan was known: CI's page has a button that delivers it again."""
    body = json.dumps(workflow_run()).encode()
    assert (await world.send("ci", body, github(body))).status_code == 202
    plan = await world.plan("2.0.1")
    assert (await world.send("ci", body, github(body))).status_code == 200
    assert "build" in ticks_of(await world.store.run(queries.events_of, plan))


# ------------------------------------------------------------------ what cannot be understood


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "JSON"),
        (b"payload=%7B%7D", "JSON"),
        (b"\xff\xfe\x00", "NUL"),
        (b"\xff\xfe", "JSON"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b'{"service": NaN}', "JSON"),
        (b'{"service": ' + b"9" * 10_000 + b"}", "JSON"),
        (b'{"a": ' * 40 + b"1" + b"}" * 40, "nested"),
        (b"[" * 100_000 + b"]" * 100_000, ""),
        (b"{}", "service"),
        (b'{"service": "shop", "environment": "production"}', "text"),
        (b'{"service": {"a": 1}, "environment": [], "text": 5}', "environment"),
        (b'{"service": "%s", "environment": "production", "text": "x"}' % (b"s" * 129), "service"),
        (b'{"service": true, "environment": "production", "text": "x"}', "service"),
        (b'{"alerts": []}', "alerts[].labels.service"),
        (b'{"alerts": [null, 1, "x", {"labels": "shop"}, {"labels": {"service": "shop"}}]}', "alerts[].labels"),
    ],
)
async def test_what_is_missing_is_told(world: HookWorld, body: bytes, said: str) -> None:
    answer = await world.send("alerts", body)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


async def test_labels_that_are_none_are_no_fault_of_ours(world: HookWorld) -> None:
    """The hook is for one service, so that alerts need not say which."""
    await world.rollout("shop-1")
    for labels in ("x", None, [1], 5):
        body = {"alerts": [{"status": "firing", "labels": labels, "annotations": 3, "fingerprint": {"a": 1}}]}
        assert (await world.send("shop-alerts", body)).status_code in (200, 202)


async def test_halves_of_characters_and_control_characters_are_taken_out(world: HookWorld) -> None:
    await world.rollout("shop-1")
    text = "\\ud800 \\u0000 \\u001b[31m \\u202e password=hunter2"
    body = f'{{"service": "shop", "environment": "production", "text": "{text}"}}'.encode()
    assert (await world.send("tickets", body)).status_code == 200
    reason = world.engine.orders[0].reason
    assert reason.isprintable()
    assert "hunter2" not in reason


async def test_one_that_is_too_long_is_refused_before_it_is_read(world: HookWorld) -> None:
    answer = await world.send("alerts", b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 413
    just = json.dumps({**SIMPLE, "more": "x" * 1_040_000}).encode()
    assert (await world.send("alerts", just)).status_code == 202


# ------------------------------------------------------------------ rights


async def test_a_hook_speaks_of_its_service_and_environment_only(world: HookWorld) -> None:
    await world.rollout("basket-1", "basket")
    await world.rollout("shop-t", "shop", "test")
    for service, environment in (("basket", "production"), ("shop", "test")):
        body = {**SIMPLE, "service": service, "environment": environment}
        answer = await world.send("shop-alerts", body)
        assert answer.status_code == 403, answer.text
        assert "speaks of" in answer.json()["detail"]
    answer = await world.send("shop-ci", {"service": "basket", "version": "2", "ok": True})
    assert answer.status_code == 403
    assert world.engine.orders == []


@pytest.mark.parametrize("kind", ["built", "firing", "reports"])
def test_a_hook_can_never_approve_promote_override_or_administer(kind: str) -> None:
    caller = Caller("hook:x", "hook", (Grant(Role.OPERATOR, "shop", "production"),), SCOPES[kind])
    for right in (Right.APPROVE, Right.PROMOTE, Right.OVERRIDE, Right.ADMINISTER):
        assert not caller.may(right, "shop", "production")
    assert caller.may(Right.GO_BACK, "shop", "production") == (kind == "firing")
    assert not caller.may(Right.VIEW, "basket", "production")


async def test_what_it_does_is_signed_with_its_name_and_audited(world: HookWorld) -> None:
    await world.rollout("shop-1")
    await world.send("alerts", alertmanager(alert()))
    assert world.engine.orders[0].by == "hook:alerts"
    assert await world.audited() == [("hook:alerts", "hold", "done")]
    assert (await world.store.run(audit.verify)).wrong == ()


# ------------------------------------------------------------------ built


@pytest.mark.parametrize(
    "body",
    [
        workflow_run(),
        check_suite(),
        deployment_status(),
        pipeline(),
        {"service": "shop", "version": "2.0.1", "ok": True, "url": "https://ci.shop.example/7", "unknown": {"a": []}},
    ],
    ids=["workflow_run", "check_suite", "deployment_status", "pipeline", "plain"],
)
async def test_a_green_build_ticks_the_item_of_that_version_with_its_link(world: HookWorld, body: Any) -> None:
    plan, other = await world.plan("2.0.1"), await world.plan("2.0.2")
    elsewhere = await world.plan("2.0.1", service="basket")
    answer = await world.send("ci", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["done"][0] | {"text": ""} == {
        "service": "shop",
        "environment": "production",
        "object": plan,
        "did": "ticked",
        "text": "",
    }
    tick = ticks_of(await world.store.run(queries.events_of, plan))["build"]
    assert tick.by == "hook:ci"
    assert isinstance(tick.event, ev.Ticked)
    assert " succeeded: https://" in tick.event.note
    for one in (other, elsewhere):
        assert not ticks_of(await world.store.run(queries.events_of, one))
    assert (await world.send("ci", body)).json()["message"].endswith("build is ticked already")


async def test_a_red_build_takes_the_tick_back_and_says_so_once(world: HookWorld) -> None:
    plan = await world.plan("2.0.1")
    red = workflow_run(conclusion="failure")
    answer = await world.send("ci", red)
    assert answer.json()["done"][0]["did"] == "unticked"
    assert (await world.send("ci", red)).status_code == 202
    await world.send("ci", workflow_run(run_attempt=2))
    assert "build" in ticks_of(await world.store.run(queries.events_of, plan))
    await world.send("ci", pipeline(status="failed"))
    assert not ticks_of(await world.store.run(queries.events_of, plan))
    said = [one for one in await world.record(plan) if isinstance(one, ev.Ticked | ev.Unticked)]
    assert [one.kind for one in said] == ["unticked", "ticked", "unticked"]
    assert said[0].note == "workflow build failed: https://github.com/acme/shop/actions/runs/289782451"


@pytest.mark.parametrize(
    ("version", "meant"),
    [
        ("2.0.1", True),
        ("v2.0.1", True),
        (SHA, True),
        (SHA[:7], True),
        (SHA[:6], False),
        ("2.0.10", False),
        ("2", False),
    ],
)
async def test_a_version_is_a_tag_with_or_without_v_or_a_commit(world: HookWorld, version: str, meant: bool) -> None:
    plan = await world.plan(version)
    answer = await world.send("ci", workflow_run())
    assert answer.status_code == (200 if meant else 202)
    assert bool(ticks_of(await world.store.run(queries.events_of, plan))) is meant


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (workflow_run(action="requested", conclusion=None), "not ended"),
        (workflow_run(conclusion="cancelled"), "neither"),
        (workflow_run(conclusion=None), "neither"),
        (check_suite(conclusion="neutral"), "neither"),
        (check_suite(head_branch=None), "fork"),
        (deployment_status(state="in_progress"), "neither"),
        (pipeline(status="running"), "neither"),
        (pipeline(merge_request={"id": 1, "source_project_id": 2, "target_project_id": 1}), "fork"),
        (workflow_run(head_repository={"full_name": "mallory/shop"}), "fork"),
        (workflow_run(head_repository=None), "fork"),
        ({"zen": "Keep it logically awesome.", "hook_id": 1, "hook": {}, "repository": {"name": "shop"}}, "not used"),
        ({"action": "opened", "issue": {}, "repository": {"name": "shop"}}, "not used"),
        ({"object_kind": "push", "ref": "refs/tags/v2.0.1"}, "not used"),
    ],
)
async def test_what_says_neither_success_nor_failure_is_taken_and_ignored(
    world: HookWorld, body: Any, said: str
) -> None:
    plan = await world.plan("2.0.1")
    answer = await world.send("ci", body)
    assert answer.status_code == 202, answer.text
    assert said in answer.json()["message"]
    assert len(await world.record(plan)) == 1


async def test_only_the_named_workflows_count(world: HookWorld) -> None:
    from pilotage.core.preparing import Item, Part

    await world.plan("2.0.1", Item("built", Part.TECHNICAL, "Built"))
    lint = await world.send("main-build", workflow_run(name="lint"))
    assert lint.status_code == 202
    assert "lint does not count" in lint.json()["message"]
    assert (await world.send("main-build", workflow_run())).status_code == 200


async def test_an_item_that_is_looked_up_or_not_there_is_not_ticked(world: HookWorld) -> None:
    await world.plan("2.0.1", LOOKED_UP)
    answer = await world.send("ci", workflow_run())
    assert answer.status_code == 202
    assert "nobody ticks it" in answer.json()["message"]
    assert "no item 'built'" in (await world.send("main-build", workflow_run())).json()["message"]


async def test_a_hook_for_one_service_needs_no_repository_of_that_name(world: HookWorld) -> None:
    plan = await world.plan("2.0.1")
    body = workflow_run()
    body["repository"] = body["workflow_run"]["head_repository"] = {"name": "monorepo", "full_name": "acme/monorepo"}
    assert (await world.send("ci", body)).status_code == 202
    assert (await world.send("shop-ci", body)).status_code == 200
    assert ticks_of(await world.store.run(queries.events_of, plan))


@pytest.mark.parametrize("body", [{}, {"service": "shop"}, {"service": "shop", "version": "2.0.1", "ok": "yes"}])
async def test_a_plain_message_needs_service_version_and_ok(world: HookWorld, body: Any) -> None:
    answer = await world.send("ci", body)
    assert answer.status_code == 422
    assert {one["path"] for one in answer.json()["problems"]} == {"service", "version", "ok"} - set(body) | (
        {"ok"} if "ok" in body else set()
    )


# ------------------------------------------------------------------ firing


async def test_a_firing_alert_holds_the_rollout_and_says_which(world: HookWorld) -> None:
    await world.rollout("shop-1")
    answer = await world.send("alerts", alertmanager(alert()))
    assert answer.status_code == 200
    assert answer.json()["message"] == "shop-1: hold"
    held = (await world.record("shop-1"))[-1]
    assert isinstance(held, ev.Held)
    assert held.reason == (
        "ErrorsHigh: ErrorsHigh: 5 % of the payments fail (http://prometheus.shop.example/graph?g0.expr=errors)"
    )


async def test_an_alert_without_a_running_rollout_has_nothing_to_do(world: HookWorld) -> None:
    answer = await world.send("alerts", alertmanager(alert()))
    assert answer.status_code == 202
    assert answer.json() == {"done": [], "message": "nothing to do: no rollout of shop in production runs"}


async def test_repeats_act_once_per_rollout_and_phase(world: HookWorld) -> None:
    await world.rollout("shop-1")
    body = alertmanager(alert())
    assert (await world.send("alerts", body)).status_code == 200
    await world.happened("shop-1", ev.Resumed(0, "known"))
    for _ in range(3):
        assert (await world.send("alerts", body)).status_code == 202
    assert len(world.engine.orders) == 1
    assert (await world.send("alerts", alertmanager(alert(), alert("Latency")))).status_code == 200
    assert world.engine.orders[-1].reason.startswith("Latency"), "only what is new"
    await world.happened("shop-1", ev.PhaseStarted(1, "50 %", 50.0), ev.WatchStarted(1, 60.0))
    assert (await world.send("alerts", body)).status_code == 200
    assert len(world.engine.orders) == 3


async def test_many_alerts_at_once_hold_once(world: HookWorld) -> None:
    await world.rollout("shop-1")
    await world.rollout("basket-1", "basket")
    many = [alert(f"Alert{number}") for number in range(50)]
    answer = await world.send("alerts", alertmanager(*many, alert(service="basket"), alert(service="idle")))
    assert answer.status_code == 200
    assert sorted(one["object"] for one in answer.json()["done"]) == ["basket-1", "shop-1"]
    assert len(world.engine.orders) == 2
    assert world.engine.orders[0].reason.endswith("; and 47 more")


async def test_a_resolved_alert_is_noted_only(world: HookWorld) -> None:
    await world.rollout("shop-1")
    answer = await world.send("alerts", alertmanager(alert(status="resolved")))
    assert answer.json()["done"][0]["did"] == "noted"
    assert world.engine.orders == []
    assert await world.audited() == [("hook:alerts", "alert-resolved", "done")]
    assert (await world.send("alerts", alertmanager(alert(status="resolved")))).status_code == 202


@pytest.mark.parametrize(("name", "did"), [("pager", "rollback"), ("notes", "reported")])
async def test_the_setting_says_what_an_alert_does(world: HookWorld, name: str, did: str) -> None:
    await world.rollout("shop-1")
    answer = await world.send(name, alertmanager(alert()))
    assert answer.json()["done"][0]["did"] == did
    assert len(world.engine.orders) == 1


async def test_one_that_is_held_already_is_told_of_the_trouble(world: HookWorld) -> None:
    await world.rollout("shop-1")
    await world.happened("shop-1", ev.Held(0, "errors rose"))
    assert (await world.send("alerts", alertmanager(alert()))).json()["message"] == "shop-1: reported"
    assert isinstance((await world.record("shop-1"))[-1], ev.TroubleReported)


async def test_while_it_shifts_the_sender_waits_and_then_is_to_come_again(world: HookWorld) -> None:
    await world.rollout("shop-1")
    await world.happened("shop-1", ev.PhaseStarted(1, "50 %", 50.0))
    answer = await world.send("alerts", alertmanager(alert()))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "shifting" in answer.json()["detail"]
    sending = asyncio.create_task(world.send("alerts", alertmanager(alert())))
    await world.happened("shop-1", ev.WatchStarted(1, 60.0))
    assert (await sending).status_code == 200
    assert (await world.record("shop-1"))[-1].kind == "held"


async def test_one_that_goes_back_already_is_left_alone(world: HookWorld) -> None:
    await world.rollout("shop-1")
    await world.happened("shop-1", ev.RollbackStarted(0, "errors rose"))
    answer = await world.send("alerts", alertmanager(alert()))
    assert answer.status_code == 202
    assert "rolling back already" in answer.json()["message"]


async def test_alerts_of_which_some_are_not_allowed_act_for_the_others(world: HookWorld) -> None:
    await world.rollout("shop-1")
    await world.rollout("basket-1", "basket")
    answer = await world.send("shop-alerts", alertmanager(alert(service="basket"), alert()))
    assert [one["object"] for one in answer.json()["done"]] == ["shop-1"]
    answer = await world.send("shop-alerts", alertmanager(alert(service="basket")))
    assert answer.status_code == 403


# ------------------------------------------------------------------ reports


async def test_tickets_that_rise_are_reported_trouble(world: HookWorld) -> None:
    await world.rollout("shop-1")
    link = "https://tickets.shop.example/7"
    answer = await world.send("tickets", {**SIMPLE, "count": 14, "link": link})
    assert answer.status_code == 200
    last = (await world.record("shop-1"))[-1]
    assert last == ev.TroubleReported(0, f"14 reports: payments fail ({link})")
    assert (await world.send("tickets", {**SIMPLE, "count": 15})).status_code == 202, "the same ticket"
    assert (await world.send("tickets", {**SIMPLE, "id": "INC-8"})).status_code == 200


# ------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    "row",
    [
        {"kind": "built", "then": "hold"},
        {"kind": "firing", "item": "build"},
        {"kind": "reports", "only": ["x"]},
        {"kind": "chat"},
        {"kind": "firing", "secret": "a value, not a reference"},
        {"kind": "firing", "service": ""},
    ],
)
def test_settings_that_do_not_fit_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="hooks"):
        Settings.model_validate({"hooks": {"x": {"secret": {"env": "HOOK_SECRET"}, **row}}})


@pytest.mark.parametrize("name", ["Has Capitals", "../up", "", "a" * 64, "with/slash"])
def test_a_hooks_name_is_a_word(name: str) -> None:
    with pytest.raises(ValueError, match="hooks"):
        Settings.model_validate({"hooks": {name: {"kind": "firing", "secret": {"env": "HOOK_SECRET"}}}})


async def test_doctor_tells_of_a_hook_that_believes_nobody(world: HookWorld) -> None:
    token = {"Authorization": "Bearer the-token-of-the-state-folder"}
    rows = {
        one["name"]: one["problem"] for one in (await world.client.get("/v1/health", headers=token)).json()["hooks"]
    }
    assert "NOBODY_SET_THIS" in rows["unset"]
    assert rows["alerts"] == ""
