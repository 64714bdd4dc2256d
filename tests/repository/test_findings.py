"""Each finding with its trace; every proposal that has a driver is one its driver takes."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest

from pilotage.core.planning import drivers as planned
from pilotage.drivers import registry
from pilotage.repository import look
from pilotage.repository.flags import SERVICES
from tests import repositories

ENVOY = """\
admin:
  address:
    socket_address: { address: 0.0.0.0, port_value: 9901 }
layered_runtime:
  layers:
    - name: disk
      disk_layer: { symlink_root: /srv/envoy/runtime, subdirectory: envoy }
static_resources:
  listeners:
    - filter_chains:
        - filters:
            - typed_config:
                route_config:
                  virtual_hosts:
                    - routes:
                        - match:
                            prefix: "/"
                            runtime_fraction:
                              default_value: { numerator: 0 }
                              runtime_key: payment.canary
                          route: { cluster: payment_canary }
                        - match: { prefix: "/" }
                          route: { cluster: payment_stable }
"""
FLAGS = {
    "$schema": "https://flagd.dev/schema/v0/flags.json",
    "flags": {
        "new-checkout": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"},
        "paymentNullFix": {
            "state": "ENABLED",
            "variants": {"fixed": True, "broken": False},
            "defaultVariant": "broken",
            "targeting": {"fractional": [["fixed", 10], ["broken", 90]]},
        },
        "banner": {"state": "ENABLED", "variants": {"red": "#f00", "blue": "#00f"}, "defaultVariant": "blue"},
        "mine": {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "off",
            "targeting": {"if": [{"==": [{"var": "email"}, "me@example.org"]}, "on"]},
        },
    },
}
COMPOSE = """\
services:
  payment:
    build: .
    volumes:
      - ./logs:/var/log/payment
  checkout:
    build: ./checkout
  prom:
    image: prom/prometheus:v2.53.0
    ports:
      - "19090:9090"
volumes: {}
"""
MANIFESTS = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: payment
  namespace: shop
spec:
  selector:
    matchLabels:
      app: payment
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: payment
spec:
  http:
    - route:
        - destination: {host: payment}
          weight: 100
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: search
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    nginx.ingress.kubernetes.io/canary-weight: "10"
"""


@pytest.fixture
def repo(tmp_path):
    return repositories.new(tmp_path / "service")


def found(repo, port: str, driver: str | None = None, hint: str = "") -> list[Any]:
    proposals = [one for one in look(repo.path, hint).proposals if one.port == port]
    return [one for one in proposals if driver is None or one.driver == driver]


def seen(proposal) -> list[str]:
    return [str(one) for one in proposal.traces]


@pytest.mark.parametrize(
    ("name", "text", "command", "trace"),
    [
        ("deploy.sh", 'set -eu\nVERSION="$1"\n', ["./deploy.sh", "{version}"], 'deploy.sh:3 (VERSION="$1")'),
        ("deploy.sh", 'docker pull "app:${1:?version}"\n', ["./deploy.sh", "{version}"], "deploy.sh:2"),
        ("scripts/deploy", 'tag=${1}\n', ["./scripts/deploy", "{version}"], "scripts/deploy:2 (tag=${1})"),
        ("bin/deploy-prod.sh", 'exec x "$@"\n', ["./bin/deploy-prod.sh", "{version}"], "bin/deploy-prod.sh:2"),
        ("deploy.sh", 'image=app:$VERSION\n', ["env", "VERSION={version}", "./deploy.sh"], "deploy.sh:2"),
        ("deploy.sh", 'case $1 in\n  --tag) TAG=$2;;\nesac\n', ["./deploy.sh", "--tag", "{version}"], "deploy.sh:3"),
        ("ops/go-live.sh", 'VERSION=$1\nkubectl set image d/x x=$VERSION\n', ["./ops/go-live.sh", "{version}"],
         "ops/go-live.sh:2"),
        ("deploy.py", "import argparse\np.add_argument('--version')\n", ["./deploy.py", "--version", "{version}"],
         "deploy.py:3"),
        ("deploy.py", "import sys\ngo(sys.argv[1])\n", ["./deploy.py", "{version}"], "deploy.py:3"),
        ("deploy.rb", "go ENV.fetch('APP_VERSION')\n", ["env", "APP_VERSION={version}", "./deploy.rb"], "deploy.rb:2"),
        ("deploy.sh", 'main() {\n  local version="$1"\n}\nmain "$@"\n', ["./deploy.sh", "{version}"], "deploy.sh:3"),
    ],
)  # fmt: skip
def test_a_deploy_script_is_found_and_how_it_takes_the_version(repo, name, text, command, trace):
    repo.write(name, f"#!/bin/sh\n{text}", 0o755)
    (proposal,) = found(repo, "deploy", "shell")
    assert list(proposal.options["command"]) == command
    assert any(one.startswith(trace) for one in seen(proposal))
    assert proposal.confidence > 0.4


