"""The pages beside plans and rollouts: history, follow-ups, freezes, approvals, the audit log, people and tokens."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, update

from pilotage.core import events as ev
from pilotage.core.events import Recorded
from pilotage.core.model import Action, Verdict
from pilotage.core.people import Role, Scope
from pilotage.planfile import load
from pilotage.store import queries
from pilotage.store.schema import audit as audit_table
from tests.server.team import Team, settings

OLGA, AMIR, VIC, ROOT = "olga@shop.example", "amir@shop.example", "vic@shop.example", "root@shop.example"
START = (ev.RolloutStarted(), ev.PhaseStarted(0, "10 %", 10.0), ev.WeightSet("t", 10.0, 10.0, 0.1, "k"))
GOOD = (*START, ev.Promoted("every criterion is met"))
HELD = Verdict(Action.HOLD, "errors")
BAD = (*START, ev.Held(0, "errors", HELD), ev.RollbackStarted(0, "errors", HELD), ev.RolledBack("errors", 1.0))


def text_of(answer: httpx.Response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


async def rollout(ours: Team, service: str, happened: tuple[ev.Event, ...], ago_s: float = 86400.0, n: int = 1) -> str:
    body = ours.plan()
    its = replace(load(body["plan"], directory=Path(body["directory"])), service=service, version=f"v{n}")
    name, at, store = f"{service}-{n}", ours.hands.at - ago_s, ours.coordinator.store
    await store.run(queries.create_rollout, name, its, body["plan"], OLGA, "", at)
    for number, event in enumerate(happened):
        await store.run(queries.append_event, Recorded(name, number, at + 60 * number, "pilotage", event))
    return name


# ------------------------------------------------------------------ history


async def test_history_has_the_figures_their_n_and_what_they_mean(ours: Team) -> None:
    for number in range(3):
        await rollout(ours, "shop", GOOD, n=number)
    await rollout(ours, "cart", BAD)
    async with await ours.session(VIC) as browser:
        answer = await browser.get("/history")
    said = text_of(answer)
    assert "25.0 %" in said
    assert "1 of 4 changes that met traffic: 1 went back, 0 needed a hot-fix" in said
    assert "Time to restore 2 min" in said
    assert "the median of 1" in said
    assert answer.text.count('<svg class="chart"') == 2 * 3
    assert "style=" not in answer.text
    assert "<style" not in answer.text


async def test_every_number_of_the_trends_is_in_a_table_too(ours: Team) -> None:
    await rollout(ours, "shop", GOOD, ago_s=8 * 86400)
    await rollout(ours, "shop", BAD, n=2)
    async with await ours.session(VIC) as browser:
        answer = await browser.get("/history?days=30&service=shop")
    rows = re.findall(
        r'<tr><th scope="row">(\d{4}-\d\d-\d\d)</th><td class="number">(\d+)</td><td class="number">(\d+)', answer.text
    )
    assert [row[1:] for row in rows] == [("0", "0"), ("0", "0"), ("1", "0"), ("1", "1")]


async def test_history_is_of_the_services_that_the_reader_may_see(ours: Team) -> None:
    await rollout(ours, "shop", GOOD)
    await rollout(ours, "cart", BAD)
    ours.access.live.take(settings(roles=[{"who": [VIC], "role": "viewer", "service": "shop"}]))
    async with await ours.session(VIC) as browser:
        page = text_of(await browser.get("/history"))
        other = text_of(await browser.get("/history?service=cart"))
    token = await ours.token(VIC)
    async with ours.client(token) as client:
        told = (await client.get("/v1/history")).json()
    assert "0 of 1 changes" in page
    assert "cart" not in page
    assert "No change was delivered" in other
    assert [one["service"] for one in told["services"]] == ["shop"]


@pytest.mark.parametrize("query", ["days=0", "days=367", "days=x", f"service={'x' * 65}"])
async def test_a_filter_that_is_none_is_said_and_nothing_fails(ours: Team, query: str) -> None:
    async with await ours.session(VIC) as browser:
        assert (await browser.get(f"/history?{query}")).status_code == 422


# ------------------------------------------------------------------ follow-ups


async def test_open_follow_ups_of_all_rollouts_are_there_the_failed_ones_first(ours: Team) -> None:
    at = ours.hands.at
    planned = ev.FollowUpsPlanned(
        (
            ev.PlannedFollowUp("holds", at - 600, "The fix holds", "on-call", "fix-holds"),
            ev.PlannedFollowUp("review", at + 600, "Hold the review", "owner"),
            ev.PlannedFollowUp("close", at - 60, "Close the channel", "on-call"),
        )
    )
    failed = ev.FollowUpFailed("holds", "The fix holds", "errors 3 %")
    await rollout(ours, "shop", (*GOOD, planned, failed))
    async with await ours.session(OLGA) as browser:
        said = text_of(await browser.get("/follow-ups"))
        called_otherwise = await browser.get("/followups")
    places = [
        said.index(one) for one in ("Failed:", "errors 3 %", "Due", "Close the channel", "Coming", "Hold the review")
    ]
    assert places == sorted(places)
    assert called_otherwise.headers["location"] == "/follow-ups"


async def test_a_viewer_sees_follow_ups_and_settles_none(ours: Team) -> None:
    planned = ev.FollowUpsPlanned((ev.PlannedFollowUp("review", ours.hands.at, "Hold the review", "owner"),))
    name = await rollout(ours, "shop", (*GOOD, planned))
    async with await ours.session(VIC) as browser:
        page = text_of(await browser.get("/follow-ups"))
        answer = await browser.post(f"/follow-ups/{name}/review/done", data={"note": "done"})
    assert "needs the role operator" in page
    assert answer.status_code == 403


# ------------------------------------------------------------------ freezes and locks


async def test_a_freeze_is_made_for_a_time_in_a_zone_and_lifted(ours: Team) -> None:
    data = {"service": "shop", "reason": "Black Friday", "begins": "2026-11-27T00:00", "zone": "Europe/Berlin"}
    async with await ours.session(OLGA) as browser:
        made = await browser.post("/freezes", data=data)
        page = text_of(await browser.get("/freezes"))
        (freeze,) = await ours.coordinator.gates.freezes()
        operator = await browser.post(f"/freezes/{freeze.id}/lift", data={"reason": "over"})
    async with await ours.session(AMIR) as browser:
        approver = await browser.post(f"/freezes/{freeze.id}/lift", data={"reason": "over"})
        after = text_of(await browser.get("/freezes"))
    assert made.status_code == approver.status_code == 303
    assert freeze.begins == 1795734000.0  # 23:00 UTC of the day before
    assert "shop to come" in page
    assert operator.status_code == 403
    assert f"Lifted by {AMIR}" in after


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"service": "shop"}, "A freeze needs a reason"),
        ({"service": "shop", "reason": "why not", "begins": "soon"}, "expected a time such as"),
        (
            {"service": "shop", "reason": "why not", "begins": "2026-11-27T00:00", "zone": "../etc/passwd"},
            "expected a time",
        ),
        ({"service": "shop", "reason": "why not", "ends": "2001-01-01T00:00"}, "not in the past"),
    ],
)
async def test_a_freeze_that_cannot_be_is_said_beside_its_form_which_keeps_what_was_typed(
    ours: Team, data: dict[str, str], said: str
) -> None:
    async with await ours.session(OLGA) as browser:
        answer = await browser.post("/freezes", data=data)
    form = answer.text.split('action="/freezes"')[1].split("</form>")[0]
    assert answer.status_code == 409
    assert said in html.unescape(form)
    assert 'value="shop"' in form
    assert await ours.coordinator.gates.freezes() == []


async def test_a_service_is_locked_and_unlocked(ours: Team) -> None:
    data = {"service": "shop", "environment": "production", "reason": "looking at it"}
    async with await ours.session(OLGA) as browser:
        await browser.post("/locks", data=data)
        again = await browser.post("/locks", data=data)
        page = text_of(await browser.get("/freezes"))
        operator = await browser.post("/locks/release", data=data)
    async with await ours.session(AMIR) as browser:
        await browser.post("/locks/release", data={**data, "reason": "done looking"})
        after = text_of(await browser.get("/freezes"))
    assert again.status_code == 409
    assert OLGA in text_of(again)
    assert "shop in production looking at it" in page
    assert operator.status_code == 403
    assert "Nobody has locked a service" in after
    assert "done looking" in after


# ------------------------------------------------------------------ approvals


async def test_a_phase_that_waits_is_shown_to_who_may_let_it_begin_and_not_as_ones_own(ours: Team) -> None:
    name = await ours.rollout(OLGA)
    async with await ours.session(AMIR) as browser:
        mine = text_of(await browser.get("/approvals"))
        link = f'href="/rollouts/{name}"' in (await browser.get("/approvals")).text
    ours.access.live.take(settings(roles=[{"who": [OLGA], "role": "approver"}]))
    async with await ours.session(OLGA) as browser:
        hers = text_of(await browser.get("/approvals"))
    assert "Waiting for you 1" in mine
    assert link
    assert "Nothing waits for your approval" in hers
    assert f"{OLGA} started this rollout, so somebody else has to approve it" in hers


# ------------------------------------------------------------------ the audit log


async def test_the_log_says_what_was_done_and_what_was_refused_and_is_verified(ours: Team) -> None:
    async with await ours.session(VIC) as browser:
        await browser.post("/freezes", data={"reason": "because"})
    async with await ours.session(ROOT) as browser:
        answer = await browser.get("/audit?verify=true")
        narrowed = text_of(await browser.get(f"/audit?by={AMIR}"))
    said = text_of(answer)
    assert "It is as it was written" in said
    assert f"{VIC} (person) freeze * in * denied" in said
    assert "There is no such entry" in narrowed


async def test_a_changed_entry_is_found_and_named(ours: Team) -> None:
    async with await ours.session(ROOT) as browser:
        await browser.post("/freezes", data={"reason": "because of it"})

        def changed(connection: Connection) -> None:
            connection.execute(update(audit_table).where(audit_table.c.what == "freeze").values(by="nobody"))

        await ours.coordinator.store.run(changed)
        said = text_of(await browser.get("/audit?verify=true"))
    assert "It is not as it was written" in said
    assert "(freeze of * in *) was changed" in said


async def test_the_log_is_told_in_pages(ours: Team) -> None:
    for number in range(25):
        await rollout(ours, "shop", (*GOOD, *BAD[:1]), n=number)
    async with await ours.session(ROOT) as browser:
        first = await browser.get("/audit")
        older = re.search(r'href="(/audit\?before=[^"]+)"', first.text)
        assert older is not None
        second = await browser.get(html.unescape(older[1]))
    numbers = [int(one) for page in (first, second) for one in re.findall(r'<tr><td class="number">(\d+)', page.text)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == 1
    assert len(set(numbers)) == len(numbers) == numbers[0]


async def test_who_sees_a_part_only_does_not_see_the_log(ours: Team) -> None:
    ours.access.live.take(settings(roles=[{"who": [VIC], "role": "admin", "service": "shop"}]))
    async with await ours.session(VIC) as browser:
        assert (await browser.get("/audit")).status_code == 403


# ------------------------------------------------------------------ people and tokens


async def test_an_admin_sees_the_roles_in_force_and_others_their_own(ours: Team) -> None:
    async with await ours.session(ROOT) as browser:
        admin = text_of(await browser.get("/people"))
    async with await ours.session(VIC) as browser:
        viewer = text_of(await browser.get("/people"))
    assert f"{OLGA}, group:payment-team operator every service in every environment" in admin
    assert "viewer of every service in every environment" in viewer
    assert OLGA not in viewer
    assert "A token for a machine" not in viewer


async def test_a_machines_token_is_shown_once_works_and_ends_when_it_is_revoked(ours: Team) -> None:
    data: dict[str, Any] = {"kind": "token", "name": "ci-main", "role": "operator", "days": "7"}
    data |= {"scope": ["plan:read", "rollout:write"], "service": "shop"}
    async with await ours.session(ROOT) as browser:
        answer = await browser.post("/people/tokens", data=data)
        found = re.search(r'<pre id="secret">([^<]+)</pre>', answer.text)
        assert found is not None
        page = await browser.get("/people")
        async with ours.client(found[1]) as client:
            before = (await client.get("/v1/rollouts")).status_code
            name = (await ours.coordinator.store.run(_ids))[0]
            await browser.post(f"/people/tokens/{name}/revoke")
            after = (await client.get("/v1/rollouts")).status_code
        past = text_of(await browser.get("/people"))
    assert found[1] not in page.text
    assert "operator of shop in every environment; scopes: plan:read, rollout:write" in text_of(page)
    assert answer.headers["cache-control"] == "no-store"
    assert (before, after) == (200, 401)
    assert f"revoked by {ROOT}" in past


def _ids(connection: Connection) -> list[str]:
    from pilotage.store import people

    return [one.id for one in people.all_tokens(connection)]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"name": "CI main"}, "small letters"),
        ({"scope": []}, "a scope at least"),
        ({"kind": "agent", "scope": ["approve"]}, "An agent never approves"),
    ],
)
async def test_a_token_that_cannot_be_is_said_beside_the_form(ours: Team, more: dict[str, Any], said: str) -> None:
    data: dict[str, Any] = {"kind": "token", "name": "ci", "role": "operator", "days": "7", "scope": ["plan:read"]}
    async with await ours.session(ROOT) as browser:
        answer = await browser.post("/people/tokens", data={**data, **more})
    assert answer.status_code == 409
    assert said in html.unescape(answer.text.split('id="new-token"')[1].split("</form>")[0])


async def test_who_is_no_admin_makes_no_machines_token_and_revokes_nobody_elses(ours: Team) -> None:
    await ours.machine("ci", "token", Role.VIEWER, Scope.READ)
    (name,) = await ours.coordinator.store.run(_ids)
    data = {"kind": "token", "name": "mine", "role": "admin", "days": "7", "scope": "admin"}
    async with await ours.session(AMIR) as browser:
        made = await browser.post("/people/tokens", data=data)
        revoked = await browser.post(f"/people/tokens/{name}/revoke")
    assert made.status_code == revoked.status_code == 403
    assert await ours.coordinator.store.run(_ids) == [name]


async def test_an_admin_ends_the_sessions_of_somebody_who_has_left(ours: Team) -> None:
    async with await ours.session(OLGA) as hers, await ours.session(ROOT) as browser:
        answer = await browser.post("/people/sign-out", data={"name": OLGA})
        after = await hers.get("/plans")
    assert "1 session of olga@shop.example ended" in text_of(answer)
    assert after.status_code == 303
    assert after.headers["location"].startswith("/login")


# ------------------------------------------------------------------ documents of a rollout


async def test_a_rollouts_plan_is_read_as_it_was_started_with_its_checklist(ours: Team) -> None:
    checked = (ev.Checked("tested", "preparation", "The hot-fix is tested", "done", True, OLGA, 1.0, "run 4711"),)
    name = await rollout(ours, "shop", (ev.ChecklistPassed(checked), *GOOD))
    async with await ours.session(VIC) as browser:
        said = text_of(await browser.get(f"/rollouts/{name}/plan"))
    assert "done: The hot-fix is tested" in said
    assert "run 4711" in said
    assert "Both versions are recorded for 1 s" in said


async def test_a_rollout_whose_plan_file_was_not_kept_says_so(ours: Team) -> None:
    body = ours.plan()
    its = load(body["plan"], directory=Path(body["directory"]))
    await ours.coordinator.store.run(queries.create_rollout, "old-1", its, "", OLGA, "", ours.hands.at)
    async with await ours.session(VIC) as browser:
        answer = await browser.get("/rollouts/old-1/plan")
    assert answer.status_code == 200
    assert "Its plan file was not kept" in text_of(answer)


async def test_a_reviews_draft_is_a_page_too_and_text_in_it_stays_text(ours: Team) -> None:
    name = await rollout(ours, "shop", (*BAD[:-1], ev.RolledBack("<img src=x onerror=alert(1)> |x| **y**", 1.0)))
    async with await ours.session(VIC) as browser:
        answer = await browser.get(f"/rollouts/{name}/review")
    assert "<img" not in answer.text.split("<main")[1]
    assert "<img src=x onerror=alert(1)> |x| **y**" in text_of(answer) or "&lt;img src=x" in answer.text
    assert "What worked" in text_of(answer)


@pytest.mark.parametrize("path", ["plan", "review"])
async def test_a_rollout_that_one_may_not_see_is_not_there(ours: Team, path: str) -> None:
    name = await rollout(ours, "shop", GOOD)
    ours.access.live.take(settings(roles=[{"who": [VIC], "role": "viewer", "service": "cart"}]))
    async with await ours.session(VIC) as browser:
        assert (await browser.get(f"/rollouts/{name}/{path}")).status_code == 404


PAGES = ("/plans", "/plans/new", "/history", "/follow-ups", "/freezes", "/approvals", "/audit", "/people")


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_needs_a_session_and_works_under_the_strict_policy(ours: Team, path: str) -> None:
    async with ours.client() as stranger:
        sent = await stranger.get(path)
    async with await ours.session(ROOT) as browser:
        answer = await browser.get(path)
    assert sent.status_code == 303
    assert sent.headers["location"].startswith("/login?next=")
    assert answer.status_code == 200
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    for forbidden in ("<style", " style=", "javascript:", " onclick", "<script>"):
        assert forbidden not in answer.text
