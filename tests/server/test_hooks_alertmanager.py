"""A real Alertmanager tells a real coordinator of an alert, and the rollout is held."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.server.hooking import address, with_settings
from tests.server.hookworld import SECRET
from tests.servers import alertmanager
from tests.stage import Stage, wait_for

LONG = "[{weight: 10%, watch: 120s}, {weight: 100%, watch: 2s}]"


def fire(url: str, service: str, ends: bool = False) -> None:
    labels = {"alertname": "ErrorsHigh", "service": service, "environment": "test", "severity": "critical"}
    one = {
        "labels": labels,
        "annotations": {"summary": "5 % of the payments fail"},
        "generatorURL": "http://prometheus.shop.example/graph",
    }
    if ends:
        one["endsAt"] = datetime.now(UTC).isoformat()  # type: ignore[assignment]
    httpx.post(f"{url}/api/v2/alerts", json=[one], timeout=10, trust_env=False).raise_for_status()


def test_a_real_alertmanager_holds_the_rollout_once_and_its_end_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "stage").mkdir()
    hooks = {"alerts": {"kind": "firing", "secret": {"file": str(tmp_path / "secret")}}}
    stage = Stage(tmp_path / "stage")
    with with_settings(tmp_path, monkeypatch, hooks=hooks) as coordinator:
        told = alertmanager(tmp_path / "am", f"{address(coordinator)}/v1/hooks/alerts", tmp_path / "secret")
        with told as url:
            rollout = coordinator.api.post("/v1/rollouts", stage.plan(phases=LONG, hold="60s"))["id"]
            coordinator.until(rollout, lambda view: view["status"] == "watching" and view["weight_in_force"] == 10)
            fire(url, "shop")
            held = coordinator.until(rollout, lambda view: view["status"] == "held", 30)
            assert held["reason"].startswith("ErrorsHigh: 5 % of the payments fail (http")
            assert held["timeline"][-1]["by"] == "hook:alerts"

            def resolved() -> bool:
                log = (coordinator.state / "coordinator.log").read_text()
                return "noted" in log

            heard_before = _posts(url)
            wait_for(lambda: _posts(url) >= heard_before + 2, 30)  # it repeats itself
            fire(url, "shop", ends=True)
            wait_for(resolved, 30)
            kinds = [one["event"]["kind"] for one in coordinator.api.get(f"/v1/rollouts/{rollout}/events")]
            assert kinds.count("held") == 1
            assert "trouble_reported" not in kinds
            coordinator.api.post(f"/v1/rollouts/{rollout}/rollback", {"by": "tester"})
            coordinator.ended(rollout)
    stage.close()


def _posts(url: str) -> float:
    """How many notifications it has sent, by its own count; none of them failed."""
    page = httpx.get(f"{url}/metrics", timeout=10, trust_env=False).text
    counts = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line[0] != "#"}
    assert counts['alertmanager_notifications_failed_total{integration="webhook"}'] == 0
    return counts['alertmanager_notifications_total{integration="webhook"}']
