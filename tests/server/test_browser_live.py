"""The pages in a real Chromium: no barriers (axe), by keyboard, live, and no larger after an hour of ticks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from pilotage.core import events as ev
from pilotage.core.state import Command, Status
from pilotage.engine import Order, Outcome
from pilotage.server.pages.live.boards import boards_of
from pilotage.store import people
from tests.server.chromium import barriers, chromium, opened
from tests.server.records import AT, add_rollout, tell
from tests.server.ticking import Ticking, payment
from tests.server.world import World, served

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture
async def url(service: World) -> AsyncIterator[str]:
    async with served(service.app) as found:
        yield found


@pytest_asyncio.fixture
async def rollout(service: World) -> Ticking:
    """Ten minutes at 10 %."""
    found = await Ticking(service).begin()
    for _ in range(60):
        await found.tick()
    return found


class Obeying:
    """An engine that does what it is told, as the record then says."""

    def __init__(self, rollout: Ticking) -> None:
        self.rollout = rollout
        self.orders: list[Order] = []

    async def command(self, _: str, order: Order) -> Outcome:
        self.orders.append(order)
        match order.command:
            case Command.ROLLBACK:
                await self.rollout.end(f"asked for by {order.by}")
                return Outcome(Status.ROLLED_BACK, True, "rolled back: 2.4.0 has all traffic again")
            case Command.HOLD:
                await self.rollout.tell(ev.Held(1, "held by a person"), order.by)
                return Outcome(Status.HELD, True, "hold: the rollout is held")
            case Command.APPROVE:
                await self.rollout.tell(ev.Approved(2, order.reason), order.by)
                await self.rollout.tell(ev.PhaseStarted(2, "50 %", 50.0))
                return Outcome(Status.SHIFTING, True, "approve: the rollout is shifting")
            case _:
                await self.rollout.tell(ev.TroubleReported(1, order.reason), order.by)
                return Outcome(Status.WATCHING, True, "noted")


# ------------------------------------------------------------------ barriers

SCREENS = [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)]


@pytest.mark.parametrize(("scheme", "size"), SCREENS, ids=["light", "dark", "phone", "dark-phone"])
async def test_no_page_has_a_barrier_or_scrolls_sideways(
    service: World, rollout: Ticking, browser: Browser, url: str, scheme: str, size: dict[str, int]
) -> None:
    await rollout.new_error()
    await rollout.message("payment 2.4.1: 10 % has passed")
    await rollout.ask_for_approval()
    await add_rollout(service.store, service.folder, "shop-1", service="shop", at=AT)
    await tell(service.store, "shop-1", 3, ev.RolledBack("errors are above 0.5 %", 1.0))
    await service.coordinator.gates.freeze("", "production", "the sales begin", "ann", None, None)
    asked = Ticking(service, "ended-1", replace(payment(), service="search"))
    await asked.begin()
    for _ in range(4):
        await asked.tick()
    await asked.end()
    paths = {
        "home": "/",
        "found": "/?status=rolled+back",
        "live": f"/rollouts/{rollout.name}",
        "ended": "/rollouts/ended-1",
        "promote": f"/rollouts/{rollout.name}/promote",
        "timeline": f"/rollouts/{rollout.name}/timeline",
        "missing": "/rollouts/none",
    }
    found = {}
    for name, path in paths.items():
        async with opened(
            browser, url + path, mistakes=name == "missing", color_scheme=scheme, viewport=size, reduced_motion="reduce"
        ) as page:
            if name in ("live", "ended"):
                await expect(page.locator("#pulse")).not_to_be_empty()
                await expect(page.locator(".plot canvas").first).to_be_visible()
                await page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
            found[name] = await barriers(page)
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, name
    assert not {name: lines for name, lines in found.items() if lines}


async def test_the_page_is_whole_at_twice_the_size(rollout: Ticking, browser: Browser, url: str) -> None:
    half = {"width": 640, "height": 450}
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=half, device_scale_factor=2) as page:
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        await expect(page.locator("#button-rollback")).to_be_in_viewport()


async def test_the_dialog_has_no_barrier_either(rollout: Ticking, browser: Browser, url: str) -> None:
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=DESK) as page:
        await page.locator("#button-promote").click()
        assert await barriers(page) == []


async def test_what_can_be_pressed_is_large_enough(rollout: Ticking, browser: Browser, url: str) -> None:
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=PHONE) as page:
        small = await page.evaluate(
            """() => [...document.querySelectorAll("button, summary, input:not([type=hidden]), nav a, a.button")]
            .filter((one) => one.checkVisibility() && !one.matches(".visually-hidden"))
            .map((one) => [one.id || one.textContent.trim(), one.getBoundingClientRect().height])
            .filter(([, height]) => height < 24)"""
        )
        assert small == []


# ------------------------------------------------------------------ live


async def test_new_numbers_come_by_themselves_and_what_is_typed_or_open_stays(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=DESK) as page:
        await page.locator("#reason").fill("half a sent")
        await page.locator(".figure summary").first.click()
        await page.locator("#reason").focus()
        for _ in range(3):
            await rollout.tick()
        await rollout.tell(ev.Held(1, "errors are above 0.5%"))
        await expect(page.locator("#now-word")).to_contain_text("Held", timeout=10_000)
        await expect(page.locator("#said")).to_contain_text("errors are above 0.5%")
        await expect(page.locator("#button-resume")).to_be_visible()
        assert await page.title() == "Held: payment 2.4.1 - Pilotage"
        assert await page.locator("#reason").input_value() == "half a sent"
        assert await page.evaluate("document.activeElement.id") == "reason"
        assert await page.locator(".figure details").first.evaluate("(one) => one.open")


async def test_a_page_that_hears_nothing_says_so_plainly_and_comes_back_by_itself(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    async with opened(browser, f"{url}/rollouts/{rollout.name}", mistakes=True, viewport=DESK) as page:
        await expect(page.locator("#pulse")).to_contain_text("Live")
        await page.context.set_offline(True)
        await page.evaluate(
            "dispatchEvent(new Event('pagehide')), document.dispatchEvent(new Event('visibilitychange'))"
        )
        await expect(page.locator("#pulse")).to_contain_text("Not connected. Last heard", timeout=15_000)
        await rollout.tell(ev.Held(1, "errors are above 0.5%"))
        await page.context.set_offline(False)
        await expect(page.locator("#pulse")).to_contain_text("Live", timeout=30_000)
        await expect(page.locator("#now-word")).to_contain_text("Held")


async def test_a_session_that_has_ended_leads_to_the_way_in_again(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    async with opened(browser, f"{url}/rollouts/{rollout.name}", mistakes=True, viewport=DESK) as page:
        await expect(page.locator("#pulse")).to_contain_text("Live")
        (before,) = await page.context.cookies()
        assert "name" in before
        await service.store.run(people.end_session, before.get("value", ""), service.clock.now())
        async with page.expect_event("load", timeout=30_000):
            await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(page.locator("#pulse")).to_contain_text("Live")
        (after,) = await page.context.cookies()
    assert after.get("value") != before.get("value")


async def test_the_time_left_counts_down_in_the_browser(rollout: Ticking, browser: Browser, url: str) -> None:
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=DESK) as page:
        left = page.locator("[data-until]")
        first = await left.inner_text()
        assert first.startswith("In 5")
        await expect(left).not_to_have_text(first, timeout=5000)


@pytest.mark.timeout(400)
async def test_an_hour_of_ticks_does_not_make_the_page_grow(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    """360 ticks, each waited for; measured after garbage collection, first when the page has met everything once."""
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=DESK) as page:
        board = boards_of(service.app)
        await expect(page.locator(".plot canvas").first).to_be_visible()
        before = {}
        for number in range(360):
            await rollout.tick()
            await rollout.tell(ev.TroubleReported(1, f"report {number}"))
            place = (await board.look(rollout.name)).place
            await page.wait_for_function("(place) => pilotage.live.state().place === place", arg=place, timeout=20_000)
            if number == 60:
                before = await size(page)
        after = await size(page)
        points = await page.evaluate("pilotage.charts.points()")
    print(f"after 60 ticks {before}, after 360 {after}, {points} points a line")
    assert points <= 2 * 240 + 2
    assert after["Nodes"] <= before["Nodes"] * 1.05
    assert after["JSEventListeners"] <= before["JSEventListeners"] * 1.02
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + 1_000_000


async def size(page: Page) -> dict[str, int]:
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    for _ in range(3):
        await session.send("HeapProfiler.collectGarbage")
        await asyncio.sleep(0.05)
    found = (await session.send("Performance.getMetrics"))["metrics"]
    await session.detach()
    wanted = ("JSHeapUsedSize", "Nodes", "JSEventListeners")
    return {one["name"]: int(one["value"]) for one in found if one["name"] in wanted}


# ------------------------------------------------------------------ by keyboard, and without scripts


async def test_one_key_goes_back_and_the_answer_has_the_focus(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    service.coordinator.__dict__["engine"] = Obeying(rollout)
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=DESK) as page:
        await page.locator("#button-rollback").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#answer")).to_contain_text("2.4.0 has all traffic again")
        await expect(page.locator("#now-word")).to_contain_text("Rolled back", timeout=10_000)
        await expect(page.locator("#button-rollback")).to_have_count(0)
        assert await page.evaluate("document.activeElement.id") == "answer"
        await page.locator("#why-reason").fill("orders were lost")
        await page.keyboard.press("Enter")
        await expect(page.locator("#answer")).to_contain_text("Noted")


async def test_enter_in_the_reason_presses_no_button(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    obeying = service.coordinator.__dict__["engine"] = Obeying(rollout)
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=DESK) as page:
        await page.locator("#reason").fill("why not")
        await page.keyboard.press("Enter")
        await page.locator("#button-hold").focus()
        await page.keyboard.press("Space")
        await expect(page.locator("#now-word")).to_contain_text("Held", timeout=10_000)
    assert [(one.command, one.reason) for one in obeying.orders] == [(Command.HOLD, "why not")]


async def test_a_button_that_cannot_be_pressed_can_be_reached_and_does_nothing(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    obeying = service.coordinator.__dict__["engine"] = Obeying(rollout)
    await rollout.ask_for_approval()
    async with opened(browser, f"{url}/rollouts/{rollout.name}", viewport=DESK) as page:
        hold = page.locator("#button-hold")
        await hold.focus()
        await page.keyboard.press("Enter")
        await page.locator("#button-promote").focus()
        await page.keyboard.press("Enter")
        why = await hold.get_attribute("aria-describedby")
        await expect(page.locator(f"#{why}")).to_contain_text("Not while it is awaiting approval")
        await expect(page.locator("#promote")).to_be_hidden()
        await page.locator("#button-approve").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#answer")).to_contain_text("Approved")
    assert [(one.command, one.phase) for one in obeying.orders] == [(Command.APPROVE, 2)]


async def test_without_javascript_the_buttons_are_plain_forms(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    service.coordinator.__dict__["engine"] = Obeying(rollout)
    address = f"{url}/rollouts/{rollout.name}"
    async with opened(browser, address, viewport=DESK, java_script_enabled=False) as page:
        assert "decides at 100" in await page.locator("#numbers").inner_text()
        await page.locator("#pulse a").click()
        await page.locator("#button-rollback").click()
        await expect(page.locator("#answer")).to_contain_text("2.4.0 has all traffic again")
        await expect(page.locator("#now-word")).to_contain_text("Rolled back")


async def test_a_server_that_is_gone_is_said_to_be_with_the_other_way_back(
    service: World, rollout: Ticking, browser: Browser, url: str
) -> None:
    async with opened(browser, f"{url}/rollouts/{rollout.name}", mistakes=True, viewport=DESK) as page:
        await page.context.set_offline(True)
        await page.locator("#button-rollback").click()
        await expect(page.locator("#answer")).to_contain_text("pilotage rollback")


# ------------------------------------------------------------------ pictures

ENDS: dict[str, ev.Event] = {
    "cart": ev.Promoted("every criterion is met"),
    "login": ev.RolledBack("errors 3.10% against 0.42% in control: evidence 1,240, limit 100", 0.38),
    "mail": ev.Promoted("every criterion is met"),
}


async def test_the_pictures_of_the_documentation_are_made(
    service: World, rollout: Ticking, browser: Browser, url: str, tmp_path: Path
) -> None:
    """With PILOTAGE_PICTURES=1 in docs/images."""
    await rollout.message("payment 2.4.1: the rollout has started")
    asked = Ticking(service, "search-0921-025801-77aa", replace(payment(), service="search", version="8.1.3"))
    await asked.begin("bob")
    await asked.ask_for_approval()
    for number, (name, end) in enumerate(ENDS.items()):
        await add_rollout(service.store, service.folder, f"{name}-{number}", service=name, at=AT - 3600 * number)
        await tell(service.store, f"{name}-{number}", 3, ev.WeightSet("edge", 100.0, 100.0, 0.1, "2"))
        await tell(service.store, f"{name}-{number}", 4, end)
    await service.coordinator.gates.freeze("", "production", "the sales begin", "ann", AT + 90_000, AT + 180_000)
    folder = IMAGES if os.environ.get("PILOTAGE_PICTURES") else tmp_path
    for name, path, size, scheme in (
        ("live", f"/rollouts/{rollout.name}", DESK, "light"),
        ("dark", f"/rollouts/{rollout.name}", DESK, "dark"),
        ("phone", f"/rollouts/{rollout.name}", PHONE, "light"),
        ("home", "/", DESK, "light"),
    ):
        async with opened(browser, url + path, color_scheme=scheme, viewport=size, timezone_id="UTC") as page:
            if name != "home":
                await expect(page.locator(".plot canvas").first).to_be_attached()
                await expect(page.locator("#pulse")).to_contain_text("Live")
            picture = await page.screenshot(path=folder / f"dashboard-{name}.png")
            assert len(picture) > 10_000
