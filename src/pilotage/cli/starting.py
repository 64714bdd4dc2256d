"""Starting a plan file, as `run` and `ci run` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pilotage.cli.client import Api, whoami
from pilotage.core.quantities import duration


def sent(file: Path, directory: str = "") -> dict[str, Any]:
    """The plan as the API takes it; `directory` is its folder on the coordinator's machine (default: the same)."""
    return {
        "plan": file.read_text(encoding="utf-8"),
        "directory": directory or str(file.absolute().parent),
        "file": str(file),
    }


def start(api: Api, body: dict[str, Any], reason: str, overrides: Sequence[str] = ()) -> str:
    """The id of the rollout that has begun."""
    started = api.post("/v1/rollouts", {**body, "by": whoami(), "reason": reason, "overrides": list(overrides)})
    if started["late_s"] >= 1:
        click.echo(f"Started {duration(started['late_s'])} after its deadline; that is in the record.", err=True)
    for said in started["advised"]:
        click.echo(f"Started all the same, as it is only advised: {said}", err=True)
    return str(started["id"])
