"""From the page to a real rollout: a plan is registered, ticked and started by forms, goes back, and is counted."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.stage import Local, Stage, local, wait_for

TESTED = """
checklist:
  - {id: tested, part: preparation, text: The hot-fix is tested}
"""
REVIEW = """
follow_ups:
  - {id: review, after: 1h, text: Hold the review}
"""


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with local(tmp_path_factory.mktemp("state")) as found:
        yield found


@pytest.fixture
def browser(coordinator: Local) -> Iterator[httpx.Client]:
    """Of whoever runs the coordinator: local mode lets them in without a login."""
    note = json.loads((coordinator.state / "coordinator.json").read_text())
    with httpx.Client(base_url=note["url"], follow_redirects=True, timeout=30) as found:
        page = found.get("/plans")
        token = re.search(r'<meta name="csrf" content="([^"]+)"', page.text)
        assert token is not None, page.text[:500]
        found.headers.update({"X-CSRF-Token": token[1], "Origin": note["url"]})
        yield found


def text_of(answer: httpx.Response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_a_plan_becomes_a_rollout_by_forms_alone(coordinator: Local, browser: httpx.Client, stage: Stage) -> None:
    plan = stage.plan(phases="[{weight: 10%, watch: 60s}, {weight: 100%, watch: 2s}]", more=TESTED)["plan"]
    body = {"plan": plan, "directory": str(stage.folder), "then": "register"}
    page = browser.post("/plans/check", data=body)
    known = page.url.path
    assert re.fullmatch(r"/plans/shop-[0-9a-f]{8}", known), text_of(page)
    assert browser.post(f"{known}/start").status_code == 412
    rehearsed = browser.post(f"{known}/rehearse")
    assert "rehearsed" in text_of(rehearsed)
    assert stage.weight() == 0
    browser.post(f"{known}/tick", data={"item": "tested", "note": "run 4711"})
    started = browser.post(f"{known}/start", data={"reason": "45 % of checkouts fail"})
    rollout = started.url.path.removeprefix("/rollouts/")
    wait_for(lambda: stage.weight() == 10, 30)
    assert "tested" in text_of(browser.get(f"/rollouts/{rollout}/plan"))
    assert "run 4711" in text_of(browser.get(f"/rollouts/{rollout}/plan"))
    coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "tester", "reason": "enough seen"})
    assert coordinator.ended(rollout)["status"] == "rolled back"
    assert stage.weight() == 0
    history = text_of(browser.get("/history"))
    assert "1 of 1 changes that met traffic: 1 went back" in history
    assert "enough seen" in text_of(browser.get(f"/rollouts/{rollout}/review"))


def test_a_follow_up_is_noted_as_done(coordinator: Local, browser: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stage = Stage(tmp_path / "other")
    try:
        body = stage.plan(service="cart", phases="[{weight: 100%, watch: 2s}]", more=REVIEW)
        rollout = coordinator.api.post("/v1/rollouts", body)["id"]
        coordinator.ended(rollout)
        wait_for(lambda: "Hold the review" in text_of(browser.get("/follow-ups")), 30)
        browser.post(f"/follow-ups/{rollout}/review/done", data={"note": "held on Monday"})
        wait_for(lambda: f"/follow-ups/{rollout}/review/done" not in browser.get("/follow-ups").text, 30)
        found = coordinator.api.get(f"/v1/rollouts/{rollout}/followups")
        assert [one["status"] for one in found if one["id"] == "review"] == ["done"]
    finally:
        stage.close()
