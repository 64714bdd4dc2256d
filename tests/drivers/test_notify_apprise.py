"""The Apprise driver, with Apprise itself: its json:// service posts to a server of ours."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import traceback
from dataclasses import replace

import pytest
from pydantic import ValidationError

from pilotage.core.errors import DriverError, PermanentError, TemporaryError
from pilotage.drivers import Context, Message
from pilotage.drivers.notify import apprise
from pilotage.drivers.notify.apprise import AppriseNotifier
from pilotage.testing import NotifierContract, RepeatsContract
from tests import servers
from tests.drivers import served

HELD = Message("r-1/3", "r-1", "held", "payment v2: held", "too many errors")


@pytest.fixture(autouse=True)
def a_process_of_its_own(monkeypatch):
    """The driver remembers who took what for as long as its process runs."""
    monkeypatch.setattr(apprise, "_taken", apprise.Taken())


@pytest.fixture
def page():
    with servers.http_server() as running:
        yield running


@pytest.fixture
def other():
    with servers.http_server() as running:
        yield running


@pytest.fixture
def notifier(monkeypatch):
    def build(*urls, **options):
        for number, url in enumerate(urls):
            monkeypatch.setenv(f"URL_{number}", url)
        given = {"urls": [{"env": f"URL_{number}"} for number in range(len(urls))]}
        return AppriseNotifier(AppriseNotifier.Options.model_validate(given | options), Context(None, None))

    return build


def at(page, more=""):
    """The page's Apprise URL: user, password and path are secrets."""
    return page.url.replace("http://", "json://planted-user:planted-password@") + "/planted-path" + more


def bodies(page):
    return [json.loads(body) for _, body in page.requests]


async def failure(work) -> DriverError:
    """What it raises; no error may show anything of a URL but its scheme."""
    with pytest.raises(DriverError) as error:
        await work
    said = "".join(traceback.format_exception(error.value))
    assert not any(part in said for part in ("planted-", "127.0.0.1"))
    return error.value


class TestApprise(NotifierContract, RepeatsContract):
    @pytest.fixture
    def driver(self, notifier, page):
        return notifier(at(page))

    @pytest.fixture
    def received(self, page):
        return lambda: [f"{one['title']}\n{one['message']}" for one in bodies(page)]


async def test_title_text_and_kind_arrive(notifier, page):
    await notifier(at(page)).send(HELD)
    (body,) = bodies(page)
    assert (body["title"], body["message"], body["type"]) == ("payment v2: held", "too many errors", "warning")
    assert body["attachments"] == []


@pytest.mark.parametrize(("kind", "type_"), [("failed", "failure"), ("promoted", "success"), ("resumed", "info")])
async def test_the_kind_says_how_bad_it_is(notifier, page, kind, type_):
    await notifier(at(page)).send(replace(HELD, kind=kind))
    assert bodies(page)[0]["type"] == type_


async def test_only_those_who_do_not_have_it_get_it_again(notifier, page, other):
    other.status = 503
    driver = notifier(at(page), at(other))
    error = await failure(driver.send(HELD))
    assert isinstance(error, TemporaryError)
    assert str(error) == "Apprise could not deliver by json://; 1 other has it and will not get it again"
    other.status = 200
    await notifier(at(page), at(other)).send(replace(HELD, attempt=1))
    assert (len(page.requests), len(other.requests)) == (1, 2)


async def test_nobody_there_is_temporary(notifier):
    error = await failure(notifier(f"json://planted-user@127.0.0.1:{servers.free_port()}").send(HELD))
    assert (type(error), str(error)) == (TemporaryError, "Apprise could not deliver by json://")


async def test_a_url_cannot_bring_retries(notifier, page):
    page.status = 500
    await failure(notifier(at(page, "?retry=5&wait=0.1")).send(HELD))
    assert len(page.requests) == 1


async def test_a_redirect_is_not_followed_with_the_message(notifier, page):
    elsewhere = served.Served(instead=lambda request: (307, {"Location": page.url}, {}))
    with served.serve(elsewhere):
        await failure(notifier(at(elsewhere)).send(HELD))
    assert (len(elsewhere.requests), page.requests) == (1, [])


async def test_nobody_is_mentioned_by_text_from_outside(notifier, page):
    await notifier(at(page)).send(replace(HELD, title="@here", text="@everyone <@U1> <!channel> mail@example.org a<b"))
    (body,) = bodies(page)
    assert not any(word in body["title"] + body["message"] for word in ("@everyone", "@here", "<@U1>", "<!channel>"))
    assert all(word in body["message"] for word in ("everyone", "mail@example.org", "a<b"))


async def test_a_message_without_words_still_arrives(notifier, page):
    await notifier(at(page)).send(replace(HELD, title="", text=" "))
    assert (bodies(page)[0]["title"], bodies(page)[0]["message"]) == ("held", "held")


async def test_probe_names_the_services(notifier, page):
    driver = notifier(at(page), "discord://planted-id-4174216298/planted-JHMHI8qBe7bk2ZwO5U711o3dV_js")
    assert await driver.probe() == "Apprise sends by JSON (json://), Discord (discord://) (not called)"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nosuchservice://planted-token/", "nosuchservice://"),
        ("discord://planted-", "discord://"),
        ("planted-token", "no scheme"),
        ("PLANTED TOKEN://planted-", "no scheme"),
    ],
)
async def test_what_is_no_url_of_a_known_service_is_told_without_it(notifier, url, shown):
    for work in (notifier(url).probe(), notifier(url).send(HELD)):
        error = await failure(work)
        assert (type(error), str(error).endswith(f"begins with {shown}")) == (PermanentError, True)
        assert "PLANTED" not in str(error)


async def test_nothing_is_logged(notifier, page, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    for status in (200, 500):
        page.status = status
        driver = notifier(at(page))
        await driver.probe()
        if status == 200:
            await driver.send(HELD)
        else:
            await failure(driver.send(replace(HELD, id="r-1/4")))
    with pytest.raises(PermanentError):
        await notifier("discord://planted-").probe()
    assert "planted" not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_an_apprise_url_is_never_written_into_a_plan():
    with pytest.raises(ValidationError) as caught:
        AppriseNotifier.Options(urls=["json://planted-user:planted-password@example.org"])
    assert "secrets are never written into a plan" in str(caught.value)
    assert "planted" not in str(caught.value)


def test_apprise_is_imported_only_when_it_is_needed():
    code = "import sys, pilotage.drivers.notify.apprise; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
