"""The pages of plans: a new one from a brief, its checklist, its approval, its start."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.server.team import Team, settings, team

OLGA, AMIR, VIC = "olga@shop.example", "amir@shop.example", "vic@shop.example"
ITEMS = """
checklist:
  - {id: tested, part: preparation, text: The hot-fix is tested}
  - {id: told, part: preparation, text: Stakeholders know, required: false}
"""
BRIEF = (
    "Create deployment plan for payment null pointer hot-fix. Severity: P0 (45% of checkouts failing). "
    "Environment: Production (5M requests/day). Strategy: Canary deployment with feature flag."
)


def text_of(answer: httpx.Response) -> str:
    """What a reader sees, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


async def known(ours: Team, more: str = ITEMS, **about: object) -> str:
    """The id of a plan that Olga has registered."""
    body = ours.plan(more, **about)
    async with await ours.session(OLGA) as browser:
        answer = await browser.post("/plans/check", data={**body, "then": "register"})
    assert answer.status_code == 303, text_of(answer)
    return answer.headers["location"].removeprefix("/plans/")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Team]:
    async with team(tmp_path, settings(folders=[str(tmp_path)], approvals={"environments": ["test"]})) as found:
        yield found


# ------------------------------------------------------------------ a new plan


async def test_a_brief_becomes_a_draft_with_what_is_open_and_in_conflict(service: Team) -> None:
    async with await service.session(OLGA) as browser:
        answer = await browser.post("/plans/new", data={"brief": BRIEF + " Severity: P2."})
    said = text_of(answer)
    assert answer.status_code == 200
    assert "The draft needs you" in said
    assert "conflict:" in said
    assert "service: payment" in html.unescape(answer.text)
    assert "metrics.errors.total" in said


async def test_a_fact_counts_more_than_the_brief_and_a_wrong_one_is_said_beside_its_field(service: Team) -> None:
    async with await service.session(OLGA) as browser:
        good = await browser.post("/plans/new", data={"brief": BRIEF, "version": "2.4.1", "service": "billing"})
        bad = await browser.post("/plans/new", data={"brief": BRIEF, "severity": "P9"})
        none = await browser.post("/plans/new", data={"brief": " "})
    text = html.unescape(good.text)
    assert 'version: "2.4.1"' in text
    assert "service: billing" in text
    assert bad.status_code == none.status_code == 422
    assert 'id="fact-severity"' in bad.text
    assert "P9" in text_of(bad)


async def test_mistakes_are_told_with_their_lines_and_what_stands_there(service: Team) -> None:
    body = service.plan()
    body["plan"] = body["plan"].replace("severity: P0", "severity: P7")
    async with await service.session(OLGA) as browser:
        answer = await browser.post("/plans/check", data=body)
    line = body["plan"].splitlines().index("severity: P7") + 1
    assert answer.status_code == 422
    assert re.search(
        rf'class="number">{line}</td><th scope="row"><code>severity</code><pre>severity: P7</pre>', answer.text
    )
    assert not await service.coordinator.desk.plans()


async def test_a_good_plan_is_said_to_be_good_and_is_known_only_when_it_is_registered(service: Team) -> None:
    body = {**service.plan(), "plan": service.plan()["plan"].replace("\n", "\r\n")}
    async with await service.session(OLGA) as browser:
        checked = await browser.post("/plans/check", data=body)
        before = await service.coordinator.desk.plans()
        registered = await browser.post("/plans/check", data={**body, "then": "register"})
    (after,) = await service.coordinator.desk.plans()
    assert "A good plan: shop 1.0 → 2.0 in test" in text_of(checked)
    assert before == []
    assert registered.headers["location"] == f"/plans/{after['id']}"
    assert after["by"] == OLGA


async def test_a_folder_that_the_settings_do_not_name_is_refused(service: Team) -> None:
    async with await service.session(OLGA) as browser:
        for folder in ("/etc", "etc", "", f"{service.folder}/../.."):
            answer = await browser.post(
                "/plans/check", data={**service.plan(), "directory": folder, "then": "register"}
            )
            assert answer.status_code in (403, 422)
    assert not await service.coordinator.desk.plans()


async def test_a_viewer_is_told_why_they_cannot_register_and_cannot(service: Team) -> None:
    async with await service.session(VIC) as browser:
        page = await browser.get("/plans/new")
        answer = await browser.post("/plans/check", data={**service.plan(), "then": "register"})
    assert "needs the role operator" in text_of(page)
    assert re.search(r'value="register" disabled', page.text)
    assert answer.status_code == 403


