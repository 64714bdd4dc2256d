"""What a team's manifests say: routes, rollouts and workloads become drivers' options, each with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pilotage.core.brief import Brief, Flag, Value
from pilotage.core.model import Strategy
from pilotage.core.planning.draft import draft
from pilotage.core.proposals import Proposal
from pilotage.drivers import registry
from pilotage.repository import look
from tests import repositories

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: payment
  namespace: shop
spec:
  parentRefs: [{name: public}]
  rules:
    - matches:
        - path: {type: PathPrefix, value: /}
      backendRefs:
        - name: payment
          port: 80
          weight: 100
        - name: payment-canary
          port: 80
          weight: 0
"""
VIRTUAL_SERVICE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {}
spec:
  hosts: [payment]
  http:
  - route:
    - destination:
        host: payment
        subset: v1
      weight: 100
    - weight: 0
      destination: {host: payment, subset: v2}
""".replace("metadata: {}", "metadata:\n  name: payment")
ROLLOUT = """\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: payment
  namespace: shop
spec:
  strategy:
    canary:
      steps:
        - setWeight: 20
        - pause: {duration: 1h}
        - setWeight: 60
        - pause: {}
  template:
    spec:
      containers:
        - name: app
          image: registry.example.org:5000/payment:2.4.0
          env: [{name: X, value: y}]
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: payment
spec:
  template:
    spec:
      containers:
      - image: "registry.example.org/payment@sha256:0123"
        env:
        - name: LEVEL
          value: info
        name: app
