"""A call that is ended for a later one must not have the last word, however slowly its file is written."""

import asyncio
import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from pilotage.drivers import Context
from pilotage.drivers.process import OVERTAKEN
from pilotage.drivers.traffic.flagd_file import FlagdFileTraffic
from pilotage.testing import call
from tests import servers
from tests.proxies.kinds import KINDS

WITH_FILES = [kind for kind in KINDS if kind.name != "caddy"]


class Flag:
    """As a proxy: what its application reads is the file."""

    def driver(self, folder):
        flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
        (folder / "flags.json").write_text(json.dumps({"flags": {"fix": flag}}))
        return FlagdFileTraffic(FlagdFileTraffic.Options(file="flags.json", flag="fix"), Context(folder, folder))

    def restart(self):
        pass


@pytest.fixture(scope="module", params=[*WITH_FILES, None], ids=lambda kind: kind.name if kind else "flagd-file")
def proxy(request, tmp_path_factory):
    if request.param is None:
        yield Flag()
        return
    folder = tmp_path_factory.mktemp(request.param.name)
    with (
        servers.http_server(b"stable") as stable,
        servers.http_server(b"canary") as canary,
        request.param.start(folder, stable.url, canary.url) as running,
    ):
        yield running


@dataclass
class Rename:
    """One that a busy disk holds up: it has `begun`, it may `go_on`, it has `landed`."""

    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    landed: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def held_up(monkeypatch):
    """Holds up the next rename, and only that."""
    rename, real, lock = Rename(), os.replace, threading.Lock()

    def replace(*paths):
        with lock:
            first = not rename.begun.is_set()
            rename.begun.set()
        if first:
            rename.go_on.wait(20)
        try:
            real(*paths)
        finally:
            if first:
                rename.landed.set()

    def hold_up():
        monkeypatch.setattr(os, "replace", replace)
        return rename

    yield hold_up
    rename.go_on.set()


@pytest.mark.parametrize("patience_s", [10, 0], ids=["after-it", "meanwhile"])
async def test_the_later_call_has_the_last_word(proxy, tmp_path, held_up, patience_s):
    driver = proxy.driver(tmp_path)
    await driver.set_weight(0, call("first"))
    rename = held_up()
    earlier = asyncio.create_task(driver.set_weight(50, call("forward")))
    assert await asyncio.to_thread(rename.begun.wait, 10)
    earlier.cancel(OVERTAKEN)

    async def overtake():
        await asyncio.wait([earlier], timeout=patience_s)
        return await driver.set_weight(0, call("back"))

    later = asyncio.create_task(overtake())
    await asyncio.wait([later], timeout=0.5)
    rename.go_on.set()
    assert await later == 0
    assert await asyncio.to_thread(rename.landed.wait, 10)
    with suppress(asyncio.CancelledError):
        await earlier
    proxy.restart()  # in this thread: Envoy ends with the thread that has started it
    assert await driver.read_weight() == 0