# ------------------------------------------------------------------ the list, and one plan


async def test_plans_that_wait_are_listed_and_the_overdue_one_is_marked_and_first(service: Team) -> None:
    late = await known(service, "start: {within: 10m}", service="late")
    service.hands.at += 3600
    await known(service, service="new")
    async with await service.session(VIC) as browser:
        said = text_of(await browser.get("/plans"))
    assert "overdue by 50 min" in said
    assert said.index("late 2.0") < said.index("new 2.0")
    assert late.startswith("late-")


async def test_one_plan_shows_its_document_its_file_and_its_record(service: Team) -> None:
    name = await known(service)
    async with await service.session(VIC) as browser:
        answer = await browser.get(f"/plans/{name}")
    said = text_of(answer)
    assert "Both versions are recorded for 1 s" in said
    assert "Pilotage knows the plan" in said
    assert "<code>service: shop</code>" in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_a_long_record_is_shown_from_its_end_and_whole_when_asked_for(service: Team) -> None:
    name = await known(service)
    for number in range(60):
        for undo in (False, True):
            await service.coordinator.desk.tick(name, ["tested"], OLGA, f"number {number:03}", undo)
    async with await service.session(VIC) as browser:
        page = text_of(await browser.get(f"/plans/{name}"))
        whole = text_of(await browser.get(f"/plans/{name}?whole=true"))
    assert "Older: 21 more" in page
    assert page.index("number 059") < page.index("number 058")
    assert "Pilotage knows the plan" not in page
    assert "Pilotage knows the plan" in whole


async def test_nothing_that_a_plan_says_becomes_markup(service: Team) -> None:
    body = service.plan()
    body["plan"] = body["plan"].replace("summary: a test", "summary: '<script>alert(1)</script> **x** {{ 7*7 }}'")
    async with await service.session(OLGA) as browser:
        answer = await browser.post("/plans/check", data={**body, "then": "register"})
        page = await browser.get(answer.headers["location"])
        shown = await browser.get("/plans")
    for one in (page, shown):
        assert "<script>alert" not in one.text
        assert "49" not in one.text.split("<main")[1].split("{{")[0][:200]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "{{ 7*7 }}" in page.text


async def test_the_checklist_is_looked_up_apart_so_that_the_page_need_not_wait(service: Team) -> None:
    name = await known(service)
    async with await service.session(OLGA) as browser:
        page = await browser.get(f"/plans/{name}")
        part = await browser.get(f"/plans/{name}/checklist", headers={"HX-Request": "true"})
    assert f'data-hx-get="/plans/{name}/checklist"' in page.text
    assert "Pilotage looks it up" in text_of(page)
    assert "<html" not in part.text
    assert "no other rollout runs" in text_of(part)
    assert "2 required items are open" in text_of(part)


async def test_an_item_is_ticked_by_name_with_a_note_and_taken_back(service: Team) -> None:
    name = await known(service)
    async with await service.session(OLGA) as browser:
        ticked = await browser.post(f"/plans/{name}/tick", data={"item": "tested", "note": "run 4711"})
        page = text_of(await browser.get(f"/plans/{name}"))
        await browser.post(f"/plans/{name}/tick", data={"item": "tested", "undo": "true"})
        after = await service.coordinator.desk.view(name, look=False)
    assert ticked.status_code == 303
    assert f"{OLGA}, 2026-09-21 14:13:20 : run 4711" in page
    assert [one["mark"] for one in after["items"] if one["id"] == "tested"] == ["open"]


async def test_what_is_looked_up_nobody_ticks_and_the_page_says_so_where_it_was_done(service: Team) -> None:
    name = await known(service)
    async with await service.session(OLGA) as browser:
        answer = await browser.post(f"/plans/{name}/tick", data={"item": "drivers"})
    assert answer.status_code == 409
    assert "nobody ticks it" in answer.text.split('id="checklist-name"')[1].split("<h3>")[0]


async def test_a_viewer_reads_why_nothing_can_be_done(service: Team) -> None:
    name = await known(service)
    async with await service.session(VIC) as browser:
        page = await browser.get(f"/plans/{name}")
        answers = [
            await browser.post(f"/plans/{name}/{what}", data=data)
            for what, data in (("tick", {"item": "tested"}), ("rehearse", {}), ("start", {}), ("forget", {}))
        ]
    assert "needs the role operator, and has viewer" in text_of(page)
    assert [one.status_code for one in answers] == [403] * 4
    assert (await service.coordinator.desk.plans())[0]["id"] == name


