"""An Argo Rollout with its AnalysisTemplates -> the pieces of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pilotage.core.model import Strategy
from pilotage.core.planning.drivers import missing
from pilotage.core.planning.entries import Entry
from pilotage.core.quantities import written
from pilotage.importing import argo_fields
from pilotage.importing.argo_analysis import Analyses, Use
from pilotage.importing.argo_steps import Steps
from pilotage.importing.argo_traffic import STEERING, deploy, traffic
from pilotage.importing.fields import name_all
from pilotage.importing.manifests import Manifest
from pilotage.importing.measures import measured
from pilotage.importing.metric import LATEST, Groups
from pilotage.importing.pieces import PhaseRow, Pieces
from pilotage.importing.spots import Spot

LEAST_WARM_S = 60.0
_HASH = "from valueFrom.podTemplateHashValue"
_THROUGH = (
    "Argo's own analysis goes on beside the judge, and both may send everybody back: take `analysis` out of the "
    "Rollout when the plan has its metrics.",
)


def argo(rollout: Manifest, templates: Sequence[Manifest], others: Sequence[Manifest]) -> Pieces | None:
    """None where the Rollout has no strategy; what is wrong is in the findings."""
    strategy = rollout.spot.mapping("spec", "strategy")
    canary = strategy.mapping("canary") if strategy is not None else None
    blue = strategy.mapping("blueGreen") if strategy is not None else None
    place = strategy or rollout.spot.at("spec") or rollout.spot
    if (canary is None) == (blue is None):
        if not rollout.spot.findings.problems:
            place.wrong("a strategy: either canary or blueGreen", "neither" if canary is None else "both")
        return None
    analyses = Analyses(rollout, templates)
    if canary is not None:
        pieces = _canary(rollout, canary, analyses, others)
    else:
        pieces = _blue(rollout, blue or place, analyses, others)
    for template in templates:
        if id(template) in analyses.used:
            name_all(template.spot, argo_fields.TEMPLATE)
        else:
            template.spot.note("none", f"{template.called} is not used by this Rollout: left out")
    name_all(rollout.spot, argo_fields.ROLLOUT)
    return pieces


def _pieces(rollout: Manifest, strategy: Strategy, spot: Spot) -> Pieces:
    return Pieces(
        title=f"Argo Rollout {rollout.name}",
        service=(rollout.name, "from metadata.name"),
        strategy=strategy,
        why=spot.origin,
    )


def _namespace(rollout: Manifest) -> str:
    return rollout.namespace or missing("the Rollout's namespace")


def _canary(rollout: Manifest, canary: Spot, analyses: Analyses, others: Sequence[Manifest]) -> Pieces:
    pieces = _pieces(rollout, Strategy.CANARY, canary)
    namespace = _namespace(rollout)
    most = (
        canary.number("trafficRouting", "maxTrafficWeight", least=1, most=1_000_000)
        if "trafficRouting" in canary
        else None
    )
    pieces.phases = Steps(canary, most or 100.0, analyses.lasting).walk()
    pieces.usual_phases = not canary.rows("steps")
    if pieces.usual_phases:
        pieces.phases = []
        canary.note("nearest", "no steps: Argo changes pod by pod; the plan has the phases of its severity")
    moved = traffic(rollout.spot, canary, rollout.name, namespace)
    pieces.traffic, pieces.traffic_above = moved.rows, moved.above
    _only_what_can_be(canary, pieces.phases, moved.rows)
    if not moved.direct and not pieces.usual_phases:
        _held(canary)
    behind = f"the Deployment behind the Service {canary.name('canaryService')}, which gets the new version"
    deployed = deploy(rollout.spot, rollout.name, namespace, others, behind if moved.direct else "")
    pieces.deploy, pieces.deploy_above, pieces.image = deployed
    pieces.head = () if moved.direct else _THROUGH
    background = canary.mapping("analysis")
    uses = [Use(background, False)] if background is not None else []
    uses += [
        Use(one, True)
        for step in canary.rows("steps")
        if isinstance(step.node.value, dict)
        if (one := step.mapping("analysis")) is not None
    ]
    for use in uses:
        analyses.add(use)
    pieces.measured = measured(analyses.metrics, _groups(canary))
    delay = canary.seconds("scaleDownDelaySeconds")
    if delay is not None and delay > 3600:
        pieces.after_s, pieces.after_why = delay, "from spec.strategy.canary.scaleDownDelaySeconds"
    return pieces


def _only_what_can_be(canary: Spot, phases: list[PhaseRow], rows: list[dict[str, Any]]) -> None:
    """Cohorts and copies only where the proposed driver can do them; a row that had nothing else goes."""
    if all(one["driver"] in STEERING for one in rows) or not any(one.cohort or one.mirror for one in phases):
        return
    spot = canary.at("steps") or canary
    spot.note("none", f"cohorts and copies: the driver {rows[0]['driver']} knows none; left out", look=True)
    for one in list(phases):
        one.cohort, one.mirror = None, None
        if one.weight is None:
            phases.remove(one)


def _held(canary: Spot) -> None:
    """What in the Rollout's steps would let Argo go on by itself while Pilotage drives it, or end before 100 %."""
    steps = [one for one in canary.rows("steps") if isinstance(one.node.value, dict)]
    waits = ["pause" in one and "duration" not in (one.mapping("pause") or one) for one in steps]
    free = [
        f"steps[{place}]"
        for place, one in enumerate(steps)
        if "setWeight" in one and not any(waits[place + 1 : place + 2])
    ]
    said = []
    if waits[:1] != [True]:
        said.append("begin with `pause: {}`, or the deploy itself moves traffic")
    if free:
        said.append(
            f"have `pause: {{}}` right after every setWeight, or Argo goes on by itself ({', '.join(free[:5])})"
        )
    if any(one in step for step in steps for one in ("analysis", "experiment", "plugin", "setHeaderRoute")):
        said.append("have no other steps than setWeight, pause and setCanaryScale, or the driver refuses them")
    whole = [one.node.plain().get("setWeight") for one in steps if "setWeight" in one][-1:]
    if whole and whole != [canary.number("trafficRouting", "maxTrafficWeight") if _routed(canary) else 100]:
        said.append("end with a setWeight for 100 % and `pause: {}`, or no weight takes the promotion back")
    if said:
        canary.note("question", f"for the driver argo-rollouts the Rollout's steps must {'; '.join(said)}", look=True)


