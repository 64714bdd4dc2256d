"""The options that every driver for Kubernetes has."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from pilotage.drivers import DriverOptions

LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""A namespace's name, or a Service's (RFC 1123)."""
NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
"""Most objects' names."""


class ClusterOptions(DriverOptions):
    namespace: str | None = Field(default=None, pattern=LABEL, description="without it the kubeconfig context's own")
    kubeconfig: Path | None = Field(
        default=None, description="its path; without it as kubectl finds one, else the pod's own account"
    )
    context: str | None = Field(
        default=None, min_length=1, description="which of the kubeconfig's contexts; without it its current one"
    )
    timeout_s: float = Field(default=10.0, gt=0, description="seconds for each request to the API server")