# ------------------------------------------------------------------ approval and start


async def test_a_second_person_approves_what_the_first_has_asked_for(service: Team) -> None:
    name = await known(service)
    async with await service.session(OLGA) as browser:
        await browser.post(f"/plans/{name}/request-approval", data={"note": "45 % fail"})
    async with await service.session(AMIR) as browser:
        waits = text_of(await browser.get("/approvals"))
        page = await browser.get(f"/plans/{name}")
        digest = re.search(r'name="digest" value="([^"]+)"', page.text)
        assert digest is not None
        answer = await browser.post(f"/plans/{name}/approve", data={"digest": digest[1], "answer": "yes"})
        after = text_of(await browser.get(f"/plans/{name}"))
    assert "Waiting for you 1" in waits
    assert "45 % fail" in waits
    assert OLGA in text_of(page)
    assert answer.status_code == 303
    assert f"Approved by {AMIR}" in after


async def test_who_asked_is_told_that_somebody_else_has_to_approve_and_cannot(service: Team) -> None:
    rules = settings(
        folders=[str(service.folder)], roles=[{"who": [AMIR], "role": "approver"}, {"who": [OLGA], "role": "operator"}]
    )
    service.access.live.take(rules)
    body = service.plan(ITEMS)
    async with await service.session(AMIR) as browser:
        name = (await browser.post("/plans/check", data={**body, "then": "register"})).headers["location"]
        await browser.post(f"{name}/request-approval")
        page = await browser.get(name)
        digest = (await service.coordinator.desk.plans())[0]["digest"]
        answer = await browser.post(f"{name}/approve", data={"digest": digest, "answer": "yes"})
        waits = text_of(await browser.get("/approvals"))
    assert f"You cannot answer this: {AMIR} asked for this, so somebody else has to approve it" in text_of(page)
    assert re.search(r'value="yes" disabled', page.text)
    assert answer.status_code == 409
    assert "Nothing waits for your approval" in waits
    assert "Waiting for somebody else" in waits


async def test_a_page_that_shows_an_older_plan_approves_nothing(service: Team) -> None:
    name = await known(service)
    async with await service.session(OLGA) as browser:
        await browser.post(f"/plans/{name}/request-approval")
    async with await service.session(AMIR) as browser:
        answer = await browser.post(f"/plans/{name}/approve", data={"digest": "sha256:other", "answer": "yes"})
    assert answer.status_code == 409
    assert "the plan has changed" in text_of(answer)


async def approved(ours: Team, name: str) -> None:
    digest = (await ours.coordinator.desk.plans())[0]["digest"]
    async with await ours.session(OLGA) as browser:
        await browser.post(f"/plans/{name}/request-approval")
    async with await ours.session(AMIR) as browser:
        answer = await browser.post(f"/plans/{name}/approve", data={"digest": digest, "answer": "yes"})
    assert answer.status_code == 303


async def test_an_open_item_stops_the_start_and_is_named_there(service: Team) -> None:
    name = await known(service)
    await approved(service, name)
    async with await service.session(OLGA) as browser:
        answer = await browser.post(f"/plans/{name}/start")
    start = answer.text.split('id="start-name"')[1].split("</section>")[0]
    assert answer.status_code == 412
    assert "tested: The hot-fix is tested" in html.unescape(start)
    assert re.findall(r'name="override" value="([^"]+)"', start) == ["tested"]
    assert service.engine.started == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"reason": "P0, tested by hand"}, "Type the service's name, shop, to pass over tested"),
        ({"reason": "P0, tested by hand", "service": "shopp"}, "Type the service's name"),
        ({"service": "shop"}, "needs a reason"),
    ],
)
async def test_passing_over_an_item_needs_a_reason_and_the_services_name(
    service: Team, data: dict[str, str], said: str
) -> None:
    name = await known(service)
    await approved(service, name)
    async with await service.session(AMIR) as browser:
        answer = await browser.post(f"/plans/{name}/start", data={"override": "tested", **data})
    assert answer.status_code == 409
    assert said in text_of(answer)
    assert service.engine.started == []


