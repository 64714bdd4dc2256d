"""The whole story in a browser: a plan, a second person's approval, a live rollout on Envoy, one press, the report.

The pictures of the documentation are made here: PILOTAGE_PICTURES=1 writes them there.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from pilotage.core.people import Scope
from pilotage.demo.scene import Scene
from tests.server.chromium import barriers, chromium, opened
from tests.servers import free_port
from tests.stage import Local, local

BRIEF = (
    "Create deployment plan for payment null pointer hot-fix. Severity: P0 (45% of checkouts failing). "
    "Environment: Production (5M requests/day). Strategy: Canary deployment with feature flag."
)
OLGA, AMIR, VIC = "olga@shop.example", "amir@shop.example", "vic@shop.example"
IMAGES = Path(__file__).parents[2] / "docs" / "images"
SCREEN = {"width": 1280, "height": 1250}
PHONE = {"width": 390, "height": 844}


@dataclass
class Shop:
    """A team's coordinator, and Envoy with two versions behind it."""

    url: str
    coordinator: Local
    scene: Scene
    folder: Path

    def token(self, name: str) -> str:
        scopes = [scope.value for scope in Scope if scope is not Scope.ADMIN]
        asked = {"kind": "person", "name": name, "scopes": scopes, "lasts_s": 3600, "by": "tester"}
        return str(self.coordinator.api.post("/v1/tokens", asked)["secret"])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    folder, port = tmp_path / "plans", free_port()
    roles = [
        {"who": [OLGA], "role": "operator"},
        {"who": [AMIR], "role": "approver", "service": "payment"},
        {"who": [VIC], "role": "viewer"},
    ]
    settings = {
        "listen": f"127.0.0.1:{port}",
        "url": f"http://127.0.0.1:{port}",
        "login": {},
        "folders": [str(folder)],
        "approvals": {"environments": ["demo"]},
        "roles": roles,
    }
    (tmp_path / "settings.yaml").write_text(json.dumps(settings))
    monkeypatch.setenv("PILOTAGE_SETTINGS", str(tmp_path / "settings.yaml"))
    with Scene(folder, bad=False, seconds=300) as scene, local(tmp_path / "state") as coordinator:
        yield Shop(settings["url"], coordinator, scene, folder)  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return IMAGES if os.environ.get("PILOTAGE_PICTURES") else tmp_path


async def log_in(page: Page, shop: Shop, name: str) -> None:
    await page.get_by_label("An API token of yours").fill(shop.token(name))
    await page.get_by_role("button", name="Log in with the token").click()
    await expect(page.get_by_text(name)).to_be_visible()


async def picture(page: Page, folder: Path, name: str, scripts: bool = True) -> None:
    """Also looked at for barriers: these are the pages as they are in the middle of it. Without `scripts` none runs
    there, and so axe does not."""
    assert not scripts or await barriers(page) == [], name
    await page.screenshot(path=folder / f"story-{name}.png")
    assert (folder / f"story-{name}.png").stat().st_size > 10_000


@pytest.mark.timeout(400)
async def test_from_a_brief_to_the_report_with_a_second_person_and_the_red_button(
    shop: Shop, browser: Browser, pictures: Path
) -> None:
    async with AsyncExitStack() as stack:

        async def person(name: str, size: dict[str, int] = SCREEN, scheme: str = "light") -> Page:
            context = {"viewport": size, "color_scheme": scheme}
            page = await stack.enter_async_context(opened(browser, shop.url, mistakes=True, **context))
            await log_in(page, shop, name)
            return page

        olga, amir = await person(OLGA), await person(AMIR)

        # a plan, from a brief
        await olga.goto(f"{shop.url}/plans/new")
        await olga.get_by_label("Brief").fill(BRIEF)
        await olga.get_by_role("button", name="Draft").first.click()
        await expect(olga.get_by_text("are still to be filled in")).to_be_visible()
        await picture(olga, pictures, "draft")
        written = shop.scene.plan.read_text().replace("watch: 14s", "watch: 120s")
        await olga.locator("textarea[name=plan]").fill(written)
        await olga.locator("input[name=directory]").fill(str(shop.folder))
        await olga.get_by_role("button", name="Register").click()
        await expect(olga.get_by_role("heading", name="payment 2.4.1 in demo")).to_be_visible()
        plan = olga.url

        # it does not start before somebody else has approved it, and that is not Olga
        await olga.get_by_role("button", name="Start now").click()
        await expect(olga.get_by_text("nobody has approved this plan as it is now").first).to_be_visible()
        await olga.goto(plan)
        await olga.get_by_role("button", name="Ask for an approval").click()
        await expect(olga.get_by_role("button", name="Approve")).to_be_disabled()
        await amir.goto(plan)
        await picture(amir, pictures, "plan")
        await amir.get_by_role("button", name="Approve").click()
        await expect(amir.get_by_text("approved", exact=True)).to_be_visible()

        # live, on Envoy
        await olga.goto(plan)
        await olga.get_by_role("button", name="Start now").click()
        await expect(olga.get_by_text("10 % of the traffic on 2.4.1").first).to_be_visible(timeout=60_000)
        await expect(olga.get_by_text("requests to the canary").first).to_be_visible(timeout=30_000)
        await expect(olga.locator("canvas").first).to_be_visible(timeout=30_000)
        await olga.wait_for_timeout(16_000)  # some ticks, so that the pictures show something
        await picture(olga, pictures, "live")
        await picture(await person(AMIR, PHONE, "dark"), pictures, "home-phone")
        phone = await person(AMIR, PHONE, "dark")
        await phone.goto(olga.url)
        await expect(phone.get_by_role("button", name="Roll back")).to_be_visible()
        await picture(phone, pictures, "live-phone")

        # whoever only looks cannot press it
        vic = await person(VIC)
        await vic.goto(olga.url)
        await expect(vic.get_by_role("button", name="Roll back")).to_have_attribute("aria-disabled", "true")

        # one press
        rollout = olga.url.rsplit("/", 1)[1]
        await olga.get_by_role("button", name="Roll back").click()
        await expect(olga.get_by_text("Rolled back").first).to_be_visible()
        view = shop.coordinator.view(rollout)
        assert (view["status"], view["weight_in_force"]) == ("rolled back", 0.0)
        await expect(amir.get_by_text(OLGA).first).to_be_attached()
        await olga.reload()
        await picture(olga, pictures, "back")

        # what is left of it
        await olga.goto(f"{shop.url}/rollouts/{rollout}/report")
        await expect(olga.get_by_text("Impact").first).to_be_visible()
        await picture(olga, pictures, "report", scripts=False)
        await amir.goto(f"{shop.url}/history")
        await picture(amir, pictures, "history")
        await amir.goto(shop.url)
        await picture(amir, pictures, "home")

    record = shop.coordinator.api.get(f"/v1/rollouts/{rollout}/events")
    started = next(one for one in record if one["event"]["kind"] == "rollback_started")
    assert started["by"] == OLGA
    passed = next(one["event"] for one in record if one["event"]["kind"] == "checklist_passed")
    assert any(one["id"] == "approved" and f"approved by {AMIR}" in one["evidence"] for one in passed["items"])
    assert shop.coordinator.api.get("/v1/audit/verify")["wrong"] == []
