"""What the usual proxies and servers call their requests: total, failed and latency, per version.

Names: Envoy ("Cluster manager statistics", `/stats/prometheus`), Traefik ("Metrics: service metrics"), HAProxy's own
exporter (addons/promex/README), Istio ("Istio Standard Metrics"), ingress-nginx ("Monitoring: request metrics"), and
the names that Prometheus' "Metric and label naming" has made usual for HTTP servers. All are plain selectors, good for
PromQL and for an exporter's page alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class RequestPreset:
    """`label` holds the version's name: `groups` has its values. `bad` are the matchers of failed requests."""

    label: str
    counter: str
    bad: str
    failed: str = ""
    """The counter of failed requests, where it is another one."""
    histogram: str = ""
    """Without `_bucket`. Empty: the exporter has none."""
    unit: Literal["s", "ms"] = "s"
    fixed: str = ""
    """Matchers that always belong to it."""
    counters: Mapping[str, str] | None = None
    """The counters by label, where the label decides: then no other label is possible. A pattern is several of them."""
    without: str = ""
    """Why there is no latency."""
    shared: tuple[Literal["promql", "page"], ...] = ()
    """Where other services have the label too: on a server of many services (`promql`), and on the exporter's own page
    (`page`). There `select` must say which is meant."""


REQUESTS: Mapping[str, RequestPreset] = {
    "envoy": RequestPreset(
        "envoy_cluster_name",
        "envoy_cluster_upstream_rq_completed",
        'envoy_response_code_class="5"',
        failed="envoy_cluster_upstream_rq_xx",
        histogram="envoy_cluster_upstream_rq_time",
        unit="ms",
    ),
    "traefik": RequestPreset(
        "service",
        "traefik_service_requests_total",
        'code=~"5.."',
        histogram="traefik_service_request_duration_seconds",
    ),
    "haproxy": RequestPreset(
        "server",
        "",
        'code=~"(5xx)?"',
        counters={
            # A server that refuses, breaks off or is late has no responses; the 503 that users get is the backend's.
            "server": "haproxy_server_(http_responses|connection_errors|response_errors)_total",
            "proxy": "haproxy_backend_http_responses_total",
        },
        without="HAProxy's exporter has averages of times only, no histogram",
        shared=("promql", "page"),
    ),
    "istio": RequestPreset(
        "destination_version",
        "istio_requests_total",
        'response_code=~"5.."',
        histogram="istio_request_duration_milliseconds",
        unit="ms",
        fixed='reporter="destination"',
        shared=("promql",),
    ),
    "nginx-ingress": RequestPreset(
        "canary",
        "nginx_ingress_controller_requests",
        'status=~"5.."',
        histogram="nginx_ingress_controller_request_duration_seconds",
        shared=("promql", "page"),
    ),
    "http-server": RequestPreset(
        "version",
        "http_requests_total",
        'code=~"5.."',
        histogram="http_request_duration_seconds",
        shared=("promql",),
    ),
}
REPORTERS = ("destination", "source", "waypoint")
"""Who counts, in Istio: the sidecar of who is called, of who calls, or an ambient waypoint."""


@dataclass(frozen=True)
class RequestSelectors:
    """With ``$group``; `histogram` is empty where there is none."""

    total: str
    bad: str
    histogram: str
    unit: Literal["s", "ms"]


def selectors(preset: RequestPreset, select: str = "", native: bool = False) -> RequestSelectors:
    """What a plan would write by hand. With `native` histograms the series has the histogram's own name."""
    inside = ",".join(one for one in (preset.fixed, select.strip(" ,"), f'{preset.label}="$group"') if one)
    counter = (preset.counters or {}).get(preset.label, preset.counter)
    name = preset.histogram and (preset.histogram if native else f"{preset.histogram}_bucket")
    return RequestSelectors(
        _named(counter, inside),
        _named(preset.failed or counter, f"{inside},{preset.bad}"),
        f"{name}{{{inside}}}" if name else "",
        preset.unit,
    )


def _named(counter: str, matchers: str) -> str:
    return f'{{__name__=~"{counter}",{matchers}}}' if "|" in counter else f"{counter}{{{matchers}}}"


def gives(requests: Any, what: str) -> bool:
    """Whether `errors` or `latency` come from a plan's `metrics.requests`, as it is written there."""
    preset = REQUESTS.get(str(requests.get("preset"))) if isinstance(requests, Mapping) else None
    if preset is None:
        return False
    return what == "errors" or (what == "latency" and bool(preset.histogram) and requests.get("latency") is not False)


def other_code_label(preset: RequestPreset, label: str) -> RequestPreset:
    """The status in another label, as a number or as its class (``5xx``)."""
    return replace(preset, bad=f'{label}=~"5.."')