def test_an_environment_before_the_version_is_left_for_the_person(repo):
    repo.write("deploy.sh", "#!/bin/sh\nENVIRONMENT=$1\nVERSION=$2\nREGION=${3:-eu}\n", 0o755)
    (proposal,) = found(repo, "deploy", "shell")
    command = ["./deploy.sh", "REPLACE_ME: argument 1 of deploy.sh, its ENVIRONMENT", "{version}"]
    assert proposal.options["command"] == command


@pytest.mark.parametrize(
    "text",
    ["make -C x all\n", 'VERSION=$(git describe)\ngo "$VERSION"\n', 'log() {\n  echo "$1"\n}\n', "# VERSION=$1\n"],
)
def test_a_script_that_does_not_say_how_it_takes_the_version_counts_less(repo, text):
    repo.write("deploy.sh", f"#!/bin/sh\n{text}", 0o755)
    (proposal,) = found(repo, "deploy", "shell")
    assert proposal.options["command"][1].startswith("REPLACE_ME: how deploy.sh takes the version")
    assert proposal.confidence < 0.5
    assert "nothing in deploy.sh says how" in proposal.note


def test_a_script_that_asks_a_person_counts_less(repo):
    repo.write("deploy.sh", '#!/bin/sh\nVERSION=$1\nread -rp "Sure? " answer\n', 0o755)
    (proposal,) = found(repo, "deploy", "shell")
    assert proposal.confidence < 0.5
    assert "asks questions" in proposal.note
    assert seen(proposal)[-1] == 'deploy.sh:3 (read -rp "Sure? " answer)'


@pytest.mark.parametrize(
    "text",
    [
        'docker build --tag "$IMAGE" .\n',
        'case "$1" in\n  --version) echo 1.0; exit;;\nesac\n',
        'nvm install "$NODE_VERSION"\n',
    ],
)
def test_a_version_of_something_else_is_not_taken_for_it(repo, text):
    repo.write("deploy.sh", f"#!/bin/sh\n{text}", 0o755)
    (proposal,) = found(repo, "deploy", "shell")
    assert "--tag" not in proposal.options["command"]
    assert "--version" not in proposal.options["command"]
    assert "env" not in proposal.options["command"]


def test_a_script_that_may_not_be_executed_is_given_to_its_interpreter(repo):
    repo.write("deploy.sh", "VERSION=$1\n")
    repo.write("scripts/deploy.py", "import sys\nsys.argv[1]\n")
    commands = [one.options["command"] for one in found(repo, "deploy", "shell")]
    assert ["bash", "./deploy.sh", "{version}"] in commands
    assert ["python3", "./scripts/deploy.py", "{version}"] in commands


def test_what_only_looks_like_a_script_is_not_one(repo):
    for name in ("deploy.md", "docs/deploy.md", "src/deploy.c", "scripts/deploy.txt", "deploy.yaml"):
        repo.write(name, "VERSION=$1\n", 0o755)
    assert found(repo, "deploy") == []


