"""Objects as people write them, for tests: give them to `cluster.apply`."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def deployment(name: str, image: str, replicas: int = 2, labels: dict[str, str] | None = None, **spec: Any) -> Object:
    """One container named `app`. `labels` select its pods; `spec` is added to the Deployment's."""
    own = labels or {"app": name}
    container = {"name": "app", "image": image, "ports": [{"containerPort": 8080}]}
    pods = {"metadata": {"labels": own}, "spec": {"containers": [container]}}
    wanted = {"replicas": replicas, "selector": {"matchLabels": own}, "template": pods, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": wanted}


def service(name: str, selector: dict[str, str]) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        **{"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}},
        "spec": {"selector": selector, "ports": ports},
    }


def http_route(name: str, weights: dict[str, int]) -> Object:
    """One rule that splits by weight between Services."""
    backends = [{"name": one, "port": 80, "weight": weight} for one, weight in weights.items()]
    return {
        **{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name}},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": backends}]},
    }
