"""Argo Rollouts, argoproj.io/v1alpha1: what a plan makes of every field of its custom resources."""

from __future__ import annotations

from pilotage.importing.fields import EQUAL, LOST, NEAREST, NONE, table

_STAYS = "stays in the cluster: a plan does not say how pods run"
_META = "labels that Argo puts on the pods of one version only"
_C, _B = "spec.strategy.canary", "spec.strategy.blueGreen"
_R = f"{_C}.trafficRouting"
_RUNS = (f"{_C}.analysis", f"{_C}.steps[].analysis", f"{_B}.prePromotionAnalysis", f"{_B}.postPromotionAnalysis")
_ALL = " ".join

ROLLOUT = table(
    ("apiVersion kind metadata", EQUAL, "the service's name, and the drivers' namespace"),
    ("status", NONE, "not needed: the object's own"),
    ("spec.template", EQUAL, "the deploy's container and image; how pods run stays in the cluster"),
    ("spec.{replicas,selector,revisionHistoryLimit,restartAt,minReadySeconds}", NONE, _STAYS),
    ("spec.workloadRef.{apiVersion,kind,name}", EQUAL, "the Deployment that has the pods' template"),
    ("spec.workloadRef.scaleDown", NONE, _STAYS),
    ("spec.paused", NONE, "`pilotage pause` pauses a rollout; a plan is not paused before it is started"),
    (
        "spec.progressDeadlineSeconds",
        NEAREST,
        "`ready_within_s` of the driver kubernetes: pods that do not get ready in time end the deploy",
    ),
    ("spec.progressDeadlineAbort", NEAREST, "a deploy that fails goes back by itself, always"),
    ("spec.analysis", NONE, "not needed: samples and verdicts are kept in Pilotage's record"),
    ("spec.rollbackWindow", NONE, "a rollback never walks through phases: `pilotage rollback` is one step"),
    (f"{_C}.{{canaryService,stableService}}", EQUAL, "`canary` and `stable` of the traffic driver"),
    (f"{_C}.pingPong", NONE, "Argo swaps the two Services' roles: say in the plan which one is stable now"),
    (f"{_C}.steps[].setWeight", EQUAL, "a phase's weight"),
    (f"{_C}.steps[].pause {_C}.steps[].pause.duration", EQUAL, "the watch; without a duration, an approval"),
    (
        f"{_C}.steps[].setCanaryScale",
        NONE,
        "a plan does not scale: scale in the deploy, or leave it to Argo with the driver argo-rollouts",
    ),
    (f"{_C}.steps[].setHeaderRoute", EQUAL, "a phase's cohort by header"),
    (f"{_C}.steps[].setMirrorRoute", EQUAL, "a phase's mirror"),
    (
        f"{_C}.steps[].experiment",
        LOST,
        "a plan compares canary with control in every phase; run the Experiment before the rollout "
        "and ask for it in the checklist",
    ),
    (
        f"{_C}.steps[].plugin",
        LOST,
        "what a plugin does belongs in a deploy driver (`shell`) or in the checklist",
    ),
    (f"{_C}.steps[].replicaProgressThreshold", NONE, "the deploy waits for the pods by its own rule"),
    (
        f"{_C}.replicaProgressThreshold {_C}.minPodsPerReplicaSet",
        NONE,
        "the deploy waits for the pods by its own rule",
    ),
    (f"{_C}.{{maxSurge,maxUnavailable}} {_B}.maxUnavailable", NONE, _STAYS),
    (
        _ALL(f"{one}.abortScaleDownDelaySeconds" for one in (_C, _B)),
        NEAREST,
        "after a rollback the plan deploys nothing and scales nothing: the new version's pods stay until you free them",
    ),
    (f"{_C}.scaleDownDelaySeconds", NEAREST, "`after.watch`: the old version is there at least so long"),
    (
        f"{_C}.scaleDownDelayRevisionLimit {_B}.scaleDownDelayRevisionLimit",
        NONE,
        "a plan knows two versions, and scales none",
    ),
    (
        f"{_C}.dynamicStableScale",
        NONE,
        "a plan does not scale: the stable version must keep its size until the end, so that one call brings it back",
    ),
    (f"{_C}.antiAffinity {_B}.antiAffinity", NONE, _STAYS),
    (_ALL(f"{_C}.{one}Metadata" for one in ("canary", "stable")), NONE, _META),
    (_ALL(f"{_B}.{one}Metadata" for one in ("active", "preview")), NONE, _META),
    (f"{_C}.analysis.startingStep", NEAREST, "the judge looks from the first phase on"),
    *((f"{one}.templates[].{{templateName,clusterScope}}", EQUAL, "the metrics' templates") for one in _RUNS),
    *((f"{one}.args", EQUAL, "filled into the queries") for one in _RUNS),
    *((f"{one}.dryRun", EQUAL, "a metric that only tries is left out of the plan") for one in _RUNS),
    *(
        (f"{one}.{{measurementRetention,analysisRunMetadata}}", NONE, "not needed: every sample is kept in the record")
        for one in _RUNS
    ),
    (f"{_R}.istio.virtualService.{{name,routes}}", EQUAL, "the driver istio: `virtual_service`, `route`"),
    (f"{_R}.istio.virtualServices[].{{name,routes}}", EQUAL, "one driver istio for each"),
    (
        f"{_R}.istio.virtualService.{{tcpRoutes,tlsRoutes}} {_R}.istio.virtualServices[].{{tcpRoutes,tlsRoutes}}",
        NEAREST,
        "the driver istio moves http routes: the driver argo-rollouts is proposed",
    ),
    (
        f"{_R}.istio.destinationRule.{{name,canarySubsetName,stableSubsetName}}",
        EQUAL,
        "the subsets are `canary` and `stable` of the driver istio",
    ),
    (
        f"{_R}.istio.destinationRule.additionalSubsetNames",
        NONE,
        "Argo sets these subsets' labels, too: they have to be kept by hand",
    ),
    (f"{_R}.plugins", NEAREST, "argoproj-labs/gatewayAPI: the driver gateway-api; else the driver argo-rollouts"),
    (f"{_R}.nginx.{{stableIngress,stableIngresses}}", NEAREST, "the driver argo-rollouts is proposed"),
    (
        f"{_R}.nginx.{{annotationPrefix,additionalIngressAnnotations,canaryIngressAnnotations}}",
        NONE,
        "Argo's own way to write the Ingress: it stays with the Rollout",
    ),
    (f"{_R}.{{alb,smi,traefik,apisix,ambassador,appMesh}}", NEAREST, "the driver argo-rollouts is proposed"),
    (f"{_R}.managedRoutes", NONE, "not needed: the traffic driver names its own routes"),
    (f"{_R}.maxTrafficWeight", EQUAL, "weights are turned into percent of it"),
    (f"{_B}.activeService", EQUAL, "the Service of the driver kubernetes-service"),
    (f"{_B}.previewService", EQUAL, "the address that `blue_green.test` asks"),
    (f"{_B}.autoPromotionEnabled", EQUAL, "false: the switch waits for an approval"),
    (
        f"{_B}.autoPromotionSeconds",
        NONE,
        "the switch comes when the tests of the idle colour have held: a wait before it is not in a plan",
    ),
    (f"{_B}.previewReplicaCount", NONE, "a plan does not scale: the idle colour must have its full size before"),
    (f"{_B}.scaleDownDelaySeconds", NEAREST, "`blue_green.warm`, which is a minute at least"),
)