TASKS = [
    ("Makefile", "deploy: build\n\t./x $(VERSION)\n", ["make", "deploy", "VERSION={version}"],
     "Makefile:2 (./x $(VERSION))"),
    ("Makefile", "deploy:\n\t./x\n", ["make", "deploy", "REPLACE_ME"], "Makefile:1 (deploy:)"),
    ("Makefile", "release-all:\n\tgit push ${TAG}\n", ["make", "release-all", "TAG={version}"], "Makefile:1"),
    ("ops/Makefile", "deploy:\n\t./x $(IMAGE_TAG)\n", ["make", "-C", "ops", "deploy", "IMAGE_TAG={version}"],
     "ops/Makefile:2"),
    ("package.json", '{"scripts": {\n "deploy": "x", "test": "y"}}', ["npm", "run", "deploy", "--", "REPLACE_ME"],
     "package.json:2"),
    ("Justfile", "deploy version:\n  ./x {{version}}\n", ["just", "deploy", "{version}"],
     "Justfile:1 (deploy version:)"),
    ("justfile", "deploy env version='x':\n  y\n", ["just", "deploy", "REPLACE_ME", "{version}"], "justfile:1"),
    ("Taskfile.yml", "tasks:\n  deploy:\n    cmds:\n      - ./x {{.VERSION}}\n  test:\n", ["task", "deploy",
     "VERSION={version}"],
     "Taskfile.yml:4"),
    ("fabfile.py", "@task\ndef deploy(c, version):\n    pass\n", ["fab", "deploy", "--version={version}"],
     "fabfile.py:2"),
    ("ops/deploy.yml", "- name: x\n  hosts: web\n  tasks:\n    - pull: app:{{ app_version }}\n",
     ["ansible-playbook", "ops/deploy.yml", "-e", "app_version={version}"], "ops/deploy.yml:4"),
    ("config/deploy.yml", "service: payment\nimage: octo/payment\nservers:\n", ["kamal", "deploy", "--skip-push",
     "--version={version}"],
     "config/deploy.yml:1 (service: payment)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "command", "trace"), TASKS, ids=[f"{one[0]}-{n}" for n, one in enumerate(TASKS)]
)
def test_targets_and_tasks_that_deploy_are_found(repo, name, text, command, trace):
    repo.write(name, text)
    (proposal,) = found(repo, "deploy", "shell")
    given = ["REPLACE_ME" if one.startswith("REPLACE_ME") else one for one in proposal.options["command"]]
    assert given == command
    assert any(one.startswith(trace) for one in seen(proposal))


def test_the_package_manager_is_the_one_with_the_lock(repo):
    repo.write("package.json", '{"scripts": {"deploy:prod": "x"}}')
    repo.write("yarn.lock", "")
    (proposal,) = found(repo, "deploy", "shell")
    assert proposal.options["command"][:3] == ["yarn", "run", "deploy:prod"]


def test_capistrano_takes_its_branch_from_the_environment(repo):
    repo.write("Capfile", "require 'capistrano/setup'\n")
    repo.write("config/deploy.rb", "set :branch, ENV['BRANCH']\n")
    repo.write("config/deploy/production.rb", "server 'x'\n")
    (proposal,) = found(repo, "deploy", "shell")
    assert proposal.options["command"] == ["env", "BRANCH={version}", "cap", "production", "deploy"]
    assert "config/deploy.rb:1 (set :branch, ENV['BRANCH'])" in seen(proposal)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rollback.sh", "#!/bin/sh\n", "a way back by hand"),
        ("Makefile", "rollback:\n\t./x\n", "a way back by hand"),
        ("Procfile", "web: gunicorn app\n", "Procfile"),
        ("serverless.yml", "service: payment\n", "Serverless Framework"),
        ("infra/main.tf", 'resource "x" "y" {}\n', "Terraform"),
        ("docker-compose.yml", "services:\n  a:\n    image: x\n", "docker compose up"),
        ("charts/payment/Chart.yaml", "apiVersion: v2\nname: payment\n", "Helm chart payment"),
        ("k8s/all.yaml", MANIFESTS, "Rollout search (Argo Rollouts): `kubectl argo rollouts set image` deploys"),
    ],
)
def test_what_no_driver_reaches_is_said(repo, name, text, said):
    repo.write(name, text)
    notes = [one.note for one in found(repo, "deploy", "")]
    assert any(said in note for note in notes)


