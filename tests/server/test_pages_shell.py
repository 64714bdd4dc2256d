"""The frame of every page: nothing inline, scripts of others as they were taken, errors that are pages."""

from __future__ import annotations

import hashlib
import re

import httpx
import pytest

from pilotage.server.pages.shell import HERE, slug
from tests.server.browsing import browser
from tests.server.ticking import Ticking
from tests.server.world import World, served

VENDOR = HERE / "static" / "vendor"


def test_the_scripts_of_others_are_those_that_the_table_names() -> None:
    rows = re.findall(r"^\| (\S+) \| .* `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE)
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name, _ in rows} == dict(rows)
    assert {one.name for one in VENDOR.iterdir() if one.suffix in (".js", ".css")} == {name for name, _ in rows}


@pytest.mark.parametrize("path", sorted((HERE / "templates").rglob("*.html")), ids=lambda one: one.name)
def test_a_template_has_no_script_style_or_handler_of_its_own(path: object) -> None:
    text = path.read_text()  # type: ignore[attr-defined]
    assert not re.search(r"<style|style=|\son[a-z]+=|hx-on|javascript:|<script(?![^>]*\ssrc=)", text)
    assert "|safe" not in text


def test_our_scripts_make_no_code_from_text() -> None:
    for path in (HERE / "static" / "js").iterdir():
        assert not re.search(r"\beval\(|new Function|setAttribute\(\"style\"|insertAdjacentHTML", path.read_text())


def test_names_become_ids() -> None:
    assert slug("guard db connections (p95)") == "guard-db-connections-p95"


async def test_who_comes_for_the_first_time_in_local_mode_gets_a_session_and_the_page(service: World) -> None:
    async with served(service.app) as url, httpx.AsyncClient(base_url=url, follow_redirects=True) as somebody:
        answer = await somebody.get("/")
        assert [one.status_code for one in answer.history] == [303]
        assert "Nothing runs now" in answer.text


async def test_an_address_that_leads_nowhere_is_answered_with_a_page(service: World) -> None:
    async with browser(service) as somebody:
        text = await somebody.get("/rollouts/there-is-none", 404)
    assert "<h1>Not found</h1>" in text
    assert "there is no rollout" in text


async def test_a_post_without_the_pages_second_value_does_nothing(service: World) -> None:
    rollout = await Ticking(service).begin()
    async with browser(service) as somebody:
        somebody.csrf = "another"
        answer = await somebody.post(f"/rollouts/{rollout.name}/commands", command="rollback")
    assert answer.status_code == 403
    assert "did not come from a page of Pilotage" in answer.text
    assert service.engine.orders == []


async def test_what_somebody_writes_is_shown_as_text(service: World) -> None:
    rollout = Ticking(service)
    await rollout.begin("<script>alert(1)</script>")
    async with browser(service) as somebody:
        for path in ("/", f"/rollouts/{rollout.name}", f"/rollouts/{rollout.name}/timeline"):
            text = await somebody.get(path)
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert" in text
