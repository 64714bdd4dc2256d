"""A coordinator with settings of its own, and its hooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stage import Local, local


@contextmanager
def with_settings(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Local]:
    file = folder / "settings.yaml"
    file.write_text(json.dumps(settings), encoding="utf-8")
    monkeypatch.setenv("PILOTAGE_SETTINGS", str(file))
    with local(folder / "state") as coordinator:
        yield coordinator


def address(coordinator: Local) -> str:
    return str(json.loads((coordinator.state / "coordinator.json").read_text())["url"])


def hook(coordinator: Local, name: str, body: Any, secret: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {secret}"}
    url = f"{address(coordinator)}/v1/hooks/{name}"
    return httpx.post(url, json=body, headers=headers, timeout=30, trust_env=False)