def _routed(canary: Spot) -> bool:
    return "trafficRouting" in canary and "maxTrafficWeight" in (canary.at("trafficRouting") or canary)


def _groups(canary: Spot) -> list[Groups]:
    found = []
    new, old = canary.name("canaryService"), canary.name("stableService")
    if new and old:
        found.append(Groups(new, old, new, "from canaryService and stableService"))
    subsets = canary.mapping("trafficRouting", "istio", "destinationRule") if _has_istio(canary) else None
    if subsets is not None:
        new, old = subsets.text("canarySubsetName"), subsets.text("stableSubsetName")
        if new and old:
            found.append(Groups(new, old, new, "from destinationRule's subsets"))
    wanted = "the rollouts-pod-template-hash of the {} version: kubectl get replicasets"
    found.append(Groups(missing(wanted.format("new")), missing(wanted.format("running")), LATEST, _HASH))
    return found


def _has_istio(canary: Spot) -> bool:
    routing = canary.mapping("trafficRouting")
    return routing is not None and "istio" in routing


def _blue(rollout: Manifest, blue: Spot, analyses: Analyses, others: Sequence[Manifest]) -> Pieces:
    pieces = _pieces(rollout, Strategy.BLUE_GREEN, blue)
    namespace = _namespace(rollout)
    active, preview = blue.name("activeService"), blue.name("previewService")
    if active is None:
        blue.wrong("activeService, the Service that users reach", "nothing")
    after = blue.mapping("postPromotionAnalysis")
    before = blue.mapping("prePromotionAnalysis")
    watch = analyses.lasting(after) if after is not None else None
    switch = PhaseRow(weight=100.0, watch_s=watch or 0.0, origins=["spec.strategy.blueGreen"])
    if watch:
        switch.origins.append("postPromotionAnalysis")
    if blue.flag("autoPromotionEnabled") is False:
        switch.approval = True
        switch.origins.append("autoPromotionEnabled")
    pieces.phases = [switch]
    pieces.traffic = [
        {
            "name": "service",
            "driver": "kubernetes-service",
            "service": active or "",
            "namespace": namespace,
            "canary": "{idle}",
            "stable": "{live}",
        }
    ]
    pieces.traffic_above = (
        "The Service's selector is what switches. While the Rollout exists its controller sets it, too: before a",
        "rollout the Rollout has to make way for two Deployments, one of each colour.",
        f"Or let Argo do it: {{name: rollout, driver: argo-rollouts, rollout: {rollout.name}, namespace: {namespace}}}",
    )
    colour = f"the Deployment of a colour, such as {rollout.name}-{{idle}}"
    deployed = deploy(rollout.spot, rollout.name, namespace, others, colour)
    pieces.deploy, pieces.deploy_above, pieces.image = deployed
    pieces.blue_green = _section(rollout, blue, preview, namespace)
    for use in (Use(before, True) if before else None, Use(after, True) if after else None):
        if use is not None:
            analyses.add(use)
    if before is not None:
        before.note(
            "nearest", "before the switch `blue_green.test` asks the idle colour; metrics are judged after it", True
        )
    pieces.measured = measured(analyses.metrics, _colour_groups())
    return pieces


def _colour_groups() -> list[Groups]:
    """By the colours: the active Service is the old version before the switch, and the new one after it."""
    return [Groups("{idle}", "{live}", LATEST, f"{_HASH}: the colours in its place")]


def _section(rollout: Manifest, blue: Spot, preview: str | None, namespace: str) -> tuple[Entry, ...]:
    delay = blue.seconds("scaleDownDelaySeconds")
    warm = max(delay, LEAST_WARM_S) if delay is not None else 3600.0
    url = (
        f"http://{preview}.{namespace}.svc/healthz"
        if preview and rollout.namespace
        else "http://payment-preview/healthz"
    )
    asked = missing(f"the idle colour's health page, such as {url}")
    return (
        Entry("live", missing("the colour that runs now, such as blue"), "the value of the Service's selector"),
        Entry("idle", missing("the other colour, which gets the new version, such as green")),
        Entry(
            "test",
            [{"name": "smoke", "check": "http", "url": asked, "within": "1m"}],
            above=(f"It gets no traffic before{': from previewService' if preview else ''}:",),
        ),
        Entry(
            "warm",
            written(warm),
            "from scaleDownDelaySeconds" if delay is not None else "so long one call brings it back",
        ),
    )
