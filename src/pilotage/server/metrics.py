"""/metrics: what was counted since the start, and how everything stands now."""

from __future__ import annotations

import platform
import time

from prometheus_client import CollectorRegistry, Gauge, generate_latest

import pilotage
from pilotage.chat.follower import NAME
from pilotage.server.health import Health
from pilotage.store import chats, followers, messages


async def page(health: Health) -> bytes:
    """A part that cannot be told now is left out, and its alert fires for that: absent, or not ready."""
    return generate_latest() + generate_latest(await _now(health))


async def _now(health: Health) -> CollectorRegistry:
    registry = CollectorRegistry()

    def gauge(name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"pilotage_{name}", what, labels, registry=registry)

    gauge("build_info", "1; the labels tell what runs.", "version", "python").labels(
        pilotage.__version__, platform.python_version()
    ).set(1)
    parts = await health.parts()
    ready = gauge("ready", "Whether a part does its work: 1 or 0, as at /readyz.", "part")
    for name, well in parts.items():
        ready.labels(name).set(well)
    if not parts["store"]:
        return registry
    standing = await health.standings.look()
    rollouts = gauge("rollouts", "Rollouts that have not ended.", "status")
    for status, count in standing.statuses.items():
        rollouts.labels(status.value).set(count)
    waits = 0.0 if standing.waits_since is None else max(0.0, time.time() - standing.waits_since)
    gauge("oldest_wait_seconds", "How long the rollout that waits longest for a person does so; 0: none.").set(waits)
    head, found = await health.store.run(followers.look, health.followers)
    stuck = gauge("undelivered_channels", "Channels whose last message could not be delivered yet.", "kind")
    stuck.labels("message").set(len(await health.store.run(messages.backlog)))
    stuck.labels("chat").set(len(await health.store.run(chats.behind, NAME)))
    stuck.labels("webhook").set(sum(one.failing for one in found.values()))
    gauge("audit_head", "The number of the audit log's last entry.").set(head)
    lags = gauge(
        "follower_behind_entries",
        "Entries of the audit log that a webhook, or the chat, has not passed yet.",
        "follower",
    )
    for name, one in found.items():
        lags.labels(name).set(one.entries)
    return registry