def test_an_ingress_is_said_and_routes_are_driven(repo):
    repo.write("k8s/all.yaml", MANIFESTS)
    assert {one.name for one in found(repo, "traffic", "")} == {"Ingress shop"}
    (service,) = found(repo, "traffic", "istio")
    assert seen(service) == ["k8s/all.yaml:12 (kind: VirtualService)", "k8s/all.yaml:14 (name: payment)",
                             "k8s/all.yaml:18 (- destination: {host: payment})"]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "selector"),
    [
        (("", ""), {"app": "payment"}),
        (("app: payment\n", 'app: "payment"  # ours\n      app.kubernetes.io/part-of: shop\n'),
         {"app": "payment", "app.kubernetes.io/part-of": "shop"}),
        (("matchLabels:\n      app: payment\n", "matchLabels: {app: payment, tier: web}\n"),
         {"app": "payment", "tier": "web"}),
    ],
)  # fmt: skip
def test_pods_logs_are_followed_by_their_labels(repo, change, selector):
    repo.write("k8s/all.yaml", MANIFESTS.replace(*change) if change[0] else MANIFESTS)
    (proposal,) = found(repo, "logs", "kubernetes")
    assert proposal.options == {"selector": selector, "namespace": "shop"}
    assert registry.find("logs", "kubernetes").Options.model_validate(proposal.options)


def test_labels_that_a_template_fills_in_are_not_made_up(repo):
    repo.write("k8s/all.yaml", MANIFESTS.replace("app: payment\n", "app: {{ .Values.app }}\n"))
    assert found(repo, "logs", "kubernetes") == []


def test_pods_without_a_label_are_followed_by_their_deployment(repo):
    repo.write("deploy/payment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: payment\n")
    (proposal,) = found(repo, "logs", "command")
    assert proposal.options["command"] == ["kubectl", "logs", "--since-time={since}", "deployment/payment", "-f"]
    assert "one pod" in proposal.note


def test_names_that_a_template_fills_in_are_not_made_up(repo):
    for name in ("a", "b"):
        repo.write(
            f"chart/{name}.yaml", 'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ include "x" . }}\n'
        )
    proposals = found(repo, "deploy", "kubernetes")
    assert {one.options["deployment"] for one in proposals} == {"REPLACE_ME: the new version's Deployment"}
    assert found(repo, "logs") == []


@pytest.mark.parametrize(
    ("files", "set_", "read", "trace"),
    [
        ({"traffic.sh": 'case "$1" in\n  set) x "$2";;\n  get) y;;\nesac\n'},
         ["./traffic.sh", "set", "{weight}"], ["./traffic.sh", "get"], "traffic.sh:3"),
        ({"traffic.sh": 'if [ "$1" = "set" ]; then x; fi\nif [ "$1" = "show" ]; then y; fi\n'},
         ["./traffic.sh", "set", "{weight}"], ["./traffic.sh", "show"], "traffic.sh:2"),
        ({"bin/weight.py": 's.add_parser("set")\ns.add_parser("get")\n'},
         ["./bin/weight.py", "set", "{weight}"], ["./bin/weight.py", "get"], "bin/weight.py:2"),
        ({"scripts/set-weight.sh": "x $1\n", "scripts/get-weight.sh": "y\n"},
         ["./scripts/set-weight.sh", "{weight}"], ["./scripts/get-weight.sh"], "scripts/set-weight.sh:2"),
        ({"scripts/canary.sh": "lb weight canary $1\n"}, ["./scripts/canary.sh", "{weight}"], ["REPLACE_ME"],
         "scripts/canary.sh:2"),
    ],
)  # fmt: skip
def test_scripts_that_shift_traffic_are_found(repo, files, set_, read, trace):
    for name, text in files.items():
        repo.write(name, f"#!/bin/sh\n{text}", 0o755)
    (proposal,) = found(repo, "traffic", "shell")
    given = ["REPLACE_ME" if one.startswith("REPLACE_ME") else one for one in proposal.options["read"]]
    assert (proposal.options["set"], given) == (set_, read)
    assert seen(proposal)[0].startswith(trace)
    assert (proposal.confidence > 0.5) == (read != ["REPLACE_ME"])


