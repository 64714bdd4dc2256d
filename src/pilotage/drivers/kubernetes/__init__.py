"""Kubernetes for drivers: options, one client for all drivers of a process, and errors for a person."""

from pilotage.drivers.kubernetes.cluster import Cluster
from pilotage.drivers.kubernetes.kinds import Kind
from pilotage.drivers.kubernetes.options import ClusterOptions

__all__ = ["Cluster", "ClusterOptions", "Kind"]
