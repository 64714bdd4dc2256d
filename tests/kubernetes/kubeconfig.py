"""Kubeconfig files as kubectl writes them: one server, one user, one context."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any


def write(file: Path, server: str, ca: bytes, user: dict[str, str], namespace: str = "default") -> Path:
    """JSON is YAML, so every client can read it. `user` holds what `by_certificate` or `by_token` give."""
    cluster = {"server": server, "certificate-authority-data": _coded(ca)}
    context = {"cluster": "test", "user": "test", "namespace": namespace}
    said: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": "test"}
    said["clusters"] = [{"name": "test", "cluster": cluster}]
    said["users"] = [{"name": "test", "user": user}]
    said["contexts"] = [{"name": "test", "context": context}]
    file.touch(mode=0o600)
    file.write_text(json.dumps(said, indent=1))
    return file


def by_certificate(certificate: bytes, key: bytes) -> dict[str, str]:
    return {"client-certificate-data": _coded(certificate), "client-key-data": _coded(key)}


def by_token(token: str) -> dict[str, str]:
    return {"token": token}


def _coded(given: bytes) -> str:
    return base64.b64encode(given).decode()