def test_envoys_runtime_key_comes_with_admin_runtime_and_groups(repo):
    repo.write("proxy/envoy.yaml", ENVOY)
    (proposal,) = found(repo, "traffic", "envoy")
    assert proposal.options == {
        "key": "payment.canary",
        "admin": "http://127.0.0.1:9901",
        "runtime_dir": "/srv/envoy/runtime",
        "subdirectory": "envoy",
    }
    assert "canary is the cluster payment_canary, control payment_stable" in proposal.note
    assert seen(proposal)[0] == "proxy/envoy.yaml:20 (runtime_key: payment.canary)"
    assert [one.line for one in proposal.traces] == [20, 1, 7, 21, 23]
    (metrics,) = found(repo, "metrics", "scrape")
    assert metrics.options == {"urls": ["http://127.0.0.1:9901/stats/prometheus"]}
    assert metrics.note == "groups: canary payment_canary, control payment_stable"


def test_envoys_configuration_may_be_json_on_one_line(repo):
    cluster = {"name": "x" * 1200}
    fraction = {"default_value": {"numerator": 0}, "runtime_key": "payment.canary"}
    routes = [{"match": {"prefix": "/", "runtime_fraction": fraction}, "route": {"cluster": "new"}},
              {"match": {"prefix": "/"}, "route": {"cluster": "old"}}]  # fmt: skip
    admin = {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 9901}}}
    layers = [{"name": "disk", "disk_layer": {"symlink_root": "/srv/runtime"}}]
    config = {"clusters": [cluster], "admin": admin, "layered_runtime": {"layers": layers}, "routes": routes}
    repo.write("envoy.json", json.dumps(config))
    (proposal,) = found(repo, "traffic", "envoy")
    assert proposal.options == {
        "key": "payment.canary",
        "admin": "http://127.0.0.1:9901",
        "runtime_dir": "/srv/runtime",
    }
    assert "canary is the cluster new, control old" in proposal.note
    assert seen(proposal)[0] == 'envoy.json:1 ("runtime_key": "payment.canary")'


def test_flags_on_one_long_line_are_read_whole(repo):
    flags = {
        f"flag-{n}": {"state": "ENABLED", "variants": {"on": 1, "off": 0}, "defaultVariant": "off"} for n in range(40)
    }
    repo.write("flags.json", json.dumps({"flags": flags}))
    assert len(found(repo, "traffic", "flagd-file")) == 40


def test_a_route_in_a_file_of_its_own_leaves_admin_and_runtime_to_the_person(repo):
    repo.write(
        "routes.yaml",
        "routes:\n- match:\n    runtime_fraction:\n      runtime_key: shop.new\n  route: {cluster: new}\n",
    )
    (proposal,) = found(repo, "traffic", "envoy")
    assert proposal.options["admin"].startswith("REPLACE_ME")
    assert proposal.options["runtime_dir"].startswith("REPLACE_ME")
    assert "no admin address and no disk layer" in proposal.note


def test_other_runtime_keys_and_weights_without_a_key_are_no_traffic(repo):
    repo.write(
        "envoy.yaml", "retry:\n  enabled: {runtime_key: retries}\nroute:\n  weighted_clusters:\n    clusters: []\n"
    )
    assert found(repo, "traffic", "envoy") == []
    (proposal,) = found(repo, "traffic", "")
    assert "runtime_fraction" in proposal.note


