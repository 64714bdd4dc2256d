"""`pilotage up` for a team: where it listens, whom it refuses to serve, TLS, proxies, and roles that are read anew."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from pilotage.core.errors import PlanError, Refused
from pilotage.server.listening import listen
from pilotage.settings import Settings, load
from tests.server.serving import serving
from tests.server.team import settings, team
from tests.servers import free_port
from tests.stage import Local, wait_for

TEAM = """
listen: 127.0.0.1:{port}
url: http://127.0.0.1:{port}
login: {{session: 8h}}
roles:
  - {{who: [olga@shop.example], role: {role}}}
"""


def up(folder: Path, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    (folder / "settings.yaml").write_text(text)
    (folder / "state").mkdir(exist_ok=True)
    argv = [sys.executable, "-m", "pilotage", "up", "--settings", str(folder / "settings.yaml"), *more]
    environment = {**os.environ, "PILOTAGE_STATE": str(folder / "state")}
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment)


OTHERS = ["0.0.0.0:8700", "'[::]:8700'", "10.0.0.5:8700", "pilotage.shop.example:80", "127.1:80", "0:80"]


def test_up_refuses_to_start_without_a_login_where_others_could_reach_it(tmp_path: Path) -> None:
    done = up(tmp_path, "listen: 0.0.0.0:8700\n", "--port", "8701")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "settings.yaml" in done.stderr
    assert "login: beside listen: 0.0.0.0:8700, which others could reach" in done.stderr
    assert "only 127.0.0.1 is allowed" in done.stderr
    assert not (tmp_path / "state" / "coordinator.json").exists()


@pytest.mark.parametrize("listen", OTHERS)
def test_no_spelling_of_an_address_of_others_goes_without_a_login(tmp_path: Path, listen: str) -> None:
    (tmp_path / "settings.yaml").write_text(f"listen: {listen}\n")
    with pytest.raises(PlanError, match="login: beside listen:"):
        load(tmp_path / "settings.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("listen: 127.0.0.1:99999\n", "up to 65535"),
        ("listen: 8700\n", "listen"),
        ("proxies: [10.0.0.7]\n", "login: beside proxies:"),
        ("login: {}\n", "url: beside login:"),
        ("login: {}\nurl: http://pilotage.shop.example\n", "in the clear"),
        ("login: {}\nurl: http://localhost:80@evil.example\n", "without a path"),
        ("login: {}\nurl: https://pilotage.shop.example/deploy\n", "whole host"),
        ("login: {}\nurl: https://x\nproxies: ['*']\n", "10.0.0.0/28"),
        ("login: {oidc: {issuer: http://id.example, client_id: x}}\nurl: https://x\n", "https://"),
        ("login: {oidc: {issuer: https://id.example, client_id: x, scopes: [email]}}\nurl: https://x\n", "openid"),
        ("login: {oidc: {issuer: https://id.example, client_id: x, client_secret: hunter2}}\nurl: https://x\n", "env"),
        ("roles: [{who: [], role: admin}]\n", "who"),
        ("roles: [{who: [a], role: king}]\n", "role"),
        ("rolls: []\n", "rolls"),
    ],
)
def test_settings_that_are_wrong_say_where_and_what_was_expected(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(PlanError) as error:
        load(tmp_path / "settings.yaml")
    assert says in str(error.value)
    assert "hunter2" not in str(error.value)


def test_the_port_of_the_command_line_changes_no_address() -> None:
    with_port = listen(settings(listen="127.0.0.1:1"), free_port())
    assert with_port.public.getsockname()[0] == "127.0.0.1"
    with_port.public.close()


def test_a_port_that_is_taken_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Refused, match=f"127.0.0.1 port {port}: Address already in use"):
            listen(Settings(), port)


@pytest.mark.parametrize(
    ("rules", "local"),
    [
        (Settings(), False),
        (Settings(listen="[::1]:0"), False),
        (settings(listen="0.0.0.0:0"), False),
        (settings(listen="[::]:0"), True),
        (settings(tls={"certificate": "/c.pem", "key": "/k.pem"}), True),
    ],
)
def test_the_command_line_of_this_machine_always_has_an_address(rules: Settings, local: bool) -> None:
    found = listen(rules)
    try:
        assert (found.local is not None) is local
        if local:
            assert found.url.startswith("http://127.0.0.1:")
        assert "0.0.0.0" not in found.url
    finally:
        for one in (found.public, found.local):
            if one is not None:
                one.close()


async def test_with_a_certificate_it_speaks_tls_only(tmp_path: Path) -> None:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(tmp_path / "key.pem")
    for part in made.cert_chain_pems:
        part.write_to_path(tmp_path / "certificate.pem", append=True)
    tls = {"certificate": str(tmp_path / "certificate.pem"), "key": str(tmp_path / "key.pem")}
    port, trusted = free_port(), ssl.create_default_context()
    authority.configure_trust(trusted)
    rules = settings(url=f"https://127.0.0.1:{port}", tls=tls)
    async with (
        team(tmp_path, rules) as ours,
        serving(ours.app, rules, port) as url,
        httpx.AsyncClient(verify=trusted, trust_env=False) as client,
    ):
        answer = await client.get(f"{url}/login")
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers
        with pytest.raises(httpx.HTTPError):
            await client.get(f"http://127.0.0.1:{port}/login")


@pytest.mark.parametrize(
    ("proxies", "statuses"),
    [([], [401, 401, 429, 429]), (["127.0.0.1"], [401, 401, 401, 401]), (["10.0.0.0/8"], [401, 401, 429, 429])],
)
async def test_forwarded_addresses_count_from_the_proxies_that_are_named(
    tmp_path: Path, proxies: list[str], statuses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    port = free_port()
    about = {"url": f"http://127.0.0.1:{port}", "proxies": proxies, "limits": {"logins_per_minute": 2}}
    rules = settings(**about)
    async with (
        team(tmp_path, rules) as ours,
        serving(ours.app, rules, port) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, headers={"Authorization": "Bearer plt_x"}) as client,
    ):
        seen = []
        for number in range(4):
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            seen.append((await client.get("/v1/rollouts", headers=headers)).status_code)
    assert seen == statuses


def running(folder: Path, text: str) -> tuple[Local, Path]:
    path = folder / "settings.yaml"
    path.write_text(text)
    return Local(folder / "state"), path


def test_a_team_on_one_machine_from_the_first_token_to_a_role_that_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    coordinator, path = running(tmp_path, TEAM.format(port=port, role="operator"))
    monkeypatch.setenv("PILOTAGE_SETTINGS", str(path))
    monkeypatch.setenv("PILOTAGE_STATE", str(coordinator.state))
    try:
        coordinator.up()
        made = pilotage("token", "create", "--name", "olga@shop.example", "--scope", "plan:read", "--scope", "rollback")
        secret = made.stdout.strip()
        assert secret.startswith("plt_")
        assert "olga@shop.example (person): plan:read, rollback" in made.stderr
        hers = {"PILOTAGE_URL": f"http://127.0.0.1:{port}", "PILOTAGE_TOKEN": secret}
        assert secret not in pilotage("token", "list", **hers).stdout
        opened = pilotage("open", "--print", **hers).stdout.strip()
        assert opened.startswith(f"http://127.0.0.1:{port}/login/open?key=")
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            assert browser.get(opened).status_code == 200
            assert "operator of every service" in browser.get(f"http://127.0.0.1:{port}/me").text
            path.write_text(TEAM.format(port=port, role="viewer"))
            pid = json.loads((coordinator.state / "coordinator.json").read_text())["pid"]
            os.kill(pid, signal.SIGHUP)
            wait_for(lambda: "viewer of every" in browser.get(f"http://127.0.0.1:{port}/me").text, 20)
            path.write_text("listen: nonsense\n")
            os.kill(pid, signal.SIGHUP)
            wait_for(lambda: "as they were" in (coordinator.state / "coordinator.log").read_text(), 20)
            assert "viewer of every" in browser.get(f"http://127.0.0.1:{port}/me").text
        assert pilotage("open", "--print").stdout.strip() == f"http://127.0.0.1:{port}/"
        machine = ("--kind", "agent", "--name", "helper", "--role", "operator:shop:test", "--scope", "rollback")
        agent = json.loads(pilotage("token", "create", *machine, "--expires", "30d", "--json").stdout)
        assert agent["grants"] == [{"role": "operator", "service": "shop", "environment": "test"}]
        assert "is revoked" in pilotage("token", "revoke", agent["id"]).stdout
        listed = pilotage("token", "list").stdout
        assert f"{agent['id']}  helper (agent): rollback; operator of shop in test; revoked by" in listed
        refused = pilotage("list", check=False, **{**hers, "PILOTAGE_TOKEN": agent["secret"]})
        assert "was revoked by" in refused.stderr
    finally:
        coordinator.down()


def test_without_a_login_the_page_opens_by_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coordinator = Local(tmp_path / "state")
    monkeypatch.setenv("PILOTAGE_STATE", str(coordinator.state))
    try:
        coordinator.up()
        address = pilotage("open", "--print").stdout.strip()
        assert json.loads(pilotage("open", "--json").stdout)["url"] != address
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            assert browser.get(address).status_code == 200
            assert "it is yours" in browser.get(address.partition("/login")[0] + "/me").text
        refused = pilotage("token", "create", "--name", "olga", "--scope", "plan:read", check=False)
        assert refused.returncode == 2
        assert "nobody logs in here" in refused.stderr
    finally:
        coordinator.down()


def pilotage(*argv: str, check: bool = True, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "pilotage", *argv],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0 or not check, done.stderr
    return done