_P = "spec.metrics[].provider"
_AUTH = "to be said: `token` of the metrics source, as a secret reference"
_METRIC = (
    ("apiVersion kind metadata", EQUAL, "how the Rollout names it"),
    ("status", NONE, "not needed: the object's own"),
    ("spec.args", EQUAL, "filled into the queries"),
    ("spec.dryRun", EQUAL, "a metric that only tries is left out of the plan"),
    ("spec.measurementRetention", NONE, "not needed: every sample is kept in the record"),
    ("spec.templates[].{templateName,clusterScope}", EQUAL, "their metrics, too"),
    ("spec.metrics[].name", EQUAL, "the name of a guard"),
    ("spec.metrics[].interval", NEAREST, "`tick`: the judge looks every 10 s; with `count`, the length of a watch"),
    ("spec.metrics[].count", NEAREST, "times `interval`: the length of a watch, where it is a step"),
    ("spec.metrics[].initialDelay", NEAREST, "added to the watch; the judge waits for enough requests by itself"),
    ("spec.metrics[].successCondition", EQUAL, "`success.errors`, or a guard's limit; what is not plain is asked"),
    ("spec.metrics[].failureCondition", EQUAL, "`rollback_when.errors`, or a guard's limit"),
    (
        "spec.metrics[].failureLimit",
        NEAREST,
        "evidence in the place of counting: the judge's false alarms stay below `judge.false_alarms` however often it "
        "looks",
    ),
    ("spec.metrics[].consecutiveSuccessLimit", NEAREST, "a phase passes at its end; `judge.pass_early` lets it pass"),
    ("spec.metrics[].inconclusiveLimit", NEAREST, "a doubt holds, and `hold.deadline` ends it"),
    ("spec.metrics[].consecutiveErrorLimit", NEAREST, "missing data holds, and `hold.deadline` ends it"),
    (f"{_P}.prometheus.{{address,query}}", EQUAL, "a source prometheus, and its counters"),
    (f"{_P}.prometheus.timeout", EQUAL, "`timeout_s` of the source"),
    (f"{_P}.prometheus.{{authentication,headers}}", NONE, _AUTH),
    (f"{_P}.prometheus.insecure", NONE, "a plan does not pass over a wrong certificate"),
    (f"{_P}.prometheus.rangeQuery", LOST, "the judge reads one value at each tick, not a range"),
    (f"{_P}.{{datadog,newRelic,cloudWatch,graphite,influxdb,wavefront,skywalking}}", NEAREST, "asked, see below"),
    (f"{_P}.{{web,job,kayenta,plugin}}", NEAREST, "asked, see below"),
)
TEMPLATE = table(*_METRIC)