def test_each_flag_is_a_proposal_and_the_briefs_flag_comes_first(repo):
    repo.write("flags/demo.flagd.json", json.dumps(FLAGS, indent=2))
    proposals = found(repo, "traffic", "flagd-file", hint="Payment null pointer fix, behind a flag")
    options = {one.options["flag"]: (one.options["on"], one.options["off"]) for one in proposals}
    assert options == {"new-checkout": ("on", "off"), "paymentNullFix": ("fixed", "broken"), "banner": ("red", "blue")}
    assert proposals[0].options == {
        "file": "flags/demo.flagd.json",
        "flag": "paymentNullFix",
        "on": "fixed",
        "off": "broken",
    }
    assert re.fullmatch(r'flags/demo\.flagd\.json:\d+ \("paymentNullFix": \{\)', seen(proposals[0])[0])
    assert found(repo, "traffic", "flagd-file", hint="new checkout")[0].options["flag"] == "new-checkout"
    (own,) = found(repo, "traffic", "")
    assert "flag mine has targeting of its own" in own.note


def test_flags_that_are_disabled_or_yaml_are_said(repo):
    flags = {"flags": {"a": {"state": "DISABLED", "variants": {"on": 1, "off": 0, "x": 2}, "defaultVariant": "off"}}}
    repo.write("flags.json", json.dumps(flags))
    repo.write("more-flags.yaml", "flags:\n  b:\n    variants:\n      on: true\n")
    (driven,) = found(repo, "traffic", "flagd-file")
    assert "DISABLED" in driven.note
    assert "YAML" in found(repo, "traffic", "")[0].note


def test_flag_services_are_found_by_their_libraries(repo):
    repo.write(
        "package.json", '{"dependencies": {\n"launchdarkly-node-server-sdk": "^7", "@splitsoftware/splitio": "1"}}'
    )
    repo.write("requirements.txt", "UnleashClient==6\nflask\n")
    services = {one.name: one for one in found(repo, "traffic")}
    assert seen(services["LaunchDarkly"])[0].startswith("package.json:2")
    assert seen(services["Unleash"]) == ["requirements.txt:1 (UnleashClient==6)"]
    assert {name: one.driver for name, one in services.items()} == {
        "LaunchDarkly": "launchdarkly",
        "Unleash": "unleash",
        "Split": "",
    }


@pytest.mark.parametrize("word", [word for word, (_, driver, _) in SERVICES.items() if driver])
def test_what_a_flag_service_needs_is_what_its_driver_takes(repo, word):
    repo.write("requirements.txt", f"{word}==6\n")
    (proposal,) = found(repo, "traffic")
    values = {"address": "http://127.0.0.1:4242", "number": "7", "environment's id": str(uuid.UUID(int=7))}

    def given(text):
        said = next((value for what, value in values.items() if what in text), "payment")
        return said if text.startswith("REPLACE_ME") else text

    options = {name: given(one) if isinstance(one, str) else one for name, one in proposal.options.items()}
    assert registry.find("traffic", proposal.driver).Options.model_validate(options)
    assert proposal.driver in planned.FLAGS


@pytest.mark.parametrize(
    ("name", "text", "url", "trace"),
    [
        ("prometheus.yml", "global:\nscrape_configs:\n", "http://localhost:9090", "prometheus.yml:2 (scrape_configs:)"),
        ("docker-compose.yml", COMPOSE, "http://localhost:19090",
         "docker-compose.yml:9 (image: prom/prometheus:v2.53.0)"),
        ("charts/x/values.yaml", "metrics: http://prometheus.monitoring:9090/\n",
         "http://prometheus.monitoring:9090", "charts/x/values.yaml:1"),
        ("grafana/datasources.yml", "  url: https://me:pw@my-prometheus.example.org/prom\n",
         "https://my-prometheus.example.org/prom", "grafana/datasources.yml:1"),
        (".env", "PROMETHEUS_URL=http://prometheus:9090/api/v1/query\n", "http://prometheus:9090", ".env:1"),
    ],
)  # fmt: skip
def test_prometheus_is_found_by_what_names_it(repo, name, text, url, trace):
    repo.write(name, text)
    (proposal,) = found(repo, "metrics", "prometheus")
    assert proposal.options == {"url": url}
    assert trace in " ".join(seen(proposal))
    assert "pw" not in repr(proposal)


