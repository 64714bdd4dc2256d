"""A smoke test as a step: a real page that answers, and one that does not."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError
from pilotage.drivers import Context
from pilotage.drivers.deploy.test import SmokeTest
from pilotage.testing import call
from tests import servers


@pytest.fixture
def page():
    with servers.http_server(b"all is well") as running:
        yield running


@pytest.fixture
def smoke(page, tmp_path):
    def make(within_s=20.0, **options):
        given = {"check": "http", "options": {"url": page.url} | options, "within_s": within_s}
        return SmokeTest(SmokeTest.Options.model_validate(given), Context(tmp_path, tmp_path / "state"))

    return make


async def test_what_holds_is_the_line_for_the_record(smoke, page):
    assert (await smoke().deploy("v2", call("a"))).startswith(f"{page.url} answered 200 in ")


async def test_what_holds_later_is_waited_for(smoke, page):
    page.status = 503
    task = asyncio.create_task(smoke().deploy("v2", call("a")))
    await asyncio.to_thread(servers.wait_until, lambda: len(page.requests) > 1, "the second look")
    page.status = 200
    assert "answered 200" in await task


async def test_what_does_not_hold_in_time_fails_for_good_with_what_was_seen_last(smoke, page):
    page.status = 503
    with pytest.raises(PermanentError, match=r"the smoke test fails after 0\.2 s: \S+ answered 503 in"):
        await smoke(within_s=0.2).deploy("v2", call("a"))


async def test_several_pages_must_all_answer_with_their_text(smoke, page):
    several = {"url": None, "urls": [f"{page.url}/health", f"{page.url}/checkout"]}
    assert "/checkout answered 200" in await smoke(contains="is well", **several).deploy("v2", call("a"))
    with pytest.raises(PermanentError, match="without 'is broken'"):
        await smoke(within_s=0.2, contains="is broken", **several).deploy("v2", call("a"))


async def test_the_probe_does_not_look_for_before_a_deploy_nothing_need_be_there(smoke, page):
    page.status = 503
    assert await smoke().probe() == f"{page.url} can be asked"
    assert page.requests == []


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"check": "no-such-check"}, "one of .*http"),
        ({"check": "http"}, "options that http accepts"),
        ({"check": "http", "options": {"url": "http://a", "headers": {"A": "planted"}}}, "options that http accepts"),
    ],
)
def test_wrong_options_are_refused_and_not_repeated(options, why):
    with pytest.raises(ValidationError, match=why) as told:
        SmokeTest.Options.model_validate(options)
    assert "planted" not in str(told.value)
