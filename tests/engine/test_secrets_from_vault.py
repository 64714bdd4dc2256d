"""A whole rollout whose secrets are in Vault: they are used, found nowhere, and Vault may be away when it goes back."""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pilotage.cli.client import ApiError
from tests.drivers import openbao
from tests.planted import found_in
from tests.stage import Stage, local, wait_for

HOOK = "planted-hook-c81f02"
SIGNS = "planted-key-9d1e77"
TOKEN = "planted-token-0b55fe"
SAYS_SECRETS = """#!{python} -S
import pathlib, sys
sys.exit("no login with " + pathlib.Path(__file__).with_name("printed").read_text())
"""
PHASES = "[{weight: 10%, watch: 600s}, {weight: 100%, watch: 2s}]"


class Guarded:
    """Envoy's admin behind something that wants a token, which it repeats whenever it refuses; and a webhook's sink."""

    def __init__(self, runtime: Path) -> None:
        self.broken = False
        self.began = time.monotonic()
        self.signed: list[bool] = []
        self.messages: list[Any] = []
        guarded = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                given = self.headers.get("Authorization", "")
                if given != f"Bearer {TOKEN}" or guarded.broken:
                    return self.say(503 if guarded.broken else 401, {"error": f"what is {given}? I know {TOKEN}"})
                if self.path == "/server_info":
                    return self.say(200, {"uptime_current_epoch": f"{time.monotonic() - guarded.began:.0f}s"})
                share = json.loads((runtime / "shop.canary").read_text())
                self.say(200, {"entries": {"shop.canary": {"final_value": json.dumps(share)}}})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                text = self.headers["X-Pilotage-Timestamp"].encode() + b"." + body
                wanted = f"sha256={hmac.new(SIGNS.encode(), text, hashlib.sha256).hexdigest()}"
                guarded.signed.append(self.path == f"/{HOOK}" and self.headers["X-Pilotage-Signature"] == wanted)
                guarded.messages.append(json.loads(body))
                self.say(204, None)

            def say(self, status: int, body: Any) -> None:
                text = b"" if body is None else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@dataclass(frozen=True)
class Vault:
    """`token` is the coordinator's own; `end` ends the server."""

    token: str
    end: Callable[[], None]


class EnvoyStage(Stage):
    """The counters follow what Envoy's runtime says."""

    def weight(self) -> float:
        share = json.loads((self.folder / "runtime" / "shop.canary").read_text())
        return float(share["numerator"]) / {"HUNDRED": 1, "TEN_THOUSAND": 100, "MILLION": 10_000}[share["denominator"]]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[EnvoyStage]:
    folder = tmp_path / "stage"
    (folder / "runtime.d").mkdir(parents=True)
    (folder / "runtime.d" / "shop.canary").write_text('{"numerator": 0, "denominator": "HUNDRED"}')
    (folder / "runtime").symlink_to("runtime.d")
    made = EnvoyStage(folder)
    yield made
    made.close()


@pytest.fixture
def guarded(stage: EnvoyStage) -> Iterator[Guarded]:
    made = Guarded(stage.folder / "runtime")
    yield made
    made.server.shutdown()
    made.server.server_close()


def plan(stage: EnvoyStage, guarded: Guarded, service: str) -> dict[str, Any]:
    more = (
        'deploy:\n  - {name: script, driver: shell, command: ["./deploy", "{version}"]}\n'
        "notify:\n  - driver: webhook\n"
        '    url: {vault: "secret/shop/hooks#url"}\n    secret: {vault: "secret/shop/hooks#key"}\n'
        "rollback: {confirm: {watch: 1s, within: 2s}}\n"
    )
    body = stage.plan(service, phases=PHASES, more=more)
    row = next(line for line in body["plan"].splitlines() if "name: splitter" in line)
    envoy = (
        f'  - {{name: splitter, driver: envoy, runtime_dir: runtime, key: shop.canary, admin: "{guarded.url}",'
        ' token: {vault: "secret/shop/envoy#token"}}'
    )
    return {**body, "plan": body["plan"].replace(row, envoy)}


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch, guarded: Guarded) -> Iterator[Vault]:
    openbao.forget_variables(monkeypatch)
    with ExitStack() as running:
        bao = running.enter_context(openbao.bao())
        bao.write("shop/hooks", url=f"{guarded.url}/{HOOK}", key=SIGNS)
        bao.write("shop/envoy", token=TOKEN)
        token = bao.token(*(openbao.POLICY.format("secret", f"shop/{one}") for one in ("hooks", "envoy")))
        monkeypatch.setenv("VAULT_ADDR", bao.url)
        monkeypatch.setenv("VAULT_TOKEN", token)
        yield Vault(token, running.close)


@pytest.mark.timeout(400)
def test_secrets_in_vault_are_used_and_found_nowhere_and_it_goes_back_without_vault(
    tmp_path: Path, stage: EnvoyStage, guarded: Guarded, vault: Vault
) -> None:
    planted = (HOOK, SIGNS, TOKEN, vault.token)
    deploy = stage.folder / "deploy"
    (stage.folder / "printed").write_text(f"{TOKEN} and {SIGNS}")  # a script that knows them from elsewhere
    deploy.write_text(SAYS_SECRETS.format(python=sys.executable))
    deploy.chmod(0o755)
    told = []
    with local(tmp_path / "state") as coordinator:

        def start(service: str) -> str:
            return str(coordinator.api.post("/v1/rollouts", plan(stage, guarded, service))["id"])

        def kinds(rollout: str) -> list[str]:
            return [one["event"]["kind"] for one in coordinator.api.get(f"/v1/rollouts/{rollout}/events")]

        def go_back(rollout: str) -> None:
            coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "t", "reason": ""})

        first = start("one")
        held = coordinator.until(first, lambda view: view["status"] == "held")
        assert "no login with (hidden) and (hidden)" in held["reason"]
        go_back(first)
        coordinator.ended(first, 90)

        deploy.write_text("#!/bin/sh\n")
        second = start("two")
        coordinator.until(second, lambda view: view["status"] == "watching" and stage.weight() == 10, 90)
        vault.end()
        guarded.broken = True  # the splitter fails, and repeats its token
        asking = threading.Thread(target=go_back, args=(second,))
        asking.start()
        wait_for(lambda: "step_failed" in kinds(second), 90, lambda: str(kinds(second)))
        guarded.broken = False
        asking.join(90)
        assert coordinator.ended(second, 90)["status"] == "rolled back"
        assert stage.weight() == 0
        wait_for(lambda: str(guarded.messages).count("'rolled_back'") == 2, 90, lambda: str(guarded.messages)[-2000:])

        with pytest.raises(ApiError) as refused:  # a new one is not begun on values of before
            start("three")
        assert "Vault does not answer" in str(refused.value.body)
        told += [str(refused.value.body), str(coordinator.api.get("/v1/health")), str(guarded.messages)]
        for rollout in (first, second):
            for what in ("report", "report?format=html", "review", "events"):
                told.append(str(coordinator.api.get(f"/v1/rollouts/{rollout}/{what}")))
    assert all(guarded.signed)
    assert "(hidden)" in str(told)  # what is said beside the secrets is kept
    # A command's own output is kept for a day, as it is.
    assert found_in(tmp_path / "state", planted, lambda path: "calls" in path.parts) == {}
    assert [text for text in told for secret in planted if secret in text] == []
