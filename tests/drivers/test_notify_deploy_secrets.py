import hashlib
import hmac
import json
import sys
import time
from dataclasses import replace

import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.core.model import DriverRef
from pilotage.drivers import PORTS, Context, Rehearses, registry
from pilotage.drivers.deploy.shell import ShellDeployer
from pilotage.drivers.notify.console import ConsoleNotifier
from pilotage.drivers.notify.webhook import WebhookNotifier
from pilotage.testing import DeployerContract, NotifierContract, RehearsesContract, call
from tests import servers


class TestWebhook(NotifierContract):
    @pytest.fixture
    def page(self):
        with servers.http_server() as running:
            yield running

    @pytest.fixture
    async def driver(self, page, tmp_path, monkeypatch):
        monkeypatch.setenv("KEY", "planted-secret")
        options = WebhookNotifier.Options(url=page.url + "/planted-path", secret={"env": "KEY"})
        driver = WebhookNotifier(options, Context(tmp_path, tmp_path))
        yield driver
        await driver.close()

    @pytest.fixture
    def received(self, page):
        return lambda: [body.decode() for _, body in page.requests]

    async def test_time_and_body_are_signed_and_the_key_is_the_message(self, driver, page):
        begin = int(time.time())
        assert await driver.send(self.message) is None
        headers, body = page.requests[0]
        sent_at = headers["x-pilotage-timestamp"]
        expected = hmac.new(b"planted-secret", f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
        assert headers["x-pilotage-signature"] == f"sha256={expected}"
        assert begin <= int(sent_at) <= time.time()
        assert headers["idempotency-key"] == "m-1"

    async def test_the_body_says_for_whom_it_is_and_how_often_it_was_tried(self, driver, page):
        await driver.send(replace(self.message, audience="stakeholders", attempt=2))
        body = json.loads(page.requests[0][1])
        assert (body["id"], body["audience"], body["attempt"], body["thread"]) == ("m-1", "stakeholders", 2, "")

    async def test_without_a_secret_nothing_is_signed(self, page, tmp_path):
        await WebhookNotifier(WebhookNotifier.Options(url=page.url), Context(tmp_path, tmp_path)).send(self.message)
        assert not [name for name in page.requests[0][0] if name.startswith("x-pilotage")]

    @pytest.mark.parametrize(
        ("status", "error"),
        [(404, PermanentError), (408, TemporaryError), (429, TemporaryError), (500, TemporaryError)],
    )
    async def test_a_refusal_is_told_by_its_kind_without_secrets(self, driver, page, status, error):
        page.status = status
        with pytest.raises(error) as caught:
            await driver.send(self.message)
        assert "planted" not in str(caught.value)


class TestConsole(NotifierContract):
    @pytest.fixture
    def driver(self, tmp_path):
        return ConsoleNotifier(ConsoleNotifier.Options(path="said.txt"), Context(tmp_path, tmp_path))

    @pytest.fixture
    def received(self, tmp_path):
        return lambda: [one.read_text() for one in tmp_path.glob("said.txt")]


class TestShellDeployer(DeployerContract, RehearsesContract):
    @pytest.fixture
    def driver(self, tmp_path):
        code = "import sys; open('deployed', 'a').write(sys.argv[1] + '\\n')"
        options = ShellDeployer.Options(command=[sys.executable, "-c", code, "{version}"])
        return ShellDeployer(options, Context(tmp_path, tmp_path / "state"))

    @pytest.fixture
    def deployed(self, tmp_path):
        return lambda: [line for one in tmp_path.glob("deployed") for line in one.read_text().splitlines()]

    def looking(self, tmp_path, *check):
        options = ShellDeployer.Options(command=["true"], check=list(check) or None)
        return ShellDeployer(options, Context(tmp_path, tmp_path / "state"))

    async def test_a_rehearsal_looks_the_version_up(self, tmp_path):
        (tmp_path / "v1").touch()
        driver = self.looking(tmp_path, "test", "-e", "{version}")
        assert isinstance(driver, Rehearses)
        assert await driver.rehearse("v1", call("a")) == "test knows v1"
        with pytest.raises(TemporaryError, match="ended with exit code 1"):
            await driver.rehearse("v0", call("a"))

    async def test_a_check_that_asks_for_a_version_is_only_looked_for_by_the_probe(self, tmp_path):
        assert (
            await self.looking(tmp_path, "test", "-e", "{version}").probe() == f"true and test can be run in {tmp_path}"
        )
        with pytest.raises(PermanentError, match="no-such-check"):
            await self.looking(tmp_path, "no-such-check", "{version}").probe()

    async def test_a_check_of_no_version_answers_both(self, tmp_path):
        driver = self.looking(tmp_path, "test", "-e", ".")
        assert (await driver.probe(), await driver.rehearse("v1", call("a"))) == ("test ended well", "test ended well")
        with pytest.raises(TemporaryError):
            await self.looking(tmp_path, "test", "-e", "gone").probe()

    async def test_without_a_check_nothing_can_be_looked_up(self, tmp_path):
        assert "nothing can be looked up" in await self.looking(tmp_path).rehearse("v1", call("a"))

    def test_a_check_knows_the_version_only(self):
        with pytest.raises(ValidationError, match=r"only the placeholders \{version\}"):
            ShellDeployer.Options(command=["true"], check=["test", "{previous}"])


@pytest.mark.parametrize("given", ["planted", {"value": "planted"}, {"env": ["planted"]}, ["planted"]])
def test_a_literal_secret_is_refused_and_not_repeated(given):
    with pytest.raises(ValidationError) as caught:
        WebhookNotifier.Options(url="http://127.0.0.1", secret=given)
    assert "secrets are never written into a plan" in str(caught.value)
    assert "planted" not in f"{caught.value}{caught.value.errors()}"


@pytest.mark.parametrize("port", PORTS)
def test_every_driver_is_found_by_its_name(port):
    assert registry.names(port)
    assert all(registry.find(port, name).Options for name in registry.names(port))


def test_an_unknown_driver_is_a_key_error(tmp_path):
    with pytest.raises(KeyError):
        registry.build("traffic", DriverRef("nope", {}), Context(tmp_path, tmp_path))