"""


@pytest.fixture
def repo(tmp_path: Path) -> repositories.Repo:
    return repositories.new(tmp_path / "service")


def found(repo: repositories.Repo, port: str) -> list[Proposal]:
    return [one for one in look(repo.path).proposals if one.port == port]


def one(repo: repositories.Repo, port: str, name: str, text: str) -> Proposal:
    repo.write(name, text)
    (proposal,) = found(repo, port)
    return proposal


def taken(proposal: Proposal) -> Any:
    """By its driver, as it is."""
    return registry.find(proposal.port, proposal.driver).Options.model_validate(dict(proposal.options))


def traces(proposal: Proposal) -> list[str]:
    return [str(one) for one in proposal.traces]


# ------------------------------------------------------------------ routes


def test_a_routes_backends_are_canary_and_stable_by_their_names(repo: repositories.Repo) -> None:
    split = one(repo, "traffic", "k8s/route.yaml", ROUTE)
    assert (split.driver, split.options) == (
        "gateway-api",
        {"route": "payment", "namespace": "shop", "canary": "payment-canary", "stable": "payment"},
    )
    assert taken(split)
    assert split.note == "canary payment-canary, stable payment, by their names: check it"
    assert traces(split) == [
        "k8s/route.yaml:2 (kind: HTTPRoute)",
        "k8s/route.yaml:4 (name: payment)",
        "k8s/route.yaml:12 (- name: payment)",
        "k8s/route.yaml:15 (- name: payment-canary)",
    ]


def test_braces_are_read_as_lines_are(repo: repositories.Repo) -> None:
    backends = "backendRefs: [{name: payment, port: 80, weight: 100}, {name: payment-new, weight: 0}]\n"
    split = one(repo, "traffic", "route.yaml", ROUTE.split("backendRefs")[0] + backends)
    assert (split.options["canary"], split.options["stable"]) == ("payment-new", "payment")
    grpc = ROUTE.replace("HTTPRoute", "GRPCRoute")
    assert one(repo, "traffic", "route.yaml", grpc).options["kind"] == "GRPCRoute"


def test_a_weight_of_nothing_tells_where_names_do_not_also_when_it_comes_first(repo: repositories.Repo) -> None:
    split = one(repo, "traffic", "k8s/vs.yaml", VIRTUAL_SERVICE)
    assert (split.driver, split.options) == ("istio", {"virtual_service": "payment", "canary": "v2", "stable": "v1"})
    assert taken(split)
    assert split.note == "canary v2, stable v1, as v2 has the weight 0: check it"
    hosts = VIRTUAL_SERVICE.replace("host: payment, subset: v2", "host: payment-v2").replace("        subset: v1\n", "")
    split = one(repo, "traffic", "k8s/vs.yaml", hosts)
    assert (split.options["canary"], split.options["stable"]) == ("payment-v2", "payment")
    several = VIRTUAL_SERVICE.replace("host: payment, subset: v2", "host: refund, subset: v2")
    split = one(repo, "traffic", "k8s/vs.yaml", several)
    assert (split.options["canary"], split.options["stable"]) == ("refund/v2", "payment/v1")


@pytest.mark.parametrize(
    ("change", "options", "note"),
    [
        (
            ("weight: 0", "weight: 50"),
            {"canary": "REPLACE_ME", "stable": "REPLACE_ME"},
            "which one is the new version's?",
        ),
        (("payment-canary", "payment"), {"canary": "REPLACE_ME", "stable": "payment"}, "it has one backend, payment"),
        (("payment-canary", "{{ .Values.new }}"), {"canary": "REPLACE_ME", "stable": "payment"}, "one backend"),
    ],
)
def test_what_nobody_can_know_is_asked(repo: repositories.Repo, change: Any, options: Any, note: str) -> None:
    text = ROUTE.replace(*change)
    if change[0] == "weight: 0":
        text = text.replace("payment-canary", "refund")
    split = one(repo, "traffic", "k8s/route.yaml", text)
    assert {key: str(split.options[key]).partition(":")[0] for key in options} == options
    assert note in split.note


# ------------------------------------------------------------------ Argo and Flagger


def test_a_rollout_is_driven_and_its_import_is_named(repo: repositories.Repo) -> None:
    split = one(repo, "traffic", "k8s/rollout.yaml", ROLLOUT)
    assert (split.driver, split.options) == ("argo-rollouts", {"rollout": "payment", "namespace": "shop"})
    assert taken(split)
    assert "`pilotage import argo k8s/rollout.yaml` makes a plan of its steps" in split.note
    assert "the phases' weights must be its steps': 20, 60" in split.note
    assert "its steps need pauses without a duration" in split.note
    assert "k8s/rollout.yaml:10 (- setWeight: 20)" in traces(split)
    (deploy,) = found(repo, "deploy")
    image = "app=registry.example.org:5000/payment:{version}"
    command = ["kubectl", "argo", "rollouts", "set", "image", "payment", image, "--namespace", "shop"]
    assert (deploy.driver, deploy.options) == ("shell", {"command": command})
    assert taken(deploy)


def test_a_rollout_wins_over_the_route_that_its_controller_sets(repo: repositories.Repo) -> None:
    repo.write("k8s/all.yaml", f"{VIRTUAL_SERVICE}---\n{ROLLOUT}")
    best = look(repo.path).best("traffic")
    assert best is not None
    assert best.driver == "argo-rollouts"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROLLOUT.replace("canary:", "blueGreen:"), "`pilotage import argo k8s/it.yaml` makes a plan"),
        (
            "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata:\n  name: payment\n",
            "Flagger Canary payment: `pilotage import flagger k8s/it.yaml` makes a plan of it",
        ),
    ],
)
def test_what_is_only_imported_says_how(repo: repositories.Repo, text: str, said: str) -> None:
    split = one(repo, "traffic", "k8s/it.yaml", text)
    assert split.driver == ""
    assert said in split.note


def test_other_peoples_kinds_of_the_same_name_are_not_theirs(repo: repositories.Repo) -> None:
    repo.write("k8s/it.yaml", ROLLOUT.replace("argoproj.io/v1alpha1", "shop.example.org/v1"))
    assert found(repo, "traffic") == []


# ------------------------------------------------------------------ workloads


def test_a_canary_of_its_own_gets_the_image(repo: repositories.Repo) -> None:
    deploy = one(repo, "deploy", "k8s/canary.yaml", DEPLOYMENT.replace("name: payment", "name: payment-canary"))
    assert deploy.options == {"deployment": "payment-canary", "image": "registry.example.org/payment:{version}"}
    assert deploy.note == ""
    assert taken(deploy)


def test_what_serves_everybody_is_never_deployed_to_as_it_stands(repo: repositories.Repo) -> None:
    deploy = one(repo, "deploy", "k8s/payment.yaml", DEPLOYMENT)
    assert deploy.driver == "kubernetes"
    assert str(deploy.options["deployment"]).startswith("REPLACE_ME: the new version's Deployment; payment itself only")
    assert "Deployment payment serves everybody" in deploy.note
    repo.write("k8s/canary.yaml", DEPLOYMENT.replace("name: payment", "name: payment-canary"))
    best = look(repo.path).best("deploy")
    assert best is not None
    assert best.options["deployment"] == "payment-canary"


def test_of_several_containers_one_has_to_be_chosen(repo: repositories.Repo) -> None:
    text = DEPLOYMENT.replace("        name: app\n", "        name: app\n      - name: agent\n        image: agent:1\n")
    deploy = one(repo, "deploy", "k8s/payment.yaml", text)
    assert deploy.options["container"] == "REPLACE_ME: which one gets the new image: app, agent"
    assert str(deploy.options["image"]).startswith("REPLACE_ME")


def test_a_template_leaves_name_and_image_open(repo: repositories.Repo) -> None:
    text = DEPLOYMENT.replace("name: payment", 'name: {{ include "x" . }}').replace(
        "@sha256:0123", ":{{ .Values.tag }}"
    )
    deploy = one(repo, "deploy", "k8s/payment.yaml", text)
    assert str(deploy.options["deployment"]).startswith("REPLACE_ME")
    assert str(deploy.options["image"]).startswith("REPLACE_ME")


# ------------------------------------------------------------------ in a plan


def brief(strategy: Strategy = Strategy.CANARY, **more: Any) -> Brief:
    return Brief(text="", strategy=Value(strategy), **more)


def test_a_plan_takes_route_and_canary(repo: repositories.Repo) -> None:
    repo.write("k8s/route.yaml", ROUTE)
    repo.write("k8s/canary.yaml", DEPLOYMENT.replace("name: payment", "name: payment-canary"))
    drafted = draft(brief(), look(repo.path))
    assert drafted.data["traffic"][0]["driver"] == "gateway-api"
    assert drafted.data["deploy"][0]["deployment"] == "payment-canary"
    assert "k8s/route.yaml:2 (kind: HTTPRoute)" in drafted.text


def test_a_blue_green_plan_asks_for_the_idle_colours_object(repo: repositories.Repo) -> None:
    repo.write("k8s/green.yaml", DEPLOYMENT.replace("name: payment", "name: payment-green"))
    drafted = draft(brief(Strategy.BLUE_GREEN), look(repo.path))
    assert str(drafted.data["deploy"][0]["deployment"]).startswith("REPLACE_ME: the object with {idle} in its name")


def test_a_flag_service_is_taken_where_a_flag_is_wanted_and_only_there(repo: repositories.Repo) -> None:
    repo.write("k8s/route.yaml", ROUTE)
    repo.write("requirements.txt", "UnleashClient==6\n")
    wanted = draft(brief(flag=Value(Flag(True, "payment-fix"))), look(repo.path)).data["traffic"][0]
    assert (wanted["driver"], wanted["flag"], wanted["token"]) == ("unleash", "payment-fix", {"env": "UNLEASH_TOKEN"})
    assert draft(brief(flag=Value(Flag(False))), look(repo.path)).data["traffic"][0]["driver"] == "gateway-api"


def test_istios_counters_need_to_be_told_the_service(repo: repositories.Repo) -> None:
    repo.write("k8s/vs.yaml", VIRTUAL_SERVICE)
    repo.write("prometheus.yml", "scrape_configs:\n")
    metrics = draft(brief(), look(repo.path)).data["metrics"]
    assert metrics["requests"]["preset"] == "istio"
    assert str(metrics["requests"]["select"]).startswith("REPLACE_ME")
