"""The page about Kubernetes: its plans are good. Its objects are applied in engine/test_on_kubernetes_as_documented."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from pilotage import planfile
from tests.engine.test_on_kubernetes_trouble import NEVER_WELL

PAGE = (Path(__file__).parents[2] / "docs" / "kubernetes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
OBJECTS = [one for one in BLOCKS if one.startswith("apiVersion")]
PLANS = [one for one in BLOCKS if one.startswith("pilotage")]
SPLITTERS = [one for one in BLOCKS if one.startswith("traffic")]


def test_there_is_nothing_else_in_it() -> None:
    assert (len(OBJECTS), len(PLANS), len(SPLITTERS)) == (4, 4, 2)
    assert len(OBJECTS + PLANS + SPLITTERS) == len(BLOCKS)


@pytest.mark.parametrize("text", PLANS, ids=lambda text: re.findall(r"driver: ([\w-]+)", text)[1])
def test_its_plans_are_good(text: str, tmp_path: Path) -> None:
    assert planfile.load(text, directory=tmp_path).version == "2.4.1"


@pytest.mark.parametrize("text", SPLITTERS, ids=lambda text: re.findall(r"driver: ([\w-]+)", text)[0])
def test_the_other_splitters_fit_into_its_plan(text: str, tmp_path: Path) -> None:
    plan = yaml.safe_load(PLANS[0]) | yaml.safe_load(text)
    assert planfile.load(json.dumps(plan), directory=tmp_path)


def test_what_it_says_is_told_of_pods_is_what_the_tests_of_whole_rollouts_find() -> None:
    for said in (one for texts in NEVER_WELL.values() for one in texts):
        told = said.replace("payment:2.1", "registry.example.org/payment:2.4.1").replace("3 s", "120 s")
        assert told in PAGE
