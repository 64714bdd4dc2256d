"""Good plans: together they have every key of a plan. And the plans that the docs, the demo and other tests show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined
from ruamel.yaml import YAML

from pilotage.core.policy import TABLE
from pilotage.core.preparing import BUILT_IN
from pilotage.core.requestpresets import REQUESTS
from pilotage.planfile.presets import PRESETS
from pilotage.planfile.requests import known
from tests import stage
from tests.engine import test_signals as engine
from tests.planfile import test_logging as logging
from tests.planfile import test_planfile as planfile
from tests.planfile import test_signals as signals

ROOT = Path(__file__).parents[2]
COMPLETE = (Path(__file__).parent / "complete.yaml").read_text(encoding="utf-8")
SECRET_NAMES = ("PILOTAGE_TEST_SECRET", "HOOK_URL")
SECRET = "hunter2-planted"
"""What the variables of the plans' secret references hold while tests run. Vault and AWS are not asked."""


def sections(text: str) -> dict[str, str]:
    """The text of each top-level key of a plan in block style, its lines included."""
    found: dict[str, str] = {}
    key = ""
    for line in text.splitlines(keepends=True):
        if named := re.match(r"([a-z_]+):", line):
            key = named[1]
        if key:
            found[key] = found.get(key, "") + line
    return found


def without(text: str, *keys: str) -> str:
    return "".join(lines for key, lines in sections(text).items() if key not in keys)


OTHER = without(COMPLETE, "start", "logs", "checklist") + (
    "start: {within: 2h}\n"
    "logs: {both: {driver: files, paths: [app.log]}, field: {name: version, canary: v2, control: v1}}\n"
    "checklist: [{id: told, part: team, text: Support knows, required: true}]\n"
)
"""The keys that exclude others of COMPLETE."""
_BY = "{P0: rollback, P1: hold, P2: ask}"
_TRAFFIC = 'traffic: [{driver: envoy, runtime_dir: r, key: k, admin: "http://127.0.0.1:9901", token: {file: %s}}]\n'
WIDE = without(COMPLETE, "verdicts", "metrics", "traffic") + (
    f"verdicts: {{{', '.join(f'{finding}: {_BY}' for finding in TABLE)}}}\n"
    + _TRAFFIC % (ROOT / "pyproject.toml")
    + f"messages: {{templates: {ROOT / 'src/pilotage/templates/announce'}}}\n"
    + sections(COMPLETE)["metrics"].split("  guards:")[0]
    + "  guards:\n"
    + "".join(
        f"    - {{preset: {preset}, source: prom, select: 'g=\"$group\"', by: pod, worse_than_control: 3x,"
        f" only: [{', '.join(one.name for one in templates)}],"
        f" limits: {{{', '.join(f'{one.name}: 1' for one in templates)}}}}}\n"
        for preset, templates in PRESETS.items()
    )
)
"""Every row of the table by severity, every preset with all its keys, a secret in a file, a folder that is there."""


