"""Guards by name: what the usual exporters call CPU, memory, disk and connections.

Names: Prometheus client libraries ("Standard and runtime collectors"), node_exporter, cAdvisor
(docs/storage/prometheus.md), postgres_exporter. ``{}`` is the place of the plan's `select`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pilotage.core.signals import Kind, Per

MIB = 1024.0**2


@dataclass(frozen=True)
class Template:
    """`plain` works on every source; `promql`, where there is one, is used instead of it on a prometheus source.

    Without `plain` it needs PromQL.
    """

    name: str
    plain: str = ""
    kind: Kind = "gauge"
    unit: str = ""
    floor: float = 0.0
    promql: str = ""
    promql_unit: str = ""
    promql_floor: float = 0.0
    promql_limit: float | None = None
    per: Per = "instance"


PRESETS: Mapping[str, tuple[Template, ...]] = {
    "process": (
        Template("process cpu", "process_cpu_seconds_total{{{}}}", "counter", "cores", 0.05),
        Template("process memory", "process_resident_memory_bytes{{{}}}", unit="bytes", floor=32 * MIB),
        Template("process open files", "process_open_fds{{{}}}", floor=20),
    ),
    "node-exporter": (
        Template(
            "node cpu",
            'node_cpu_seconds_total{{{},mode!~"idle|iowait|steal"}}',
            "counter",
            "cores",
            0.1,
            promql='1 - avg by (instance) (irate(node_cpu_seconds_total{{{},mode="idle"}}[2m]))',
            promql_unit="share",
            promql_floor=0.1,
            promql_limit=0.9,
        ),
        Template(
            "node memory",
            promql="1 - node_memory_MemAvailable_bytes{{{0}}} / node_memory_MemTotal_bytes{{{0}}}",
            promql_unit="share",
            promql_floor=0.1,
            promql_limit=0.95,
        ),
        Template(
            "node disk io",
            "node_disk_io_time_seconds_total{{{}}}",
            "counter",
            "disks busy",
            0.1,
        ),
    ),
    "container": (
        Template("container cpu", 'container_cpu_usage_seconds_total{{{},image!=""}}', "counter", "cores", 0.05),
        Template(
            "container memory", 'container_memory_working_set_bytes{{{},image!=""}}', unit="bytes", floor=32 * MIB
        ),
        Template("container disk reads", 'container_fs_reads_bytes_total{{{},image!=""}}', "counter", "bytes/s", MIB),
        Template("container disk writes", 'container_fs_writes_bytes_total{{{},image!=""}}', "counter", "bytes/s", MIB),
    ),
    "postgres": (Template("db connections", "pg_stat_activity_count{{{}}}", floor=5, per="total"),),
}
