"""Kubeconfigs for tests: one file, one cluster, one user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def written(file: Path, server: str, *, namespace: str = "shop", cluster: Any = None, **user: Any) -> Path:
    """JSON is YAML."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user}],
    }
    file.write_text(json.dumps(config))
    return file
