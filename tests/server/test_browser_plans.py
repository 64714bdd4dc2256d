"""The pages of plans and of a team in a real Chromium: no barriers (axe), and the way from a brief to a tick."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from pilotage.core import events as ev
from tests.server.chromium import barriers, chromium, opened
from tests.server.records import add_rollout, tell
from tests.server.world import World, served
from tests.stage import Stage
from tests.taking import made_known

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
SCREENS = [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)]
BRIEF = (
    "Create deployment plan for payment null pointer hot-fix. Severity: P0 (45% of checkouts failing). "
    "Environment: Production (5M requests/day). Strategy: Canary deployment with feature flag."
)
ITEMS = """
start: {within: 10m}
notify: [{driver: console, audience: incident}, {driver: console, audience: status-page}]
checklist:
  - {id: tested, part: preparation, text: The hot-fix is tested}
  - {id: told, part: preparation, text: Stakeholders know, required: false}
"""


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture
async def url(service: World) -> AsyncIterator[str]:
    async with served(service.app) as found:
        yield found


async def known(service: World, stage: Stage, **about: str) -> str:
    body = stage.plan(more=ITEMS, **about)
    return await made_known(service.coordinator.desk, body["plan"], body["directory"], "plan.yaml", "ann")


async def furnished(service: World, stage: Stage) -> dict[str, str]:
    """Something on every page; the paths of those that have a name in them."""
    coordinator, store = service.coordinator, service.store
    first = await known(service, stage)
    service.clock.time += 3600
    plan = await known(service, stage, hold="2m")
    await coordinator.desk.tick(plan, ["tested"], "ann", "run 4711", False)
    await coordinator.desk.approvals.request(plan, "ann", "45 % fail")
    await coordinator.gates.freeze("shop", "", "the sales begin", "ann", None, None)
    await coordinator.gates.lock("cart", "test", "looking at it", "ann")
    at = service.clock.now()
    for number in range(6):
        name = await add_rollout(store, service.folder, f"shop-{number}", service="shop", at=at - 86400 * (number + 1))
        last = ev.RolledBack("errors 4 %", 1.0) if number == 2 else ev.Promoted("every criterion is met")
        await tell(store, name, 3, last, at - 86400 * number - 3000)
    planned = (
        ev.PlannedFollowUp("holds", at - 60, "The fix holds", "on-call", "fix-holds"),
        ev.PlannedFollowUp("review", at + 60, "Hold the review", "owner"),
    )
    await tell(store, "shop-2", 4, ev.FollowUpsPlanned(planned), at)
    await tell(store, "shop-2", 5, ev.FollowUpFailed("holds", "The fix holds", "errors 3 %"), at)
    waits = await add_rollout(store, service.folder, "live-1", service="live", at=at - 60)
    await tell(store, waits, 3, ev.ApprovalRequested(0, "10 %"), at)
    return {
        "plans": "/plans",
        "new": "/plans/new",
        "plan": f"/plans/{plan}?look=true",
        "earlier": f"/plans/{first}",
        "messages": f"/plans/{plan}/messages",
        "compare": f"/plans/{plan}/compare",
        "history": "/history?days=30",
        "follow-ups": "/follow-ups",
        "freezes": "/freezes",
        "approvals": "/approvals",
        "audit": "/audit?verify=true",
        "people": "/people",
        "plan of a rollout": "/rollouts/shop-2/plan",
        "review": "/rollouts/shop-2/review",
    }


@pytest.mark.parametrize(("scheme", "size"), SCREENS, ids=["light", "dark", "phone", "dark-phone"])
async def test_no_page_has_a_barrier_or_scrolls_sideways(
    service: World, stage: Stage, browser: Browser, url: str, scheme: str, size: dict[str, int]
) -> None:
    found = {}
    for name, path in (await furnished(service, stage)).items():
        async with opened(browser, url + path, color_scheme=scheme, viewport=size, reduced_motion="reduce") as page:
            await expect(page.locator("#checklist-name + [data-hx-get]")).to_have_count(0)
            await page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
            found[name] = await barriers(page)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, name
    assert not {name: lines for name, lines in found.items() if lines}


async def test_what_can_be_pressed_is_large_enough(service: World, stage: Stage, browser: Browser, url: str) -> None:
    small = {}
    for name, path in (await furnished(service, stage)).items():
        async with opened(browser, url + path, viewport=PHONE) as page:
            small[name] = await page.evaluate(
                """() => [...document.querySelectorAll("button, summary, input:not([type=hidden]), nav a, a.button")]
                .filter((one) => one.checkVisibility() && !one.matches(".visually-hidden"))
                .map((one) => [one.id || one.textContent.trim(), one.getBoundingClientRect().height])
                .filter(([, height]) => height < 24)"""
            )
    assert not {name: found for name, found in small.items() if found}


async def test_from_a_brief_to_a_tick_by_keyboard_alone(
    service: World, stage: Stage, browser: Browser, url: str
) -> None:
    """A draft is not complete without the repository: what a person types instead is a plan of the stage."""
    async with opened(browser, f"{url}/plans/new", mistakes=True, viewport=DESK) as page:
        await page.get_by_label("Brief").focus()
        await page.keyboard.type(BRIEF)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="The draft needs you")).to_be_visible()
        text, folder = page.get_by_label("Plan file (YAML)"), page.get_by_label("Folder")
        assert "service: payment" in await text.input_value()
        await folder.fill(str(stage.folder))
        await page.get_by_role("button", name="Check").press("Enter")
        await expect(page.get_by_text("places are still to be filled in")).to_be_visible()
        await text.fill(stage.plan(more=ITEMS)["plan"])
        await page.get_by_role("button", name="Check").press("Enter")
        await expect(page.get_by_text("A good plan:")).to_be_visible()
        await page.get_by_role("button", name="Register").press("Enter")
        await expect(page.get_by_role("heading", name="shop 2.0 in test")).to_be_visible()
        await expect(page.get_by_text("1 required item is open")).to_be_visible()  # it was looked up by itself
        await page.get_by_label("Note on: The hot-fix is tested").press_sequentially("run 4711")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("nothing required is open")).to_be_visible()
        await expect(page.locator("#checklist")).to_contain_text("run 4711")
    (plan,) = await service.coordinator.desk.plans()
    assert plan["to_tick"] == []


async def test_without_javascript_everything_is_there_too(
    service: World, stage: Stage, browser: Browser, url: str
) -> None:
    plan = await known(service, stage)
    async with opened(browser, f"{url}/plans/{plan}", java_script_enabled=False, viewport=DESK) as page:
        await page.get_by_role("link", name="Look everything up now").click()
        await expect(page.get_by_text("1 required item is open")).to_be_visible()
        await page.get_by_role("button", name=re.compile("Tick.*hot-fix is tested")).click()
        await page.get_by_role("link", name="Look everything up now").click()
        await expect(page.get_by_text("nothing required is open")).to_be_visible()


async def test_a_plan_that_was_changed_shows_where_it_is_less_careful(
    service: World, stage: Stage, browser: Browser, url: str
) -> None:
    await known(service, stage)
    service.clock.time += 60
    plan = await known(service, stage, hold="2m")
    async with opened(browser, f"{url}/plans/{plan}", viewport=DESK) as page:
        await page.get_by_role("link", name="Compare").click()
        await expect(page.get_by_role("heading", name="Less careful than before in 1 place")).to_be_visible()
