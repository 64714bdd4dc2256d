"""Flagger, flagger.app/v1beta1: what a plan makes of every field of its custom resources."""

from __future__ import annotations

from pilotage.importing.fields import EQUAL, LOST, NEAREST, NONE, table

_STAYS = "stays in the cluster: the route that Flagger made of it must be kept when Flagger goes"
_A, _H = "spec.analysis", "spec.analysis.webhooks[]"

CANARY = table(
    ("apiVersion kind metadata", EQUAL, "the service's name, and the drivers' namespace"),
    ("status", NONE, "not needed: the object's own"),
    ("spec.targetRef.{apiVersion,kind,name}", EQUAL, "the Deployment that gets the new version"),
    ("spec.provider", EQUAL, "the traffic driver: gateway-api, istio or kubernetes-service; others are asked"),
    ("spec.metricsServer", EQUAL, "the address of the source prometheus"),
    (
        "spec.progressDeadlineSeconds",
        NEAREST,
        "`ready_within_s` of the driver kubernetes: pods that do not get ready in time end the deploy",
    ),
    ("spec.autoscalerRef", NONE, "stays in the cluster: a plan does not scale; let both versions have an autoscaler"),
    ("spec.ingressRef spec.routeRef spec.upstreamRef", NEAREST, "what splits the traffic there is asked"),
    ("spec.skipAnalysis", NONE, "every phase of a plan is judged; a shorter way is a plan with fewer phases"),
    ("spec.suspend", NEAREST, "`true` is what Flagger needs while Pilotage drives the route"),
    ("spec.revertOnDeletion", NONE, "of Flagger's own end: see the note on Flagger at the head of the plan"),
    ("spec.service.name", EQUAL, "the route's name, and with -canary and -primary the backends"),
    ("spec.service.{gateways,gatewayRefs,hosts}", NEAREST, "tell Istio from the Gateway API; the route keeps them"),
    (
        "spec.service.{port,portName,appProtocol,trafficDistribution,targetPort,portDiscovery,headless,timeout,"
        "backendTimeout,meshName,backends,delegation,match,retries,rewrite,mirror,headers,corsPolicy,trafficPolicy,"
        "apex,primary,canary,unmanagedMetadata}",
        NONE,
        _STAYS,
    ),
    (f"{_A}.interval", EQUAL, "the watch of a phase; the judge looks every 10 s"),
    (f"{_A}.threshold", NEAREST, "`hold.deadline`: interval times threshold; evidence in the place of counting"),
    (f"{_A}.{{maxWeight,stepWeight,stepWeights}}", EQUAL, "the phases' weights"),
    (
        f"{_A}.stepWeightPromotion",
        NONE,
        "Flagger copies the new version over the primary and moves back to it; in a plan 100 % on the new version is "
        "the end",
    ),
    (f"{_A}.iterations", EQUAL, "times interval: the watch of the cohort, the copies or the test"),
    (f"{_A}.match", EQUAL, "a phase's cohort by header or cookie, where the value is plain"),
    (f"{_A}.{{mirror,mirrorWeight}}", EQUAL, "a phase with copies"),
    (
        f"{_A}.{{primaryReadyThreshold,canaryReadyThreshold}}",
        NONE,
        "the deploy waits for the pods by its own rule",
    ),
    (
        f"{_A}.sessionAffinity",
        LOST,
        "a person may meet both versions in turn; a cohort by cookie keeps one apart",
    ),
    (f"{_A}.metrics[].name", EQUAL, "errors, latency, or the name of a guard"),
    (f"{_A}.metrics[].interval", NEAREST, "counters are read at every tick; only guards keep the range"),
    (f"{_A}.metrics[].{{threshold,thresholdRange}}", EQUAL, "`success.errors`, or a guard's limit"),
    (f"{_A}.metrics[].{{query,templateRef,templateVariables}}", EQUAL, "the metric's query"),
    (f"{_A}.alerts[]", NONE, "name the channel under `notify`; secrets are not taken over"),
    (f"{_H}.{{name,type,url}}", EQUAL, "an approval, an item of the checklist, or a channel, by its type"),
    (f"{_H}.{{timeout,retries,disableTLS,muteAlert,metadata}}", NONE, "the webhook is not called by the plan itself"),
)

TEMPLATE = table(
    ("apiVersion kind metadata", EQUAL, "how the Canary names it"),
    ("status", NONE, "not needed: the object's own"),
    ("spec.provider.type", EQUAL, "prometheus: a source; others are asked"),
    ("spec.provider.address", EQUAL, "the source's address"),
    ("spec.provider.{secretRef,headers}", NONE, "to be said: `token` of the metrics source, as a secret reference"),
    ("spec.provider.region", NEAREST, "asked with the source"),
    ("spec.provider.insecureSkipVerify", NONE, "a plan does not pass over a wrong certificate"),
    ("spec.query", EQUAL, "the metric's query"),
)