@pytest.mark.parametrize(
    ("name", "text", "options", "trace"),
    [
        ("logback.xml", "<x>\n<file>/var/log/pay.log</file>\n</x>", {"paths": ["/var/log/pay.log"]}, "logback.xml:2"),
        ("src/main/resources/logback-spring.xml", "<file>${LOG_DIR}/pay.log</file>",
         {"paths": ["REPLACE_ME: ${LOG_DIR}/pay.log"]}, "src"),
        ("log4j2.xml", '<File name="a" fileName="logs/app.log"/>', {"paths": ["logs/app.log"]}, "log4j2.xml:1"),
        ("log4j.properties", "log4j.appender.R.File=/var/log/r.log\n", {"paths": ["/var/log/r.log"]},
         "log4j.properties:1"),
        ("etc/logrotate.d/payment", "/var/log/payment/*.log {\n  daily\n}\n", {"paths": ["/var/log/payment/*.log"]},
         "etc/logrotate.d/payment:1"),
        ("payment.service", "[Service]\nExecStart=/x\nStandardOutput=append:/var/log/p.log\n",
         {"paths": ["/var/log/p.log"]}, "payment.service:3"),
        ("docker-compose.yml", "services:\n  a:\n    volumes:\n      - ./logs:/var/log\n", {"paths": ["logs/*.log"]},
         "docker-compose.yml:4"),
    ],
)  # fmt: skip
def test_log_files_are_found_by_what_configures_them(repo, name, text, options, trace):
    repo.write(name, text)
    (proposal,) = found(repo, "logs", "files")
    assert proposal.options == options
    assert seen(proposal)[0].startswith(trace)


def test_units_and_containers_that_log_elsewhere_are_followed_by_a_command(repo):
    repo.write("payment.service", "[Service]\nExecStart=/usr/bin/payment\n")
    repo.write("docker-compose.yml", COMPOSE)
    commands = {one.name: one.options["command"] for one in found(repo, "logs", "command")}
    assert commands["payment"] == ["journalctl", "-f", "-n", "0", "-o", "json", "-u", "payment"]
    expected = [
        "docker",
        "compose",
        "-f",
        "docker-compose.yml",
        "logs",
        "--no-log-prefix",
        "--since",
        "{since}",
        "-f",
        "checkout",
    ]
    assert commands["checkout"] == expected


def test_githubs_builds_are_checked_where_origin_is_on_github(repo):
    repo.write(".github/workflows/build.yml", "name: Build\non: push\n")
    repo.git("remote", "add", "origin", "https://github.com/octo/payment")
    commit = repo.commit()
    (proposal,) = found(repo, "checks", "github-build")
    assert proposal.options == {"repository": "octo/payment", "commit": commit, "token": {"env": "GITHUB_TOKEN"}}
    assert seen(proposal) == [".github/workflows/build.yml:1 (name: Build)"]


def test_workflows_without_github_as_origin_leave_the_repository_open(repo):
    repo.write(".github/workflows/build.yml", "name: Build\n")
    (proposal,) = found(repo, "checks", "github-build")
    assert proposal.options["repository"].startswith("REPLACE_ME")


@pytest.mark.parametrize(
    ("file", "system"),
    [(".gitlab-ci.yml", "GitLab CI"), ("Jenkinsfile", "Jenkins"), (".circleci/config.yml", "CircleCI"),
     ("azure-pipelines.yml", "Azure Pipelines"), ("bitbucket-pipelines.yml", "Bitbucket Pipelines"), (".drone.yml",
      "Drone"),
     (".buildkite/pipeline.yml", "Buildkite")],
)  # fmt: skip
def test_other_build_systems_are_named(repo, file, system):
    repo.write(file, "stages: [build]\n")
    (proposal,) = found(repo, "checks", "command")
    assert (proposal.name, system in proposal.options["command"][0]) == (system, True)
    assert seen(proposal) == [f"{file}:1 (stages: [build])"]


