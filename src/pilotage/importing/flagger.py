"""A Flagger Canary with its MetricTemplates -> the pieces of a plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pilotage.core.model import Strategy
from pilotage.core.planning.drivers import missing
from pilotage.core.planning.entries import Entry
from pilotage.core.quantities import written
from pilotage.importing import flagger_fields
from pilotage.importing.argo_traffic import image_without_tag, of_template, ready_within
from pilotage.importing.fields import name_all
from pilotage.importing.flagger_hooks import hooks
from pilotage.importing.flagger_metrics import Around, groups, metrics
from pilotage.importing.flagger_phases import INTERVAL_S, course
from pilotage.importing.manifests import Manifest
from pilotage.importing.measures import measured
from pilotage.importing.pieces import Pieces
from pilotage.importing.spots import Spot

HEAD = (
    "Flagger must not hold this route at the same time: set `spec.suspend: true` on the Canary before a rollout, "
    "and keep the route and the two Deployments when the Canary goes.",
    "In Flagger the primary becomes the new version in the end. In a plan the canary has 100 %: exchange canary and "
    "stable in the next plan, or deploy to the primary afterwards.",
)
STEERING = ("gateway-api", "istio")


def flagger(canary: Manifest, templates: Sequence[Manifest], others: Sequence[Manifest]) -> Pieces | None:
    """What is wrong in the files is in the findings."""
    spot = canary.spot
    target, kind = spot.name("spec", "targetRef", "name"), spot.text("spec", "targetRef", "kind")
    if target is None:
        if not spot.findings.problems:
            (spot.at("spec") or spot).wrong("spec.targetRef.name", "nothing")
        return None
    analysis = spot.mapping("spec", "analysis")
    service = (spot.name("spec", "service", "name") if "service" in (spot.at("spec") or spot) else None) or target
    namespace = canary.namespace or missing("the Canary's namespace")
    provider = _provider(spot)
    pieces = Pieces(
        title=f"Flagger Canary {canary.name}",
        service=(canary.name, "from metadata.name"),
        strategy=Strategy.CANARY,
        why="from spec.analysis",
        head=HEAD,
    )
    if kind not in ("Deployment", "DaemonSet", None):
        at = spot.at("spec", "targetRef", "kind") or spot
        at.note("question", f"a {kind} has no pods of its own: say under `deploy` how the new version gets there", True)
    _traffic(pieces, spot, provider, service, target, namespace)
    _deploy(pieces, target, namespace, others, kind)
    pieces.deploy[0] |= ready_within(spot.whole("spec", "progressDeadlineSeconds", least=1))
    _logs(pieces, target, namespace)
    if analysis is None:
        (spot.at("spec") or spot).note("question", "no analysis: how the traffic rises is to be said", look=True)
        pieces.usual_phases = True
    else:
        _analysed(pieces, canary, analysis, templates, provider, service, target, namespace)
    for one in templates:
        if one.kind == "AlertProvider":
            one.spot.note("none", f"{one.called}: name the channel under `notify`; secrets are not taken over")
    name_all(spot, flagger_fields.CANARY)
    return pieces


def _provider(spot: Spot) -> str:
    """As said; else what the route is written for, where that tells it."""
    said = spot.text("spec", "provider")
    if said:
        return said
    service = spot.mapping("spec", "service")
    if service is not None and "gatewayRefs" in service:
        return "gatewayapi:v1"
    if service is not None and any(one in service for one in ("gateways", "trafficPolicy", "corsPolicy")):
        return "istio"
    return ""


def _traffic(pieces: Pieces, spot: Spot, provider: str, service: str, target: str, namespace: str) -> None:
    sides = {"canary": f"{service}-canary", "stable": f"{service}-primary"}
    short = provider.partition(":")[0]
    said = spot.at("spec", "provider") or spot.at("spec") or spot
    if short == "gatewayapi":
        row: dict[str, Any] = {
            "name": "route",
            "driver": "gateway-api",
            "route": service,
            "namespace": namespace,
            **sides,
        }
    elif short == "istio":
        row = {"name": "istio", "driver": "istio", "virtual_service": service, "namespace": namespace, **sides}
    elif short == "kubernetes":
        row = {"name": "service", "driver": "kubernetes-service", "service": service, "namespace": namespace}
        row |= {"label": "app", "canary": target, "stable": f"{target}-primary"}
    else:
        what = f"the provider {provider}" if provider else "no spec.provider: Flagger's own default counts"
        said.note("question", f"{what}: say what moves the traffic (gateway-api, istio, kubernetes-service, ...)", True)
        row = {"name": "splitter", "driver": missing(f"what splits the traffic here ({what}), with its options")}
    pieces.traffic = [row]
    where = f"spec.provider: {provider}" if "provider" in (spot.at("spec") or spot) else "spec.service"
    pieces.traffic_above = (
        "The route that Flagger made; Pilotage sets it itself while Flagger is suspended.",
        f"from {where}",
    )


def _deploy(pieces: Pieces, target: str, namespace: str, others: Sequence[Manifest], kind: str | None) -> None:
    found = next((one for one in others if one.kind == (kind or "Deployment") and one.name == target), None)
    container, image = of_template(found.spot.mapping("spec", "template")) if found is not None else ("", "")
    repository = image_without_tag(image)
    pieces.image = image
    pieces.deploy = [
        {
            "name": "canary",
            "driver": "kubernetes",
            ("daemonset" if kind == "DaemonSet" else "deployment"): target,
            "container": container or missing(f"the container of the Deployment {target} that gets the new image"),
            "image": f"{repository}:{{version}}"
            if repository
            else missing("the image, such as registry/payment:{version}"),
            "namespace": namespace,
        }
    ]
    pieces.deploy_above = (
        "How the new version gets there. Flagger has scaled this Deployment to 0: scale it up before.",
    )


def _logs(pieces: Pieces, target: str, namespace: str) -> None:
    pieces.logs = {
        "canary": {"driver": "kubernetes", "selector": {"app": target}, "namespace": namespace},
        "control": {"driver": "kubernetes", "selector": {"app": f"{target}-primary"}, "namespace": namespace},
    }
    pieces.logs_above = ("from spec.targetRef.name: Flagger's own labels. Leave it out when they are other ones.",)


def _analysed(
    pieces: Pieces,
    canary: Manifest,
    analysis: Spot,
    templates: Sequence[Manifest],
    provider: str,
    service: str,
    target: str,
    namespace: str,
) -> None:
    spot = canary.spot
    found = course(analysis)
    pieces.strategy, pieces.phases = found.strategy, found.rows
    threshold, interval = analysis.whole("threshold", most=100_000), analysis.seconds("interval") or INTERVAL_S
    if threshold:
        seconds = min(max(threshold * interval, 30.0), 30 * 86400.0)
        pieces.hold = ({"deadline": written(seconds)}, "from analysis.threshold times interval; or then: ask")
    _only_what_can_be(pieces, analysis)
    if found.strategy is Strategy.BLUE_GREEN:
        _two_colours(pieces, target, service, namespace, found.iterations_s)
    around = Around(
        name=canary.name,
        namespace=canary.namespace,
        target=target,
        service=service,
        ingress=spot.name("spec", "ingressRef", "name") or "" if "ingressRef" in (spot.at("spec") or spot) else "",
        provider=provider,
        server=spot.text("spec", "metricsServer") or "",
    )
    used: set[int] = set()
    pieces.measured = measured(metrics(analysis, around, templates, used), groups(around))
    for one in templates:
        if id(one) in used:
            name_all(one.spot, flagger_fields.TEMPLATE)
        elif one.kind == "MetricTemplate":
            one.spot.note("none", f"{one.called} is not used by this Canary: left out")
    hooks(pieces, analysis)


def _only_what_can_be(pieces: Pieces, analysis: Spot) -> None:
    """Cohorts and copies only where the proposed driver can do them."""
    driver = str(pieces.traffic[0]["driver"])
    if driver in STEERING or not any(one.cohort or one.mirror for one in pieces.phases):
        return
    if driver.startswith("REPLACE_ME"):
        return
    spot = analysis.at("match") or analysis.at("mirror") or analysis
    spot.note("none", f"cohorts and copies: the driver {driver} knows none; left out", look=True)
    pieces.phases = [one for one in pieces.phases if one.weight is not None]


def _two_colours(pieces: Pieces, target: str, service: str, namespace: str, seconds: float) -> None:
    place = namespace if re.fullmatch(r"[a-z0-9.-]+", namespace) else "test"
    asked = missing(f"the new version's health page, such as http://{service}-canary.{place}/healthz")
    above = (
        "It gets no traffic before. Flagger tested it for "
        + written(seconds)
        + ": from analysis.iterations times interval."
    )
    pieces.blue_green = (
        Entry("live", f"{target}-primary", "from spec.targetRef.name: Flagger's own name"),
        Entry("idle", target, "from spec.targetRef.name; it gets the new version"),
        Entry("test", [{"name": "smoke", "check": "http", "url": asked, "within": "1m"}], above=(above,)),
        Entry("warm", "1h", "so long one call brings the old version back"),
    )
