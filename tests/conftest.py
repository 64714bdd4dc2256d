"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.kubernetes.fixtures import argo, cluster, kubelet, namespace, restricted
from tests.stage import Stage
from tests.unleash.server import unleash

__all__ = ["argo", "cluster", "kubelet", "namespace", "restricted", "unleash"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """In a folder of its own, beside a coordinator's state."""
    folder = tmp_path / "stage"
    folder.mkdir()
    stage = Stage(folder)
    yield stage
    stage.close()


LONGEST = (
    *("planfile/test_mutations.py", "direct/test_with_a_coordinator.py", "chat/test_slack_rollout.py"),
    *("engine/test_crashes.py", "direct/test_watchdog.py", "direct/test_watchdog_beside_a_coordinator.py"),
    *("engine/test_ways_back.py", "engine/test_blue_green_and_rolling.py", "server/test_webhooks_out.py"),
    *("engine/test_rollouts.py", "cli/test_commands.py", "cli/test_drivers.py", "cli/test_metrics.py"),
    *("server/test_attempts.py", "core/brief/test_generated.py", "server/test_login_on_a_bad_provider.py"),
    *("server/test_openapi_fuzz.py", "core/brief/test_composed.py", "demo/test_run.py", "cli/test_checklist.py"),
    *("drivers/test_traffic_unleash.py", "engine/test_on_real_unleash.py", "engine/test_on_kubernetes_outages.py"),
    *(
        "engine/test_on_kubernetes_trouble.py",
        "engine/test_on_kubernetes_strategies.py",
        "engine/test_on_kubernetes.py",
    ),
    "mcp_server/test_whole_drive.py",
    "ci/test_jobs.py",
)
"""The files that take a minute, or nearly so. They begin first: the last to begin would keep one worker busy while the
others have nothing left to do."""

SERVERS = (
    *("kubernetes/*", "drivers/test_deploy_kubernetes.py", "drivers/test_logs_kubernetes.py"),
    *("drivers/test_traffic_argo_rollouts.py", "drivers/test_traffic_gateway_api.py", "drivers/test_traffic_istio.py"),
    *("drivers/test_traffic_kubernetes_*.py", "drivers/test_traffic_unleash.py", "drivers/test_traffic_haproxy.py"),
    *("drivers/test_pool_haproxy.py", "drivers/test_switching.py", "drivers/test_logs_journald.py"),
    *("drivers/test_metrics_graphite.py", "drivers/test_metrics_influxdb.py", "drivers/test_metrics_prometheus.py"),
    *("server/test_openapi_fuzz_whole.py",),
    *("engine/test_request_presets.py", "engine/test_on_*.py", "engine/test_rolling_for_real.py"),
    "server/test_login_on_a_real_provider.py",
    "server/test_*_on_prometheus.py",
    "server/test_hooks_alertmanager.py",
    "server/test_browser_*.py",
)
"""What needs servers that no wheel brings: Debian's, a control plane built from Go modules, Unleash and an OpenID
provider from npm, Chromium."""

LONG = (
    *("direct/*", "demo/*", "docs/test_tutorial.py", "docs/test_coding_agents.py", "docs/test_api_page.py"),
    *("engine/test_crashes.py", "engine/test_ways_back.py", "engine/test_blue_green_and_rolling.py"),
    *("engine/test_two_workers.py", "engine/test_drift_rollout.py", "engine/test_logs.py", "engine/test_secrets.py"),
    *("engine/test_signals_rollout.py", "engine/test_scheduled_start.py", "engine/test_before_a_start.py"),
    *("cli/test_commands.py", "cli/test_drivers.py", "cli/test_metrics.py", "cli/test_checklist.py"),
    *("cli/test_approvals.py", "cli/test_explain.py", "chat/test_slack_rollout.py", "chat/test_follower.py"),
    *("server/test_webhooks_out.py", "server/test_hooks_whole.py", "server/test_traces.py", "server/test_up.py"),
    *("server/test_health.py", "mcp_server/test_whole_drive.py", "ci/test_jobs.py"),
    *("planfile/test_mutations.py", "server/test_openapi_fuzz.py"),
    *("core/brief/test_generated.py", "core/brief/test_composed.py"),
)
"""Whole coordinators, killed, watched, gone back from; plans, briefs and requests by the thousand.
`engine/test_rollouts.py` is left among the others, so that they have whole rollouts, too."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell script that starts the suite with `&` has it ignore Ctrl-C, and so would every command it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for one in items:
        asks = {"cluster", "unleash"} & set(getattr(one, "fixturenames", ()))
        if asks or any(fnmatch(str(one.path.relative_to(here)), pattern) for pattern in SERVERS):
            one.add_marker(pytest.mark.servers)
        elif any(fnmatch(str(one.path.relative_to(here)), pattern) for pattern in LONG):
            one.add_marker(pytest.mark.long)
    order = {here / file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda one: order.get(one.path, len(order)))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """For `tests/again.py`, which tries again what failed, and nothing after a run that was cut off."""
    if session.config.cache is not None and not hasattr(session.config, "workerinput"):
        session.config.cache.set("pilotage/exit", int(exitstatus))