def test_a_fix_on_a_branch_of_its_own_is_checked_to_be_merged(repo):
    repo.commit()
    assert found(repo, "checks", "git-merged") == []
    repo.git("checkout", "--quiet", "-b", "hotfix/npe")
    (proposal,) = found(repo, "checks", "git-merged")
    assert proposal.options == {"repository": ".", "commit": "hotfix/npe", "into": "main"}
    assert seen(proposal) == [".git/HEAD (branch hotfix/npe)"]


def test_examples_and_tests_count_less(repo):
    for name in ("deploy/payment.yaml", "examples/search.yaml"):
        repo.write(name, MANIFESTS.replace("payment", name.split("/")[1][:-5]))
    scores = {one.name: one.confidence for one in found(repo, "logs")}
    assert scores["search"] < scores["payment"]


EVERYTHING = {
    "Makefile": "deploy:\n\t./x $(VERSION)\nrelease:\n\t./x\n",
    "package.json": '{"scripts": {"deploy": "x"}}',
    "Justfile": "deploy env version:\n  x\n",
    "Taskfile.yml": "tasks:\n  deploy:\n    cmds: []\n",
    "fabfile.py": "def deploy(c, version):\n",
    "Capfile": "",
    "config/deploy.yml": "service: x\nimage: y\n",
    "ops/deploy.yml": "- hosts: web\n",
    "ops/go": "#!/bin/sh\nhelm upgrade x\n",
    "scripts/traffic": "#!/bin/sh\ncase $1 in\n set) ;;\n get) ;;\nesac\n",
    "scripts/canary.sh": "#!/bin/sh\nlb $1\n",
    "deploy.sh": "#!/bin/sh\nENV=$1\nTAG=$2\n",
    "envoy.yaml": ENVOY,
    "routes.yaml": "runtime_fraction: {runtime_key: a.b}\n",
    "flags.json": json.dumps(FLAGS),
    "docker-compose.yml": COMPOSE,
    "compose.other.yml": "services:\n  prom:\n    image: prom/prometheus\n",
    "prometheus.yml": "scrape_configs:\n",
    "logback.xml": "<file>${X}/a.log</file>",
    "a.service": "ExecStart=/x\n",
    "k8s/all.yaml": MANIFESTS,
    ".github/workflows/a.yml": "name: A\n",
    ".gitlab-ci.yml": "a: b\n",
}


def filled(value: Any) -> Any:
    """Placeholders as a person would fill them in."""
    if isinstance(value, str):
        as_said = "http://127.0.0.1:9901" if "address" in value else "octo/payment"
        as_said = "a/b:{version}" if "the image" in value else "new" if "new version's" in value else as_said
        return re.sub(r"^REPLACE_ME: .*", as_said, value, flags=re.S)
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items()}
    return [filled(one) for one in value] if isinstance(value, (list, tuple)) else value


def test_every_proposal_is_one_its_driver_takes(repo):
    for name, text in EVERYTHING.items():
        repo.write(name, text, 0o755)
    repo.commit()
    repo.git("checkout", "--quiet", "-b", "fix")
    proposals = [one for one in look(repo.path, "payment").proposals if one.driver]
    kinds = {(one.port, one.driver) for one in proposals}
    assert kinds == {
        ("deploy", "shell"), ("traffic", "shell"), ("traffic", "envoy"), ("traffic", "flagd-file"), ("metrics",
         "prometheus"),
        ("metrics", "scrape"), ("logs", "files"), ("logs", "command"), ("checks", "github-build"), ("checks",
         "git-merged"),
        ("checks", "command"), ("deploy", "kubernetes"), ("logs", "kubernetes"),
        ("traffic", "argo-rollouts"), ("traffic", "istio"),
    }  # fmt: skip
    for one in proposals:
        registry.find(one.port, one.driver).Options.model_validate(filled(dict(one.options)))
        assert one.traces
        assert 0 < one.confidence <= 1


def test_the_same_repository_gives_the_same_answer(repo):
    for name, text in EVERYTHING.items():
        repo.write(name, text)
    assert look(repo.path, "payment") == look(repo.path, "payment")