BLUE_GREEN = (
    without(COMPLETE, "strategy", "phases", "after", "deploy", "rollback")
    + """\
strategy: blue-green
phases: [{weight: 100%, watch: 30m, approval: true}]
deploy:
  - {name: "{idle}-colour", driver: shell, command: [./deploy.sh, "{idle}", "{version}"], timeout_s: 300}
blue_green:
  live: blue
  idle: green
  test:
    - {name: smoke, check: http, url: "http://{idle}.internal/healthz", contains: ok, within: 2m}
    - {check: command, command: [./smoke.sh, "{idle}"], timeout_s: 20}
  warm: 2h
  tick: 30s
  release: {name: free, driver: shell, command: [./scale.sh, "{live}", "0"], timeout_s: 60}
rollback:
  methods: [switch, redeploy]
  probe: {check: http, url: "http://{live}.internal/healthz"}
drift: restore
"""
)
ROLLING = (
    without(COMPLETE, "strategy", "phases", "traffic", "deploy", "rollback")
    + """\
strategy: rolling
rolling:
  servers:
    - {name: web1, host: 10.0.0.1, port: 8081}
    - {name: web2, host: 10.0.0.2, port: 8082}
    - {name: web3, host: 10.0.0.3, port: 8083}
  max_unavailable: 50%
  watch: 5m
  approval: second
  pool: {driver: haproxy, socket: /run/haproxy/admin.sock, backend: app, state_file: state, timeout_s: 5}
  health: {check: http, url: "http://{host}:{port}/healthz", timeout_s: 5}
  drain_within: 30s
  healthy_within: 2m
deploy:
  - {driver: shell, command: [./copy.sh, "{host}"], timeout_s: "{port}"}
  - {name: "restart-{server}", driver: shell, command: [./restart.sh, "{server}", "{version}"], check: [./restart.sh]}
  - name: over-ssh
    driver: ssh
    host: "{host}"
    port: "{port}"
    user: deploy
    key: "keys/{server}"
    passphrase: {env: PILOTAGE_TEST_SECRET}
    known_hosts: known_hosts
    jump: gate.example.org
    command: [./deploy, "{version}"]
    check: [./deploy, --check]
    timeout_s: 60
    connect_timeout_s: 5
  - {name: smoke, driver: test, check: http, options: {url: "http://{host}:{port}/ready"}, within_s: 30}
rollback:
  methods: [redeploy]
  confirm: {watch: 1m}
"""
)
"""The keys of the other strategies."""
COHORTS = (
    without(COMPLETE, "phases", "traffic")
    + """\
phases:
  - {cohort: {header: X-Canary, is: ["yes", beta]}, watch: 5m, on: [proxy]}
  - {cohort: {user: email, is: [ann@example.com]}, watch: 5m, on: [flag]}
  - {cohort: {cookie: canary, is: ["1"]}, weight: 1%, watch: 5m, on: [proxy], approval: true}
  - {mirror: 10%, watch: 5m}
  - {weight: 100%, watch: 30m}
traffic:
  - name: proxy
    driver: traefik
    file: pilotage.yml
    api: "http://127.0.0.1:8080"
    service: payment
    canary: new@file
    stable: old@file
    router: {rule: "Host(`pay.example.org`)"}
  - {name: flag, driver: flagd-file, file: flags.json, flag: new-payment, on: "on", off: "off"}
  - {name: hand, driver: shell, set: [./traffic.sh, "{weight}"], read: [./traffic.sh]}
"""
)
"""Phases that are no shares."""


def laid_over(part: str) -> str:
    """COMPLETE with the sections of `part` in place of its own."""
    return without(COMPLETE, *YAML(typ="safe").load(part)) + part


DRIVERS = [
    laid_over(part) for part in (Path(__file__).parent / "drivers.yaml").read_text(encoding="utf-8").split("---\n")
]
"""Every option of every driver that COMPLETE does not name."""


def requested(preset: str) -> str:
    """COMPLETE with a preset for its requests, with all the preset's keys."""
    keys: dict[str, Any] = {
        "source": "prom",
        "select": 'namespace="shop"',
        "label": REQUESTS[preset].label,
        "latency": True,
        "native": False,
        "reporter": "source",
        "code": "status",
        "counter": "http_server_requests_seconds_count",
        "histogram": "http_server_requests_seconds",
        "unit": "ms",
    }
    asked = {"preset": preset, **{key: value for key, value in keys.items() if key in known(preset)}}
    row = f"  requests: {json.dumps(asked)}\n"
    return without(COMPLETE, "metrics") + re.sub(r"  errors: .*\n  latency: .*\n", row, sections(COMPLETE)["metrics"])


def _rolled() -> str:
    """A rolling plan with the deploy drivers of `drivers.yaml`, each for one server."""
    rows = []
    for part in (Path(__file__).parent / "drivers.yaml").read_text(encoding="utf-8").split("---\n"):
        for row in YAML(typ="safe").load(part).get("deploy", []):
            if row["driver"] not in ("servers", "ssh"):
                rows.append({**row, "name": f"{row['name']}-{{server}}"})
    return _with(ROLLING, {"deploy": rows})


