"""The example's alerts ask for what there is, and what there is stands in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import REGISTRY
from ruamel.yaml import YAML

import pilotage.telemetry
from pilotage.server import metrics

ALERTS = Path(__file__).parents[2] / "examples" / "operations" / "alerts.yaml"
DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
NOW = re.compile(r'gauge\(\s*"(\w+)"')


def names() -> set[str]:
    """Every family that /metrics can have, as its series are called."""
    assert pilotage.telemetry.__file__
    counted = {one.name for family in REGISTRY.collect() for one in family.samples if one.name.startswith("pilotage_")}
    kinds = {family.name: family.type for family in REGISTRY.collect() if family.name.startswith("pilotage_")}
    for name, kind in kinds.items():
        counted |= {f"{name}_{end}" for end in ("bucket", "count", "sum")} if kind == "histogram" else set()
        counted |= {f"{name}_total"} if kind == "counter" else set()
    told = set(NOW.findall(Path(metrics.__file__).read_text()))
    return counted | {f"pilotage_{one}" for one in told}


def test_alerts_ask_only_for_what_is_told() -> None:
    rules = YAML(typ="safe").load(ALERTS)["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"pilotage_\w+", rule["expr"])}
    assert len(asked) > 8
    assert asked <= names()


def test_every_metric_is_in_the_documentation() -> None:
    said = DOCS.read_text()
    families = {re.sub(r"_(bucket|count|sum)$", "", one) for one in names()}
    assert {one for one in families if f"`{one}" not in said} == set()
