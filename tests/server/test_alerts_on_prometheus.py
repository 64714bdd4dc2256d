"""The example's alerts under real Prometheus' own tool: accepted, silent when all is well, firing when it is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.server.test_alerts import ALERTS
from tests.server.test_metrics import coordinator, text_of
from tests.stage import Local

__all__ = ["coordinator"]

pytestmark = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not there")


def test_promtool_finds_nothing_to_say_of_the_page(coordinator: Local) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text_of(coordinator), capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if line.startswith("pilotage")]
    assert (done.returncode in (0, 3), ours) == (True, [])


def test_promtool_accepts_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "10 rules found" in done.stdout


def test_they_fire_when_something_is_wrong_and_are_silent_when_not(tmp_path: Path) -> None:
    test = tmp_path / "test.yaml"
    test.write_text(WRONG.format(rules=ALERTS))
    done = subprocess.run(["promtool", "test", "rules", str(test)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


WRONG = """
rule_files: ["{rules}"]
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - {{series: 'pilotage_build_info{{version="1"}}', values: '1x60'}}
      - {{series: 'pilotage_ready{{part="engine"}}', values: '1x10 0x50'}}
      - {{series: 'pilotage_oldest_wait_seconds', values: '0+30x60'}}
      - {{series: 'pilotage_rollouts{{status="watching"}}', values: '1x60'}}
      - {{series: 'pilotage_ticks_total', values: '5x60'}}
    promql_expr_test:
      - {{expr: 'count(ALERTS{{alertstate="firing"}}) or vector(0)', eval_time: 4m, exp_samples: [{{value: 0}}]}}
    alert_rule_test:
      - eval_time: 10m
        alertname: PilotageNotReady
        exp_alerts:
          - exp_labels: {{severity: page, part: engine}}
            exp_annotations:
              summary: "A part of Pilotage does not do its work: engine"
              description: "`pilotage doctor`, and coordinator.log in the state folder, say more."
      - eval_time: 20m
        alertname: PilotageWaitsForAPerson
        exp_alerts:
          - exp_labels: {{severity: page}}
            exp_annotations:
              summary: "A rollout has waited 20m 0s for a person's decision"
              description: "`pilotage list` shows which. Decide: approve, promote, resume or roll back."
      - eval_time: 20m
        alertname: PilotageTicksMissing
        exp_alerts:
          - exp_labels: {{severity: page}}
            exp_annotations:
              summary: Rollouts are being watched, and nothing was looked at for minutes
              description: No worker does its work, or none is scraped. `pilotage doctor`.
      - {{eval_time: 20m, alertname: PilotageGone, exp_alerts: []}}
  - interval: 30s
    input_series:
      - {{series: 'pilotage_build_info{{version="1"}}', values: '1x60'}}
      - {{series: 'pilotage_ready{{part="engine"}}', values: '1x60'}}
      - {{series: 'pilotage_oldest_wait_seconds', values: '0x60'}}
      - {{series: 'pilotage_rollouts{{status="watching"}}', values: '1x60'}}
      - {{series: 'pilotage_ticks_total', values: '0+3x60'}}
      - {{series: 'pilotage_undelivered_channels{{kind="chat"}}', values: '0x60'}}
    promql_expr_test:
      - {{expr: 'count(ALERTS) or vector(0)', eval_time: 25m, exp_samples: [{{value: 0}}]}}
"""