POOL = {
    "driver": "shell",
    "drain": ["./lb", "drain", "{server}", "{timeout}"],
    "ready": ["./lb", "ready", "{server}"],
    "states": ["./lb", "states"],
    "timeout_s": 30,
}


def checking() -> Iterator[str]:
    """For each check of COMPLETE's checklist that has a driver: as a follow-up, and as the way back's probe."""
    own: dict[str, Any] = {
        "id": "seen",
        "after": "1h",
        "text": "It is seen",
        "who": "Ann",
        "when": "always",
        "ticket": False,
    }
    for item in YAML(typ="safe").load(COMPLETE)["checklist"]:
        asked = {key: value for key, value in item.items() if key not in ("id", "part", "text", "required")}
        if asked.get("check") not in (None, *BUILT_IN):
            rows: Any = {"follow_ups": [{**own, **asked}], "rollback": {"probe": asked}}
            yield _with(COMPLETE, rows)
            colours: Any = {"live": "blue", "idle": "green", "test": [{"name": "it", "within": "1m", **asked}]}
            yield _with(BLUE_GREEN, {"blue_green": colours})
            servers = [{"name": one, "host": one, "port": 22} for one in ("a", "b")]
            yield _with(ROLLING, {"rolling": {"servers": servers, "watch": "5m", "health": asked, "pool": POOL}})


def _with(text: str, rows: dict[str, Any]) -> str:
    return without(text, *rows) + "".join(f"{key}: {json.dumps(row)}\n" for key, row in rows.items())


def blocks(text: str) -> Iterator[str]:
    """The whole plans among a page's code blocks."""
    for block in re.findall(r"^```ya?ml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if re.search(r"^pilotage: 1$", block, re.MULTILINE):
            yield block


def shown() -> dict[str, str]:
    """Every good plan by its place."""
    templates = Environment(loader=PackageLoader("pilotage", "demo"), undefined=StrictUndefined)
    ports = {"admin": 9901, "stable_port": 9001, "canary_port": 9002, "canary": "payment_canary", "stable": "payment"}
    plans = {
        "complete.yaml": COMPLETE,
        "complete.yaml, other keys": OTHER,
        "complete.yaml, wide": WIDE,
        "blue-green": BLUE_GREEN,
        "rolling": ROLLING,
        **{f"complete.yaml, requests by {preset}": requested(preset) for preset in REQUESTS},
        "cohorts": COHORTS,
        "rolling, other drivers": _rolled(),
        **{f"drivers.yaml, part {number}": text for number, text in enumerate(DRIVERS)},
        **{f"complete.yaml, check {number}": text for number, text in enumerate(checking())},
        "the demo": templates.get_template("plan.yaml.j2").render(**ports),
        "tests/planfile/test_planfile.py": planfile.GOOD,
        "tests/planfile/test_signals.py": signals.PLAN,
        "tests/planfile/test_logging.py": logging.PLAN.replace("LOGS", f"{{{logging.CANARY}, {logging.CONTROL}}}"),
        "tests/engine/test_signals.py": engine.PLAN
        % {"prometheus": "http://127.0.0.1:1", "page": "http://127.0.0.1:2"},
        "tests/stage.py": stage.PLAN.format(
            service="x", phases=stage.PHASES, port=1, hold="1m", then="ask", more="after: {watch: 5s, tick: 1s}"
        ),
    }
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]):
        for number, block in enumerate(blocks(page.read_text(encoding="utf-8"))):
            if "REPLACE_ME" not in block:  # a draft, not a good plan yet
                plans[f"{page.relative_to(ROOT)}, {number}"] = block
    for file in sorted([*(ROOT / "benchmarks").rglob("*.yaml"), *(ROOT / "docs").rglob("*.yaml")]):
        plans[str(file.relative_to(ROOT))] = file.read_text(encoding="utf-8")
    return plans


def set_secrets(patch: pytest.MonkeyPatch, names: Sequence[str] = SECRET_NAMES) -> None:
    for name in names:
        patch.setenv(name, SECRET)
    patch.setenv("VAULT_ADDR", "https://vault.example:8200")
    patch.setenv("VAULT_TOKEN", SECRET)
