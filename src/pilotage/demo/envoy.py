"""The demo's Envoy: one route, split by a runtime fraction whose key lives on disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

KEY = "payment.canary"
STABLE, CANARY = "payment_stable", "payment_canary"


def write_bootstrap(folder: Path, port: int, admin: int, stable: int, canary: int) -> Path:
    """Writes the runtime folder (weight 0) and Envoy's bootstrap; returns the bootstrap's path."""
    first = folder / "runtime-first"
    first.mkdir()
    (first / KEY).write_text("0")
    os.symlink(first.name, folder / "runtime")
    file = folder / "envoy.json"
    file.write_text(json.dumps(_bootstrap(folder, port, admin, stable, canary), indent=1))
    return file


def _bootstrap(folder: Path, port: int, admin: int, stable: int, canary: int) -> dict[str, Any]:
    layers = [
        {"name": "disk", "disk_layer": {"symlink_root": str(folder / "runtime"), "subdirectory": "."}},
        {"name": "admin", "admin_layer": {}},
    ]
    return {
        "admin": {"address": _address(admin)},
        "layered_runtime": {"layers": layers},
        "stats_flush_interval": "1s",
        "static_resources": {
            "listeners": [{"name": "web", "address": _address(port), "filter_chains": [{"filters": [_http()]}]}],
            "clusters": [_cluster(STABLE, stable), _cluster(CANARY, canary)],
        },
    }


def _http() -> dict[str, Any]:
    fraction = {"default_value": {"numerator": 0, "denominator": "HUNDRED"}, "runtime_key": KEY}
    routes = [
        {"match": {"prefix": "/", "runtime_fraction": fraction}, "route": {"cluster": CANARY}},
        {"match": {"prefix": "/"}, "route": {"cluster": STABLE}},
    ]
    router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
    manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": manager,
            "stat_prefix": "web",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        },
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "connect_timeout": "1s",
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