async def test_with_both_an_approver_starts_over_it_and_an_operator_does_not(service: Team) -> None:
    name = await known(service)
    await approved(service, name)
    data = {"override": "tested", "reason": "P0, tested by hand", "service": "shop"}
    async with await service.session(OLGA) as browser:
        refused = await browser.post(f"/plans/{name}/start", data=data)
    async with await service.session(AMIR) as browser:
        answer = await browser.post(f"/plans/{name}/start", data=data)
        plan = text_of(await browser.get(f"/plans/{name}"))
    assert refused.status_code == 403
    assert answer.status_code == 303
    assert service.engine.started == [answer.headers["location"].removeprefix("/rollouts/")]
    assert "It was started:" in plan


async def test_what_is_looked_up_and_never_passed_over_is_not_offered(service: Team) -> None:
    name = await known(service)
    async with await service.session(AMIR) as browser:
        page = await browser.get(f"/plans/{name}?look=true")
    assert re.findall(r'name="override" value="([^"]+)"', page.text) == ["tested"]


async def test_a_plan_with_a_window_is_started_when_it_opens(service: Team) -> None:
    name = await known(service, 'start: {from: "2026-09-22 10:00", until: "2026-09-22 11:00", zone: UTC}')
    async with await service.session(OLGA) as browser:
        page = await browser.get(f"/plans/{name}")
        answer = await browser.post(f"/plans/{name}/start", data={"when": "window"})
        after = text_of(await browser.get(f"/plans/{name}"))
    assert "Start when its window opens" in text_of(page)
    assert answer.status_code == 303
    assert f"scheduled by {OLGA}" in after
    assert service.engine.started == []


async def test_a_plan_is_forgotten_and_its_record_stays(service: Team) -> None:
    name = await known(service)
    async with await service.session(OLGA) as browser:
        answer = await browser.post(f"/plans/{name}/forget", data={"reason": "fixed by hand"})
        after = text_of(await browser.get(f"/plans/{name}"))
        listed = text_of(await browser.get("/plans"))
    assert answer.status_code == 303
    assert "not waited for any more" in after
    assert "fixed by hand" in after
    assert "No plan waits" in listed


# ------------------------------------------------------------------ messages, versions


async def test_messages_are_previewed_as_they_would_be_sent(service: Team) -> None:
    name = await known(service, "notify: [{driver: console, audience: status-page}]")
    async with await service.session(VIC) as browser:
        said = text_of(await browser.get(f"/plans/{name}/messages"))
    assert "console status-page" in said
    assert "Nothing is sent from here" in said
    assert "shop" in said


async def test_two_versions_are_compared_and_where_the_later_is_less_careful_is_marked(service: Team) -> None:
    first = await known(service)
    service.hands.at += 60
    second = await known(service, hold="2m")
    async with await service.session(VIC) as browser:
        answer = await browser.get(f"/plans/{second}/compare")
        back = text_of(await browser.get(f"/plans/{first}/compare"))
        page = text_of(await browser.get(f"/plans/{first}"))
    assert "less careful hold.deadline: 20s -> 2m" in text_of(answer)
    assert "Less careful than before in 1 place" in text_of(answer)
    assert "Less careful" not in back
    assert f"the newest one is {second}" in page


async def test_a_plan_of_a_service_that_is_not_ones_own_is_not_there(service: Team) -> None:
    name = await known(service)
    rules = settings(roles=[{"who": [VIC], "role": "viewer", "service": "cart"}])
    service.access.live.take(rules)
    async with await service.session(VIC) as browser:
        answers = [
            await browser.get(f"/plans/{name}{more}")
            for more in ("", "/checklist", "/yaml", "/messages", "/compare", "?look=true")
        ]
        listed = text_of(await browser.get("/plans"))
    assert [one.status_code for one in answers] == [404] * len(answers)
    assert "No plan waits" in listed


async def test_a_form_from_elsewhere_does_nothing(service: Team) -> None:
    name = await known(service)
    async with await service.session(OLGA) as browser:
        browser.headers["X-CSRF-Token"] = ""
        for what in ("tick", "rehearse", "request-approval", "approve", "start", "forget"):
            data = {"item": "tested", "digest": "x", "answer": "yes", "csrf": "guess"}
            assert (await browser.post(f"/plans/{name}/{what}", data=data)).status_code == 403
        assert (await browser.post("/plans/check", data=service.plan())).status_code == 403
        assert (await browser.post("/plans/new", data={"brief": BRIEF})).status_code == 403
