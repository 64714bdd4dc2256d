"""Debian's Chromium on the app in this process; what the pages' policy forbids is a complaint of the browser's."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

AXE = Path(__file__).parents[2] / ".venv/browser/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
VIOLATIONS = """async (rules) => (await axe.run(document, {runOnly: rules})).violations.map(
    (one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(" ")).join("; ")}`)"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=binary, args=["--no-sandbox", "--js-flags=--expose-gc"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, *, mistakes: bool = False, **context: Any) -> AsyncIterator[Page]:
    """A page in a context of its own. What the browser complains of fails the test, unless `mistakes` are expected."""
    complaints: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    found = await browser.new_context(**context)
    page = await found.new_page()
    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(url)
    try:
        yield page
    finally:
        await found.close()
    assert mistakes or not complaints, complaints


async def barriers(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA, a line each."""
    if not AXE.exists():
        pytest.skip("axe-core is not there: `make browser`")
    await page.evaluate(AXE.read_text())
    found: list[str] = await page.evaluate(VIOLATIONS, RULES)
    return found
